import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BenchError } from '../model/bench-error.js';
import type { OnRunEvent } from '../run/events.js';
import { History } from './history.js';
import { type LiveMessage, messageOf } from './message.js';
import { livePage } from './page.js';

export interface LiveServerOptions {
  /** 0: any free one. */
  readonly port: number;
  readonly host?: string;
  /** The bundle of the page (`readClientScript('live-client')`). */
  readonly clientScript: string;
}

export interface LiveServer {
  /** With a random part: another program or page of this machine cannot guess it. */
  readonly url: string;
  readonly onEvent: OnRunEvent;
  /** Ends every connection. */
  close(): Promise<void>;
}

/** A browser that reads more slowly than this many bytes behind is let go: it joins again and gets the history. */
const MOST_BEHIND_BYTES = 4 * 1024 * 1024;

/** A page on this machine only that shows a run while it goes on, by server-sent events. */
export async function startLiveServer(options: LiveServerOptions): Promise<LiveServer> {
  const host = options.host ?? '127.0.0.1';
  const token = randomBytes(16).toString('hex');
  const page = livePage(options.clientScript);
  const history = new History();
  const watchers = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    const answer = answerFor(request, token, (server.address() as AddressInfo).port);
    if (answer === 'page') {
      response.writeHead(200, PAGE_HEADERS).end(page);
    } else if (answer === 'events') {
      watch(request, response);
    } else {
      response.writeHead(answer, PLAIN_HEADERS).end(`${answer}\n`);
    }
  });

  function watch(request: IncomingMessage, response: ServerResponse): void {
    // Before there is anything to tell, too: a browser counts itself connected by this.
    response.writeHead(200, EVENT_HEADERS).flushHeaders();
    for (const message of history.messages()) response.write(eventText(message));
    watchers.add(response);
    request.on('close', () => watchers.delete(response));
    // A connection that breaks while it is written to is no failure of the run.
    response.on('error', () => watchers.delete(response));
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new BenchError(
          'INVALID_KNOB',
          `the live page cannot listen on ${host}:${options.port} (${error.code}): choose another port, or 0 for any free one`,
          { cause: error },
        ),
      );
    });
    server.listen(options.port, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}/${token}/`,
    onEvent(event) {
      const message = messageOf(event);
      history.add(message);
      const text = eventText(message);
      for (const response of watchers) {
        if (response.writableLength > MOST_BEHIND_BYTES) response.destroy();
        else response.write(text);
      }
    },
    close() {
      return new Promise((resolve) => {
        for (const response of watchers) response.end();
        server.close(() => resolve());
        server.closeIdleConnections();
        // What has been written goes out before connections that stay open are cut.
        setTimeout(() => server.closeAllConnections(), 200).unref();
      });
    },
  };
}

/** 421: the name of another site that was made to lead here (DNS rebinding). */
function answerFor(
  request: IncomingMessage,
  token: string,
  port: number,
): 'page' | 'events' | 403 | 404 | 405 | 421 {
  const { host = '' } = request.headers;
  if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}` && host !== `[::1]:${port}`) {
    return 421;
  }
  if (request.method !== 'GET') return 405;
  const [first, rest] = (request.url ?? '').slice(1).split('/', 2);
  if (first !== token) return 403;
  if (rest === '') return 'page';
  return rest === 'events' ? 'events' : 404;
}

function eventText(message: LiveMessage): string {
  return `data: ${JSON.stringify(message)}\n\n`;
}

const PLAIN_HEADERS = { 'content-type': 'text/plain', 'cache-control': 'no-store' };
const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};
const EVENT_HEADERS = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' };
