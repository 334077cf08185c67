import type { RequestContext } from '../broker/request-handler.js';
import type { DecodedRequestHeader } from '../protocol/frames.js';
import type { ConnectionIdentity } from './connection-owner.js';
import type { Frame } from './frame-reader.js';

/** The connection a request came by, as far as its handler may know. */
export interface ScopeConnection {
  readonly identity: ConnectionIdentity;
  readonly principal: string;
  readonly signal: AbortSignal;
}

/** The context of one request. */
export class RequestScope implements RequestContext {
  readonly clientId: string | null;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly startedMs: number;
  closing: string | null = null;
  /** The request as it came; null once its memory has been given back, so that nothing here keeps it. */
  frame: Frame | null;
  readonly requestBytes: number;
  readonly #connection: ScopeConnection;

  constructor(
    connection: ScopeConnection,
    header: DecodedRequestHeader,
    frame: Frame,
    startedMs: number,
  ) {
    this.#connection = connection;
    this.frame = frame;
    this.requestBytes = frame.bytes.length;
    this.clientId = header.clientId;
    this.apiVersion = header.apiVersion;
    this.correlationId = header.correlationId;
    this.startedMs = startedMs;
  }

  get clientHost(): string {
    return this.#connection.identity.clientHost;
  }

  get principal(): string {
    return this.#connection.principal;
  }

  get listenerName(): string {
    return this.#connection.identity.listenerName;
  }

  get connectionId(): string {
    return this.#connection.identity.id;
  }

  get signal(): AbortSignal {
    return this.#connection.signal;
  }

  closeConnection(reason: string): void {
    this.closing ??= reason;
  }
}
