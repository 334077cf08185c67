import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Broker } from '../../engine/index.js';
import type { RunResult } from '../model/result.js';
import { readResult } from './result-file.js';
import {
  type CommandRun,
  type MarkedProcess,
  processesMarked,
  runCommand,
} from './testing/bench-command.js';

/*
 * What can end a run that nobody of the suite has done: brokers that others kill, and disks that others fill. Each ends
 * with a message, an exit code and a document that hold no figure of it, and leaves nothing.
 */

const MIB = 1024 * 1024;
const LIMIT_MS = 120_000;
/** Far longer than it takes to break it. */
const WINDOW = '8s';

let work: string;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'varve-faults-'));
});
afterEach(() => rmSync(work, { recursive: true, force: true }));

const args = (directory: string, ...more: string[]): string[] => [
  ...['bench', 'run', '--directory', directory, '--out', join(work, 'out.json'), '--no-report'],
  ...['--no-calibrate', '--repeat', '1', '--warmup', '50ms', '--seconds', WINDOW, ...more],
];

const result = (): RunResult => readResult(join(work, 'out.json'));

/** Paths below a directory in which others work meanwhile. */
function pathsBelow(directory: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' });
  } catch {
    // Some of it went while it was listed, or it is not there yet.
    return [];
  }
}

const firstTopic = (pid: number): string => `varve-bench-${pid}-1`;

/** Resolves when load is on in the first cell: its topic has had data somewhere below for a while. */
async function loadIsOn(pid: number, directory: string): Promise<void> {
  const endMs = performance.now() + LIMIT_MS / 2;
  while (!pathsBelow(directory).some((path) => path.includes(firstTopic(pid)))) {
    if (performance.now() > endMs) throw new Error(`there is no load on ${firstTopic(pid)}`);
    await sleep(20);
  }
  await sleep(1_000);
}

/** Kills those processes of a run that `is` picks, as soon as there is load. */
function killing(directory: string, is: (its: MarkedProcess) => boolean) {
  return async ({ pid, mark }: { pid: number; mark: string }): Promise<void> => {
    await loadIsOn(pid, directory);
    const victims = processesMarked(mark).filter(is);
    expect(victims.length).toBeGreaterThan(0);
    for (const victim of victims) process.kill(victim.pid, 'SIGKILL');
  };
}

const isBroker = ({ commandLine }: MarkedProcess): boolean => /broker-process/.test(commandLine);
const isSupervisor = ({ commandLine }: MarkedProcess): boolean => /supervisor/.test(commandLine);
const oneOf = (is: (its: MarkedProcess) => boolean) => {
  let isFound = false;
  return (its: MarkedProcess): boolean => {
    if (isFound || !is(its)) return false;
    isFound = true;
    return true;
  };
};

function expectNothingLeft(run: CommandRun, directory: string): void {
  expect(run.left).toEqual([]);
  expect(existsSync(directory) ? readdirSync(directory) : []).toEqual([]);
}

describe('processes that others kill', () => {
  const CASES: [string, string, (its: MarkedProcess) => boolean, RegExp][] = [
    ['one broker of three', '3', oneOf(isBroker), /broker \d \(process \d+\) ended by SIGKILL/],
    ['the only broker', '1', isBroker, /broker 1 \(process \d+\) ended by SIGKILL/],
    ['all brokers', '3', isBroker, /broker \d \(process \d+\) ended by SIGKILL/],
    ['the supervisor', '1', isSupervisor, /the supervisor \(process \d+\) ended by SIGKILL/],
  ];
  test.each(CASES)(
    '%s: the cell failed and says why, at once; the next is measured on brokers that are new',
    async (_, brokers, is, said) => {
      const data = join(work, 'data');
      const meanwhile = killing(data, is);
      const startMs = performance.now();
      const run = await runCommand(
        args(data, '--brokers', brokers, '--partitions', '1,2', '--seconds', '3s'),
        { meanwhile },
      );
      expect(run.stderr).toMatch(said);
      expect(run.stderr).toMatch(/run it again \[TARGET_FAILED\]/);
      expect(run.status).toBe(1);
      const { status, statusReason, cells } = result();
      expect([status, statusReason]).toEqual(['partial', '1 of 2 cells failed']);
      expect(cells.map(({ runs, failure }) => [runs.length, failure?.code]).sort()).toEqual([
        [0, 'TARGET_FAILED'],
        [1, undefined],
      ]);
      expect(performance.now() - startMs).toBeLessThan(45_000);
      expectNothingLeft(run, data);
    },
    LIMIT_MS,
  );

  test(
    'a load process: said by name, and the next cell is measured',
    async () => {
      const data = join(work, 'data');
      const meanwhile = killing(
        data,
        oneOf(({ commandLine }) => /load\/process|load-process/.test(commandLine)),
      );
      const run = await runCommand(
        args(data, '--brokers', '1', '--partitions', '1,2', '--seconds', '3s'),
        { meanwhile },
      );
      expect(run.stderr).toMatch(/(producer|consumer) 0.* was ended by SIGKILL .*\[LOAD_FAILED\]/);
      expect(run.status).toBe(1);
      expect(result().statusReason).toBe('1 of 2 cells failed');
      expectNothingLeft(run, data);
    },
    LIMIT_MS,
  );

  test(
    "somebody's only broker goes: the cell failed, the address is said",
    async () => {
      const broker = await Broker.start();
      try {
        const run = await runCommand(
          args(join(work, 'data'), '--target', `kafka://${broker.address}`),
          {
            meanwhile: async () => {
              await sleep(2_500);
              await broker.close();
            },
          },
        );
        expect(run.stderr).toMatch(
          /127\.0\.0\.1:\d+ cannot be reached.*topic varve-bench-\d+-1 could not be removed/,
        );
        expect(run.stderr).toMatch(/\[TARGET_UNREACHABLE\]/);
        expect(run.status).toBe(1);
        expectNothingLeft(run, join(work, 'data'));
      } finally {
        await broker.close();
      }
    },
    LIMIT_MS,
  );
});

/** Why no file system of its own can be mounted here; null: it can. */
function mountMissing(): string | null {
  const probe = mkdtempSync(join(tmpdir(), 'varve-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe], { stdio: 'pipe' });
    execFileSync('umount', [probe], { stdio: 'pipe' });
    return null;
  } catch (error) {
    return (error as Error).message.trim().replaceAll('\n', '; ');
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

const cannotMount = mountMissing();
if (cannotMount !== null) console.warn(`full disks are not tested: ${cannotMount}`);

describe.skipIf(cannotMount !== null)('a disk that is full', () => {
  let disk: string;
  const filler = (): string => join(disk, 'filler');
  beforeAll(() => {
    disk = mkdtempSync(join(tmpdir(), 'varve-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=500m', 'tmpfs', disk]);
  });
  afterEach(() => rmSync(filler(), { force: true }));
  afterAll(() => {
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  });

  /** Writes until nothing more fits, or so many bytes are left. */
  function fill(leftBytes = 0): void {
    const file = openSync(filler(), 'a');
    const block = Buffer.alloc(MIB, 1);
    try {
      for (;;) {
        const { bavail, bsize } = statfsSync(disk);
        const room = bavail * bsize - leftBytes;
        if (room <= 0) return;
        if (writeSync(file, block, 0, Math.min(room, block.length)) === 0) return;
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  test(
    'from the start, nearly: both cells say how much is free and how much they need, exit 1',
    async () => {
      fill(20 * MIB);
      const data = join(disk, 'data');
      const run = await runCommand(args(data, '--brokers', '1', '--partitions', '1,2'));
      expect(run.stderr).toMatch(
        /MiB are free for \d+ partitions .*, which need 256 MiB\. Make room/,
      );
      expect(run.stderr).toMatch(/--directory DIRECTORY \[DISK_FULL\]/);
      expect(run.status).toBe(1);
      expect(result().status).toBe('failed');
      expectNothingLeft(run, data);
    },
    LIMIT_MS,
  );

  test(
    'from the start, to the last byte: said as such, exit 1',
    async () => {
      const data = join(disk, 'data');
      mkdirSync(data, { recursive: true });
      fill();
      const run = await runCommand(args(data, '--brokers', '1'));
      expect(run.stderr).toMatch(/\[DISK_FULL\]/);
      expect(run.stderr).not.toMatch(/^\s+at /m);
      expect(run.status).toBe(1);
      expectNothingLeft(run, data);
    },
    LIMIT_MS,
  );

  test.each([
    ['engine', ['--target', 'engine', '--partitions', '2']],
    ['a single broker', ['--brokers', '1', '--partitions', '2']],
    ['three brokers', ['--brokers', '3', '--partitions', '2', '--replication-factor', '3']],
  ])(
    '%s: filled while it is measured: the cell failed, no figure comes of it',
    async (_, cell) => {
      const data = join(disk, 'data');
      const run = await runCommand(args(data, ...cell), {
        meanwhile: async ({ pid }) => {
          await loadIsOn(pid, data);
          // Retention makes room now and then; others take it at once.
          const endMs = performance.now() + LIMIT_MS / 4;
          while (pathsBelow(data).some((path) => path.includes(firstTopic(pid)))) {
            if (performance.now() > endMs) throw new Error('the run does not mind a full disk');
            fill();
            await sleep(5);
          }
        },
      });
      expect(run.stderr).toMatch(/ENOSPC.*--directory DIRECTORY \[DISK_FULL\]/s);
      expect(run.status).toBe(1);
      const { status, cells } = result();
      expect([status, cells.map(({ runs }) => runs.length)]).toEqual(['failed', [0]]);
      expect(cells[0]?.failure?.code).toBe('DISK_FULL');
      expectNothingLeft(run, data);
    },
    LIMIT_MS,
  );

  test(
    'that of results: what was measured stays in the journal, which is said and can be resumed',
    async () => {
      const out = join(disk, 'out.json');
      const data = join(work, 'data');
      const few = ['--brokers', '1', '--partitions', '1,2,3', '--seconds', '500ms', '--out', out];
      const run = await runCommand(args(data, ...few), {
        when: { text: '[1/3]', act: () => fill() },
      });
      expect(run.stderr).toMatch(/the disk of results is full.*--out FILE \[DISK_FULL\]/);
      expect(run.stderr).toMatch(/varve bench resume .*out\.json\.journal/);
      expect(run.status).toBe(1);
      expect(existsSync(out)).toBe(false);
      expectNothingLeft(run, data);
      rmSync(filler());
      const resumed = await runCommand([
        ...['bench', 'resume', `${out}.journal`, '--no-calibrate', '--no-report'],
        ...['--directory', data],
      ]);
      expect(resumed.status).toBe(0);
      const { status, cells } = readResult(out);
      expect([status, cells.map(({ runs }) => runs.length)]).toEqual(['complete', [1, 1, 1]]);
      rmSync(out);
    },
    LIMIT_MS,
  );
});
