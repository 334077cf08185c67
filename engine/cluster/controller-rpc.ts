import { type ErrorCode, isVarveError, VarveError } from '../errors.js';
import type {
  AlterPartitionsRequest,
  BrokerHeartbeat,
  ControllerPort,
  CreateTopicsCommand,
  FetchMetadataAnswer,
  FetchMetadataRequest,
  RegisterBrokerRequest,
} from '../metadata/controller-port.js';
import { decodeMetadataRecord, encodeMetadataRecord } from '../metadata/records.js';
import type { Timers } from '../timers.js';
import { type ControllerMethod, isControllerMethod, METHODS } from './controller-shapes.js';
import type { MessageChannel } from './message-channel.js';
import { fields, isObject, nullOr, text, truth, whole } from './shapes.js';

/*
 * The controller over a message channel:
 *   request { type: 'controller-request', id, method, request }
 *   answer  { type: 'controller-answer', id, answer } or { type: 'controller-answer', id, error }
 * Other messages on the channel are left alone.
 */
const REQUEST = 'controller-request';
const ANSWER = 'controller-answer';
const DEFAULT_TIMEOUT_MS = 30_000;

const isError = fields({ code: text, message: text, retriable: truth });
const isRequest = fields({ id: whole, method: text });
const isAnswer = fields({ id: whole, error: nullOr(isError) });

interface Waiting {
  readonly method: ControllerMethod;
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

export interface RemoteControllerOptions {
  readonly channel: MessageChannel;
  readonly timers: Timers;
  /** How long an answer may take, beyond the wait that a request asks for. Default 30,000. */
  readonly timeoutMs?: number;
}

/** The controller in another process. Whatever comes from there is checked before it is believed. */
export class RemoteController implements ControllerPort {
  readonly #channel: MessageChannel;
  readonly #timers: Timers;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #unlisten: (() => void)[];
  #nextId = 0;
  #isClosed = false;

  constructor({ channel, timers, timeoutMs = DEFAULT_TIMEOUT_MS }: RemoteControllerOptions) {
    this.#channel = channel;
    this.#timers = timers;
    this.#timeoutMs = timeoutMs;
    this.#unlisten = [
      channel.onMessage((message) => this.#received(message)),
      channel.onClose(() => this.close()),
    ];
  }

  /** Requests under way, and later ones, are rejected with NOT_CONTROLLER. The channel stays as it is. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const unlisten of this.#unlisten) unlisten();
    for (const { reject } of this.#waiting.values()) reject(unreachable());
    this.#waiting.clear();
  }

  registerBroker(request: RegisterBrokerRequest) {
    return this.#ask('registerBroker', request);
  }

  heartbeat(request: BrokerHeartbeat) {
    return this.#ask('heartbeat', request);
  }

  async fetchMetadata(request: FetchMetadataRequest): Promise<FetchMetadataAnswer> {
    const answer = await this.#ask('fetchMetadata', request, request.maxWaitMs);
    const { batches } = answer as unknown as EncodedBatches;
    return {
      batches: batches.map(({ records, version }) => ({
        records: records.map(decodeMetadataRecord),
        version,
      })),
    };
  }

  alterPartitions(request: AlterPartitionsRequest) {
    return this.#ask('alterPartitions', request);
  }

  allocateProducerIds(request: Parameters<ControllerPort['allocateProducerIds']>[0]) {
    return this.#ask('allocateProducerIds', request);
  }

  createTopics(request: CreateTopicsCommand) {
    return this.#ask('createTopics', request);
  }

  deleteTopics(request: Parameters<ControllerPort['deleteTopics']>[0]) {
    return this.#ask('deleteTopics', request);
  }

  createPartitions(request: Parameters<ControllerPort['createPartitions']>[0]) {
    return this.#ask('createPartitions', request);
  }

  alterConfigs(request: Parameters<ControllerPort['alterConfigs']>[0]) {
    return this.#ask('alterConfigs', request);
  }

  electLeaders(request: Parameters<ControllerPort['electLeaders']>[0]) {
    return this.#ask('electLeaders', request);
  }

  reassignPartitions(request: Parameters<ControllerPort['reassignPartitions']>[0]) {
    return this.#ask('reassignPartitions', request);
  }

  #ask<M extends ControllerMethod>(
    method: M,
    request: Parameters<ControllerPort[M]>[0],
    waitMs = 0,
  ): ReturnType<ControllerPort[M]> {
    const answer = new Promise<unknown>((resolve, reject) => {
      if (this.#isClosed) {
        reject(unreachable());
        return;
      }
      const id = this.#nextId++;
      const limitMs = this.#timeoutMs + waitMs;
      const end = (): void => {
        cancel();
        this.#waiting.delete(id);
      };
      const cancel = this.#timers.after(limitMs, () => {
        end();
        reject(unreachable(`the controller has not answered ${method} in ${limitMs} ms`));
      });
      this.#waiting.set(id, {
        method,
        resolve: (value) => {
          end();
          resolve(value);
        },
        reject: (error) => {
          end();
          reject(error);
        },
      });
      this.#channel.send({ type: REQUEST, id, method, request });
    });
    // The answer's shape is checked when it comes.
    return answer as ReturnType<ControllerPort[M]>;
  }

  #received(message: unknown): void {
    if (!isObject(message) || message.type !== ANSWER) return;
    const { id, answer, error = null } = message;
    if (isAnswer({ id, error }, 'answer') !== null) return;
    const waiting = this.#waiting.get(id as number);
    if (waiting === undefined) return;
    if (error !== null) {
      waiting.reject(toError(error as EncodedError));
      return;
    }
    const problem = METHODS[waiting.method].answer(answer, 'answer');
    if (problem === null) waiting.resolve(answer);
    else waiting.reject(unreachable(`the controller's answer to ${waiting.method}: ${problem}`));
  }
}

export interface ServeOptions {
  readonly controller: ControllerPort;
  readonly channel: MessageChannel;
  /** The only broker that may speak through this channel. */
  readonly brokerId: number;
  /** A failure that is nobody's request: a bug. */
  readonly onError?: (error: unknown) => void;
}

/** Answers a broker's requests until the channel closes or the returned function is called. */
export function serveController(options: ServeOptions): () => void {
  const { controller, channel, brokerId, onError } = options;
  const serve = async (method: ControllerMethod, request: unknown): Promise<unknown> => {
    const problem = METHODS[method].request(request, 'request') ?? speaksFor(request, brokerId);
    if (problem !== null) {
      throw new VarveError('INVALID_ARGUMENT', `${method}: ${problem}`, { details: { method } });
    }
    const ask = controller[method] as (request: unknown) => Promise<unknown>;
    const answer = await ask.call(controller, request);
    return method === 'fetchMetadata' ? encodeBatches(answer as FetchMetadataAnswer) : answer;
  };
  const stop = channel.onMessage((message) => {
    if (!isObject(message) || message.type !== REQUEST) return;
    if (isRequest(message, 'request') !== null) return;
    const { id, method, request } = message;
    const known = isControllerMethod(method)
      ? serve(method, request)
      : Promise.reject(
          new VarveError('INVALID_ARGUMENT', `there is no ${JSON.stringify(method)} to ask for`),
        );
    known.then(
      (answer) => channel.send({ type: ANSWER, id, answer }),
      (error: unknown) => {
        if (!isVarveError(error)) onError?.(error);
        channel.send({ type: ANSWER, id, error: fromError(error) });
      },
    );
  });
  channel.onClose(stop);
  return stop;
}

function speaksFor(request: unknown, brokerId: number): string | null {
  if (!isObject(request) || request.brokerId === undefined) return null;
  return request.brokerId === brokerId
    ? null
    : `this channel is broker ${brokerId}'s, not broker ${String(request.brokerId)}'s`;
}

interface EncodedBatches {
  readonly batches: readonly { readonly records: readonly string[]; readonly version: number }[];
}

function encodeBatches({ batches }: FetchMetadataAnswer): EncodedBatches {
  return {
    batches: batches.map(({ records, version }) => ({
      records: records.map(encodeMetadataRecord),
      version,
    })),
  };
}

interface EncodedError {
  readonly code: string;
  readonly message: string;
  readonly retriable: boolean;
}

function fromError(error: unknown): EncodedError {
  if (isVarveError(error)) {
    const { code, message, retriable } = error;
    return { code, message, retriable };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'NOT_CONTROLLER', message: `the controller failed: ${message}`, retriable: true };
}

function toError({ code, message, retriable }: EncodedError): VarveError {
  // Both ends are of one version: the codes are the same.
  return new VarveError(code as ErrorCode, message, { retriable });
}

function unreachable(why = 'the channel to the controller is closed'): VarveError {
  return new VarveError('NOT_CONTROLLER', why, { retriable: true });
}
