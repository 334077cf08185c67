import { OFFSETS_TOPIC } from '../groups/ports.js';
import type { PartitionLog } from '../log/partition-log.js';
import {
  DataDirectory,
  type DataDirectoryUsage,
  type OfflinePartition,
  type TopicDescription,
} from '../topics/data-directory.js';
import type { OpenDataDirectoryOptions } from '../topics/options.js';
import type { CreateTopicOptions, TopicSettingChanges } from '../topics/topic-admin.js';
import { Consumer, type ConsumerOptions } from './consumer.js';
import { GroupConsumer, type GroupConsumerOptions } from './group-consumer.js';
import type { PartitionSource } from './partition-source.js';
import { Producer, type ProducerOptions } from './producer.js';
import { type GroupDescription, requireNoOffsetsTopic, StoreGroups } from './store-groups.js';

/**
 * A data directory with its clients: topics, producers and consumers in this process, without sockets.
 *
 * ```ts
 * const store = await Store.open({ directory: 'data' });
 * await store.createTopic('events', { partitions: 4 });
 * const { offset } = await store.producer().send({ topic: 'events', key: 'user-1', value: 'signed in' });
 * await store.close();
 * ```
 *
 * One process has a directory open at a time. What was sent survives the death of the process; what was sent with
 * `durability: 'disk'`, power loss.
 */
export class Store implements PartitionSource {
  readonly #data: DataDirectory;
  readonly #clients = new Set<Producer | Consumer | GroupConsumer>();
  /** Opened by the first group. */
  #groups: Promise<StoreGroups> | null = null;

  private constructor(data: DataDirectory) {
    this.#data = data;
  }

  /** Opens or makes the directory. Errors as `DataDirectory.open`: DIRECTORY_LOCKED, INVALID_CONFIG, READ_ONLY, DISK_FULL ... */
  static async open(options: OpenDataDirectoryOptions): Promise<Store> {
    return new Store(await DataDirectory.open(options));
  }

  get directory(): string {
    return this.#data.directory;
  }

  /** The last stop was a clean close, so nothing had to be recovered. */
  get wasClean(): boolean {
    return this.#data.wasClean;
  }

  /** Partitions that are set aside or take no more writes, with the cause. */
  get offline(): OfflinePartition[] {
    return this.#data.offline;
  }

  /** Makes a topic, durably. Fails with INVALID_TOPIC, TOPIC_ALREADY_EXISTS, INVALID_PARTITIONS, INVALID_CONFIG, DISK_FULL. */
  createTopic(topic: string, options?: CreateTopicOptions): Promise<TopicDescription> {
    return this.#data.createTopic(topic, options);
  }

  /**
   * Deletes a topic, durably, and what groups have committed for it; views of its records stay valid. Fails with
   * UNKNOWN_TOPIC_OR_PARTITION, and with INVALID_TOPIC for the topic of the groups' own offsets.
   */
  async deleteTopic(topic: string): Promise<void> {
    requireNoOffsetsTopic(topic);
    await this.#data.deleteTopic(topic);
    const groups = await this.#groupsIfAny();
    await groups?.topicDeleted(topic);
  }

  /** Gives a topic `total` partitions. Keys may move to other partitions. Never fewer: INVALID_PARTITIONS. */
  addPartitions(topic: string, total: number): Promise<void> {
    return this.#data.addPartitions(topic, total);
  }

  /** Changes the settings named; null goes back to the default. Fails with INVALID_CONFIG. */
  alterConfig(topic: string, changes: TopicSettingChanges): Promise<void> {
    return this.#data.alterConfig(topic, changes);
  }

  listTopics(): string[] {
    return this.#data.listTopics();
  }

  hasTopic(topic: string): boolean {
    return this.#data.hasTopic(topic);
  }

  describeTopic(topic: string): TopicDescription {
    return this.#data.describeTopic(topic);
  }

  partitionCount(topic: string): number {
    return this.#data.partitionCount(topic);
  }

  /** The log of one partition. Fails with UNKNOWN_TOPIC_OR_PARTITION or PARTITION_OFFLINE. */
  partition(topic: string, partition: number): PartitionLog {
    return this.#data.partition(topic, partition);
  }

  /** A producer of its own batches and settings. Closed with the store. */
  producer(options?: ProducerOptions): Producer {
    const producer: Producer = new Producer(this, options, () => this.#clients.delete(producer));
    this.#clients.add(producer);
    return producer;
  }

  /** A consumer without an assignment: `assign`, `assignTopics`. Closed with the store. */
  consumer(options?: ConsumerOptions): Consumer {
    const consumer: Consumer = new Consumer(this, options, () => this.#clients.delete(consumer));
    this.#clients.add(consumer);
    return consumer;
  }

  /**
   * A member of a consumer group: partitions are shared among the group's members, wherever in this process they are,
   * and read from the offsets that the group has committed. Closed with the store.
   */
  async groupConsumer(options: GroupConsumerOptions): Promise<GroupConsumer> {
    const groups = await this.#openGroups();
    const consumer: GroupConsumer = new GroupConsumer(this, groups, options, () =>
      this.#clients.delete(consumer),
    );
    this.#clients.add(consumer);
    return consumer;
  }

  /** Groups that have members or committed offsets. */
  async listGroups(): Promise<string[]> {
    return (await this.#groupsIfAny())?.list() ?? [];
  }

  /** State, members and lag of a group. Fails with GROUP_ID_NOT_FOUND. */
  async describeGroup(group: string): Promise<GroupDescription> {
    return (await this.#openGroups()).describe(group);
  }

  /** Forgets a group and what it has committed. Fails with NON_EMPTY_GROUP while it has members, GROUP_ID_NOT_FOUND. */
  async deleteGroup(group: string): Promise<void> {
    await (await this.#openGroups()).delete(group);
  }

  #openGroups(): Promise<StoreGroups> {
    this.#groups ??= StoreGroups.open(this.#data, this.#data.clock).catch((error: unknown) => {
      // Tried again by the next caller.
      this.#groups = null;
      throw error;
    });
    return this.#groups;
  }

  /** Null: no group was ever here, and none need be made to say so. */
  async #groupsIfAny(): Promise<StoreGroups | null> {
    return this.#groups !== null || this.#data.hasTopic(OFFSETS_TOPIC) ? this.#openGroups() : null;
  }

  /** Deletes what retention says is due now. Returns the number of segments. */
  applyRetention(): Promise<number> {
    return this.#data.applyRetention();
  }

  /** Compacts what is due now. Returns the number of logs. */
  compact(): Promise<number> {
    return this.#data.compact();
  }

  usage(): DataDirectoryUsage {
    return this.#data.usage();
  }

  /** Closes clients, logs and the directory, so that the next open needs no recovery. Idempotent. */
  async close(): Promise<void> {
    for (const client of [...this.#clients]) await client.close();
    (await this.#groups?.catch(() => null))?.close();
    await this.#data.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
