import type { Consumer } from '@platformatic/kafka';
import { remoteError } from '../client/client-error.js';
import { partitionKey } from '../client/cluster-view.js';
import { type KafkaClient, withSignal } from '../client/kafka-client.js';
import type { Position } from './fetch-loop.js';

const SESSION_TIMEOUT_MS = 10_000;
const REBALANCE_TIMEOUT_MS = 60_000;
const HEARTBEAT_MS = 1000;
const COMMIT_EVERY_MS = 1000;

interface Partition {
  readonly topic: string;
  readonly partition: number;
}

/** Membership in a group: assignments, and commits of what has been printed. */
export class GroupMember {
  readonly #client: KafkaClient;
  readonly #consumer: Consumer;
  readonly #doesCommit: boolean;
  readonly #committed = new Map<string, number>();
  #hasJoined = false;
  #failure: unknown = null;
  #committedMs = 0;
  #positions: () => Iterable<Position> = () => [];

  private constructor(client: KafkaClient, consumer: Consumer, doesCommit: boolean) {
    this.#client = client;
    this.#consumer = consumer;
    this.#doesCommit = doesCommit;
    consumer.on('consumer:group:join', () => {
      this.#hasJoined = true;
    });
    // Until the others have come, too, offsets of the old generation can still be committed.
    consumer.on('consumer:group:rebalance', () => {
      this.#commit().catch(() => undefined);
    });
    consumer.on('error', (error: unknown) => {
      this.#failure = error;
    });
  }

  static async join(
    client: KafkaClient,
    groupId: string,
    topics: readonly string[],
    options: { readonly doesCommit: boolean; readonly signal: AbortSignal },
  ): Promise<GroupMember> {
    const consumer = new client.library.Consumer({
      ...client.options,
      groupId,
      sessionTimeout: SESSION_TIMEOUT_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_MS,
      // Names that the other clients of a group have, too: the leader's own assignor does the work.
      protocols: [
        { name: 'range', version: 1 },
        { name: 'roundrobin', version: 1 },
      ],
      retries: 5,
      retryDelay: 200,
    });
    const member = new GroupMember(client, consumer, options.doesCommit);
    consumer.topics.trackAll(...topics);
    try {
      await withSignal(consumer.joinGroup({}), options.signal);
    } catch (error) {
      await member.leave();
      throw remoteError(error, () => groupId);
    }
    return member;
  }

  /** What is committed on a rebalance and at the end. */
  commitsWhatIsPrinted(positions: () => Iterable<Position>): void {
    this.#positions = positions;
  }

  /** The assignment since it was last asked for, or null when it is still that one. */
  newAssignment(): Partition[] | null {
    if (this.#failure !== null) throw remoteError(this.#failure, () => this.#consumer.groupId);
    if (!this.#hasJoined) return null;
    this.#hasJoined = false;
    return (this.#consumer.assignments ?? []).flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    );
  }

  /** By partition; those without a commit are left out. */
  async committed(partitions: readonly Partition[]): Promise<Map<string, number>> {
    this.#committed.clear();
    if (partitions.length === 0) return new Map();
    const byTopic = new Map<string, number[]>();
    for (const { topic, partition } of partitions) {
      byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition]);
    }
    const topics = [...byTopic].map(([topic, list]) => ({ topic, partitions: list }));
    const offsets = await this.#client.retrying(() =>
      this.#consumer.listCommittedOffsets({ topics }),
    );
    for (const { topic, partition } of partitions) {
      const offset = Number(offsets.get(topic)?.[partition] ?? -1n);
      if (offset >= 0) this.#committed.set(partitionKey(topic, partition), offset);
    }
    return new Map(this.#committed);
  }

  async commitSometimes(): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.#committedMs < COMMIT_EVERY_MS) return;
    this.#committedMs = nowMs;
    await this.#commit();
  }

  async leave(): Promise<void> {
    try {
      await this.#consumer.close(true);
    } catch {
      // The session timeout does what leaving would have done.
    }
  }

  async commitAndLeave(): Promise<void> {
    try {
      await this.#commit();
    } finally {
      await this.leave();
    }
  }

  async #commit(): Promise<void> {
    if (!this.#doesCommit) return;
    const offsets = [...this.#positions()]
      .filter(({ topic, partition, offset }) => {
        const before = this.#committed.get(partitionKey(topic, partition));
        return before !== offset;
      })
      .map(({ topic, partition, offset }) => ({
        topic,
        partition,
        offset: BigInt(offset),
        leaderEpoch: -1,
      }));
    if (offsets.length === 0) return;
    try {
      await this.#consumer.commit({ offsets });
    } catch (error) {
      throw remoteError(error, () => this.#consumer.groupId);
    }
    for (const { topic, partition, offset } of offsets) {
      this.#committed.set(partitionKey(topic, partition), Number(offset));
    }
  }
}
