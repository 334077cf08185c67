import { Consumer, type Message, stringDeserializers } from '@platformatic/kafka';
import { kafkaOf, platformaticOptions } from './chaos-clients.js';
import type { ChaosCluster } from './chaos-cluster.js';
import { pause } from './chaos-cluster.js';
import type { ChaosModel } from './chaos-model.js';
import { type ChaosPlan, GROUP, TOPIC } from './chaos-plan.js';
import { describe } from './chaos-producers.js';

interface Member {
  readonly clientId: string;
  /** What it still has in its hands it no longer processes. */
  isDead: boolean;
  /** The client has given up, maybe before it was there. */
  isOver: boolean;
  leave(): Promise<void>;
}

const BATCH_STEP = 50;
const LEAVE_LIMIT_MS = 3_000;
const CLOSE_LIMIT_MS = 20_000;
const AGAIN_MS = 200;

/** The consumer group of a chaos run: its members, who are replaced when they die, leave or give up. */
export class ChaosMembers {
  readonly #plan: ChaosPlan;
  readonly #model: ChaosModel;
  readonly #cluster: ChaosCluster;
  readonly #members: (Member | null)[];
  readonly #closing: Promise<unknown>[] = [];
  #lives = 0;
  #isClosed = false;
  /** A promise that was broken: the first one. */
  problem: Error | null = null;
  /** Times a client gave up and was replaced by a new one. */
  givenUp = 0;
  readonly problems = new Map<string, number>();

  constructor(plan: ChaosPlan, model: ChaosModel, cluster: ChaosCluster) {
    this.#plan = plan;
    this.#model = model;
    this.#cluster = cluster;
    this.#members = Array.from({ length: plan.group.members }, () => null);
  }

  start(): void {
    for (const index of this.#members.keys()) this.#begin(index);
  }

  /** As if its process had been killed: in the middle of what it does, and without a word. */
  kill(index: number): void {
    const i = index % this.#members.length;
    const member = this.#members[i];
    if (member === null || member === undefined) return;
    this.#members[i] = null;
    member.isDead = true;
    this.#cluster.killClient(member.clientId);
    this.#release(member);
    this.#begin(i);
  }

  leave(index: number): void {
    const i = index % this.#members.length;
    const member = this.#members[i];
    if (member === null || member === undefined) return;
    this.#members[i] = null;
    this.#release(member);
    this.#begin(i);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const [i, member] of this.#members.entries()) {
      if (member === null) continue;
      this.#members[i] = null;
      this.#release(member);
    }
    await Promise.race([Promise.all(this.#closing), pause(CLOSE_LIMIT_MS)]);
  }

  /** It may say that it leaves; then its connections are gone, as those of a process that ends. */
  #release({ clientId, leave }: Member): void {
    const left = Promise.race([leave().catch(() => undefined), pause(LEAVE_LIMIT_MS)]);
    this.#closing.push(left.then(() => this.#cluster.killClient(clientId)));
  }

  #begin(index: number): void {
    this.#lives += 1;
    const clientId = `member-${index}-${this.#lives}`;
    const open =
      this.#plan.group.client === 'kafkajs'
        ? this.#openKafkaJs(clientId)
        : this.#openPlatformatic(clientId);
    open.then(
      (member) => {
        if (this.#isClosed) {
          this.#release(member);
          return;
        }
        this.#members[index] = member;
        if (member.isOver) this.#replace(index, member);
      },
      (error: unknown) => {
        this.#note(error);
        this.#cluster.killClient(clientId);
        if (!this.#isClosed) setTimeout(() => this.#isClosed || this.#begin(index), AGAIN_MS);
      },
    );
  }

  #note(error: unknown): void {
    const text = describe(error);
    const count = this.problems.get(text) ?? 0;
    this.problems.set(text, count + 1);
    if (count === 0) this.#cluster.note(`member: ${text}`);
  }

  /** The client will not go on by itself. */
  #gaveUp(member: Member, error: unknown): void {
    this.#note(error);
    member.isOver = true;
    const index = this.#members.indexOf(member);
    if (index >= 0 && !this.#isClosed) this.#replace(index, member);
  }

  #replace(index: number, member: Member): void {
    this.givenUp += 1;
    this.#members[index] = null;
    this.#release(member);
    setTimeout(() => this.#isClosed || this.#begin(index), AGAIN_MS);
  }

  #process(partition: number, offset: number, value: string): void {
    const model = this.#model.partition(partition);
    try {
      model.see(offset, value);
    } catch (error) {
      this.problem ??= error as Error;
    }
    model.processed.add(offset);
  }

  async #openKafkaJs(clientId: string): Promise<Member> {
    const { sessionTimeoutMs, commitIntervalMs } = this.#plan.group;
    const kafka = kafkaOf(clientId, this.#cluster.addresses, (text) => this.#note(new Error(text)));
    const consumer = kafka.consumer({
      groupId: GROUP,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: sessionTimeoutMs,
      heartbeatInterval: Math.round(sessionTimeoutMs / 6),
      maxWaitTimeInMs: 100,
      retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 5 },
    });
    const member: Member = {
      clientId,
      isDead: false,
      isOver: false,
      leave: () => consumer.disconnect(),
    };
    consumer.on('consumer.crash', ({ payload }) => {
      if (!payload.restart) this.#gaveUp(member, payload.error);
    });
    await consumer.connect();
    await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
    await consumer.run({
      autoCommitInterval: commitIntervalMs,
      eachBatchAutoResolve: false,
      eachBatch: async ({
        batch,
        commitOffsetsIfNecessary,
        heartbeat,
        isRunning,
        isStale,
        resolveOffset,
      }) => {
        for (const [i, { offset, value }] of batch.messages.entries()) {
          if (member.isDead || !isRunning() || isStale()) return;
          this.#process(batch.partition, Number(offset), String(value));
          resolveOffset(offset);
          if (i % BATCH_STEP !== BATCH_STEP - 1) continue;
          await heartbeat();
          await commitOffsetsIfNecessary();
        }
      },
    });
    return member;
  }

  async #openPlatformatic(clientId: string): Promise<Member> {
    const { sessionTimeoutMs, commitIntervalMs } = this.#plan.group;
    const consumer = new Consumer({
      ...platformaticOptions(clientId, this.#cluster.addresses),
      groupId: GROUP,
      deserializers: stringDeserializers,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: sessionTimeoutMs,
      heartbeatInterval: Math.round(sessionTimeoutMs / 6),
      // It goes for joining, too, which lasts until everybody has come or this time is over.
      requestTimeout: sessionTimeoutMs + 3_000,
    });
    const own: { member: Member | null } = { member: null };
    consumer.on('error', (error: Error) => {
      if (own.member === null) this.#note(error);
      else this.#gaveUp(own.member, error);
    });
    const stream = await consumer
      .consume({
        topics: [TOPIC],
        mode: 'committed',
        fallbackMode: 'earliest',
        autocommit: false,
        maxWaitTime: 100,
      })
      .catch(async (error: unknown) => {
        await closed(consumer);
        throw error;
      });
    /** Partition to the offset after what was processed. */
    const done = new Map<number, bigint>();
    let isCommitting = false;
    const commit = async (): Promise<void> => {
      const assigned = consumer.assignments?.find(({ topic }) => topic === TOPIC)?.partitions ?? [];
      const offsets = [...done]
        .filter(([partition]) => assigned.includes(partition))
        .map(([partition, offset]) => ({ topic: TOPIC, partition, offset, leaderEpoch: -1 }));
      if (isCommitting || offsets.length === 0) return;
      isCommitting = true;
      try {
        await consumer.commit({ offsets });
        for (const { partition, offset } of offsets) {
          if (done.get(partition) === offset) done.delete(partition);
        }
      } catch (error) {
        // It stays with a coordinator that is none any more, and never looks for another.
        if (describe(error).includes('NOT_COORDINATOR')) this.#gaveUp(member, error);
        else this.#note(error);
      } finally {
        isCommitting = false;
      }
    };
    const timer = setInterval(() => void commit(), commitIntervalMs);
    const member: Member = {
      clientId,
      isDead: false,
      isOver: false,
      leave: async () => {
        clearInterval(timer);
        await stream.close().catch(() => undefined);
        await closed(consumer);
      },
    };
    own.member = member;
    stream.on('data', ({ partition, offset, value }: Message<string, string, string, string>) => {
      if (member.isDead) return;
      this.#process(partition, Number(offset), value);
      done.set(partition, offset + 1n);
    });
    // What it committed before it lost a partition is not for the next owner's time.
    consumer.on('consumer:group:join', () => done.clear());
    stream.on('error', (error) => this.#gaveUp(member, error));
    return member;
  }
}

/** One whose connections are cut cannot say that it leaves; that is no reason to wait. */
function closed(consumer: { close(force: boolean, callback: () => void): void }): Promise<void> {
  return new Promise((resolve) => consumer.close(true, () => resolve()));
}
