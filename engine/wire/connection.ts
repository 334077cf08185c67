import type { Socket } from 'node:net';
import type { Answer, RequestHandler } from '../broker/request-handler.js';
import { isVarveError } from '../errors.js';
import { KafkaError } from '../protocol/error-codes.js';
import {
  type DecodedRequestHeader,
  decodeRequest,
  decodeRequestHeader,
  encodeResponse,
} from '../protocol/frames.js';
import {
  APIS,
  type ApiName,
  apiNameOf,
  isServed,
  type RequestOf,
  type ResponseOf,
} from '../protocol/messages/index.js';
import type { ConnectionIdentity, ConnectionOwner } from './connection-owner.js';
import { errorAnswer } from './error-answer.js';
import type { CloseReason } from './events.js';
import { type Frame, FrameReader } from './frame-reader.js';
import { withSasl } from './offer-sasl.js';
import { type Receiver, receive, unsentBytes } from './receive.js';
import { RequestScope } from './request-scope.js';
import type { SaslSession } from './sasl/session.js';

/** What may wait on one connection while a request is being served: more is left in the socket. */
const MAX_QUEUED_REQUESTS = 16;
const MAX_QUEUED_BYTES = 1024 * 1024;
/** While more than this waits to be sent, no further request is served. */
const MAX_UNSENT_BYTES = 1024 * 1024;
/** Produce requests of one connection that may wait for followers at a time. Kafka's clients send 5 ahead. */
const MAX_OVERLAPPING = 16;
/** A client must send at this rate while memory is short. */
const LEAST_BYTES_PER_MS = 64;
/** After our last byte the client may still send for so long: closing earlier could destroy what it has not read yet. */
const LINGER_MS = 1000;
const NO_CHUNKS: readonly Buffer[] = [];
const PRODUCE_KEY = APIS.Produce.key;

/** A request that has been given to its handler and not been answered. */
interface UnderWay {
  readonly api: ApiName;
  readonly scope: RequestScope;
  /** What there is to say once all before it have been answered; null: it waits. */
  outcome: (() => void) | null;
}

/**
 * One client's connection. Requests are served one at a time in the order they came; those that come
 * meanwhile wait here, up to a limit, and then in the socket.
 *
 * Produce requests alone overlap: while one waits for followers, the next is given to its handler, which appends at
 * once and so in order. Answers leave in the order of the requests. Kafka serves the next one only after the answer, so
 * that there each batch of a producer pays a round trip to the followers of its own.
 */
export class Connection implements Receiver {
  readonly identity: ConnectionIdentity;
  readonly reader: FrameReader;
  principal: string;
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #queue: Frame[] = [];
  #queuedBytes = 0;
  #isAuthenticating = false;
  /** Oldest first. More than one: all are Produce. */
  readonly #underWay: UnderWay[] = [];
  #isCorked = false;
  /** `ending`: the last answer is on its way. */
  #state: 'open' | 'ending' | 'closed' = 'open';
  #hasEnded = false;
  #endedMs = 0;
  #isPaused = false;
  #endAfterAnswer: { readonly reason: CloseReason; readonly message: string } | null = null;
  #closeReason: CloseReason = 'disconnected';
  #closeMessage = 'closed by the client';
  #abort: AbortController | null = null;
  readonly #openedMs: number;
  #lastActiveMs: number;
  /** As of the last sweep, and since when it is so. */
  #unsentBytes = 0;
  #unsentSinceMs = 0;
  #partialSinceMs = -1;

  constructor(owner: ConnectionOwner, accepted: Socket, identity: ConnectionIdentity) {
    this.#owner = owner;
    this.identity = identity;
    this.principal = identity.principal;
    this.#openedMs = owner.coarseNowMs;
    this.#lastActiveMs = owner.coarseNowMs;
    const { limits } = owner;
    this.reader = new FrameReader({
      maxFrameBytes:
        identity.sasl === null
          ? limits.socketRequestMaxBytes
          : Math.min(limits.saslServerMaxReceiveSize, limits.socketRequestMaxBytes),
      budget: owner.budget,
      buffers: owner.buffers,
      deliver: (frame) => this.#deliver(frame),
      resumed: () => this.#updateReading(),
      failed: (error) => this.end('invalid-request', error.message),
    });
    const socket = receive(accepted, this);
    this.#socket = socket;
    socket.on('drain', () => {
      this.#pump();
      this.#updateReading();
    });
    socket.on('end', () => this.#ended());
    socket.on('error', (error) => {
      if (this.#state === 'open') this.#closeMessage = error.message;
    });
    socket.on('close', () => this.#closed());
    socket.resume();
  }

  /** Aborted when the client is gone. */
  get signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController();
      if (this.#hasEnded || this.#state !== 'open') this.#abort.abort();
    }
    return this.#abort.signal;
  }

  received(take: () => void): void {
    if (this.#state !== 'open') return;
    this.#lastActiveMs = this.#owner.coarseNowMs;
    const socket = this.#socket;
    // Answers to all that came in one read leave in one write.
    socket.cork();
    try {
      take();
    } catch (error) {
      // What came before it is still answered.
      this.end(
        'invalid-request',
        isVarveError(error) ? error.message : `could not be received: ${error}`,
      );
    } finally {
      socket.uncork();
    }
    if (!this.reader.isPartial) this.#partialSinceMs = -1;
    else if (this.#partialSinceMs < 0) this.#partialSinceMs = this.#lastActiveMs;
    this.#updateReading();
  }

  /** Lets the request being served be answered, takes no more, and closes. */
  end(reason: CloseReason, message: string): void {
    if (this.#state !== 'open') return;
    if (this.#isBusy) {
      this.#endAfterAnswer ??= { reason, message };
      this.#dropQueue();
      this.#updateReading();
      return;
    }
    this.#setReason(reason, message);
    // Closed at leisure, when nothing can be under way that a client waits for.
    this.#finish(
      reason !== 'idle' && !(reason === 'server-closing' && this.#endAfterAnswer === null),
    );
  }

  /** Closes at once. */
  fail(reason: CloseReason, message: string): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'open') this.#setReason(reason, message);
    this.#state = 'ending';
    this.#socket.destroy();
  }

  /** Called by the server every now and then: ends what stands still. */
  sweep(nowMs: number): void {
    if (this.#state === 'closed') return;
    const { limits } = this.#owner;
    const stalledMs = limits.stalledTransferMs;
    if (this.#socket.writableLength > 0) {
      const unsent = unsentBytes(this.#socket);
      if (unsent !== this.#unsentBytes) this.#unsentSinceMs = nowMs;
      this.#unsentBytes = unsent;
      if (nowMs - this.#unsentSinceMs > stalledMs) {
        this.fail('slow-reader', `nothing of an answer was read in ${stalledMs} ms`);
      }
      return;
    }
    if (this.#state !== 'open') return;
    if (this.identity.sasl?.isDone === false && nowMs - this.#openedMs > limits.loginTimeoutMs) {
      this.fail('login-timeout', `not authenticated within ${limits.loginTimeoutMs} ms`);
      return;
    }
    if (this.#hasEnded && nowMs - this.#endedMs > stalledMs) {
      this.fail('disconnected', this.#closeMessage);
      return;
    }
    if (this.#isBusy || this.reader.isStalled) {
      this.#lastActiveMs = nowMs;
      return;
    }
    const silentMs = nowMs - this.#lastActiveMs;
    if (this.#partialSinceMs >= 0) {
      const isSlow =
        this.#owner.budget.waiting > 0 &&
        (nowMs - this.#partialSinceMs - stalledMs) * LEAST_BYTES_PER_MS > this.reader.bytes;
      if (silentMs > stalledMs || isSlow) {
        this.fail(
          'slow-sender',
          `a request of ${this.reader.bytes} bytes is not complete after ${nowMs - this.#partialSinceMs} ms`,
        );
      }
    } else if (silentMs > limits.connectionsMaxIdleMs) {
      this.end('idle', `nothing was asked for ${limits.connectionsMaxIdleMs} ms`);
    }
  }

  #deliver(frame: Frame): void {
    this.#partialSinceMs = -1;
    if (this.#endAfterAnswer !== null || this.#state !== 'open') {
      this.reader.release(frame, true);
      return;
    }
    this.#queue.push(frame);
    this.#queuedBytes += frame.bytes.length;
    this.#pump();
  }

  /** Something is being served. */
  get #isBusy(): boolean {
    return this.#isAuthenticating || this.#underWay.length > 0;
  }

  #pump(): void {
    while (
      this.#queue.length > 0 &&
      this.#state === 'open' &&
      (!this.#isBusy || this.#mayOverlap(this.#queue[0]!)) &&
      this.#socket.writableLength < MAX_UNSENT_BYTES
    ) {
      const frame = this.#queue.shift()!;
      this.#queuedBytes -= frame.bytes.length;
      this.#serve(frame);
    }
    if (this.#hasEnded && !this.#isBusy && this.#queue.length === 0) this.#finish(false);
  }

  /** Whether `next` may be served beside what is under way. */
  #mayOverlap({ bytes }: Frame): boolean {
    return (
      !this.#isAuthenticating &&
      this.#underWay[0]!.api === 'Produce' &&
      this.#underWay.length < MAX_OVERLAPPING &&
      bytes.length >= 2 &&
      bytes.readInt16BE(0) === PRODUCE_KEY &&
      // What was sent after a request that closes the connection is not done.
      this.#underWay.every(({ scope }) => scope.closing === null)
    );
  }

  #serve(frame: Frame): void {
    const { sasl } = this.identity;
    if (sasl?.expectsRawToken === true) {
      this.#authenticate(frame, sasl.rawToken(frame.bytes));
      return;
    }
    let header: DecodedRequestHeader;
    try {
      header = decodeRequestHeader(frame.bytes);
    } catch (error) {
      this.#refuse(frame, 'invalid-request', (error as Error).message);
      return;
    }
    const { apiKey, apiVersion, correlationId } = header;
    const api = apiNameOf(apiKey);
    if (api === undefined) {
      this.#refuse(frame, 'unsupported-version', `API key ${apiKey} is not known`);
    } else if (api === 'SaslHandshake' || api === 'SaslAuthenticate') {
      this.#serveSasl(frame, api, header);
    } else if (sasl?.isDone === false && api !== 'ApiVersions') {
      this.#refuse(frame, 'authentication-failed', `${api} before authentication`);
    } else if (isServed(api, apiVersion)) {
      this.#serveRequest(frame, api, header);
    } else if (api === 'ApiVersions') {
      const { lowest, highest } = APIS.ApiVersions.versions;
      this.#write(
        encodeResponse('ApiVersions', 0, correlationId, {
          errorCode: KafkaError.UNSUPPORTED_VERSION,
          apiKeys: [{ apiKey, minVersion: lowest, maxVersion: highest }],
        }),
      );
      this.reader.release(frame, false);
    } else {
      this.#refuse(frame, 'unsupported-version', `${api} version ${apiVersion} is not served`);
    }
  }

  #serveRequest<N extends ApiName>(frame: Frame, api: N, header: DecodedRequestHeader): void {
    const { onRequest } = this.#owner;
    const scope = new RequestScope(
      this,
      header,
      frame,
      onRequest === undefined ? 0 : this.#owner.monotonicMs(),
    );
    let answer: Answer<N> | Promise<Answer<N>>;
    let request: Parameters<RequestHandler['handle']>[2];
    try {
      request = decodeRequest(api, header.apiVersion, frame.bytes, header.bodyOffset);
    } catch (error) {
      this.#refuse(frame, 'invalid-request', `${api}: ${(error as Error).message}`);
      return;
    }
    try {
      answer = this.#owner.handler.handle(api, header.apiVersion, request as never, scope);
    } catch (error) {
      this.#inTurn(api, scope, () => this.#threw(api, request, scope, error));
      return;
    }
    if (answer instanceof Promise) {
      const underWay = this.#begin(api, scope, null);
      answer.then(
        (settled) => this.#settle(underWay, () => this.#answered(api, request, scope, settled)),
        (error: unknown) => this.#settle(underWay, () => this.#threw(api, request, scope, error)),
      );
    } else {
      this.#inTurn(api, scope, () => this.#answered(api, request, scope, answer));
    }
    if (api === 'Produce' && scope.frame !== null) {
      // What waits for followers holds no memory that their fetches may need to come in. Only now that it has its
      // place: memory given back may let the next request in.
      forgetRecords(request as RequestOf<'Produce'>);
      this.#release(scope, true);
    }
  }

  /** Of what is done already: now, or once all before it have been answered. */
  #inTurn(api: ApiName, scope: RequestScope, outcome: () => void): void {
    if (this.#underWay.length === 0) outcome();
    else this.#begin(api, scope, outcome);
  }

  #begin(api: ApiName, scope: RequestScope, outcome: (() => void) | null): UnderWay {
    const underWay: UnderWay = { api, scope, outcome };
    this.#underWay.push(underWay);
    return underWay;
  }

  /** Gives the answers that are next in order. */
  #settle(settled: UnderWay, outcome: () => void): void {
    settled.outcome = outcome;
    if (this.#underWay[0] !== settled) return;
    this.#corkUntilTickEnds();
    for (let next = this.#underWay[0]; next?.outcome != null; next = this.#underWay[0]) {
      this.#underWay.shift();
      next.outcome();
    }
    this.#goOn();
  }

  /** Answers that become ready together, as followers acknowledge what several requests brought, leave in one write. */
  #corkUntilTickEnds(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      this.#socket.uncork();
    });
  }

  #goOn(): void {
    this.#lastActiveMs = this.#owner.coarseNowMs;
    this.#pump();
    this.#updateReading();
  }

  #answered<N extends ApiName>(
    api: N,
    request: unknown,
    scope: RequestScope,
    answer: Answer<N>,
  ): void {
    let chunks = NO_CHUNKS;
    if (answer !== null && this.#state !== 'closed') {
      try {
        const offers = api === 'ApiVersions' && this.identity.sasl !== null;
        const body = offers ? withSasl(answer as ResponseOf<'ApiVersions'>) : answer;
        chunks = encodeResponse(api, scope.apiVersion, scope.correlationId, body as ResponseOf<N>);
      } catch (error) {
        this.#threw(api, request, scope, error);
        return;
      }
    }
    this.#done(api, scope, chunks, true);
  }

  #threw(api: ApiName, request: unknown, scope: RequestScope, cause: unknown): void {
    const version = scope.apiVersion;
    this.#owner.emit({ kind: 'request-failed', ...this.#peer(), api, version, cause });
    let chunks = NO_CHUNKS;
    try {
      const answer = errorAnswer(api, version, request, cause);
      if (answer !== null) {
        chunks = encodeResponse(api, version, scope.correlationId, answer as ResponseOf<ApiName>);
      }
    } catch {
      // The request cannot even be told so: the connection is closed below, as for an answer that has no room for it.
    }
    if (chunks.length === 0) scope.closeConnection(`${api} failed: ${cause}`);
    // Some part of the handler may still be looking at the request.
    this.#done(api, scope, chunks, false);
  }

  #done(api: ApiName, scope: RequestScope, chunks: readonly Buffer[], isReusable: boolean): void {
    const responseBytes = this.#write(chunks);
    if (scope.closing !== null) {
      this.#dropUnderWay();
      this.end('handler', scope.closing);
    } else if (this.#endAfterAnswer !== null) {
      this.end(this.#endAfterAnswer.reason, this.#endAfterAnswer.message);
    }
    // Only now: it may let in the next request, which a connection that is closed does not take.
    this.#release(scope, isReusable && api === 'Produce');
    this.#owner.onRequest?.({
      api,
      listenerName: this.identity.listenerName,
      requestBytes: scope.requestBytes,
      responseBytes,
      durationMs: this.#owner.monotonicMs() - scope.startedMs,
    });
  }

  #release(scope: RequestScope, isReusable: boolean): void {
    const { frame } = scope;
    if (frame === null) return;
    scope.frame = null;
    this.reader.release(frame, isReusable);
  }

  #serveSasl(
    frame: Frame,
    api: 'SaslHandshake' | 'SaslAuthenticate',
    header: DecodedRequestHeader,
  ): void {
    const { apiVersion, correlationId, bodyOffset } = header;
    const { sasl } = this.identity;
    const { lowest, highest } = APIS[api].versions;
    if (apiVersion < lowest || apiVersion > highest) {
      this.#refuse(frame, 'unsupported-version', `${api} version ${apiVersion} is not served`);
      return;
    }
    try {
      if (api === 'SaslHandshake') {
        const { mechanism } = decodeRequest(api, apiVersion, frame.bytes, bodyOffset);
        const answer = sasl?.handshake(mechanism, apiVersion) ?? {
          errorCode: KafkaError.ILLEGAL_SASL_STATE,
          mechanisms: [],
        };
        this.#write(encodeResponse(api, apiVersion, correlationId, answer));
        this.reader.release(frame, false);
        this.reader.takesEmptyFrames = sasl?.expectsRawToken === true;
        if (sasl !== null && answer.errorCode !== 0) {
          this.end('authentication-failed', `SASL mechanism ${JSON.stringify(mechanism)} refused`);
        }
        return;
      }
      const { authBytes } = decodeRequest(api, apiVersion, frame.bytes, bodyOffset);
      if (sasl === null || sasl.isDone) {
        this.#write(
          encodeResponse(api, apiVersion, correlationId, {
            errorCode: KafkaError.ILLEGAL_SASL_STATE,
            errorMessage: 'SaslAuthenticate request received after successful authentication',
          }),
        );
        this.reader.release(frame, false);
        return;
      }
      this.#authenticate(frame, sasl.authenticate(authBytes, apiVersion, correlationId));
    } catch (error) {
      this.#refuse(frame, 'invalid-request', `${api}: ${(error as Error).message}`);
    }
  }

  #authenticate(frame: Frame, step: ReturnType<SaslSession['rawToken']>): void {
    this.#isAuthenticating = true;
    const { limits } = this.#owner;
    // The session never rejects.
    void step.then(({ chunks, outcome }) => {
      this.reader.release(frame, false);
      if (outcome.kind === 'failed') {
        // Kafka tells late, to slow guessing down.
        this.#owner.after(limits.connectionFailedAuthenticationDelayMs, () => {
          this.#isAuthenticating = false;
          this.#write(chunks);
          this.end('authentication-failed', outcome.message);
        });
        return;
      }
      this.#isAuthenticating = false;
      this.#write(chunks);
      if (outcome.kind === 'authenticated') {
        const { principal, mechanism } = outcome;
        this.principal = principal;
        this.reader.maxFrameBytes = limits.socketRequestMaxBytes;
        this.reader.takesEmptyFrames = false;
        this.#owner.emit({ kind: 'authenticated', ...this.#peer(), principal, mechanism });
      }
      if (this.#endAfterAnswer !== null) {
        this.end(this.#endAfterAnswer.reason, this.#endAfterAnswer.message);
      }
      this.#goOn();
    });
  }

  #refuse(frame: Frame, reason: CloseReason, message: string): void {
    // In this order: memory given back may let in the next request, which is not served any more.
    this.end(reason, message);
    this.reader.release(frame, true);
  }

  #write(chunks: readonly Buffer[]): number {
    if (chunks.length === 0 || this.#state !== 'open') return 0;
    const socket = this.#socket;
    if (socket.destroyed) return 0;
    if (socket.writableLength === 0) this.#unsentSinceMs = this.#owner.coarseNowMs;
    if (chunks.length === 1) {
      socket.write(chunks[0]!, this.#sent);
      return chunks[0]!.length;
    }
    let bytes = 0;
    socket.cork();
    for (let i = 0; i < chunks.length; i++) {
      const chunk = chunks[i]!;
      bytes += chunk.length;
      if (i === chunks.length - 1) socket.write(chunk, this.#sent);
      else socket.write(chunk);
    }
    socket.uncork();
    return bytes;
  }

  readonly #sent = (): void => {
    this.#unsentSinceMs = this.#owner.coarseNowMs;
    this.#lastActiveMs = this.#unsentSinceMs;
  };

  #updateReading(): void {
    const isPaused =
      this.#state === 'open' &&
      (this.reader.isStalled ||
        this.#queue.length >= MAX_QUEUED_REQUESTS ||
        this.#queuedBytes >= MAX_QUEUED_BYTES ||
        this.#endAfterAnswer !== null ||
        (this.#queue.length > 0 && this.#socket.writableLength >= MAX_UNSENT_BYTES));
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  /** The client sends no more. What it asked before is still done: a producer with acks=0 may just leave. */
  #ended(): void {
    this.#hasEnded = true;
    this.#endedMs = this.#owner.coarseNowMs;
    if (this.#state !== 'open') return;
    this.#abort?.abort();
    this.#pump();
  }

  #finish(lingers: boolean): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#dropQueue();
    this.reader.close();
    this.#abort?.abort();
    const socket = this.#socket;
    socket.end(() => {
      if (this.#hasEnded || !lingers) socket.destroy();
      else this.#owner.after(LINGER_MS, () => socket.destroy());
    });
    this.#updateReading();
  }

  #closed(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#dropQueue();
    this.reader.close();
    this.#abort?.abort();
    this.#owner.emit({
      kind: 'connection-closed',
      ...this.#peer(),
      reason: this.#closeReason,
      message: this.#closeMessage,
    });
    this.#owner.closed(this);
  }

  #setReason(reason: CloseReason, message: string): void {
    this.#closeReason = reason;
    this.#closeMessage = message;
  }

  #dropQueue(): void {
    for (const frame of this.#queue) this.reader.release(frame, true);
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }

  /** What comes after the last answer is not told. Its handlers may still look at the bytes. */
  #dropUnderWay(): void {
    const dropped = this.#underWay.splice(0);
    for (const { scope } of dropped) this.#release(scope, false);
  }

  #peer(): { listenerName: string; clientHost: string; connectionId: string } {
    const { listenerName, clientHost, id } = this.identity;
    return { listenerName, clientHost, connectionId: id };
  }
}

/** What the answer is made of must not keep the memory that its request came in. */
function forgetRecords({ topicData }: RequestOf<'Produce'>): void {
  for (const { partitionData } of topicData) {
    for (const partition of partitionData as { records: Buffer | null }[]) partition.records = null;
  }
}
