import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cluster, type ClusterEvent, type ClusterOptions } from '../cluster/index.js';
import { encodeRequest } from '../protocol/frames.js';
import { RawClient } from '../testing/raw-client.js';
import { TcpProxy } from '../testing/tcp-proxy.js';

const ENTRY = resolve('dist/engine/cluster/broker-process.js');
const MIN_ISR_2 = { 'min.insync.replicas': 2, 'auto.leader.rebalance.enable': false };

let directory: string;
let events: ClusterEvent[];
const cleanUps: (() => unknown)[] = [];

beforeEach(() => {
  if (!existsSync(ENTRY)) throw new Error(`${ENTRY} is missing: run \`npm run build\` first`);
  directory = mkdtempSync(join(tmpdir(), 'varve-cluster-faults-'));
  events = [];
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  rmSync(directory, { recursive: true, force: true });
});

async function start(options: Partial<ClusterOptions> = {}): Promise<Cluster> {
  const cluster = await Cluster.start({
    directory,
    entry: ENTRY,
    config: MIN_ISR_2,
    onEvent: (event) => events.push(event),
    ...options,
  });
  cleanUps.push(() => cluster.close());
  return cluster;
}

function clientOf(addresses: readonly string[]): RawClient {
  const client = new RawClient(addresses);
  cleanUps.push(() => client.close());
  return client;
}

function residentBytes(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}

/** A disk of its own for one broker: needs root. */
function smallDisk(path: string, bytes: number): boolean {
  mkdirSync(path, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path], {
      stdio: 'ignore',
    });
  } catch {
    return false;
  }
  cleanUps.push(() => execFileSync('umount', ['-l', path]));
  return true;
}

describe('a cluster with a bad disk', () => {
  it('full: its partitions are led by others, it says so, and with space again it follows', {
    timeout: 180_000,
  }, async (context) => {
    const disk = join(directory, 'broker-1');
    const smallBytes = 24 << 20;
    if (!smallDisk(disk, smallBytes)) return context.skip('this user cannot mount a small disk');
    const config = { ...MIN_ISR_2, 'log.segment.bytes': 4 << 20, 'num.partitions': 3 };
    const cluster = await start({ config: { ...config, 'offsets.topic.num.partitions': 1 } });
    const client = clientOf(cluster.addresses);
    await client.createTopic('a', 3, 3);
    const filling = 'x'.repeat(200_000);
    const sent: string[][] = [[], [], []];
    const leadsNothing = (): boolean =>
      [0, 1, 2].every((partition) => cluster.metadata.partition('a', partition)?.leader !== 1);
    // Until the disk is full, and on.
    for (let i = 0, after = 0; after < 20; i += 1) {
      const partition = i % 3;
      const value = `${i} ${filling}`;
      await client.produce({ topic: 'a', partition }, [value], { timeoutMs: 60_000 });
      sent[partition]!.push(`${i}`);
      if (leadsNothing()) after += 1;
      if (i > 1_000) throw new Error('the disk is not full yet');
    }
    const told = JSON.stringify(
      events.filter(({ kind }) => kind === 'broker-event'),
      (_, value) => (value instanceof Error ? value.message : value),
    );
    expect(told).toMatch(/DISK_FULL|ENOSPC|no space/i);
    for (const [partition, values] of sent.entries()) {
      const found = await client.consume({ topic: 'a', partition }, 60_000);
      // A repeated attempt of a client without idempotence may have left a record twice.
      const heads = found.map((value) => value.slice(0, value.indexOf(' ')));
      expect([...new Set(heads)]).toEqual(values);
    }
    expect(cluster.metadata.partition('a', 0)?.isr).not.toContain(1);

    execFileSync('mount', ['-o', `remount,size=${10 * smallBytes}`, disk]);
    await cluster.restartBroker(1);
    await cluster.waitFor(
      (image) => [0, 1, 2].every((p) => image.partition('a', p)?.isr.length === 3),
      60_000,
    );
  });
});

describe('a client that never reads its socket', () => {
  it('holds up nobody else, and costs the broker no more than its limits', {
    timeout: 120_000,
  }, async () => {
    const cluster = await start();
    const client = clientOf(cluster.addresses);
    await client.createTopic('a', 1, 3);
    const chunk = 'y'.repeat(500_000);
    for (let i = 0; i < 40; i += 1) await client.produce({ topic: 'a', partition: 0 }, [chunk]);
    const { leader } = cluster.metadata.partition('a', 0)!;
    const { address, pid } = cluster.status().brokers[leader - 1]!;
    const before = residentBytes(pid!);
    const fetch = encodeRequest(
      'Fetch',
      12,
      { correlationId: 1, clientId: 'deaf' },
      {
        maxWaitMs: 0,
        minBytes: 1,
        maxBytes: 16 << 20,
        topics: [
          {
            topic: 'a',
            partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 16 << 20 }],
          },
        ],
      },
    );
    const [host, port] = address.split(':');
    for (let i = 0; i < 20; i += 1) {
      const socket = connect(Number(port), host);
      socket.on('error', () => undefined);
      cleanUps.push(() => socket.destroy());
      // Without a listener for data nothing is read.
      await new Promise((done) => socket.once('connect', done));
      for (let n = 0; n < 20; n += 1) socket.write(Buffer.concat(fetch));
    }
    const startMs = performance.now();
    let largest = 0;
    for (let i = 0; performance.now() - startMs < 5_000; i += 1) {
      await client.produce({ topic: 'a', partition: 0 }, [`value ${i}`]);
      largest = Math.max(largest, residentBytes(pid!));
    }
    // 400 answers of 16 MiB were asked for; mapped pages of the log itself count as resident, too.
    expect(largest - before).toBeLessThan(200 << 20);
    expect(client.retries).toEqual([]);
    expect(cluster.status().brokers.map(({ restarts }) => restarts)).toEqual([0, 0, 0]);
    expect(cluster.metadata.partition('a', 0)?.isr).toHaveLength(3);
  });
});

describe('half the cluster unreachable', () => {
  const config = {
    ...MIN_ISR_2,
    'broker.session.timeout.ms': 2_000,
    'broker.heartbeat.interval.ms': 300,
    'replica.lag.time.max.ms': 2_000,
  };
  const PARTITIONS = 8;

  /** Sends to every partition what `text` says; resolves with those that were acknowledged. */
  async function sendAll(client: RawClient, text: string, timeoutMs: number): Promise<number[]> {
    const all = Array.from({ length: PARTITIONS }, (_, partition) => partition);
    const sends = all.map((partition) =>
      client.produce({ topic: 'a', partition }, [text], { timeoutMs }).then(
        () => [partition],
        () => [],
      ),
    );
    return (await Promise.all(sends)).flat();
  }

  const whole = (cluster: Cluster): Promise<unknown> =>
    cluster.waitFor(
      (image) =>
        image.topics.get('a')?.partitions.every(({ isr, leader }) => {
          return isr.length === 3 && leader > 0;
        }) === true,
      60_000,
    );

  async function checkAll(client: RawClient, sent: ReadonlyMap<string, readonly number[]>) {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const found = await client.consume({ topic: 'a', partition }, 60_000);
      const expected = [...sent].filter(([, acked]) => acked.includes(partition));
      // Others may be there too: a client is not told what became of a request that timed out.
      const seen = found.filter((value) => expected.some(([text]) => text === value));
      expect([...new Set(seen)]).toEqual(expected.map(([text]) => text));
    }
  }

  it('two of four hang: partitions with two other replicas go on, the rest wait, nothing is lost', {
    timeout: 180_000,
  }, async () => {
    const cluster = await start({ brokers: 4, config });
    const client = clientOf(cluster.addresses.slice(0, 2));
    await client.createTopic('a', PARTITIONS, 3);
    const sent = new Map([['before', await sendAll(client, 'before', 30_000)]]);
    expect(sent.get('before')).toHaveLength(PARTITIONS);
    await whole(cluster);
    const canGoOn = cluster.metadata.topics
      .get('a')!
      .partitions.map(({ replicas }) => replicas.includes(1) && replicas.includes(2));
    cluster.signalBroker(3, 'SIGSTOP');
    cluster.signalBroker(4, 'SIGSTOP');
    cleanUps.push(() => {
      for (const id of [3, 4]) cluster.signalBroker(id, 'SIGCONT');
    });
    await cluster.waitFor(({ brokers }) => brokers.get(3)!.isFenced && brokers.get(4)!.isFenced);
    const others = clientOf(cluster.addresses.slice(0, 2));
    const during = await sendAll(others, 'during', 8_000);
    sent.set('during', during);
    expect(during).toEqual(canGoOn.flatMap((can, partition) => (can ? [partition] : [])));
    cluster.signalBroker(3, 'SIGCONT');
    cluster.signalBroker(4, 'SIGCONT');
    await whole(cluster);
    const after = clientOf(cluster.addresses);
    sent.set('after', await sendAll(after, 'after', 30_000));
    expect(sent.get('after')).toHaveLength(PARTITIONS);
    await checkAll(after, sent);
  });

  it('two of four cut off from the rest and from clients: nothing acknowledged is lost', {
    timeout: 180_000,
  }, async () => {
    const relays = await Promise.all([1, 2, 3, 4].map(() => TcpProxy.listen()));
    for (const relay of relays) cleanUps.push(() => relay.close());
    const cluster = await start({
      brokers: 4,
      config,
      advertised: relays.map(({ port }) => ({ host: '127.0.0.1', port })),
      onEvent: (event) => {
        if (event.kind !== 'broker-ready') return;
        void relays[event.brokerId - 1]?.forwardTo('127.0.0.1', event.port);
      },
    });
    const client = clientOf(cluster.addresses);
    await client.createTopic('a', PARTITIONS, 3);
    const sent = new Map([['before', await sendAll(client, 'before', 30_000)]]);
    await whole(cluster);
    const halfOf = (id: number): number => (id <= 2 ? 1 : 2);
    for (const [i, relay] of relays.entries()) {
      relay.setFates((clientId) => {
        const follower = /^broker-(\d)-/.exec(clientId)?.[1];
        // Clients are on the side of the first two.
        const from = follower === undefined ? 1 : halfOf(Number(follower));
        return from === halfOf(i + 1) ? 'pass' : 'silent';
      });
    }
    const near = clientOf(cluster.addresses.slice(0, 2));
    sent.set('during', await sendAll(near, 'during', 10_000));
    for (const relay of relays) relay.setFates(() => 'pass');
    await whole(cluster);
    const after = clientOf(cluster.addresses);
    sent.set('after', await sendAll(after, 'after', 30_000));
    expect(sent.get('after')).toHaveLength(PARTITIONS);
    await checkAll(after, sent);
  });
});
