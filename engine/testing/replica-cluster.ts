import { join } from 'node:path';
import { VarveError } from '../errors.js';
import { BatchBuilder } from '../format/batch-builder.js';
import { BatchOptions } from '../format/batch-writer.js';
import { uuidFromBytes } from '../format/uuid.js';
import { PartitionLog } from '../log/partition-log.js';
import type { AlterPartitionAnswer, AlterPartitionsRequest } from '../metadata/controller-port.js';
import { MetadataImage } from '../metadata/image.js';
import type { BrokerState, MetadataRecord, PartitionState } from '../metadata/records.js';
import { KafkaError } from '../protocol/error-codes.js';
import {
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from '../protocol/frames.js';
import type {
  FetchRequest,
  FetchRequestInput,
  FetchResponse,
  ListOffsetsRequestInput,
  ListOffsetsResponse,
} from '../protocol/messages/data.js';
import type {
  HighWatermarkEntry,
  HostedPartition,
  LogProvider,
  ReplicaConnection,
} from '../replication/ports.js';
import { ReplicaManager } from '../replication/replica-manager.js';
import type {
  FetchPartitionRequest,
  FetchPartitionResult,
  ReplicationConfig,
  ReplicationEvent,
} from '../replication/types.js';
import { SimulatedClock } from './simulated-clock.js';
import { SimulatedFileSystem } from './simulated-file-system.js';
import type { Scheduler } from './simulated-scheduler.js';
import { SimulatedTimers, settled } from './simulated-timers.js';

/** The logs of one broker on a simulated disk. High watermarks survive its process, as if always saved. */
export class SimulatedLogs implements LogProvider {
  fs: SimulatedFileSystem;
  readonly open = new Map<string, HostedPartition & { readonly log: PartitionLog }>();
  marks = new Map<string, number>();

  constructor(fs: SimulatedFileSystem) {
    this.fs = fs;
  }

  async hostPartition(
    request: HostedPartition & { readonly config: Readonly<Record<string, string>> },
  ): Promise<PartitionLog> {
    const { topic, topicId, partition, config } = request;
    const key = `${topic}-${partition}`;
    const open = this.open.get(key);
    if (open !== undefined) {
      if (open.topicId === topicId) return open.log;
      await this.dropTopic(open.topicId);
    }
    const log = await PartitionLog.open({ directory: join('/data', key), config, fs: this.fs });
    this.open.set(key, { topic, topicId, partition, log });
    return log;
  }

  async dropTopic(topicId: string): Promise<void> {
    for (const its of [...this.open.values()]) {
      if (its.topicId === topicId) await this.dropPartition(its.topic, its.partition);
    }
  }

  async dropPartition(topic: string, partition: number): Promise<void> {
    const key = `${topic}-${partition}`;
    const open = this.open.get(key);
    if (open === undefined) return;
    this.open.delete(key);
    this.marks.delete(key);
    await open.log.close().catch(() => undefined);
    await this.fs.removeDirectory(join('/data', key));
  }

  async setTopicConfig(topic: string, config: Readonly<Record<string, string>>): Promise<void> {
    for (const open of this.open.values()) if (open.topic === topic) open.log.updateConfig(config);
  }

  hosted(): Iterable<HostedPartition> {
    return this.open.values();
  }

  highWatermarks(): ReadonlyMap<string, number> {
    return this.marks;
  }

  async saveHighWatermarks(entries: readonly HighWatermarkEntry[]): Promise<void> {
    this.marks = new Map(entries.map((e) => [`${e.topic}-${e.partition}`, e.offset]));
  }

  async close(): Promise<void> {
    for (const { log } of this.open.values()) await log.close().catch(() => undefined);
    this.open.clear();
  }
}

export interface SimulatedBroker {
  readonly brokerId: number;
  brokerEpoch: number;
  readonly logs: SimulatedLogs;
  manager: ReplicaManager;
  readonly events: ReplicationEvent[];
  isUp: boolean;
}

export interface ReplicaClusterOptions {
  readonly seed?: number;
  readonly brokers?: number;
  readonly config?: Partial<ReplicationConfig>;
  /** How long the disk of each broker takes. Default: no time. */
  readonly disk?: (brokerId: number, cluster: ReplicaCluster) => Scheduler;
}

const MAX_FETCHES_AN_INSTANT = 2000;

/** Brokers' replica managers in one process: disks, network, controller and time are simulated; elections are the test's. */
export class ReplicaCluster {
  readonly clock = new SimulatedClock();
  readonly timers = new SimulatedTimers(this.clock);
  readonly brokers = new Map<number, SimulatedBroker>();
  image = MetadataImage.EMPTY;
  /** Requests of fetch that reached a leader, by follower. */
  readonly fetches = new Map<number, number>();
  /** What `alterPartitions` answers instead of deciding; null: it decides. */
  refuseIsr: number | 'unreachable' | null = null;
  /** How long `alterPartitions` takes to reach the controller, and its answer to come back. */
  controllerDelayMs: () => number = () => 0;
  /** Changed answers on their way to a follower. */
  tamper: ((response: FetchPartitionResult, to: number) => FetchPartitionResult) | null = null;
  /** Each change by the controller reaches all brokers at once. */
  publishes = true;
  /** Set when followers fetch without end while no time passes: a bug. */
  spinning: Error | null = null;
  #instantMs = 0;
  #fetchesThisInstant = 0;
  readonly #cuts = new Set<string>();
  readonly #config: Partial<ReplicationConfig>;
  readonly #seed: number;

  constructor(options: ReplicaClusterOptions = {}) {
    this.#config = options.config ?? {};
    this.#seed = options.seed ?? 1;
    for (let id = 1; id <= (options.brokers ?? 3); id += 1) {
      const fs = new SimulatedFileSystem({
        seed: this.#seed * 100 + id,
        clock: this.clock,
        ...(options.disk && { scheduler: options.disk(id, this) }),
      });
      fs.makeDirectory('/data');
      const broker = {
        brokerId: id,
        brokerEpoch: id,
        logs: new SimulatedLogs(fs),
        events: [],
        isUp: true,
      };
      this.brokers.set(id, { ...broker, manager: null as unknown as ReplicaManager });
      this.#start(this.brokers.get(id)!);
    }
    this.#apply([...this.brokers.values()].map((b) => ({ type: 'broker', ...this.#state(b) })));
  }

  broker(id: number): SimulatedBroker {
    return this.brokers.get(id)!;
  }

  manager(id: number): ReplicaManager {
    return this.broker(id).manager;
  }

  log(id: number, topic = 't', partition = 0): PartitionLog {
    return this.broker(id).logs.open.get(`${topic}-${partition}`)!.log;
  }

  /** One assignment for each partition; the first of each leads, all are in sync. */
  async createTopic(
    name: string,
    assignments: readonly (readonly number[])[],
    config: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const topicId = topicIdOf(name, this.image.version);
    await this.change([
      { type: 'topic', name, topicId },
      ...Object.entries(config).map(
        ([key, value]) => ({ type: 'config', resource: 'topic', name, key, value }) as const,
      ),
      ...assignments.map(
        (replicas, partition) =>
          ({
            type: 'partition',
            topicId,
            partition,
            replicas,
            isr: replicas,
            adding: [],
            removing: [],
            leader: replicas[0]!,
            leaderEpoch: 0,
            partitionEpoch: 0,
            isRecovering: false,
          }) as const,
      ),
    ]);
  }

  state(topic = 't', partition = 0): PartitionState {
    return this.image.partition(topic, partition)!;
  }

  /** The controller decides; a new leader (also the same one named again) means a new leader epoch. */
  async decide(change: Partial<PartitionState>, topic = 't', partition = 0): Promise<void> {
    const state = this.state(topic, partition);
    await this.change([
      {
        type: 'partition',
        topicId: this.image.topics.get(topic)!.topicId,
        partition,
        ...state,
        ...change,
        leaderEpoch:
          change.leaderEpoch ?? state.leaderEpoch + (change.leader === undefined ? 0 : 1),
        partitionEpoch: state.partitionEpoch + 1,
      },
    ]);
  }

  async change(records: readonly MetadataRecord[]): Promise<void> {
    this.#apply(records);
    if (this.publishes) await this.publish();
  }

  /** Brings the metadata to these brokers, or to all. */
  async publish(...ids: number[]): Promise<void> {
    const to = ids.length === 0 ? [...this.brokers.keys()] : ids;
    await Promise.all(
      to.map((id) => (this.broker(id).isUp ? this.manager(id).applyImage(this.image) : null)),
    );
    await settled();
  }

  /** Time passes for everyone. */
  async advance(ms: number): Promise<void> {
    await this.timers.advanceAsync(ms, settled);
  }

  cut(a: number, b: number): void {
    this.#cuts.add(`${a}-${b}`).add(`${b}-${a}`);
  }

  heal(): void {
    this.#cuts.clear();
  }

  /** `kill -9`. The controller does not know yet. */
  kill(id: number): void {
    this.#end(id, (fs) => fs.kill());
  }

  /** What was not synced may be lost. The controller does not know yet. */
  powerFail(id: number): void {
    this.#end(id, (fs) => fs.powerFail());
  }

  #end(id: number, crash: (fs: SimulatedFileSystem) => SimulatedFileSystem): void {
    const broker = this.broker(id);
    broker.isUp = false;
    const { manager, logs } = broker;
    logs.fs = crash(logs.fs);
    logs.open.clear();
    void manager.close().catch(() => undefined);
  }

  async stop(id: number): Promise<void> {
    const broker = this.broker(id);
    broker.isUp = false;
    await broker.manager.close();
    await broker.logs.close();
  }

  /** A new life of the broker, with the metadata as it is. */
  async restart(id: number): Promise<void> {
    const broker = this.broker(id);
    broker.brokerEpoch += 100;
    broker.isUp = true;
    this.#start(broker);
    await this.change([{ type: 'broker', ...this.#state(broker) }]);
  }

  async fence(id: number, isFenced = true): Promise<void> {
    await this.change([{ type: 'broker', ...this.#state(this.broker(id)), isFenced }]);
  }

  async close(): Promise<void> {
    for (const broker of this.brokers.values()) if (broker.isUp) await this.stop(broker.brokerId);
  }

  #start(broker: SimulatedBroker): void {
    broker.manager = new ReplicaManager({
      brokerId: broker.brokerId,
      clock: this.clock,
      timers: this.timers,
      logs: broker.logs,
      transport: { connect: (to) => this.#connect(broker.brokerId, to) },
      controller: { alterPartitions: (request) => this.#alterPartitions(request) },
      config: this.#config,
      brokerEpoch: () => broker.brokerEpoch,
      onEvent: (event) => broker.events.push(event),
    });
  }

  #state({ brokerId, brokerEpoch }: SimulatedBroker): BrokerState {
    const host = 'localhost';
    return {
      brokerId,
      brokerEpoch,
      host,
      port: 9000 + brokerId,
      rack: null,
      isFenced: false,
      isShuttingDown: false,
    };
  }

  #apply(records: readonly MetadataRecord[]): void {
    this.image = this.image.apply(records, this.image.version + records.length);
  }

  async #alterPartitions(
    request: AlterPartitionsRequest,
  ): Promise<readonly AlterPartitionAnswer[]> {
    await this.#controllerDelay();
    if (this.refuseIsr === 'unreachable' || !this.broker(request.brokerId).isUp) {
      throw new VarveError('NOT_CONTROLLER', 'the controller is away', { retriable: true });
    }
    const answers = request.changes.map((change): AlterPartitionAnswer => {
      const { topicId, partition } = change;
      const topic = this.image.topicById(topicId);
      const state = topic?.partitions[partition] ?? null;
      const answer = (
        errorCode: AlterPartitionAnswer['errorCode'],
        its: PartitionState | null,
      ) => ({
        topicId,
        partition,
        errorCode,
        state: its,
      });
      if (topic === undefined || state === null) return answer(KafkaError.UNKNOWN_TOPIC_ID, null);
      if (this.refuseIsr !== null) return answer(this.refuseIsr as never, state);
      if (change.leaderEpoch !== state.leaderEpoch || state.leader !== request.brokerId) {
        return answer(KafkaError.FENCED_LEADER_EPOCH, state);
      }
      if (change.partitionEpoch !== state.partitionEpoch) {
        return answer(KafkaError.INVALID_REQUEST, state);
      }
      for (const { brokerId, brokerEpoch } of change.newIsr) {
        if (this.image.brokers.get(brokerId)?.brokerEpoch !== brokerEpoch) {
          return answer(KafkaError.INELIGIBLE_REPLICA, state);
        }
      }
      const isr = change.newIsr.map(({ brokerId }) => brokerId);
      const partitionEpoch = state.partitionEpoch + 1;
      this.#apply([{ type: 'partition', topicId, partition, ...state, isr, partitionEpoch }]);
      return answer(KafkaError.NONE, this.state(topic.name, partition));
    });
    await this.#controllerDelay();
    if (this.publishes) void this.publish();
    return answers;
  }

  async #controllerDelay(): Promise<void> {
    const delayMs = this.controllerDelayMs();
    if (delayMs > 0) await new Promise<void>((resolve) => this.timers.after(delayMs, resolve));
  }

  #connect(from: number, to: number): ReplicaConnection {
    const reach = async (signal: AbortSignal): Promise<ReplicaManager> => {
      await null;
      const isThere = this.broker(to).isUp && this.broker(from).isUp;
      if (!isThere || this.#cuts.has(`${from}-${to}`)) throw new Error(`broker ${to} is away`);
      if (signal.aborted) throw new Error('aborted');
      return this.manager(to);
    };
    return {
      fetch: async (request, signal) => {
        const leader = await reach(signal);
        this.fetches.set(from, (this.fetches.get(from) ?? 0) + 1);
        this.#requireTimeToPass();
        const answer = await raceWith(signal, this.#fetch(leader, from, request, signal));
        await reach(signal);
        return answer;
      },
      listOffsets: async (request, signal) => listOffsets(await reach(signal), request),
      close: () => undefined,
    };
  }

  /** Followers that ask again and again in no time would never let go of the event loop. */
  #requireTimeToPass(): void {
    const nowMs = this.clock.monotonic();
    if (nowMs !== this.#instantMs) this.#fetchesThisInstant = 0;
    this.#instantMs = nowMs;
    this.#fetchesThisInstant += 1;
    if (this.#fetchesThisInstant === MAX_FETCHES_AN_INSTANT) {
      this.spinning = new Error(`${MAX_FETCHES_AN_INSTANT} fetches at ${nowMs} ms`);
    }
    if (this.#fetchesThisInstant >= MAX_FETCHES_AN_INSTANT) throw this.spinning;
  }

  async #fetch(
    leader: ReplicaManager,
    from: number,
    request: FetchRequestInput,
    signal: AbortSignal,
  ): Promise<FetchResponse> {
    // Through the codec, as it would come over a socket: with topic ids and no names.
    const asked = asReceived(request);
    const partitions: FetchPartitionRequest[] = [];
    for (const { topicId, partitions: its } of asked.topics) {
      const topic = this.image.topicNames.get(topicId) ?? '';
      for (const partition of its) partitions.push({ topic, topicId, ...partition });
    }
    const results = await leader.fetch({
      replicaId: asked.replicaState.replicaId,
      replicaEpoch: asked.replicaState.replicaEpoch,
      maxWaitMs: asked.maxWaitMs,
      minBytes: asked.minBytes,
      maxBytes: asked.maxBytes,
      isolationLevel: asked.isolationLevel,
      partitions,
      signal,
    });
    const responses = results.map((result) => {
      const data = this.tamper?.(result, from) ?? result;
      return { topicId: data.topicId, partitions: [data] };
    });
    const frame = Buffer.concat(encodeResponse('Fetch', FETCH_VERSION, 1, { responses }));
    return decodeResponse('Fetch', FETCH_VERSION, frame.subarray(4)).body;
  }
}

const FETCH_VERSION = 17;

function asReceived(request: FetchRequestInput): FetchRequest {
  const header = { correlationId: 1, clientId: 'follower' };
  const frame = Buffer.concat(encodeRequest('Fetch', FETCH_VERSION, header, request)).subarray(4);
  const { bodyOffset } = decodeRequestHeader(frame);
  return decodeRequest('Fetch', FETCH_VERSION, frame, bodyOffset);
}

function listOffsets(
  leader: ReplicaManager,
  request: ListOffsetsRequestInput,
): ListOffsetsResponse {
  return {
    throttleTimeMs: 0,
    topics: (request.topics ?? []).map(({ name, partitions }) => ({
      name: name!,
      partitions: (partitions ?? []).map((p) =>
        leader.listOffset(
          {
            topic: name!,
            partition: p.partitionIndex!,
            currentLeaderEpoch: p.currentLeaderEpoch!,
            timestamp: p.timestamp!,
          },
          { replicaId: request.replicaId!, isolationLevel: request.isolationLevel! },
        ),
      ),
    })),
  };
}

function raceWith<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new Error('aborted'));
    signal.addEventListener('abort', onAbort, { once: true });
    // Many fetches share one signal.
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function topicIdOf(name: string, version: number): string {
  const bytes = Buffer.alloc(16, 1);
  bytes.write(name.slice(0, 8));
  bytes.writeInt32BE(version + 1, 12);
  return uuidFromBytes(bytes);
}

/** A ready batch, as a producer sends it. */
export function batchOf(
  values: readonly string[],
  producer: {
    readonly id: number;
    readonly epoch: number;
    readonly sequence: number;
  } | null = null,
  nowMs = 1_700_000_000_000,
  isTransactional = false,
): Buffer {
  const builder = new BatchBuilder();
  for (const value of values) builder.append({ key: value, value }, nowMs);
  const options = new BatchOptions();
  options.isTransactional = isTransactional;
  if (producer !== null) {
    options.producerId = producer.id;
    options.producerEpoch = producer.epoch;
    options.baseSequence = producer.sequence;
  }
  return builder.finish(options);
}
