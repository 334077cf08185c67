import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readResult } from '../benchmarks/run/result-file.js';
import { processesMarked, runCommand as varve } from '../benchmarks/run/testing/bench-command.js';
import { Broker, Credentials, scramCredential } from '../engine/index.js';

let work: string;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'varve-bench-cli-'));
});
afterEach(() => rmSync(work, { recursive: true, force: true }));

const marked = (mark: string): string[] =>
  processesMarked(mark).map(({ commandLine }) => commandLine);

const tiny = (...more: string[]): string[] => [
  'bench',
  'run',
  '--directory',
  join(work, 'data'),
  '--out',
  join(work, 'out.json'),
  '--no-calibrate',
  '--repeat',
  '1',
  '--warmup',
  '50ms',
  '--seconds',
  '150ms',
  ...more,
];

const leftBehind = (): string[] =>
  existsSync(join(work, 'data')) ? readdirSync(join(work, 'data')) : [];

describe('nonsense', () => {
  test.each([
    [['--partitions', '0'], /partitions "0": a whole number from 1 to 10000/],
    [['--replication-factor', '4'], /replicationFactor .*4.*brokers .*3/],
    [['--min-insync-replicas', '2'], /minInsyncReplicas 2 is above replicationFactor 1/],
    [['--acks', 'most'], /acks "most": 0, or 1, or all/],
    [['--payload', '/no/such/file'], /There is no such file/],
    [['--target', 'kafak'], /target is "kafak": there is engine/],
    [['--partitons', '4'], /unknown option '--partitons'/],
    [['--preset', 'quik'], /presets: batching/],
    [['--record-bytes', '100KiB'], /recordBytes 102400 is above batchBytes 16384/],
    [['--time', '1s', '--partitions', '1,2,3,4'], /--time 1s is too little for 4 cells/],
    [['--slo', 'p99'], /is not a bound/],
    [['--sasl', 'PLAIN'], /--sasl and --user go together/],
    [['--experiment', 'failover', '--acks', '0'], /there are no acknowledgements/],
    [['--experiment', 'failover', '--by', 'move'], /by is move, replicationFactor is 1/],
    [['--experiment', 'recovery', '--by', 'move'], /by is move, experiment is recovery/],
    [['--experiment', 'failover', '--by', 'crash'], /by "crash": one of kill, stop, move/],
  ])('%j is refused with what would be right, and nothing is started', async (args, message) => {
    const run = await varve(tiny(...args));
    expect(run.stderr).toMatch(message);
    expect(run.status).toBe(2);
    expect(existsSync(join(work, 'out.json'))).toBe(false);
    expect(leftBehind()).toEqual([]);
    expect(run.left).toEqual([]);
  });

  test('a suite file with an unknown knob names it and those there are', async () => {
    writeFileSync(join(work, 's.yaml'), 'description: x\nmatrices:\n  - partitoins: 4\n');
    const run = await varve(['bench', 'run', '--suite', join(work, 's.yaml')]);
    expect(run.stderr).toMatch(/"partitoins", which is no knob or setting; knobs: target/);
    expect(run.status).toBe(2);
  });

  test('a file that is no result', async () => {
    writeFileSync(join(work, 'x.json'), '{"schemaVersion":1}');
    const run = await varve(['bench', 'show', join(work, 'x.json')]);
    expect(run.stderr).toMatch(/schemaVersion is 1; this program reads 2/);
    expect(run.status).toBe(2);
  });
});

describe('a run', () => {
  test('of a cluster: a result that its own schema takes, a table, a report, nothing left', async () => {
    const run = await varve(
      tiny(
        '--partitions',
        '1,2',
        '--replication-factor',
        '1,2',
        '--brokers',
        '2',
        '--report',
        join(work, 'r.html'),
      ),
    );
    expect(run.stderr).not.toMatch(/FAILED|Error/);
    expect(run.status).toBe(0);
    const result = readResult(join(work, 'out.json'));
    expect(result.status).toBe('complete');
    expect(result.cells).toHaveLength(4);
    for (const { summary } of result.cells) {
      expect(summary?.producedRecordsPerSecond.median).toBeGreaterThan(0);
      expect(summary?.consumedRecordsPerSecond?.median).toBeGreaterThan(0);
      expect(summary?.publish?.p50Us).toBeGreaterThan(0);
      expect(summary?.endToEnd?.p50Us).toBeGreaterThan(0);
    }
    expect(run.stdout).toContain(join(work, 'r.html'));
    expect(readFileSync(join(work, 'r.html'), 'utf8')).toContain('</html>');
    expect(existsSync(join(work, 'out.json.journal'))).toBe(false);
    expect(leftBehind()).toEqual([]);
    expect(run.left).toEqual([]);
  });

  test('--json prints the document and nothing else; --dry-run prints cells and runs none', async () => {
    const dry = await varve([...tiny('--partitions', '1,2'), '--dry-run']);
    expect(dry.stdout).toMatch(/1 partition\n2 partitions\n\n2 cells, 1 repeats/);
    expect(dry.status).toBe(0);
    const exponents = ['--brokers', '1', '--rate', '5e6,1e7', '--record-bytes', '2e2'];
    const rates = await varve([...tiny(...exponents), '--dry-run']);
    expect(rates.stdout).toMatch(/5 MB\/s.*\n.*10 MB\/s.*\n\n2 cells/);
    const run = await varve([...tiny('--brokers', '1'), '--json', '--no-report']);
    expect(JSON.parse(run.stdout).schemaVersion).toBe(2);
  });

  test('Ctrl-C keeps what was measured, marked partial, ends 130, leaves nothing, and can be resumed', async () => {
    const args = tiny('--brokers', '1', '--partitions', '1,2,3,4,5,6', '--seconds', '400ms');
    const run = await varve(args, {
      when: { text: '[3/6]', act: (pid) => process.kill(pid, 'SIGINT') },
    });
    expect(run.status).toBe(130);
    const partial = readResult(join(work, 'out.json'));
    expect([partial.status, partial.statusReason]).toEqual(['partial', 'interrupted']);
    const done = partial.cells.filter(({ runs }) => runs.length > 0).length;
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(6);
    expect(leftBehind()).toEqual([]);
    expect(run.left).toEqual([]);

    const resumed = await varve([
      'bench',
      'resume',
      join(work, 'out.json'),
      '--no-calibrate',
      '--directory',
      join(work, 'data'),
    ]);
    expect(resumed.status).toBe(0);
    const whole = readResult(join(work, 'out.json'));
    expect(whole.status).toBe('complete');
    expect(whole.cells.map(({ runs }) => runs.length)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(leftBehind()).toEqual([]);
  });

  test('killed outright: its brokers and load end with it, and its journal can be resumed', async () => {
    const args = tiny('--brokers', '1', '--partitions', '1,2,3,4', '--seconds', '400ms');
    const run = await varve(args, {
      when: { text: '[3/4]', act: (pid) => process.kill(pid, 'SIGKILL') },
    });
    expect(run.status).toBeNull();
    await expect.poll(() => marked(run.mark), { timeout: 20_000 }).toEqual([]);
    const resumed = await varve([
      'bench',
      'resume',
      join(work, 'out.json.journal'),
      '--no-calibrate',
      '--directory',
      join(work, 'data2'),
    ]);
    expect(resumed.status).toBe(0);
    expect(readResult(join(work, 'out.json')).status).toBe('complete');
  });
});

describe('a target that fails', () => {
  test('nobody listens: said with the address, exit 1, nothing left', async () => {
    const run = await varve(tiny('--target', 'kafka://127.0.0.1:1'));
    expect(run.stderr).toMatch(/127\.0\.0\.1:1/);
    expect(run.stderr).toMatch(/\[TARGET_UNREACHABLE\]/);
    expect(run.status).toBe(1);
    expect(existsSync(join(work, 'out.json'))).toBe(false);
    expect(leftBehind()).toEqual([]);
  });

  test('a password: the right one measures, a wrong one is said as such', async () => {
    const credentials = new Credentials();
    credentials.set('me', await scramCredential('SCRAM-SHA-256', 'right'));
    const broker = await Broker.start({
      sasl: { mechanisms: ['SCRAM-SHA-256'], credentials },
    });
    try {
      const args = tiny(
        '--target',
        `kafka://${broker.address}`,
        '--sasl',
        'SCRAM-SHA-256',
        '--user',
        'me',
      );
      const wrong = await varve(args, { env: { VARVE_PASSWORD: 'wrong' } });
      expect(wrong.stderr).toMatch(/\[AUTHENTICATION_FAILED\]/);
      expect(wrong.status).toBe(1);
      const right = await varve(args, { env: { VARVE_PASSWORD: 'right' } });
      expect(right.stderr).not.toMatch(/FAILED/);
      expect(right.status).toBe(0);
      const text = readFileSync(join(work, 'out.json'), 'utf8');
      expect(text).not.toMatch(/"(wrong|right)"/);
    } finally {
      await broker.close();
    }
  });

  test('a running broker of somebody is measured, and its topics are removed', async () => {
    const broker = await Broker.start();
    try {
      const run = await varve(tiny('--target', `kafka://${broker.address}`, '--partitions', '1,2'));
      expect(run.stderr).not.toMatch(/FAILED/);
      expect(run.status).toBe(0);
      const topics = await varve(['topic', 'list', '--quiet', '--bootstrap', broker.address]);
      expect(topics.stdout.trim()).toBe('');
    } finally {
      await broker.close();
    }
  });

  test('interrupted on a cluster of somebody: its topic is removed all the same', async () => {
    const broker = await Broker.start();
    try {
      const run = await varve(
        tiny('--target', `kafka://${broker.address}`, '--partitions', '1,2,3', '--seconds', '2s'),
        { when: { text: '[1/3]', act: (pid) => process.kill(pid, 'SIGINT') } },
      );
      expect(run.status).toBe(130);
      const topics = await varve(['topic', 'list', '--quiet', '--bootstrap', broker.address]);
      expect(topics.stdout.trim()).toBe('');
    } finally {
      await broker.close();
    }
  });
});
