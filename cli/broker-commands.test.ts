import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAlive } from '../engine/testing/is-alive.js';
import { WireClient } from '../engine/wire/index.js';

const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

let work: string;
const running = new Set<Program>();

beforeEach(() => {
  work = fs.mkdtempSync(join(tmpdir(), 'varve-broker-command-'));
});

afterEach(async () => {
  for (const program of running) await program.end('SIGKILL');
  fs.rmSync(work, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
});

interface Ready {
  readonly event: string;
  readonly brokers: { readonly id: number; readonly address: string; readonly pid: number }[];
  readonly metricsPort?: number;
}

class Program {
  stdout = '';
  stderr = '';
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, [main, ...args], { cwd: work });
    this.child.stdout?.on('data', (data) => {
      this.stdout += String(data);
    });
    this.child.stderr?.on('data', (data) => {
      this.stderr += String(data);
    });
    running.add(this);
    this.ended = new Promise((resolve) => {
      this.child.once('close', (status) => {
        running.delete(this);
        resolve(status);
      });
    });
  }

  end(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal);
    return this.ended;
  }

  async ready(): Promise<Ready> {
    let hasEnded = false;
    this.ended.then(() => {
      hasEnded = true;
    });
    while (!this.stdout.includes('\n')) {
      if (hasEnded) throw new Error(`it ended: ${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return JSON.parse(this.stdout.split('\n')[0] ?? '');
  }

  // biome-ignore lint/suspicious/noExplicitAny: what is asserted on is its shape
  get log(): any[] {
    const lines = this.stderr.split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line));
  }
}

async function get(
  port: number | undefined,
  path: string,
): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, text: await response.text() };
}

async function createTopic(address: string, name: string): Promise<number | undefined> {
  const [host = '', port] = address.split(':');
  const client = new WireClient({ host, port: Number(port), clientId: 'test' });
  try {
    const { topics } = await client.request('CreateTopics', 7, {
      topics: [{ name, numPartitions: 2, replicationFactor: -1 }],
      timeoutMs: 10_000,
    });
    return topics[0]?.errorCode;
  } finally {
    await client.close();
  }
}

describe('varve broker', () => {
  test('is ready, serves, stops by SIGTERM in order, and has everything at the next start', async () => {
    const args = ['broker', '-d', 'data', '-p', '0', '--json', '-c', 'num.partitions=3'];
    const first = new Program(...args);
    const ready = await first.ready();
    expect(first.stdout).toBe(`${JSON.stringify(ready)}\n`);
    expect(ready).toEqual({
      event: 'ready',
      brokers: [
        { id: 1, address: expect.stringMatching(/^127\.0\.0\.1:\d+$/), pid: first.child.pid },
      ],
    });
    expect(await createTopic(ready.brokers[0]!.address, 'orders')).toBe(0);
    expect(await first.end('SIGTERM')).toBe(0);
    expect(first.log.find(({ event }) => event === 'ready')).toMatchObject({
      level: 'info',
      source: 'broker',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
    });

    const second = new Program(...args);
    const again = await second.ready();
    // There already: 36 is TOPIC_ALREADY_EXISTS.
    expect(await createTopic(again.brokers[0]!.address, 'orders')).toBe(36);
    expect(await second.end('SIGINT')).toBe(0);
    const registered = second.log.find(({ event }) => event === 'registered');
    expect(registered.wasCleanStop).toBe(true);
  });

  test('a directory or port that another one has: exit 1, one line', async () => {
    const first = new Program('broker', '-d', 'data', '-p', '0', '--json');
    const { address } = (await first.ready()).brokers[0]!;
    const locked = new Program('broker', '-d', 'data', '-p', '0', '--log-level', 'silent');
    expect(await locked.ended).toBe(1);
    expect(locked.stderr).toMatch(/^varve: .* is held by process \d+ .*\[DIRECTORY_LOCKED\]\n$/);
    const port = address.split(':')[1] ?? '';
    const taken = new Program('broker', '-d', 'other', '-p', port, '--log-level', 'silent');
    expect(await taken.ended).toBe(1);
    expect(taken.stderr).toMatch(/^varve: .*EADDRINUSE.*\[NETWORK_EXCEPTION\]\n$/);
  });

  test('a wrong setting, and an address for everybody: refused before anything is made', async () => {
    for (const [args, why] of [
      [['-c', 'num.partitions=none'], 'num.partitions'],
      [['-c', 'no.such.setting=1'], 'no.such.setting'],
      [['--host', '0.0.0.0'], 'would serve anybody'],
    ] as const) {
      const program = new Program('broker', '-d', 'data', '-p', '0', ...args);
      expect(await program.ended).toBe(1);
      expect(program.stderr).toContain(why);
      expect(program.stderr.trim().split('\n').at(-1)).toMatch(/^varve: .*\[INVALID_CONFIG\]$/);
    }
  });

  test('metrics, health and readiness', async () => {
    const program = new Program('broker', '-d', 'data', '-p', '0', '--json', '--metrics-port', '0');
    const { brokers, metricsPort } = await program.ready();
    expect(await get(metricsPort, '/healthz')).toEqual({ status: 200, text: 'ok\n' });
    expect(await get(metricsPort, '/readyz')).toEqual({ status: 200, text: 'ok\n' });
    expect((await get(metricsPort, '/else')).status).toBe(404);
    const posted = await fetch(`http://127.0.0.1:${metricsPort}/metrics`, { method: 'POST' });
    expect(posted.status).toBe(405);

    await createTopic(brokers[0]!.address, 'orders');
    const { text } = await get(metricsPort, '/metrics');
    const value = (name: string) => Number(text.match(new RegExp(`^${name} (.*)$`, 'm'))?.[1]);
    expect(value('varve_request_duration_seconds_count{api="CreateTopics"}')).toBe(1);
    expect(value('varve_request_bytes_total{api="CreateTopics"}')).toBeGreaterThan(20);
    expect(value('varve_response_bytes_total{api="CreateTopics"}')).toBeGreaterThan(20);
    expect(value('varve_partitions{role="leader"}')).toBe(2);
    expect(value('varve_under_replicated_partitions')).toBe(0);
    expect(value('varve_partition_log_end_offset{topic="orders",partition="1"}')).toBe(0);
    expect(value('varve_ready')).toBe(1);
    expect(value('nodejs_eventloop_lag_seconds')).toBeGreaterThanOrEqual(0);
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(1e7);
    expect(await program.end('SIGTERM')).toBe(0);
  });

  test('bytes that are no request: a line in the log, and nothing else', async () => {
    const program = new Program('broker', '-d', 'data', '-p', '0', '--json');
    const { address } = (await program.ready()).brokers[0]!;
    await fetch(`http://${address}/`).catch(() => undefined);
    const isBad = ({ event, reason }: { event: string; reason?: string }) =>
      event === 'connection-closed' && reason === 'invalid-request';
    while (!program.log.some(isBad)) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(program.log.find(isBad)).toMatchObject({ level: 'warn', clientHost: '127.0.0.1' });
    expect(await createTopic(address, 'still')).toBe(0);
  });
});

describe('varve cluster', () => {
  test('is ready, outlives a broker, has metrics, and leaves no process', async () => {
    const args = ['cluster', '-n', '2', '-d', 'data', '--json', '--metrics-port', '0'];
    const program = new Program(...args);
    const ready = await program.ready();
    expect(ready.brokers.map(({ id }) => id)).toEqual([1, 2]);
    expect(await createTopic(ready.brokers[1]!.address, 'orders')).toBe(0);

    const event = (wanted: string) => program.log.filter(({ event: name }) => name === wanted);
    const brokersMetrics = () => event('metrics-listening');
    while (brokersMetrics().length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    const [one] = brokersMetrics();
    const { text } = await get(one.port, '/metrics');
    expect(text).toMatch(/^varve_partitions\{role="leader"\} \d/m);
    expect((await get(ready.metricsPort, '/readyz')).status).toBe(200);
    expect((await get(ready.metricsPort, '/metrics')).text).toContain(
      'varve_cluster_brokers{state="running"} 2',
    );

    const before = brokersMetrics().length;
    process.kill(ready.brokers[0]!.pid, 'SIGKILL');
    // The one that takes its place serves metrics, too.
    while (brokersMetrics().length === before)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(event('broker-exited')).toMatchObject([
      { level: 'error', brokerId: 1, signal: 'SIGKILL' },
    ]);
    const pids = event('broker-started').map(({ pid }) => pid);
    expect(pids).toHaveLength(3);
    expect(await program.end('SIGTERM')).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('a directory that another cluster has: exit 1', async () => {
    const first = new Program('cluster', '-n', '1', '-d', 'data', '--json');
    await first.ready();
    const second = new Program('cluster', '-n', '1', '-d', 'data');
    expect(await second.ended).toBe(1);
    expect(second.stderr).toContain('[DIRECTORY_LOCKED]');
    expect(await first.end('SIGTERM')).toBe(0);
  });
});
