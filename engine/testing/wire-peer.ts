import net from 'node:net';
import type { Answer, RequestContext, RequestHandler } from '../broker/request-handler.js';
import { encodeRequest } from '../protocol/frames.js';
import {
  ADVERTISED,
  type ApiName,
  type RequestInputOf,
  type RequestOf,
} from '../protocol/messages/index.js';
import type { WireEvent } from '../wire/events.js';
import { WireServer, type WireServerOptions } from '../wire/server.js';

/** A client that says exactly what it is told to, byte by byte if need be. */
export class RawPeer {
  readonly socket: net.Socket;
  #received = Buffer.alloc(0);
  #hasEnded = false;
  #wake: () => void = () => {};

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    const onEnd = (): void => {
      this.#hasEnded = true;
      this.#wake();
    };
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    socket.on('error', onEnd);
  }

  static connect(port: number, host = '127.0.0.1', allowHalfOpen = false): Promise<RawPeer> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host, noDelay: true, allowHalfOpen });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new RawPeer(socket)));
    });
  }

  send(...chunks: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(chunks));
  }

  request<N extends ApiName>(
    api: N,
    version: number,
    correlationId: number,
    body: RequestInputOf<N>,
  ): void {
    this.send(...encodeRequest(api, version, { correlationId, clientId: 'raw' }, body));
  }

  /** What follows the length of the next frame; null when the connection ended before. */
  async frame(): Promise<Buffer | null> {
    for (;;) {
      if (this.#received.length >= 4) {
        const end = 4 + this.#received.readInt32BE(0);
        if (this.#received.length >= end) {
          const frame = this.#received.subarray(4, end);
          this.#received = this.#received.subarray(end);
          return frame;
        }
      }
      if (this.#hasEnded) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async closed(): Promise<void> {
    while (!this.#hasEnded) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** Serves ApiVersions and, by default, everything else with empty answers; counts what it sees. */
export class ScriptedHandler implements RequestHandler {
  readonly seen: {
    readonly api: ApiName;
    readonly request: unknown;
    readonly context: RequestContext;
  }[] = [];
  /** What to answer instead, by API. */
  readonly script: {
    [N in ApiName]?: (
      request: RequestOf<N>,
      context: RequestContext,
    ) => Answer<N> | Promise<Answer<N>>;
  } = {};

  handle<N extends ApiName>(
    api: N,
    _version: number,
    request: RequestOf<N>,
    context: RequestContext,
  ): Answer<N> | Promise<Answer<N>> {
    this.seen.push({ api, request, context });
    const scripted = this.script[api] as
      | ((request: RequestOf<N>, context: RequestContext) => Answer<N> | Promise<Answer<N>>)
      | undefined;
    if (scripted !== undefined) return scripted(request, context);
    return (api === 'ApiVersions' ? { apiKeys: ADVERTISED } : {}) as Answer<N>;
  }
}

export interface TestServer {
  readonly server: WireServer;
  readonly handler: ScriptedHandler;
  readonly events: WireEvent[];
  readonly port: number;
  /** Resolves with the first event like this, past or future. */
  event<K extends WireEvent['kind']>(kind: K): Promise<Extract<WireEvent, { kind: K }>>;
}

/** A server on a free loopback port. */
export async function serve(options: Partial<WireServerOptions> = {}): Promise<TestServer> {
  const handler = new ScriptedHandler();
  const events: WireEvent[] = [];
  const wakers = new Set<() => void>();
  const server = await WireServer.listen({
    handler,
    listeners: [{ name: 'PLAINTEXT' }],
    onEvent: (event) => {
      events.push(event);
      for (const wake of [...wakers]) wake();
    },
    ...options,
  });
  return {
    server,
    handler,
    events,
    port: server.address().port,
    event: (kind) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = events.find((event) => event.kind === kind);
          if (found === undefined) return;
          wakers.delete(look);
          resolve(found as never);
        };
        wakers.add(look);
        look();
      }),
  };
}
