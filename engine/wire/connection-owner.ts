import type { RequestHandler } from '../broker/request-handler.js';
import type { ApiName } from '../protocol/messages/index.js';
import type { WireEvent } from './events.js';
import type { FrameBuffers } from './frame-buffers.js';
import type { WireLimits } from './limits.js';
import type { MemoryBudget } from './memory-budget.js';
import type { SaslSession } from './sasl/session.js';

/** What a connection needs of the server it belongs to. */
export interface ConnectionOwner {
  readonly handler: RequestHandler;
  readonly limits: WireLimits;
  readonly budget: MemoryBudget;
  readonly buffers: FrameBuffers;
  /** Monotonic milliseconds, as of the last sweep. */
  readonly coarseNowMs: number;
  /** Undefined: requests are not timed. */
  readonly onRequest: RequestListener | undefined;
  monotonicMs(): number;
  after(delayMs: number, run: () => void): () => void;
  emit(event: WireEvent): void;
  closed(connection: object): void;
}

/** Told of each request once it has been answered; `responseBytes` 0: it gets no answer. */
export type RequestListener = (request: {
  readonly api: ApiName;
  readonly listenerName: string;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** From the moment it is decoded until the answer is handed to the socket. */
  readonly durationMs: number;
}) => void;

export interface ConnectionIdentity {
  readonly id: string;
  readonly clientHost: string;
  readonly listenerName: string;
  readonly principal: string;
  /** Null: the listener does not ask for SASL. */
  readonly sasl: SaslSession | null;
}
