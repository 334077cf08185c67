import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { VarveError } from '../../engine/errors.js';

export interface OperationsOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly registry: Registry;
  /** Null: as it should be; else why not. */
  readonly health: () => string | null;
  readonly readiness: () => string | null;
}

/** /metrics for Prometheus, /healthz and /readyz for whoever restarts and routes. Reads only; no authentication. */
export class OperationsServer {
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async listen(options: OperationsOptions): Promise<OperationsServer> {
    const server = createServer((request, response) => {
      answer(request, response, options).catch((error: Error) => {
        if (!response.headersSent) response.writeHead(500, TEXT);
        response.end(`${error.message}\n`);
      });
    });
    server.headersTimeout = 5000;
    server.requestTimeout = 10_000;
    server.keepAliveTimeout = 30_000;
    server.maxConnections = 100;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(cannotListen(options, error)));
      server.listen(options.port, options.host, resolve);
    });
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : options.port;
    return new OperationsServer(server, port);
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

const TEXT = { 'content-type': 'text/plain; charset=utf-8' };

async function answer(
  { method, url = '' }: IncomingMessage,
  response: ServerResponse,
  { registry, health, readiness }: OperationsOptions,
): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { ...TEXT, allow: 'GET, HEAD' }).end('GET and HEAD only\n');
    return;
  }
  switch (url.split('?', 1)[0]) {
    case '/metrics': {
      const text = await registry.metrics();
      response.writeHead(200, { 'content-type': registry.contentType }).end(text);
      return;
    }
    case '/healthz':
      return sayState(response, health());
    case '/readyz':
      return sayState(response, health() ?? readiness());
    default:
      response.writeHead(404, TEXT).end('/metrics, /healthz, /readyz\n');
  }
}

function sayState(response: ServerResponse, problem: string | null): void {
  response.writeHead(problem === null ? 200 : 503, TEXT).end(`${problem ?? 'ok'}\n`);
}

function cannotListen({ host, port }: OperationsOptions, cause: Error): VarveError {
  return new VarveError(
    'NETWORK_EXCEPTION',
    `cannot serve metrics on ${host}:${port}: ${cause.message}; choose another --metrics-port`,
    { cause },
  );
}
