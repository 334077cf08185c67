import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BrokerNode, type BrokerNodeEvent, type BrokerNodeOptions } from '../broker/broker-node.js';
import type { RequestContext } from '../broker/request-handler.js';
import { Controller } from '../cluster/controller.js';
import { validateSettings } from '../cluster/settings-validator.js';
import type { ControllerPort } from '../metadata/controller-port.js';
import {
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from '../protocol/frames.js';
import type {
  ApiName,
  DecodedResponseOf,
  RequestInputOf,
  ResponseOf,
} from '../protocol/messages/index.js';
import type { ReplicaTransport } from '../replication/ports.js';
import { systemTimers } from '../timers.js';
import { MemoryMetadataLog } from './memory-metadata-log.js';

const LENGTH_BYTES = 4;

export interface BrokersOptions {
  readonly brokers?: number;
  readonly settings?: BrokerNodeOptions['settings'];
  readonly controller?: (controller: ControllerPort) => ControllerPort;
  readonly onRequest?: BrokerNodeOptions['onRequest'];
}

/** What a client saw of one request. */
export interface Exchange<N extends ApiName> {
  /** Null: none. */
  readonly answer: DecodedResponseOf<N> | null;
  /** Why the connection was closed, or null. */
  readonly closed: string | null;
}

/** Brokers without sockets in one process, with a real controller whose log is in memory. */
export class Brokers {
  readonly directory: string;
  readonly controller: Controller;
  readonly nodes = new Map<number, BrokerNode>();
  readonly events: { readonly brokerId: number; readonly event: BrokerNodeEvent }[] = [];
  readonly #options: BrokersOptions;

  private constructor(directory: string, controller: Controller, options: BrokersOptions) {
    this.directory = directory;
    this.controller = controller;
    this.#options = options;
  }

  static async start(options: BrokersOptions = {}): Promise<Brokers> {
    const directory = await mkdtemp(join(tmpdir(), 'varve-brokers-'));
    const controller = await Controller.open({
      log: new MemoryMetadataLog(),
      clock: { now: () => Date.now(), monotonic: () => performance.now() },
      timers: systemTimers,
      validateConfig: validateSettings,
      random: Math.random,
    });
    const brokers = new Brokers(directory, controller, options);
    try {
      for (let id = 1; id <= (options.brokers ?? 1); id += 1) await brokers.open(id);
      await Promise.all([...brokers.nodes.keys()].map((id) => brokers.join(id)));
    } catch (error) {
      await brokers.close();
      throw error;
    }
    return brokers;
  }

  async open(brokerId: number): Promise<BrokerNode> {
    const { controller = (port) => port, onRequest, settings } = this.#options;
    const node = await BrokerNode.open({
      brokerId,
      directory: join(this.directory, `broker-${brokerId}`),
      clusterId: this.controller.image.clusterId,
      controller: controller(this.controller),
      transport: this.#transport(),
      settings: { 'offsets.topic.replication.factor': 1, ...settings },
      onEvent: (event) => this.events.push({ brokerId, event }),
      ...(onRequest && { onRequest }),
    });
    this.nodes.set(brokerId, node);
    return node;
  }

  join(brokerId: number): Promise<void> {
    return this.node(brokerId).start({ host: '127.0.0.1', port: 9000 + brokerId });
  }

  node(brokerId = 1): BrokerNode {
    const node = this.nodes.get(brokerId);
    if (node === undefined) throw new Error(`there is no broker ${brokerId}`);
    return node;
  }

  /** One request as a client of that version sends it, through the bytes of the protocol and back. */
  async exchange<N extends ApiName>(
    api: N,
    version: number,
    request: RequestInputOf<N>,
    options: { readonly brokerId?: number; readonly clientId?: string } = {},
  ): Promise<Exchange<N>> {
    const node = this.node(options.brokerId);
    const clientId = options.clientId ?? 'test';
    const header = { correlationId: 7, clientId };
    const frame = Buffer.concat(encodeRequest(api, version, header, request)).subarray(
      LENGTH_BYTES,
    );
    const { bodyOffset } = decodeRequestHeader(frame);
    const decoded = decodeRequest(api, version, frame, bodyOffset);
    let closed: string | null = null;
    const context: RequestContext = {
      clientId,
      clientHost: '127.0.0.1',
      principal: 'User:ANONYMOUS',
      listenerName: 'PLAINTEXT',
      apiVersion: version,
      connectionId: 'test-1',
      signal: new AbortController().signal,
      closeConnection: (reason) => {
        closed = reason;
      },
    };
    const answer = await node.handler.handle(api, version, decoded, context);
    if (answer === null) return { answer, closed };
    return { answer: throughBytes(api, version, answer), closed };
  }

  /** As `exchange`, where there must be an answer. */
  async call<N extends ApiName>(
    api: N,
    version: number,
    request: RequestInputOf<N>,
    options: { readonly brokerId?: number; readonly clientId?: string } = {},
  ): Promise<DecodedResponseOf<N>> {
    const { answer, closed } = await this.exchange(api, version, request, options);
    if (answer === null) throw new Error(`no answer to ${api}; closed: ${closed}`);
    return answer;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.nodes.values()].map((node) => node.close()));
    await this.controller.close();
    await rm(this.directory, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Followers ask leaders directly. */
  #transport(): ReplicaTransport {
    const ask = async <N extends ApiName>(
      brokerId: number,
      api: N,
      version: number,
      request: RequestInputOf<N>,
      signal: AbortSignal,
    ) => {
      const answer = this.call(api, version, request, { brokerId, clientId: 'replica' });
      return new Promise<DecodedResponseOf<N>>((resolve, reject) => {
        const onAbort = (): void => reject(new Error('aborted'));
        signal.addEventListener('abort', onAbort, { once: true });
        // Many fetches share one signal.
        answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
      });
    };
    return {
      connect: (brokerId) => ({
        fetch: (request, signal) => ask(brokerId, 'Fetch', 17, request, signal),
        listOffsets: (request, signal) => ask(brokerId, 'ListOffsets', 9, request, signal),
        close: () => undefined,
      }),
    };
  }
}

function throughBytes<N extends ApiName>(
  api: N,
  version: number,
  answer: ResponseOf<N>,
): DecodedResponseOf<N> {
  const frame = Buffer.concat(encodeResponse(api, version, 7, answer)).subarray(LENGTH_BYTES);
  return decodeResponse(api, version, frame).body;
}
