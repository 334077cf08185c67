import { isVarveError } from '../errors.js';
import type { Clock } from '../io/port.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import type { Timers } from '../timers.js';
import type { RecordInput } from '../types.js';
import type { GroupConfig } from './config.js';
import { Deadline } from './deadline.js';
import { Group } from './group.js';
import { type GroupEntry, isTransient } from './group-entry.js';
import { type LoadedPartition, loadPartition } from './load.js';
import { GroupLogWriter } from './log-writer.js';
import type { Member } from './member.js';
import { GroupMembership } from './membership.js';
import { OffsetStore, type TopicPartition } from './offset-store.js';
import type { GroupEvent, GroupStorage } from './ports.js';
import { groupRecord, groupTombstone, offsetTombstone } from './stored-records.js';

const LOAD_RETRY_MS = 1000;
/** Deleting is not one step: what is left after a crash is deleted, or expires, later. */
const TOMBSTONES_PER_BATCH = 1000;

export interface PartitionOptions {
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly config: GroupConfig;
  readonly storage: GroupStorage;
  readonly newMemberId: (prefix: string) => string;
  readonly onEvent: (event: GroupEvent) => void;
}

/** The groups kept in one partition of `__consumer_offsets`, while this broker leads it. */
export class GroupPartition {
  readonly partition: number;
  leaderEpoch: number;
  readonly groups = new Map<string, GroupEntry>();
  /** Resolves when the groups can be used, or never will; what went wrong is an event. */
  readonly loaded: Promise<void>;
  readonly #options: PartitionOptions;
  readonly #writer: GroupLogWriter;
  readonly #retry: Deadline;
  readonly #resolveLoaded: () => void;
  #state: 'loading' | 'active' | 'failed' | 'closed' = 'loading';

  constructor(options: PartitionOptions) {
    let resolveLoaded = () => {};
    this.loaded = new Promise((resolve) => {
      resolveLoaded = resolve;
    });
    this.#resolveLoaded = resolveLoaded;
    this.partition = options.partition;
    this.leaderEpoch = options.leaderEpoch;
    this.#options = options;
    this.#writer = new GroupLogWriter(options.storage, options.partition, options.clock);
    this.#retry = new Deadline(options.clock, options.timers, () => void this.#load());
  }

  get isActive(): boolean {
    return this.#state === 'active';
  }

  /** NONE while its groups can be used. */
  get errorCode(): KafkaErrorCode {
    if (this.#state === 'active') return KafkaError.NONE;
    return this.#state === 'loading'
      ? KafkaError.COORDINATOR_LOAD_IN_PROGRESS
      : KafkaError.NOT_COORDINATOR;
  }

  /** Begins to load; call once. Resolves as `loaded`. */
  load(): Promise<void> {
    void this.#load();
    return this.loaded;
  }

  /** Another broker leads it: every group is forgotten and everybody who waits is told. */
  close(): void {
    const wasActive = this.#state === 'active';
    this.#state = 'closed';
    this.#retry.clear();
    this.#writer.close();
    for (const { membership } of this.groups.values()) {
      membership.lifecycle.close(KafkaError.NOT_COORDINATOR);
    }
    const groups = this.groups.size;
    this.groups.clear();
    this.#resolveLoaded();
    const { partition } = this;
    if (wasActive) this.#options.onEvent({ type: 'group-partition-unloaded', partition, groups });
  }

  /** The group, made if there is none. It is forgotten again by `dropIfTransient`. */
  open(groupId: string): GroupEntry {
    return (
      this.groups.get(groupId) ??
      this.#add(Group.empty(groupId, this.#options.clock.now()), new OffsetStore(), false)
    );
  }

  dropIfTransient(entry: GroupEntry): void {
    const { groupId } = entry.group;
    if (this.groups.get(groupId) === entry && isTransient(entry)) this.groups.delete(groupId);
  }

  /** As `GroupLogWriter.append`; an answer that is a failure is an event. */
  async append(
    groupId: string,
    records: readonly RecordInput[],
    apply: (errorCode: KafkaErrorCode) => void = () => {},
  ): Promise<KafkaErrorCode> {
    const errorCode = await this.#writer.append(records, apply);
    if (errorCode !== KafkaError.NONE) {
      const { partition } = this;
      this.#options.onEvent({ type: 'group-append-failed', partition, group: groupId, errorCode });
    }
    return errorCode;
  }

  /** As `GroupLogWriter.answered`. */
  answered(): Promise<void> {
    return this.#writer.answered();
  }

  /** Deletes offsets of a group; those that could be deleted are gone from memory too. */
  async deleteOffsets(
    { group, offsets }: GroupEntry,
    doomed: readonly TopicPartition[],
  ): Promise<KafkaErrorCode> {
    const { groupId } = group;
    const batches: Promise<KafkaErrorCode>[] = [];
    for (let start = 0; start < doomed.length; start += TOMBSTONES_PER_BATCH) {
      const part = doomed.slice(start, start + TOMBSTONES_PER_BATCH);
      const records = part.map(({ topic, partition }) =>
        offsetTombstone(groupId, topic, partition),
      );
      batches.push(
        this.append(groupId, records, (errorCode) => {
          if (errorCode !== KafkaError.NONE) return;
          for (const { topic, partition } of part) offsets.delete(topic, partition);
        }),
      );
    }
    const errorCodes = await Promise.all(batches);
    return errorCodes.find((errorCode) => errorCode !== KafkaError.NONE) ?? KafkaError.NONE;
  }

  /** Deletes a group without members and all it has committed. If that fails, the group is there as before. */
  async deleteGroup(entry: GroupEntry, reason: string): Promise<KafkaErrorCode> {
    const { group, offsets, membership } = entry;
    const { groupId } = group;
    // From here on a request meets a new group: what it appends comes after the deletion.
    membership.lifecycle.close(KafkaError.COORDINATOR_NOT_AVAILABLE);
    this.groups.delete(groupId);
    const deletedOffsets = this.deleteOffsets(entry, offsets.known());
    const [offsetError, groupError] = await Promise.all([
      deletedOffsets,
      this.append(groupId, [groupTombstone(groupId)]),
    ]);
    const errorCode = offsetError === KafkaError.NONE ? groupError : offsetError;
    if (errorCode === KafkaError.NONE) {
      this.#options.onEvent({ type: 'group-deleted', group: groupId, reason });
    } else if (this.isActive && !this.groups.has(groupId)) {
      this.#add(
        new Group({
          groupId,
          state: 'Empty',
          generationId: group.generationId,
          protocolType: group.protocolType,
          protocolName: group.protocolName,
          leaderId: null,
          stateTimestampMs: group.stateTimestampMs,
        }),
        offsets,
        entry.isStored,
      );
    }
    return errorCode;
  }

  async #load(): Promise<void> {
    const { storage, config, clock, onEvent } = this.#options;
    const { partition, leaderEpoch } = this;
    const startMs = clock.monotonic();
    const isStale = () => this.#state !== 'loading';
    try {
      const loaded = await loadPartition({
        storage,
        partition,
        bufferBytes: config.offsetsLoadBufferSize,
        isStale,
      });
      if (loaded === null) return;
      await storage.waitForHighWatermark(partition, loaded.endOffset);
      if (isStale()) return;
      this.#activate(loaded, clock.monotonic() - startMs);
    } catch (error) {
      if (isStale()) return;
      const willRetry = isVarveError(error) && error.retriable;
      onEvent({ type: 'group-partition-load-failed', partition, leaderEpoch, error, willRetry });
      if (willRetry) {
        this.#retry.set(LOAD_RETRY_MS);
      } else {
        this.#state = 'failed';
        this.#resolveLoaded();
      }
    }
  }

  #activate(loaded: LoadedPartition, durationMs: number): void {
    let offsetCount = 0;
    this.#state = 'active';
    for (const [groupId, { group, offsets }] of loaded.groups) {
      offsetCount += offsets.size;
      const nowMs = this.#options.clock.now();
      this.#add(group ?? Group.empty(groupId, nowMs), offsets, group !== null);
    }
    for (const { membership } of this.groups.values()) membership.lifecycle.resume();
    this.#options.onEvent({
      type: 'group-partition-loaded',
      partition: this.partition,
      leaderEpoch: this.leaderEpoch,
      groups: loaded.groups.size,
      offsets: offsetCount,
      skippedRecords: loaded.skippedRecords,
      openTransactions: loaded.openTransactions,
      durationMs,
    });
    this.#resolveLoaded();
  }

  #add(group: Group, offsets: OffsetStore, isStored: boolean): GroupEntry {
    const { clock, timers, config, newMemberId, onEvent } = this.#options;
    const membership = new GroupMembership(group, {
      clock,
      timers,
      config,
      newMemberId,
      onEvent,
      persist: (_, assignmentOf) => this.#persist(entry, assignmentOf),
      onPendingGone: () => this.dropIfTransient(entry),
    });
    const entry: GroupEntry = { group, membership, offsets, isStored };
    this.groups.set(group.groupId, entry);
    return entry;
  }

  #persist(entry: GroupEntry, assignmentOf: (member: Member) => Buffer): Promise<KafkaErrorCode> {
    // Also if it fails: it may have reached the log.
    entry.isStored = true;
    return this.append(entry.group.groupId, [groupRecord(entry.group, assignmentOf)]);
  }
}
