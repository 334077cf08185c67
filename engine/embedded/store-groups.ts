import { VarveError } from '../errors.js';
import { parseGroupConfig } from '../groups/config.js';
import { GroupCoordinator } from '../groups/coordinator.js';
import { type GroupLag, groupLag } from '../groups/lag.js';
import {
  type GroupAppend,
  type GroupRequestContext,
  type GroupStorage,
  OFFSETS_TOPIC,
} from '../groups/ports.js';
import type { Clock } from '../io/port.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import { kafkaErrorOf } from '../protocol/from-varve-error.js';
import { systemTimers, type Timers } from '../timers.js';
import type { DataDirectory } from '../topics/data-directory.js';
import { groupError } from './group-error.js';

/**
 * One partition is enough for one process; a directory that has the topic keeps the number it has. Members
 * are in this process, so nobody is waited for when a group begins.
 */
const CONFIG = parseGroupConfig({
  'offsets.topic.num.partitions': 1,
  'group.initial.rebalance.delay.ms': 0,
  'group.min.session.timeout.ms': 100,
});
const OFFSETS_TOPIC_CONFIG = {
  'cleanup.policy': 'compact',
  'segment.bytes': String(CONFIG.offsetsTopicSegmentBytes),
  'compression.type': 'producer',
};

/** Who asks, for the coordinator: this process. */
export const EMBEDDED_CLIENT: Omit<GroupRequestContext, 'apiVersion'> = {
  clientId: 'varve-embedded',
  clientHost: '/embedded',
};

export interface GroupMemberDescription {
  readonly memberId: string;
  readonly instanceId: string | null;
}

export interface GroupDescription extends GroupLag {
  readonly group: string;
  /** Empty, PreparingRebalance, CompletingRebalance or Stable, as Kafka names them. */
  readonly state: string;
  /** The assignor in use; empty while there is none. */
  readonly assignor: string;
  readonly members: readonly GroupMemberDescription[];
}

/** The consumer groups of a data directory: Kafka's coordinator over `__consumer_offsets` in the same directory. */
export class StoreGroups {
  readonly coordinator: GroupCoordinator;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly #data: DataDirectory;

  private constructor(data: DataDirectory, clock: Clock, timers: Timers) {
    this.#data = data;
    this.clock = clock;
    this.timers = timers;
    this.coordinator = new GroupCoordinator({
      clock,
      timers,
      random: Math.random,
      config: CONFIG,
      storage: new DirectoryGroupStorage(data),
    });
  }

  /** Makes `__consumer_offsets` if it is not there, and loads what it holds. */
  static async open(
    data: DataDirectory,
    clock: Clock,
    timers: Timers = systemTimers,
  ): Promise<StoreGroups> {
    if (!data.hasTopic(OFFSETS_TOPIC)) {
      await data.createTopic(OFFSETS_TOPIC, {
        partitions: CONFIG.offsetsTopicNumPartitions,
        config: OFFSETS_TOPIC_CONFIG,
      });
    }
    const groups = new StoreGroups(data, clock, timers);
    const count = data.partitionCount(OFFSETS_TOPIC);
    for (let partition = 0; partition < count; partition += 1) {
      await groups.coordinator.elected(
        partition,
        data.partition(OFFSETS_TOPIC, partition).leaderEpoch,
      );
    }
    return groups;
  }

  async list(): Promise<string[]> {
    const request = { statesFilter: [], typesFilter: [] };
    const context = { ...EMBEDDED_CLIENT, apiVersion: 4 };
    const { errorCode = 0, groups = [] } = await this.coordinator.listGroups(request, context);
    if (errorCode !== KafkaError.NONE) throw groupError(errorCode, 'listing groups');
    return groups.map(({ groupId = '' }) => groupId).sort();
  }

  /** Fails with GROUP_ID_NOT_FOUND. */
  async describe(group: string): Promise<GroupDescription> {
    const request = { groups: [group], includeAuthorizedOperations: false };
    const context = { ...EMBEDDED_CLIENT, apiVersion: 6 };
    const { groups = [] } = await this.coordinator.describeGroups(request, context);
    const found = groups[0];
    const { errorCode = KafkaError.NONE } = found ?? { errorCode: KafkaError.GROUP_ID_NOT_FOUND };
    if (errorCode !== KafkaError.NONE) throw groupError(errorCode, `group ${group}`);
    const committed = [...this.coordinator.committedOffsets()].filter((row) => row.group === group);
    const { partitions, totalLag } = groupLag(committed, (topic, partition) =>
      this.#end(topic, partition),
    );
    return {
      group,
      state: found?.groupState ?? '',
      assignor: found?.protocolData ?? '',
      members: (found?.members ?? []).map(({ memberId = '', groupInstanceId = null }) => ({
        memberId,
        instanceId: groupInstanceId,
      })),
      partitions,
      totalLag,
    };
  }

  /** Fails with NON_EMPTY_GROUP while it has members, GROUP_ID_NOT_FOUND. */
  async delete(group: string): Promise<void> {
    const request = { groupsNames: [group] };
    const context = { ...EMBEDDED_CLIENT, apiVersion: 2 };
    const { results = [] } = await this.coordinator.deleteGroups(request, context);
    const errorCode = results[0]?.errorCode ?? KafkaError.NONE;
    if (errorCode !== KafkaError.NONE) throw groupError(errorCode, `deleting group ${group}`);
  }

  /** Forgets the committed offsets of a topic that is gone. */
  topicDeleted(topic: string): Promise<void> {
    return this.coordinator.topicsDeleted([topic]);
  }

  /** Resolves when what was committed before the call survives power loss. */
  async flush(group: string): Promise<void> {
    const partition = this.coordinator.partitionFor(group);
    await this.#data.partition(OFFSETS_TOPIC, partition).flush();
  }

  close(): void {
    this.coordinator.close();
  }

  #end(topic: string, partition: number): number | null {
    if (!this.#data.hasTopic(topic)) return null;
    try {
      return this.#data.partition(topic, partition).highWatermark;
    } catch {
      // Set aside: its end is not known.
      return null;
    }
  }
}

/** `__consumer_offsets` in a directory that nobody replicates: what is appended is committed. */
class DirectoryGroupStorage implements GroupStorage {
  readonly #data: DataDirectory;

  constructor(data: DataDirectory) {
    this.#data = data;
  }

  partitionCount(): number {
    return this.#data.partitionCount(OFFSETS_TOPIC);
  }

  append(partition: number, batch: Buffer): GroupAppend {
    const answered = Promise.resolve(this.#append(partition, batch));
    return { answered, settled: answered };
  }

  #append(partition: number, batch: Buffer): KafkaErrorCode {
    try {
      this.#data
        .partition(OFFSETS_TOPIC, partition)
        .appendBatches(batch, { origin: 'coordinator' });
      return KafkaError.NONE;
    } catch (error) {
      return kafkaErrorOf(error);
    }
  }

  startOffset(partition: number): number {
    return this.#data.partition(OFFSETS_TOPIC, partition).logStartOffset;
  }

  async read(partition: number, fromOffset: number, maxBytes: number): Promise<Buffer> {
    const log = this.#data.partition(OFFSETS_TOPIC, partition);
    return log.read(fromOffset, { maxBytes, isolation: 'log_end' }).bytes;
  }

  waitForHighWatermark(): Promise<boolean> {
    return Promise.resolve(true);
  }

  topicExists(topic: string, partition: number): boolean {
    return this.#data.hasTopic(topic) && partition < this.#data.partitionCount(topic);
  }
}

/** For a topic that only the coordinator may change. */
export function requireNoOffsetsTopic(topic: string): void {
  if (topic !== OFFSETS_TOPIC) return;
  throw new VarveError(
    'INVALID_TOPIC',
    `${OFFSETS_TOPIC} holds what consumer groups have committed: it is made by the first group, and stays`,
    { details: { topic } },
  );
}
