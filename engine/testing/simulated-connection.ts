import { assert } from '../assert.js';
import type { RequestContext } from '../broker/request-handler.js';
import { VarveError } from '../errors.js';
import {
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from '../protocol/frames.js';
import type { ApiName, DecodedResponseOf, RequestInputOf } from '../protocol/messages/index.js';
import { SimulatedCrash } from './faults.js';
import type { Execution, SimulatedNetwork } from './simulated-network.js';
import type { SimulatedProcess } from './simulated-process.js';

const LENGTH_BYTES = 4;
const MAX_OVERLAPPING = 16;
/** What memory is filled with that may be used again. */
const POISON = 0xdb;

export interface ClientOptions {
  readonly clientId: string;
  /** How long an answer may take; then the connection is given up with all that waits on it. */
  readonly timeoutMs: number;
  /** The records of a fetch are valid until the next one. */
  readonly reusesFetchMemory?: boolean;
  /** What was sent may arrive after this end has given up. */
  readonly mayArriveLate?: boolean;
}

interface Pending {
  readonly api: ApiName;
  readonly version: number;
  readonly correlationId: number;
  readonly resolve: (body: never) => void;
  readonly reject: (error: Error) => void;
  cancelTimeout: () => void;
}

/**
 * A client's connection to a broker: requests and answers go through the protocol's bytes, one request at a time is
 * served, in order. When it breaks, everything that waits is rejected, and what was sent may have been done or not.
 */
export class SimulatedConnection {
  readonly #network: SimulatedNetwork;
  readonly #from: { readonly host: string; readonly process: SimulatedProcess };
  readonly #to: string;
  readonly #options: ClientOptions;
  #link: Link | null = null;
  #fetchMemory: Buffer | null = null;
  #isClosed = false;

  constructor(
    network: SimulatedNetwork,
    from: { readonly host: string; readonly process: SimulatedProcess },
    to: string,
    options: ClientOptions,
  ) {
    this.#network = network;
    this.#from = from;
    this.#to = to;
    this.#options = options;
  }

  /** Connects with the first request and again after a failure. Rejects with NETWORK_EXCEPTION. */
  async request<N extends ApiName>(
    api: N,
    version: number,
    body: RequestInputOf<N>,
    signal?: AbortSignal,
  ): Promise<DecodedResponseOf<N>> {
    if (this.#isClosed || signal?.aborted) throw failure('the connection is closed');
    if (api === 'Fetch' && this.#fetchMemory !== null) {
      this.#fetchMemory.fill(POISON);
      this.#fetchMemory = null;
    }
    if (this.#link === null || this.#link.isBroken) {
      this.#link = new Link(this.#network, this.#from, this.#to, this.#options);
    }
    const link = this.#link;
    const onAbort = (): void => link.giveUp('the request was aborted');
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const { answer, memory } = await link.request(api, version, body);
      if (api === 'Fetch' && this.#options.reusesFetchMemory) this.#fetchMemory = memory;
      return answer;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  disconnect(): void {
    this.#link?.giveUp('disconnected');
  }

  close(): void {
    this.#isClosed = true;
    this.disconnect();
  }
}

/** One TCP connection. */
class Link {
  readonly #network: SimulatedNetwork;
  readonly #from: { readonly host: string; readonly process: SimulatedProcess };
  readonly #to: string;
  readonly #options: ClientOptions;
  readonly #waiting: Pending[] = [];
  isBroken = false;
  /** Nothing goes through any more, though this end may not have heard of it. */
  #isReset = false;
  /** Nobody was there when the first request came. */
  #isLost = false;
  #server: Server | null = null;
  #lastDueMs = 0;
  #lastAnswerMs = 0;
  #correlationId = 0;
  readonly #isLate: boolean;

  constructor(
    network: SimulatedNetwork,
    from: { readonly host: string; readonly process: SimulatedProcess },
    to: string,
    options: ClientOptions,
  ) {
    this.#network = network;
    this.#from = from;
    this.#to = to;
    this.#options = options;
    this.#isLate =
      options.mayArriveLate === true && network.random.chance(network.options.lateProbability);
    from.process.onDeath(() => this.#leave());
  }

  request<N extends ApiName>(
    api: N,
    version: number,
    body: RequestInputOf<N>,
  ): Promise<{ readonly answer: DecodedResponseOf<N>; readonly memory: Buffer }> {
    const network = this.#network;
    const { clientId, timeoutMs } = this.#options;
    network.requests += 1;
    const correlationId = this.#correlationId++;
    const header = { correlationId, clientId };
    const frame = Buffer.concat(encodeRequest(api, version, header, body)).subarray(LENGTH_BYTES);
    return new Promise((resolve, reject) => {
      const cancelTimeout = () => undefined;
      const pending: Pending = { api, version, correlationId, resolve, reject, cancelTimeout };
      pending.cancelTimeout = this.#from.process.timers.after(timeoutMs, () =>
        this.giveUp(`no answer to ${api} in ${timeoutMs} ms`),
      );
      this.#waiting.push(pending);
      const { breakProbability } = network.options;
      const breaks = !network.isCalm && network.random.chance(breakProbability);
      const losesRequest = breaks && network.random.chance(0.5);
      this.#lastDueMs = network.send(this.#from.host, this.#to, this.#lastDueMs, () => {
        if (losesRequest) this.#reset('the connection broke');
        else this.#arrived(api, version, frame, breaks);
      });
    });
  }

  /** This end closes the connection. */
  giveUp(why: string): void {
    if (this.isBroken) return;
    this.#break(why);
    this.#leave();
  }

  #leave(): void {
    this.isBroken = true;
    const server = this.#server;
    if (server === null) return;
    this.#network.send(this.#from.host, this.#to, this.#lastDueMs, () => server.clientGone());
  }

  /** The other end, or its kernel, says that the connection is over. */
  #reset(why: string): void {
    if (this.#isReset) return;
    this.#isReset = true;
    this.#server?.clientGone();
    this.#network.send(this.#to, this.#from.host, this.#lastAnswerMs, () =>
      this.#from.process.deliver(() => this.#break(why)),
    );
  }

  #break(why: string): void {
    if (this.isBroken && this.#waiting.length === 0) return;
    this.isBroken = true;
    this.#network.broken += 1;
    for (const { cancelTimeout, reject } of this.#waiting.splice(0)) {
      cancelTimeout();
      reject(failure(`${this.#options.clientId} to ${this.#to}: ${why}`));
    }
  }

  #arrived(api: ApiName, version: number, frame: Buffer, losesAnswer: boolean): void {
    if (this.#isReset || this.#isLost || (this.isBroken && !this.#isLate)) return;
    const network = this.#network;
    const listener = network.listener(this.#to);
    if (listener === null) {
      // What is sent after something that was lost does not arrive either.
      if (network.isDark(this.#to)) this.#isLost = true;
      else this.#reset('connection refused');
      return;
    }
    if (this.#server === null) {
      const client = this.#options.clientId;
      this.#server = new Server(network, this.#to, listener, client, {
        answer: (bytes, loses) => this.#answer(bytes, loses),
        reset: (why) => this.#reset(why),
      });
      listener.process.onDeath(() => {
        // The kernel of a machine that lives on closes a dead process's connections.
        network.world.timers.after(0, () => {
          if (!network.isDark(this.#to)) this.#reset('the broker died');
        });
      });
    } else if (this.#server.process !== listener.process) {
      this.#reset('connection reset');
      return;
    }
    const server = this.#server;
    listener.process.deliver(() => server.received(api, version, frame, losesAnswer));
  }

  #answer(bytes: Buffer, loses: boolean): void {
    if (this.#isReset) return;
    if (loses) {
      this.#reset('the connection broke');
      return;
    }
    this.#lastAnswerMs = this.#network.send(this.#to, this.#from.host, this.#lastAnswerMs, () =>
      this.#from.process.deliver(() => {
        if (this.isBroken) return;
        const { api, version, correlationId, resolve, cancelTimeout } = this.#waiting.shift()!;
        cancelTimeout();
        const decoded = decodeResponse(api, version, bytes);
        assert(decoded.correlationId === correlationId, 'answers come in the order of requests');
        const answer = decoded.body;
        resolve({ answer, memory: bytes } as never);
      }),
    );
  }
}

interface Received {
  readonly api: ApiName;
  readonly version: number;
  readonly frame: Buffer;
  readonly losesAnswer: boolean;
}

/** The broker's end of a connection. */
class Server {
  readonly process: SimulatedProcess;
  readonly #network: SimulatedNetwork;
  readonly #host: string;
  readonly #handler: NonNullable<ReturnType<SimulatedNetwork['listener']>>['handler'];
  readonly #client: string;
  readonly #end: { answer(bytes: Buffer, loses: boolean): void; reset(why: string): void };
  readonly #queue: Received[] = [];
  readonly #connectionId: string;
  #abort: AbortController | null = null;
  #isGone = false;
  /** Requests that were given to the handler and not answered; more than one: all are Produce. */
  #underWay = 0;
  #mayOverlap = false;
  /** Settles when all of them have been answered. */
  #answered: Promise<void> = Promise.resolve();
  readonly #executions = new Set<Execution>();

  constructor(
    network: SimulatedNetwork,
    host: string,
    listener: NonNullable<ReturnType<SimulatedNetwork['listener']>>,
    client: string,
    end: { answer(bytes: Buffer, loses: boolean): void; reset(why: string): void },
  ) {
    this.#network = network;
    this.#host = host;
    this.process = listener.process;
    this.#handler = listener.handler;
    this.#client = client;
    this.#end = end;
    this.#connectionId = `connection-${network.connections++}`;
  }

  received(api: ApiName, version: number, frame: Buffer, losesAnswer: boolean): void {
    if (this.#isGone) return;
    this.#queue.push({ api, version, frame, losesAnswer });
    this.#pump();
  }

  clientGone(): void {
    this.process.deliver(() => {
      if (this.#isGone) return;
      this.#isGone = true;
      this.#queue.length = 0;
      for (const execution of this.#executions) execution.isAbandoned = true;
      this.#abort?.abort();
    });
  }

  /** One at a time, but for Produce requests, which overlap and are answered in order: as the product's connections. */
  #pump(): void {
    while (
      this.#queue.length > 0 &&
      (this.#underWay === 0 ||
        (this.#mayOverlap && this.#underWay < MAX_OVERLAPPING && this.#queue[0]!.api === 'Produce'))
    ) {
      const next = this.#queue.shift()!;
      this.#underWay += 1;
      this.#mayOverlap = next.api === 'Produce';
      this.#answered = this.#handle(next, this.#answered).then(() => {
        this.#underWay -= 1;
        if (this.process.isAlive) this.#pump();
      });
    }
  }

  async #handle(
    { api, version, frame, losesAnswer }: Received,
    answeredBefore: Promise<void>,
  ): Promise<void> {
    const network = this.#network;
    const { world, executions } = network;
    let closes: string | null = null;
    const context = this.#context(version, (reason) => {
      closes = reason;
    });
    const { bodyOffset } = decodeRequestHeader(frame);
    const correlationId = frame.readInt32BE(4);
    const execution: Execution = {
      api,
      process: this.process,
      server: this.#host,
      client: this.#client,
      sinceMs: world.nowMs,
      isAbandoned: false,
    };
    executions.add(execution);
    this.#executions.add(execution);
    try {
      const memory = api === 'Produce' ? Buffer.from(frame) : frame;
      const request = decodeRequest(api, version, memory, bodyOffset);
      const answering = this.#handler.handle(api, version, request, context);
      if (api === 'Produce') memory.fill(POISON);
      const answer = await answering;
      if (!this.process.isAlive) return;
      if (answer !== null && network.options.onAnswer !== undefined) {
        const asSent = decodeRequest(api, version, frame, bodyOffset);
        network.options.onAnswer({ host: this.#host, api, request: asSent, answer });
      }
      const bytes =
        answer === null ? null : Buffer.concat(encodeResponse(api, version, correlationId, answer));
      await answeredBefore;
      if (this.#isGone || !this.process.isAlive) return;
      if (bytes !== null) this.#end.answer(bytes.subarray(LENGTH_BYTES), losesAnswer);
      if (closes !== null) this.#end.reset(closes);
    } catch (error) {
      if (error instanceof SimulatedCrash || !this.process.isAlive) return;
      world.fail(error);
    } finally {
      this.#executions.delete(execution);
      executions.delete(execution);
    }
  }

  #context(apiVersion: number, closeConnection: (reason: string) => void): RequestContext {
    const abort = (): AbortController => {
      if (this.#abort === null) {
        this.#abort = new AbortController();
        if (this.#isGone) this.#abort.abort();
      }
      return this.#abort;
    };
    return {
      clientId: this.#client,
      clientHost: '127.0.0.1',
      principal: 'User:ANONYMOUS',
      listenerName: 'PLAINTEXT',
      apiVersion,
      connectionId: this.#connectionId,
      get signal() {
        return abort().signal;
      },
      closeConnection,
    };
  }
}

function failure(why: string): VarveError {
  return new VarveError('NETWORK_EXCEPTION', why, { retriable: true });
}
