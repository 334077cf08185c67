import type { ApiName, RequestOf, ResponseOf } from '../protocol/messages/index.js';

/** What a handler gives back: the answer's fields (those left out have Kafka's defaults), or null for no answer at all. */
export type Answer<N extends ApiName> = ResponseOf<N> | null;

/** Who asked, and over what. Valid until the request is answered. */
export interface RequestContext {
  /** From the request's header: null or '' when the client gives none. */
  readonly clientId: string | null;
  /** The peer's address without port: `127.0.0.1`, `::1`. */
  readonly clientHost: string;
  /** Kafka's form: `User:alice`; `User:ANONYMOUS` where the listener does not authenticate. */
  readonly principal: string;
  /** The listener the client came in by: decides which address it is told of each broker. */
  readonly listenerName: string;
  readonly apiVersion: number;
  /** Unique among all connections of this server's life. */
  readonly connectionId: string;
  /** Aborted when the connection closes: whoever waits on this client's behalf can stop. Made at first use. */
  readonly signal: AbortSignal;
  /**
   * Closes the connection after this request's answer, if it has one, and drops what the client sent
   * after it. Kafka's way to tell a producer with acks=0 that its records were refused. `reason` is logged.
   */
  closeConnection(reason: string): void;
}

/**
 * Serves requests, whatever brought them. Only versions that `isServed` says yes to arrive; SASL never does.
 *
 * Requests of one connection come one at a time, each after the one before it was answered; but Produce requests
 * follow each other without waiting for answers, each once the call before it has returned, and are answered in order.
 * So a handler of Produce appends before it returns. Requests of different connections come in any order, at any
 * time. An answer that is there at once should be returned
 * as it is: a promise costs a turn of the event loop.
 *
 * Buffers inside `request` are views of memory received from the network. Those of a Produce request may be
 * overwritten once the handler has returned, be it with a promise, and the request's `records` are null from then on:
 * whoever keeps bytes beyond that copies them. Those of other requests are not overwritten, but hold on to all that
 * came in the same read: copy what is kept for long.
 *
 * Buffers inside the answer go to the socket without a copy, so they must not change until the client has
 * read them; views of a mapped log are made for that.
 *
 * Throwing, or rejecting, is a bug or a failure that has no code: it is logged, and the client gets
 * UNKNOWN_SERVER_ERROR where the response has a field for it; otherwise the connection is closed.
 */
export interface RequestHandler {
  handle<N extends ApiName>(
    api: N,
    version: number,
    request: RequestOf<N>,
    context: RequestContext,
  ): Answer<N> | Promise<Answer<N>>;
}
