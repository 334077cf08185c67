import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import kafkajs from 'kafkajs';
import { RawClient } from '../testing/raw-client.js';
import { kafkaOf } from './chaos-clients.js';
import { ChaosCluster, pause } from './chaos-cluster.js';

/*
 * How long clients wait when a leader dies or moves, and when a member of a group dies: three broker processes,
 * replication factor 3, acks=all, min.insync.replicas=2. Prints one line a figure.
 */

const USAGE = `failover-times [--rounds N] [--what kill,stop,move,group] [--client raw|kafkajs]`;
const TOPIC = 'measured';
const PARTITIONS = 3;
const RECORD = 'x'.repeat(1024);

interface Lane {
  /** When each batch was acknowledged. */
  readonly times: number[];
  stop(): Promise<void>;
}

type Send = (partition: number) => Promise<unknown>;

/** One batch after the other, each sent again until it is acknowledged. */
function lane(send: Send, partition: number): Lane {
  const times: number[] = [];
  let isStopped = false;
  const loop = (async () => {
    while (!isStopped) {
      try {
        await send(partition);
        times.push(performance.now());
      } catch {
        await pause(1);
      }
    }
  })();
  return {
    times,
    stop: () => {
      isStopped = true;
      return loop;
    },
  };
}

async function withCluster<T>(work: (cluster: ChaosCluster) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'varve-failover-'));
  const cluster = await ChaosCluster.open({
    directory,
    brokers: 3,
    hasRelays: false,
    config: { 'auto.leader.rebalance.enable': false, 'min.insync.replicas': 2 },
  });
  try {
    const result = await work(cluster);
    await cluster.stop('SIGTERM');
    return result;
  } finally {
    await cluster.dispose();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function sender(
  client: 'raw' | 'kafkajs',
  addresses: readonly string[],
): Promise<{ send: Send; close: () => unknown }> {
  if (client === 'raw') {
    // Each lane has its own, as producers have connections of their own.
    const clients = Array.from({ length: PARTITIONS }, () => new RawClient(addresses));
    return {
      send: (partition) => clients[partition]!.produce({ topic: TOPIC, partition }, [RECORD]),
      close: () => {
        for (const one of clients) one.close();
      },
    };
  }
  const producer = kafkaOf('measure', addresses).producer({
    idempotent: true,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    retry: { initialRetryTime: 20, retries: 20, factor: 0 },
  });
  await producer.connect();
  return {
    send: (partition) =>
      producer.send({ topic: TOPIC, acks: -1, messages: [{ partition, value: RECORD }] }),
    close: () => producer.disconnect(),
  };
}

type Act = (cluster: ChaosCluster, leader: number, partition: number) => unknown;

const ACTS: Readonly<Record<'kill' | 'stop' | 'move', Act>> = {
  kill: (cluster, leader) => cluster.signal(leader, 'SIGKILL'),
  stop: (cluster, leader) => cluster.signal(leader, 'SIGTERM'),
  move: (cluster, _, partition) => cluster.order({ kind: 'move', topic: TOPIC, partition }),
};

/** From the act until the first acknowledgement after the longest pause that it caused. */
async function failover(
  rounds: number,
  what: keyof typeof ACTS,
  client: 'raw' | 'kafkajs',
): Promise<void> {
  await withCluster(async (cluster) => {
    const admin = new RawClient(cluster.addresses);
    await admin.createTopic(TOPIC, PARTITIONS, 3);
    admin.close();
    const { send, close } = await sender(client, cluster.addresses);
    const lanes = Array.from({ length: PARTITIONS }, (_, i) => lane(send, i));
    const waits: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await cluster.order({ kind: 'settle', waitMs: 60_000 });
      await pause(500);
      const partition = round % PARTITIONS;
      const { places } = await cluster.order({ kind: 'status' });
      const place = places.find((p) => p.topic === TOPIC && p.partition === partition);
      const times = lanes[partition]!.times;
      times.length = 0;
      const actMs = performance.now();
      await ACTS[what](cluster, place?.leader ?? -1, partition);
      const hasMoved = async (): Promise<boolean> => {
        const now = (await cluster.order({ kind: 'status' })).places;
        return now.some(
          (p) => p.topic === TOPIC && p.partition === partition && p.leader !== place?.leader,
        );
      };
      for (const endMs = actMs + 30_000; !(await hasMoved()); await pause(20)) {
        if (performance.now() > endMs) throw new Error('the leader did not move');
      }
      // By now there is a new leader; wait for its first acknowledgements.
      for (const n = times.length + 3; times.length < n; ) await pause(5);
      waits.push(longestWait(actMs, times));
    }
    await Promise.all(lanes.map((each) => each.stop()));
    await close();
    report(`${what}, ${client} client`, waits);
  });
}

/** The end, counted from `fromMs`, of the longest time without an acknowledgement. */
function longestWait(fromMs: number, times: readonly number[]): number {
  let longest = 0;
  let before = fromMs;
  for (const time of times) {
    if (time < fromMs) continue;
    longest = Math.max(longest, time - before);
    before = time;
  }
  return longest;
}

const GROUP_PARTITIONS = 64;
const MEMBERS = 8;
const SESSION_MS = 6_000;
const HEARTBEAT_MS = 100;

interface GroupMember {
  readonly consumer: ReturnType<ReturnType<typeof kafkaOf>['consumer']>;
  readonly sockets: Set<Socket>;
  isDead: boolean;
  /** When it last got partitions. */
  joinedMs: number;
  partitions: readonly number[];
}

async function group(rounds: number): Promise<void> {
  await withCluster(async (cluster) => {
    const { addresses } = cluster;
    const admin = new RawClient(addresses);
    await admin.createTopic(TOPIC, GROUP_PARTITIONS, 3);
    admin.close();
    const producer = kafkaOf('measure', addresses).producer();
    await producer.connect();
    /** Partition to when a record of it was last processed, and by whom. */
    const consumed = new Map<number, { readonly ms: number; readonly by: GroupMember }>();
    let isStopped = false;
    const load = (async () => {
      while (!isStopped) {
        const messages = Array.from({ length: GROUP_PARTITIONS }, (_, partition) => ({
          partition,
          value: 'x',
        }));
        await producer.send({ topic: TOPIC, acks: -1, messages }).catch(() => undefined);
        await pause(10);
      }
    })();
    const join = async (): Promise<GroupMember> => {
      const sockets = new Set<Socket>();
      const kafka = new kafkajs.Kafka({
        clientId: 'member',
        brokers: [...addresses],
        logLevel: kafkajs.logLevel.NOTHING,
        retry: { initialRetryTime: 50, retries: 3 },
        socketFactory: ({ host, port, onConnect }) => {
          const socket = connect({ host, port }, onConnect);
          if (member.isDead) socket.destroy(new Error('dead'));
          sockets.add(socket.setNoDelay(true));
          return socket;
        },
      });
      const consumer = kafka.consumer({
        groupId: 'measured',
        sessionTimeout: SESSION_MS,
        rebalanceTimeout: 10_000,
        heartbeatInterval: HEARTBEAT_MS,
        maxWaitTimeInMs: 50,
        retry: { initialRetryTime: 50, retries: 3 },
      });
      const member: GroupMember = { consumer, sockets, isDead: false, joinedMs: 0, partitions: [] };
      consumer.on('consumer.group_join', ({ payload }) => {
        member.joinedMs = performance.now();
        member.partitions = payload.memberAssignment[TOPIC] ?? [];
      });
      await consumer.connect();
      await consumer.subscribe({ topic: TOPIC });
      await consumer.run({
        eachBatch: async ({ batch: { partition } }) => {
          if (member.isDead) return;
          consumed.set(partition, { ms: performance.now(), by: member });
        },
      });
      return member;
    };
    const members = await Promise.all(Array.from({ length: MEMBERS }, join));
    const whole = async (afterMs: number): Promise<void> => {
      const isWhole = (): boolean =>
        members.reduce((sum, { partitions }) => sum + partitions.length, 0) === GROUP_PARTITIONS &&
        members.every(({ joinedMs }) => joinedMs > afterMs);
      for (const endMs = performance.now() + 60_000; !isWhole(); await pause(2)) {
        if (performance.now() > endMs) throw new Error('the group does not come together');
      }
      // Each partition by the member that has it since.
      const isConsumed = (): boolean =>
        members.every((member) =>
          member.partitions.every((partition) => {
            const last = consumed.get(partition);
            return last !== undefined && last.by === member && last.ms > member.joinedMs;
          }),
        );
      for (const endMs = performance.now() + 60_000; !isConsumed(); await pause(2)) {
        if (performance.now() > endMs) throw new Error('partitions are not consumed');
      }
    };
    await whole(0);
    const beyond: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await pause(1_000);
      const [victim] = members.splice(0, 1);
      if (victim === undefined) throw new Error('nobody is left');
      victim.isDead = true;
      const killedMs = performance.now();
      for (const socket of victim.sockets) socket.destroy();
      await whole(killedMs);
      beyond.push(performance.now() - killedMs - SESSION_MS);
      void victim.consumer.disconnect().catch(() => undefined);
      const beforeMs = performance.now();
      members.push(await join());
      await whole(beforeMs);
    }
    isStopped = true;
    await load;
    await Promise.all(members.map(({ consumer }) => consumer.disconnect()));
    await producer.disconnect();
    report('a member of 8 killed, 64 partitions, beyond the session timeout', beyond);
  });
}

function report(what: string, figures: readonly number[]): void {
  const sorted = [...figures].sort((a, b) => a - b);
  const at = (share: number): string =>
    (
      sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
    ).toFixed(0);
  console.log(
    JSON.stringify({
      what,
      rounds: sorted.length,
      p50Ms: Number(at(0.5)),
      p90Ms: Number(at(0.9)),
      p99Ms: Number(at(0.99)),
      maxMs: Number(at(1)),
      allMs: sorted.map(Math.round),
    }),
  );
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '30' },
    what: { type: 'string', default: 'kill,stop,move,group' },
    client: { type: 'string', default: 'raw' },
    help: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
if (values.help || !Number.isSafeInteger(rounds) || rounds < 1) {
  console.log(USAGE);
} else {
  for (const what of values.what.split(',')) {
    if (what === 'group') await group(Math.min(rounds, 10));
    else if (what === 'kill' || what === 'stop' || what === 'move') {
      await failover(rounds, what, values.client === 'kafkajs' ? 'kafkajs' : 'raw');
    } else throw new RangeError(`${what}: ${USAGE}`);
  }
  process.exit(0);
}
