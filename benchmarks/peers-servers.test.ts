import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Estimate } from './stats.js';

const directory = mkdtempSync(join(tmpdir(), 'varve-servers-test-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Uses `dist`, which `npm test` builds first. */
const program = join(import.meta.dirname, 'peers', 'servers', 'main.js');

interface Figure {
  readonly runs: readonly number[];
  readonly varveTimes: Estimate | null;
}

interface Document {
  readonly missing: readonly { readonly name: string; readonly reason: string }[];
  readonly results: readonly {
    readonly promise: string;
    readonly cannot: readonly { readonly name: string; readonly reason: string }[];
    readonly rows: readonly {
      readonly name: string;
      readonly mode: string;
      readonly settings: string;
      readonly figures: Readonly<Record<string, Figure>>;
    }[];
  }[];
}

function run(args: readonly string[]): Promise<{ status: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], (error, out, err) =>
      resolve({ status: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

// It reads the servers' use of the machine from /proc.
/** Its client libraries have a lock file of their own: `npm ci --prefix benchmarks/peers`. */
const isInstalled = existsSync(join(import.meta.dirname, 'peers', 'node_modules', 'redis'));
const canRun = process.platform === 'linux' && isInstalled;

describe.runIf(canRun)('servers beside varve (needs npm ci --prefix benchmarks/peers)', () => {
  // Kafka takes seconds to start and is fetched first: `npm run bench:servers` runs it.
  test('a tiny run: each installed server does all, others are named, nothing is left', async () => {
    const args = ['--rounds', '1', '--scale', '0.01', '--json', '--directory', directory];
    args.push('--only', 'varve,nats,redis', '--work', 'publish-100,latency');
    const { status, out, err } = await run(args);
    expect(status, err).toBe(0);
    const { missing, results } = JSON.parse(out) as Document;
    for (const { name, reason } of missing) {
      expect(['nats', 'redis']).toContain(name);
      expect(reason).not.toBe('');
      expect(err).toContain(`left out: ${name}: ${reason}`);
    }
    expect(results.map(({ promise }) => promise)).toEqual(['process', 'disk', 'replicas']);
    for (const { rows, cannot } of results) {
      const names = new Set([...rows, ...cannot].map(({ name }) => name));
      expect(names.size + missing.length).toBe(3);
      for (const { reason } of cannot) expect(reason).toMatch(/cannot give this promise/);
      for (const { name, mode, settings, figures } of rows) {
        expect(settings).not.toBe('');
        const expected = ['publish-100', 'peakMemoryBytes'];
        if (mode === 'client') expected.push('read-100', 'latencyP50Us', 'latencyP99Us');
        for (const figure of expected) {
          expect(figures[figure]?.runs, `${name}, ${mode}, ${figure}`).toHaveLength(1);
          expect(figures[figure]?.runs[0]).toBeGreaterThan(0);
        }
        if (name === 'varve') expect(figures['publish-100']?.varveTimes?.median).toBe(1);
      }
    }
    expect(readdirSync(directory)).toEqual([]);
  }, 240_000);

  test('an interruption ends the servers and removes what they kept', async () => {
    const child = spawn(
      process.execPath,
      [program, '--only', 'varve', '--rounds', '50', '--directory', directory],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let err = '';
    child.stderr.on('data', (chunk) => {
      err += String(chunk);
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // The program and the broker, whose command line names its directory.
    await expect
      .poll(() => processesWith(directory).length, { timeout: 60_000 })
      .toBeGreaterThan(1);
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(err).toContain('servers ended, temporary data removed');
    expect(processesWith(directory)).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
  }, 120_000);

  test('nonsense is refused with what there is', async () => {
    const wrong = await run(['--only', 'rabbitmq']);
    expect(wrong.status).toBe(2);
    expect(wrong.err).toContain('no server rabbitmq; there are varve, kafka, nats, redis');
    expect((await run(['--rounds', '0'])).status).toBe(2);
    const help = await run(['--help']);
    expect(help.status).toBe(0);
    expect(help.out).toContain('npm run bench:servers -- --only varve,redis');
  });
});

/** Process ids whose command line has `text`. */
function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text);
      } catch {
        // It ended while this looked.
        return false;
      }
    })
    .map(Number);
}
