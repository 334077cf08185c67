import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cluster } from '../cluster/index.js';
import { isAlive } from '../testing/is-alive.js';
import { RawClient } from '../testing/raw-client.js';

const SUPERVISOR = resolve('dist/engine/scenarios/cluster-supervisor.js');
const ENTRY = resolve('dist/engine/cluster/broker-process.js');
const A = { topic: 'a', partition: 0 };

let directory: string;
const open: { close(): unknown }[] = [];

beforeEach(() => {
  if (!existsSync(SUPERVISOR)) throw new Error(`${SUPERVISOR} is missing: run \`npm run build\``);
  directory = mkdtempSync(join(tmpdir(), 'varve-cluster-failures-'));
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
  rmSync(directory, { recursive: true, force: true });
});

async function until(isSo: () => boolean, waitMs: number): Promise<void> {
  const endMs = performance.now() + waitMs;
  while (!isSo() && performance.now() < endMs) {
    await new Promise((done) => setTimeout(done, 10));
  }
  expect(isSo()).toBe(true);
}

describe('a cluster whose processes fail', () => {
  it('supervisor killed: its brokers end too, and what was acknowledged is there for the next', async () => {
    const child = spawn(process.execPath, [SUPERVISOR, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    open.push({ close: () => child.kill('SIGKILL') });
    const line = await new Promise<string>((done, fail) => {
      let text = '';
      child.stdout.on('data', (data: Buffer) => {
        text += data.toString();
        if (text.includes('\n')) done(text);
      });
      child.on('exit', (code) => fail(new Error(`the supervisor ended with ${code}`)));
    });
    const { addresses, pids } = JSON.parse(line) as { addresses: string[]; pids: number[] };
    const client = new RawClient(addresses);
    await client.createTopic('a', 1, 3);
    const sent = Array.from({ length: 50 }, (_, i) => `value ${i}`);
    for (const value of sent) await client.produce(A, [value]);
    client.close();
    expect(pids.every(isAlive)).toBe(true);
    child.kill('SIGKILL');
    // Its brokers are still closing their logs.
    const cluster = await Cluster.start({ directory, entry: ENTRY });
    open.push(cluster);
    await until(() => !pids.some(isAlive), 10_000);
    expect(cluster.addresses).toEqual(addresses);
    const again = new RawClient(cluster.addresses);
    open.unshift(again);
    expect(await again.consume(A)).toEqual(sent);
    await again.produce(A, ['more']);
    await cluster.waitFor((image) => image.partition('a', 0)?.isr.length === 3, 20_000);
  });

  it('a leader that hangs is fenced when its session ends; awake again, it follows', async () => {
    const config = { 'broker.session.timeout.ms': 1_000, 'broker.heartbeat.interval.ms': 200 };
    const cluster = await Cluster.start({ directory, entry: ENTRY, config });
    open.push(cluster);
    const client = new RawClient(cluster.addresses);
    open.unshift(client);
    await client.createTopic('a', 1, 3);
    await client.produce(A, ['before']);
    const { leader } = cluster.metadata.partition('a', 0)!;
    const startMs = performance.now();
    cluster.signalBroker(leader, 'SIGSTOP');
    await cluster.waitFor((image) => image.partition('a', 0)?.leader !== leader, 10_000);
    expect(performance.now() - startMs).toBeGreaterThan(700);
    expect(performance.now() - startMs).toBeLessThan(3_000);
    // A client of the hanging broker notices by its own timeout; this one asks another.
    const others = new RawClient(
      cluster.addresses.filter((_, i) => cluster.status().brokers[i]?.brokerId !== leader),
    );
    open.unshift(others);
    await others.produce(A, ['meanwhile']);
    cluster.signalBroker(leader, 'SIGCONT');
    await cluster.waitFor((image) => image.partition('a', 0)?.isr.length === 3, 20_000);
    await others.produce(A, ['after']);
    expect(await others.consume(A)).toEqual(['before', 'meanwhile', 'after']);
    expect(cluster.status().brokers[leader - 1]?.restarts).toBe(0);
  });

  it('every broker killed at once: whoever comes back first leads, and nothing is lost', async () => {
    const cluster = await Cluster.start({ directory, entry: ENTRY, restartBackoffMs: 20 });
    open.push(cluster);
    const client = new RawClient(cluster.addresses);
    open.unshift(client);
    await client.createTopic('a', 1, 3);
    const sent = Array.from({ length: 20 }, (_, i) => `value ${i}`);
    for (const value of sent) await client.produce(A, [value]);
    await cluster.waitFor((image) => image.partition('a', 0)?.isr.length === 3, 20_000);
    for (const brokerId of [1, 2, 3]) cluster.signalBroker(brokerId, 'SIGKILL');
    await cluster.waitFor((image) => image.liveBrokers().length === 0, 10_000);
    await cluster.waitFor((image) => image.partition('a', 0)?.isr.length === 3, 20_000);
    expect(await client.consume(A)).toEqual(sent);
    expect(cluster.status().brokers.map(({ restarts }) => restarts)).toEqual([1, 1, 1]);
  });
});
