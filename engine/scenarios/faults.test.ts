import { describe, expect, it } from 'vitest';
import { PartitionLog } from '../log/partition-log.js';
import { type Errno, OPERATIONS, type Operation } from '../testing/faults.js';
import { SimulatedFileSystem } from '../testing/simulated-file-system.js';
import { CONFIG, DIRECTORY, FaultyLife } from './faults-workload.js';

/*
 * Every operation of the io port fails once, on each of its calls in turn, while a log works. Then either the log
 * works on, or it is poisoned and says so; another process finds everything acknowledged, and nothing else.
 */
const SEEDS = [1, 2, 3];

function newMachine(seed: number): SimulatedFileSystem {
  return new SimulatedFileSystem({ seed });
}

/** A log that was closed and one that was killed, both with a few segments: what opening meets. */
async function prepared(seed: number, isClean: boolean) {
  const fs = newMachine(seed);
  const life = await FaultyLife.open(fs);
  await life.append(2);
  for (let i = 0; i < 6; i += 1) await life.append(2);
  await life.flush();
  expect(life.errors).toEqual([]);
  if (!isClean) return { fs: fs.kill(), life };
  await life.log.close();
  return { fs, life };
}

/** After the fault is over: works on or refuses, reads, closes without leaving a file open, opens again. */
async function expectSurvived(fs: SimulatedFileSystem, life: FaultyLife, about: string) {
  const { log } = life;
  // What fails behind an append poisons the log a little later.
  await settled();
  fs.faults.clear();
  const before = life.values.length;
  const isTaken = await life.append();
  if (log.poisoned === null) expect(isTaken, `${about}: works on`).toBe(true);
  else {
    expect(life.errors.at(-1), about).toMatchObject({ code: 'LOG_POISONED' });
    expect(log.poisoned.cause, `${about}: poisoned with its cause`).toBeDefined();
    expect(life.values.length).toBe(before);
  }
  if (life.failedCut === null) expect(await life.read(), `${about}: serves reads`).toBe(true);
  const end = life.values.length;
  const isClosed = await life.attempt(() => log.close());
  expect(isClosed || log.poisoned !== null, `${about}: closes`).toBe(true);
  expect(fs.usage().openFiles, `${about}: files left open`).toBe(0);
  const wasClosed = isClosed && log.poisoned === null;
  const killed = fs.kill();
  await reopen(killed, life, end, `${about}, another process`);
  for (let i = 0; i < 2; i += 1) {
    const least = wasClosed ? end : life.durableEnd;
    await reopen(fs.powerFail(), life, least, `${about}, after power failure ${i}`);
  }
}

async function reopen(fs: SimulatedFileSystem, life: FaultyLife, least: number, about: string) {
  try {
    const log = await PartitionLog.open({ directory: DIRECTORY, fs, config: CONFIG });
    life.check(log, least);
    log.append([{ value: 'more' }]);
    await log.close();
  } catch (error) {
    throw new Error(`${about}: ${String(error)}`, { cause: error });
  }
  expect(fs.usage().openFiles, about).toBe(0);
}

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

interface Tally {
  struck: number;
  poisoned: number;
}

/** Fails the first call, the second, and so on, until a run has fewer. */
async function inTurn(
  run: (nth: number, seed: number) => Promise<{ hits: number; poisoned: boolean }>,
): Promise<Tally> {
  const tally = { struck: 0, poisoned: 0 };
  for (const seed of SEEDS) {
    for (let nth = 1; ; nth += 1) {
      const { hits, poisoned } = await run(nth, seed);
      if (hits === 0) break;
      tally.struck += 1;
      if (poisoned) tally.poisoned += 1;
    }
  }
  return tally;
}

/** The log does not use them while it works. */
const UNUSED_AT_WORK: readonly Operation[] = [
  'makeDirectory',
  'removeDirectory',
  'lock',
  'readFile',
  'setModifiedTime',
];
const NEEDS_SPACE: readonly Operation[] = [
  'openLog',
  'reserve',
  'writeFile',
  'writeFileAtomic',
  'commit',
];

const ROWS: [Operation, Errno][] = [
  ...OPERATIONS.map((operation): [Operation, Errno] => [operation, 'EIO']),
  ...NEEDS_SPACE.map((operation): [Operation, Errno] => [operation, 'ENOSPC']),
  ['openLog', 'EMFILE'],
  ['writeFile', 'EROFS'],
];

describe('each call fails once while a log works', () => {
  it.each(ROWS)('%s with %s', { timeout: 120_000 }, async (operation, errno) => {
    const tally = await inTurn(async (nth, seed) => {
      const fs = newMachine(seed);
      const life = await FaultyLife.open(fs);
      const fault = fs.faults.plant({ operation, nth, errno });
      const about = `${operation} ${nth}, seed ${seed}`;
      try {
        await life.work();
      } catch (error) {
        throw new Error(`${about}: ${String(error)}`, { cause: error });
      }
      const { hits } = fault;
      await expectSurvived(fs, life, about);
      return { hits, poisoned: life.log.poisoned !== null };
    });
    if (!UNUSED_AT_WORK.includes(operation)) {
      expect(tally.struck).toBeGreaterThan(0);
    }
  });
});

describe('each call fails once while a log is opened', () => {
  const rows = OPERATIONS.flatMap((operation): [Operation, string][] => [
    [operation, 'closed'],
    [operation, 'killed'],
  ]);
  it.each(rows)('%s, the log was %s', { timeout: 120_000 }, async (operation, state) => {
    await inTurn(async (nth, seed) => {
      const { fs, life } = await prepared(seed, state === 'closed');
      const about = `${operation} ${nth}, seed ${seed}`;
      const fault = fs.faults.plant({ operation, nth, errno: 'EIO' });
      let log: PartitionLog | null = null;
      try {
        log = await PartitionLog.open({ directory: DIRECTORY, fs, config: CONFIG });
      } catch (error) {
        expect(error, about).toMatchObject({ name: 'VarveError', code: 'IO_FAILED' });
      }
      const { hits } = fault;
      fs.faults.clear();
      if (log !== null) {
        life.check(log, life.values.length);
        await log.close();
      }
      expect(fs.usage().openFiles, `${about}: files left open`).toBe(0);
      await reopen(fs, life, life.values.length, about);
      return { hits, poisoned: false };
    });
  });
});

/*
 * Compaction, while operations fail: of each key the latest acknowledged value is found, before and after another
 * process has opened the log.
 */
describe('each call fails once while a log is compacted', () => {
  const config = { ...CONFIG, 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': 0 };
  const expectLatest = (log: PartitionLog, latest: ReadonlyMap<string, string>, about: string) => {
    const found = new Map<string, string>();
    for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
      const record = log.readRecord(offset, { checkCrcs: true });
      if (record === null) break;
      found.set(Buffer.from(record.key!).toString(), Buffer.from(record.value!).toString());
      offset = record.offset + 1;
    }
    expect(found, about).toEqual(latest);
  };

  it.each(OPERATIONS)('%s', { timeout: 120_000 }, async (operation) => {
    await inTurn(async (nth, seed) => {
      const about = `${operation} ${nth}, seed ${seed}`;
      const fs = newMachine(seed);
      const log = await PartitionLog.open({ directory: DIRECTORY, fs, config });
      const latest = new Map<string, string>();
      for (let i = 0; i < 25; i += 1) {
        const [key, value] = [`k${i % 4}`, `value-${i}-`.padEnd(150, 'x')];
        log.append([{ key, value }]);
        latest.set(key, value);
      }
      await log.flush();
      await settled();
      const fault = fs.faults.plant({ operation, nth, errno: 'EIO' });
      const outcome: unknown = await log.compact().then(
        () => null,
        (error: unknown) => error,
      );
      if (outcome !== null) expect(outcome, about).toMatchObject({ name: 'VarveError' });
      await settled();
      const { hits } = fault;
      fs.faults.clear();
      const poisoned = log.poisoned !== null;
      if (!poisoned) {
        expectLatest(log, latest, about);
        log.append([{ key: 'k0', value: 'after' }]);
        latest.set('k0', 'after');
        await log.flush();
        await log.compact();
        expectLatest(log, latest, about);
      }
      await log.close().catch((error: unknown) => {
        expect(error, about).toMatchObject({ code: 'LOG_POISONED' });
      });
      expect(fs.usage().openFiles, `${about}: files left open`).toBe(0);
      for (const machine of [fs.kill(), fs.powerFail(), fs.powerFail({ outcome: 'nothing' })]) {
        const again = await PartitionLog.open({ directory: DIRECTORY, fs: machine, config });
        expectLatest(again, latest, `${about}, opened again`);
        await again.close();
      }
      return { hits, poisoned };
    });
  });
});
