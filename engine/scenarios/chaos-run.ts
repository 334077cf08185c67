import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kafkaOf } from './chaos-clients.js';
import { ChaosCluster, pause } from './chaos-cluster.js';
import { ChaosFaults } from './chaos-faults.js';
import { compareReplicas, readReplicaLog, valuesOf } from './chaos-logs.js';
import { ChaosMembers } from './chaos-members.js';
import { ChaosModel } from './chaos-model.js';
import { BROKERS, type ChaosPlan, type FaultKind, GROUP, planOf, TOPIC } from './chaos-plan.js';
import { ChaosProducers, describe } from './chaos-producers.js';

export interface ChaosVerdict {
  readonly seed: number;
  /** Null: every promise was kept. */
  readonly problem: string | null;
  /** Kept where there is a problem. */
  readonly directory: string | null;
  /** Of those that were carried out. */
  readonly faults: Partial<Record<FaultKind, number>>;
  readonly recordsAcknowledged: number;
  /** By consumers in the group; some more than once. */
  readonly recordsProcessed: number;
  readonly recordsChecked: number;
  /** Sends that were repeated. */
  readonly sendsRepeated: number;
  /** Clients that gave up, or were stuck for good, and were replaced. */
  readonly membersGivenUp: number;
  readonly producersGivenUp: number;
  /** Records sent only to make members commit again what a lost commit had left open. */
  readonly nudges: number;
  readonly clients: string;
  readonly durationMs: number;
  /** How long it took from the end of the faults until the group was done. */
  readonly settledMs: number;
  /** Of a run with a problem: what happened. */
  readonly story: readonly string[];
}

const SETTLE_LIMIT_MS = 60_000;
const GROUP_LIMIT_MS = 120_000;
const NUDGE_MS = 15_000;
const READ_LIMIT_MS = 60_000;
const OFFSETS_TOPIC = '__consumer_offsets';

let whereNow: () => string[] = () => [];

/** Of a run that does not end: what was done, what had failed, and what the process still waits for. */
export function describeRunning(): string[] {
  return [...whereNow(), `waits for: ${process.getActiveResourcesInfo().join(', ')}`];
}

/**
 * One cluster of three processes, producers and a group that use it, and the faults of the seed's plan; then everything
 * heals, and what producers were told is compared with what consumers got and what is on the brokers' disks.
 */
export async function runChaos(seed: number, base = tmpdir()): Promise<ChaosVerdict> {
  const directory = mkdtempSync(join(base, `varve-chaos-${seed}-`));
  const startMs = performance.now();
  const plan = planOf(seed);
  let run: Run | null = null;
  let problem: string | null = null;
  whereNow = () => [
    problem === null ? 'nothing has failed yet' : `it had failed: ${problem}`,
    ...(run?.cluster.story ?? []),
    ...(run?.errors() ?? []),
  ];
  try {
    run = new Run(
      plan,
      await ChaosCluster.open({
        directory,
        brokers: BROKERS,
        config: { ...plan.config, 'min.insync.replicas': 2, 'default.replication.factor': 3 },
      }),
      directory,
    );
    await run.run();
  } catch (error) {
    problem = error instanceof Error ? `${error.message}` : String(error);
  } finally {
    await run?.cluster.dispose();
  }
  if (problem === null) rmSync(directory, { recursive: true, force: true });
  return {
    seed,
    problem,
    directory: problem === null ? null : directory,
    faults: run?.faults.done ?? {},
    recordsAcknowledged: run?.model.acknowledged ?? 0,
    recordsProcessed: run?.model.partitions.reduce((sum, p) => sum + p.processed.size, 0) ?? 0,
    recordsChecked: run?.recordsChecked ?? 0,
    sendsRepeated: run === null ? 0 : sum(run.producers.problems),
    membersGivenUp: run?.members.givenUp ?? 0,
    producersGivenUp: run?.producers.givenUp ?? 0,
    nudges: run?.nudges ?? 0,
    clients: `${plan.producers.map(({ client }) => client).join('+')} > ${plan.group.members} ${plan.group.client}`,
    durationMs: Math.round(performance.now() - startMs),
    settledMs: Math.round(run?.settledMs ?? 0),
    story: problem === null ? [] : [...(run?.cluster.story ?? []), ...(run?.errors() ?? [])],
  };
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}

class Run {
  readonly plan: ChaosPlan;
  readonly cluster: ChaosCluster;
  readonly model: ChaosModel;
  readonly producers: ChaosProducers;
  readonly members: ChaosMembers;
  readonly faults: ChaosFaults;
  readonly #directory: string;
  recordsChecked = 0;
  nudges = 0;
  settledMs = 0;

  constructor(plan: ChaosPlan, cluster: ChaosCluster, directory: string) {
    this.plan = plan;
    this.cluster = cluster;
    this.#directory = directory;
    this.model = new ChaosModel(plan.partitions);
    this.producers = new ChaosProducers(plan, this.model, cluster);
    this.members = new ChaosMembers(plan, this.model, cluster);
    this.faults = new ChaosFaults(plan, cluster, this.members);
  }

  /** What clients complained of. */
  errors(): string[] {
    const lines = (who: string, counts: ReadonlyMap<string, number>): string[] =>
      [...counts].map(([text, count]) => `${who}: ${count} x ${text}`);
    return [
      ...lines('producers', this.producers.problems),
      ...lines('members', this.members.problems),
    ];
  }

  async run(): Promise<void> {
    const kafka = kafkaOf('admin', this.cluster.addresses);
    const admin = kafka.admin({ retry: { initialRetryTime: 50, retries: 20 } });
    await admin.connect();
    try {
      const configEntries = Object.entries({
        'min.insync.replicas': '2',
        ...this.plan.topicConfig,
      }).map(([name, value]) => ({ name, value }));
      const topic = {
        topic: TOPIC,
        numPartitions: this.plan.partitions,
        replicationFactor: BROKERS,
        configEntries,
      };
      // A busy machine may answer too late: asked again, it is there, which is no error.
      await patiently(() => admin.createTopics({ topics: [topic] }));
      await this.producers.start();
      this.members.start();
      await this.faults.run();
      const healedMs = performance.now();
      this.cluster.note('healed');
      const ends = await this.#settle(admin);
      this.settledMs = performance.now() - healedMs;
      await this.members.close();
      const reader = kafkaOf('reader', this.cluster.addresses);
      await this.#readAll(reader, ends);
      // Once more: a broker killed at the last moment may not have been missed yet when the first was asked for.
      await this.cluster.order({ kind: 'settle', waitMs: SETTLE_LIMIT_MS });
      const offsetsEnds = await endsOf(admin, OFFSETS_TOPIC);
      await admin.disconnect();
      await this.producers.close();
      await this.cluster.stop('SIGTERM');
      this.#compareLogs(TOPIC, ends);
      this.#compareLogs(OFFSETS_TOPIC, offsetsEnds);
      if (this.members.problem !== null) throw this.members.problem;
      const left = this.cluster.leftovers();
      if (left.length > 0) throw new Error(`left in the temporary directory: ${left.join(', ')}`);
    } catch (error) {
      if (this.cluster.isUp) this.cluster.story.push(...(await this.cluster.describe()));
      throw error;
    } finally {
      await this.faults.heal();
      await this.members.close();
      await this.producers.close();
      await admin.disconnect().catch(() => undefined);
    }
  }

  /** Producers end, replicas catch up, the group comes to the end. Resolves with the ends of the partitions. */
  async #settle(admin: Admin): Promise<number[]> {
    // First, for it also starts brokers whose restart failed, as nobody else does.
    await this.cluster.order({ kind: 'settle', waitMs: SETTLE_LIMIT_MS });
    await this.producers.finish();
    this.cluster.note('replicas are in sync');
    await this.producers.sendLast();
    const endMs = performance.now() + GROUP_LIMIT_MS;
    let nudgeMs = performance.now() + NUDGE_MS;
    for (;;) {
      if (this.members.problem !== null) throw this.members.problem;
      const ends = await endsOf(admin, TOPIC);
      const committed = await committedOf(admin, ends.length);
      if (ends.every((end, i) => committed[i] === end)) {
        for (const partition of this.model.partitions) {
          partition.checkProcessed(ends[partition.index] ?? 0);
        }
        this.cluster.note('the group is done');
        return ends;
      }
      if (performance.now() > endMs) {
        throw new Error(
          `the group has committed ${committed.join(', ')} of ${ends.join(', ')} after ${GROUP_LIMIT_MS} ms`,
        );
      }
      if (performance.now() > nudgeMs) {
        // A client whose last commit failed commits again only after more records.
        this.nudges += 1;
        this.cluster.note(`committed ${committed.join(', ')} of ${ends.join(', ')}: nudged`);
        await this.producers.sendLast();
        nudgeMs += NUDGE_MS;
      }
      await pause(100);
    }
  }

  /** As a new group of one that reads from the beginning: each record once. */
  async #readAll(kafka: ReturnType<typeof kafkaOf>, ends: readonly number[]): Promise<void> {
    const consumer = kafka.consumer({ groupId: `${GROUP}-again`, maxWaitTimeInMs: 100 });
    const values: string[][] = ends.map(() => []);
    let failure: Error | null = null;
    try {
      await consumer.connect();
      await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch: { partition, messages } }) => {
          const list = values[partition] ?? [];
          for (const { offset, value } of messages) {
            // Its coordinator moved, it joined again, and nobody has committed how far it was.
            if (offset === '0') list.length = 0;
            if (Number(offset) !== list.length) {
              failure ??= new Error(`read offset ${offset} after ${list.length - 1}`);
            }
            list.push(String(value));
          }
        },
      });
      const endMs = performance.now() + READ_LIMIT_MS;
      while (failure === null && values.some((list, i) => list.length < (ends[i] ?? 0))) {
        if (performance.now() > endMs) {
          throw new Error(
            `read ${values.map(({ length }) => length).join(', ')} of ${ends.join(', ')} in ${READ_LIMIT_MS} ms`,
          );
        }
        await pause(20);
      }
    } finally {
      await consumer.disconnect().catch(() => undefined);
    }
    if (failure !== null) throw failure;
    for (const [i, list] of values.entries()) {
      this.model.partition(i).check(list);
      this.recordsChecked += list.length;
    }
  }

  #compareLogs(topic: string, ends: readonly number[]): void {
    const directory = join(this.#directory, 'cluster');
    for (const [i, end] of ends.entries()) {
      const partition = `${topic}-${i}`;
      const logs = Array.from({ length: BROKERS }, (_, id) =>
        readReplicaLog(directory, id + 1, partition),
      );
      compareReplicas(partition, logs, end);
      if (topic !== TOPIC) continue;
      // What the reader was given is what is there.
      for (const log of logs) this.model.partition(i).check(valuesOf(log, end));
    }
  }
}

type Admin = ReturnType<ReturnType<typeof kafkaOf>['admin']>;

async function endsOf(admin: Admin, topic: string): Promise<number[]> {
  const ends: number[] = [];
  for (const { partition, high } of await patiently(() => admin.fetchTopicOffsets(topic))) {
    ends[partition] = Number(high);
  }
  return ends;
}

async function committedOf(admin: Admin, partitions: number): Promise<number[]> {
  const offsets = Array.from({ length: partitions }, () => -1);
  const [its] = await patiently(() => admin.fetchOffsets({ groupId: GROUP, topics: [TOPIC] }));
  for (const { partition, offset } of its?.partitions ?? []) offsets[partition] = Number(offset);
  return offsets;
}

/** Leaders and coordinators may still be on their way. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  const endMs = performance.now() + READ_LIMIT_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > endMs) throw new Error(`asked in vain: ${describe(error)}`);
      await pause(200);
    }
  }
}
