import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAlive } from '../testing/is-alive.js';
import { RawClient } from '../testing/raw-client.js';
import { TcpProxy } from '../testing/tcp-proxy.js';
import { Cluster, type ClusterEvent, type ClusterOptions } from './cluster.js';

const ENTRY = resolve('dist/engine/cluster/broker-process.js');
const A = { topic: 'a', partition: 0 };

let directory: string;
let events: ClusterEvent[];
const open: { close(): unknown }[] = [];

beforeEach(() => {
  if (!existsSync(ENTRY)) throw new Error(`${ENTRY} is missing: run \`npm run build\` first`);
  directory = mkdtempSync(join(tmpdir(), 'varve-cluster-'));
  events = [];
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
  rmSync(directory, { recursive: true, force: true });
});

async function start(options: Partial<ClusterOptions> = {}): Promise<Cluster> {
  const cluster = await Cluster.start({
    directory,
    entry: ENTRY,
    onEvent: (event) => events.push(event),
    ...options,
  });
  open.push(cluster);
  return cluster;
}

function clientOf(cluster: Cluster): RawClient {
  const client = new RawClient(cluster.addresses);
  open.unshift(client);
  return client;
}

const inSync = (cluster: Cluster, count: number) =>
  cluster.waitFor((image) => image.partition('a', 0)?.isr.length === count, 20_000);

/** What a broker's own log of a partition holds: its bytes up to the end of the data. */
function logBytes(brokerId: number): Buffer {
  const path = join(directory, `broker-${brokerId}`, 'a-0', '00000000000000000000.log');
  return readFileSync(path);
}

const pidsOf = (cluster: Cluster) => cluster.status().brokers.map(({ pid }) => pid as number);

describe('Cluster', () => {
  it.runIf(process.platform === 'linux')(
    'nodeFlags are of the broker they are for, in every life of its process, and of no other',
    async () => {
      const cluster = await start({ brokers: 2, nodeFlags: { 2: ['--title=flagged'] } });
      const flagsOf = (index: number): string => {
        const { pid } = cluster.status().brokers[index]!;
        return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      };
      expect(flagsOf(0)).not.toBe('flagged');
      expect(flagsOf(1)).toBe('flagged');
      await cluster.restartBroker(2);
      expect(flagsOf(1)).toBe('flagged');
    },
  );

  it('a leader killed under load: nothing acknowledged is lost, and every copy is the same', async () => {
    const cluster = await start();
    const client = clientOf(cluster);
    await client.createTopic('a', 1, 3);
    const sent: string[] = [];
    const send = async (value: string): Promise<void> => {
      await client.produce(A, [value]);
      sent.push(value);
    };
    for (let i = 0; i < 20; i += 1) await send(`before ${i}`);
    await inSync(cluster, 3);
    const { leader } = cluster.metadata.partition('a', 0)!;

    const startMs = performance.now();
    await cluster.stopBroker(leader, 'SIGKILL');
    await send('after');
    expect(performance.now() - startMs).toBeLessThan(1_000);
    expect(cluster.metadata.partition('a', 0)).toMatchObject({ leaderEpoch: 1 });
    expect(cluster.status()).toMatchObject({ leaderless: 0, underReplicated: 1 });
    for (let i = 0; i < 20; i += 1) await send(`while it is away ${i}`);

    await cluster.restartBroker(leader);
    await inSync(cluster, 3);
    await send('whole again');
    const values = await client.consume(A);
    // What was sent twice after an error was acknowledged once: values are distinct.
    expect([...new Set(values)]).toEqual(sent);
    await cluster.close();
    const copies = [1, 2, 3].map((brokerId) => logBytes(brokerId).toString('hex'));
    expect(new Set(copies).size).toBe(1);
  });

  it('a broker that dies is started again by itself, at the same address', async () => {
    const cluster = await start({ restartBackoffMs: 20 });
    const client = clientOf(cluster);
    await client.createTopic('a', 1, 3);
    await client.produce(A, ['one']);
    const { addresses } = cluster;
    const [before] = pidsOf(cluster);
    cluster.signalBroker(1, 'SIGKILL');
    await cluster.waitFor(({ brokers }) => brokers.get(1)?.isFenced === true);
    await cluster.waitFor(({ brokers }) => brokers.get(1)?.isFenced === false);
    await inSync(cluster, 3);
    expect(cluster.addresses).toEqual(addresses);
    expect(cluster.status().brokers[0]).toMatchObject({ restarts: 1, state: 'running' });
    expect(pidsOf(cluster)[0]).not.toBe(before);
    expect(await client.consume(A)).toEqual(['one']);
    expect(events).toContainEqual({ kind: 'broker-restarting', brokerId: 1, afterMs: 20 });
  });

  it('a clean stop moves leaders in a moment, and no produce fails', async () => {
    const cluster = await start();
    const client = clientOf(cluster);
    await client.createTopic('a', 1, 3);
    await client.produce(A, ['warm']);
    await inSync(cluster, 3);
    const { leader } = cluster.metadata.partition('a', 0)!;
    let isStopped = false;
    const stopped = cluster.stopBroker(leader).then(() => {
      isStopped = true;
    });
    let sent = 1;
    while (!isStopped) {
      await client.produce(A, [`value ${sent}`]);
      sent += 1;
    }
    await stopped;
    expect(cluster.status().brokers[leader - 1]).toMatchObject({ state: 'stopped', pid: null });
    expect(cluster.metadata.partition('a', 0)?.leader).not.toBe(leader);
    expect(new Set(await client.consume(A)).size).toBe(sent);
  });

  it('rolling restart: every broker is a new process, clients go on, leaders are where they were', async () => {
    const cluster = await start();
    const client = clientOf(cluster);
    await client.createTopic('a', 1, 3);
    await client.produce(A, ['first']);
    const before = pidsOf(cluster);
    let isDone = false;
    const restarted = cluster.rollingRestart().finally(() => {
      isDone = true;
    });
    const sent = ['first'];
    while (!isDone) {
      const value = `value ${sent.length}`;
      await client.produce(A, [value]);
      sent.push(value);
    }
    await restarted;
    const after = pidsOf(cluster);
    expect(after.filter((pid) => before.includes(pid))).toEqual([]);
    expect([...new Set(await client.consume(A))]).toEqual(sent);
    expect(cluster.status()).toMatchObject({ underReplicated: 0, leaderless: 0, movedLeaders: 0 });
  });

  it('goes on from disk, with its ports, after all stopped at once', async () => {
    const first = await start();
    const client = clientOf(first);
    await client.createTopic('a', 1, 3);
    await client.produce(A, ['kept']);
    await inSync(first, 3);
    const { addresses } = first;
    const { clusterId } = first.status();
    client.close();
    await first.close();
    const second = await start();
    expect(second.addresses).toEqual(addresses);
    expect(second.status().clusterId).toBe(clusterId);
    await inSync(second, 3);
    const again = clientOf(second);
    expect(await again.consume(A)).toEqual(['kept']);
    expect(await again.produce(A, ['and more'])).toBe(1);
  });

  it('leaves no process behind', async () => {
    const cluster = await start();
    const pids = pidsOf(cluster);
    expect(pids.every(isAlive)).toBe(true);
    await cluster.close();
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it('leaves no process behind when it is closed while brokers are restarted', async () => {
    const cluster = await start();
    const restarts = [1, 2].map((brokerId) => cluster.restartBroker(brokerId));
    const rejected = Promise.allSettled(restarts);
    await cluster.close();
    for (const { status } of await rejected) expect(status).toBe('rejected');
    const pids = events.flatMap((event) => (event.kind === 'broker-started' ? [event.pid] : []));
    expect(pids).toHaveLength(3);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(cluster.status().brokers.map(({ state }) => state)).toEqual(Array(3).fill('stopped'));
  });

  it('clients and followers go by the addresses that are advertised', async () => {
    const relays = await Promise.all([1, 2, 3].map(() => TcpProxy.listen()));
    for (const relay of relays) open.push(relay);
    const cluster = await start({
      advertised: relays.map(({ port }) => ({ host: '127.0.0.1', port })),
      onEvent: (event) => {
        if (event.kind !== 'broker-ready') return;
        void relays[event.brokerId - 1]?.forwardTo('127.0.0.1', event.port);
      },
    });
    expect(cluster.addresses).toEqual(relays.map(({ port }) => `127.0.0.1:${port}`));
    const client = clientOf(cluster);
    await client.createTopic('a', 1, 3);
    await client.produce(A, ['by way of the relay']);
    await inSync(cluster, 3);
    const { leader } = cluster.metadata.partition('a', 0)!;
    const seen: string[] = [];
    relays[leader - 1]!.setFates((clientId) => {
      seen.push(clientId);
      return 'pass';
    });
    const followers = [1, 2, 3].filter((id) => id !== leader);
    for (const id of followers) expect(seen).toContain(`broker-${id}-fetcher`);
    const invalid = { code: 'INVALID_CONFIG' };
    const one = { host: '127.0.0.1', port: 9092 };
    await expect(start({ advertised: [one] })).rejects.toMatchObject(invalid);
    await expect(start({ brokers: 1, advertised: [{ ...one, port: 0 }] })).rejects.toMatchObject(
      invalid,
    );
  });

  it('brokers spread over racks', async () => {
    const cluster = await start({ racks: ['x', 'x', 'y'] });
    const client = clientOf(cluster);
    await client.createTopic('a', 6, 2);
    for (const { replicas } of cluster.metadata.topics.get('a')!.partitions) {
      expect(replicas).toContain(3);
    }
  });

  it('refuses what cannot be, and leaves nothing running', async () => {
    const invalid = { code: 'INVALID_CONFIG' };
    await expect(start({ brokers: 0 })).rejects.toMatchObject(invalid);
    await expect(start({ ports: [1, 2] })).rejects.toMatchObject(invalid);
    await expect(start({ config: { 'num.partitions': -1 } })).rejects.toMatchObject(invalid);
    const cluster = await start({ brokers: 1 });
    await expect(start()).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED' });
    await expect(cluster.stopBroker(7)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(cluster.status().brokers).toHaveLength(1);
    await cluster.close();
    writeFileSync(join(directory, 'cluster.json'), '{"version":1,"ports":{"1":"x"}}');
    await expect(start()).rejects.toMatchObject({ code: 'CORRUPT_CHECKPOINT' });
  });

  it('a broker that cannot start says why', async () => {
    const cluster = await start({ brokers: 1 });
    const [address] = cluster.addresses;
    const port = Number(address!.split(':')[1]);
    const other = mkdtempSync(join(tmpdir(), 'varve-cluster-other-'));
    try {
      await expect(start({ brokers: 1, directory: other, ports: [port] })).rejects.toMatchObject({
        code: 'NETWORK_EXCEPTION',
      });
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });
});
