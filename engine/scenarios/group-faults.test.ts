import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import kafkajs, { type Consumer, type Kafka } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cluster } from '../cluster/index.js';
import { letKafkaJsStop } from '../testing/kafkajs-stop.js';
import { Random } from '../testing/random.js';
import { RawClient } from '../testing/raw-client.js';

const ENTRY = resolve('dist/engine/cluster/broker-process.js');
const PARTITIONS = 8;
const SESSION_MS = 2_000;

letKafkaJsStop();

let directory: string;
let cluster: Cluster;
const cleanUps: (() => unknown)[] = [];

beforeEach(async () => {
  if (!existsSync(ENTRY)) throw new Error(`${ENTRY} is missing: run \`npm run build\` first`);
  directory = mkdtempSync(join(tmpdir(), 'varve-group-faults-'));
  cluster = await Cluster.start({
    directory,
    entry: ENTRY,
    config: { 'group.min.session.timeout.ms': 500, 'offsets.topic.num.partitions': 1 },
  });
});
afterEach(async () => {
  // Those whose connections are gone would try to leave for long.
  await Promise.race([Promise.all(cleanUps.splice(0).map((cleanUp) => cleanUp())), pause(5_000)]);
  await cluster.close();
  rmSync(directory, { recursive: true, force: true });
});

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`in vain: ${what}`);
    await pause(20);
  }
}

interface Client {
  readonly kafka: Kafka;
  /** As the end of its process: its connections break, and it makes no more. */
  die(): void;
}

function client(): Client {
  const sockets = new Set<Socket>();
  let isDead = false;
  const kafka = new kafkajs.Kafka({
    brokers: cluster.addresses,
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 300, retries: 10 },
    socketFactory: ({ host, port, onConnect }) => {
      const socket = connect({ host, port }, onConnect).setNoDelay(true);
      if (isDead) socket.destroy(new Error('dead'));
      sockets.add(socket);
      return socket;
    },
  });
  return {
    kafka,
    die: () => {
      isDead = true;
      for (const socket of sockets) socket.destroy();
    },
  };
}

function consumerOf({ kafka }: Client, groupId: string): Consumer {
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: SESSION_MS,
    rebalanceTimeout: 4_000,
    heartbeatInterval: 200,
    maxWaitTimeInMs: 50,
  });
  cleanUps.push(() => consumer.disconnect().catch(() => undefined));
  return consumer;
}

/** `p/n` for n from `first` on, `count` in each partition. */
async function produce(first: number, count: number): Promise<void> {
  const producer = client().kafka.producer({ idempotent: true });
  await producer.connect();
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const messages = Array.from({ length: count }, (_, i) => ({
      partition,
      value: `${partition}/${first + i}`,
    }));
    await producer.send({ topic: 'a', acks: -1, messages });
  }
  await producer.disconnect();
}

async function createTopic(): Promise<void> {
  const raw = new RawClient(cluster.addresses);
  await raw.createTopic('a', PARTITIONS, 3);
  raw.close();
}

async function committedSum(groupId: string): Promise<number> {
  const admin = client().kafka.admin();
  await admin.connect();
  try {
    const [its] = await admin.fetchOffsets({ groupId, topics: ['a'] });
    return (its?.partitions ?? []).reduce(
      (sum, { offset }) => sum + Math.max(0, Number(offset)),
      0,
    );
  } finally {
    await admin.disconnect();
  }
}

describe('a consumer that dies in the middle of a batch', () => {
  it('what it had not committed goes to the others; nothing is skipped', {
    timeout: 120_000,
  }, async () => {
    await createTopic();
    await produce(0, 200);
    const victim = client();
    const seen: string[] = [];
    let hasDied = false;
    const dying = consumerOf(victim, 'g');
    await dying.connect();
    await dying.subscribe({ topic: 'a', fromBeginning: true });
    const died = new Promise<void>((done) => {
      dying
        .run({
          autoCommitThreshold: 50,
          eachMessage: async ({ message: { value } }) => {
            if (hasDied) return;
            seen.push(String(value));
            if (seen.length !== 275) return;
            hasDied = true;
            victim.die();
            done();
          },
        })
        .catch(() => undefined);
    });
    await died;
    const before = await committedSum('g');
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThanOrEqual(275);

    const rest: string[] = [];
    const heir = consumerOf(client(), 'g');
    await heir.connect();
    await heir.subscribe({ topic: 'a', fromBeginning: true });
    await heir.run({
      eachMessage: async ({ message: { value } }) => {
        rest.push(String(value));
      },
    });
    await until('all committed', async () => (await committedSum('g')) === 200 * PARTITIONS);
    // From the committed offsets on: no more and no less.
    expect(rest).toHaveLength(200 * PARTITIONS - before);
    expect(new Set(rest).size).toBe(rest.length);
    expect(new Set([...seen, ...rest]).size).toBe(200 * PARTITIONS);
  });
});

describe('a group that thrashes', () => {
  it('comes to rest and has read everything; another group of that coordinator is not disturbed', {
    timeout: 180_000,
  }, async () => {
    await createTopic();
    const random = new Random(7);
    const calm: string[] = [];
    let calmJoins = 0;
    const calmConsumer = consumerOf(client(), 'calm');
    calmConsumer.on('consumer.group_join', () => {
      calmJoins += 1;
    });
    await calmConsumer.connect();
    await calmConsumer.subscribe({ topic: 'a', fromBeginning: true });
    await calmConsumer.run({
      eachMessage: async ({ message: { value } }) => {
        calm.push(String(value));
      },
    });
    await until('the calm group', () => calmJoins === 1);

    const seen = new Set<string>();
    let joins = 0;
    const begin = async () => {
      const its = client();
      const consumer = consumerOf(its, 'wild');
      consumer.on('consumer.group_join', () => {
        joins += 1;
      });
      await consumer.connect();
      await consumer.subscribe({ topic: 'a', fromBeginning: true });
      await consumer.run({
        eachMessage: async ({ message: { value } }) => {
          seen.add(String(value));
        },
      });
      return { its, consumer };
    };
    const members = await Promise.all([begin(), begin(), begin()]);
    let sent = 0;
    const endMs = performance.now() + 12_000;
    while (performance.now() < endMs) {
      await produce(sent, 5);
      sent += 5;
      const [gone] = members.splice(random.below(members.length), 1);
      // Most leave; some are gone without a word.
      if (random.chance(0.3)) gone!.its.die();
      else void gone!.consumer.disconnect().catch(() => undefined);
      members.push(await begin());
      await pause(random.below(300));
    }
    await produce(sent, 5);
    sent += 5;
    const all = sent * PARTITIONS;
    await until('everything read by the wild', () => seen.size === all);
    await until('committed by the wild', async () => (await committedSum('wild')) === all);
    await until('everything read by the calm', () => calm.length === all);
    expect(joins).toBeGreaterThan(10);
    expect(calmJoins).toBe(1);
    expect(new Set(calm).size).toBe(calm.length);
    const admin = client().kafka.admin();
    cleanUps.push(() => admin.disconnect());
    await admin.connect();
    await until('the group is stable with its last members', async () => {
      const [group] = (await admin.describeGroups(['wild'])).groups;
      return group?.state === 'Stable' && group.members.length === 3;
    });
  });
});
