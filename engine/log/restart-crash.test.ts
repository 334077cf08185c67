import { describe, expect, it } from 'vitest';
import { SimulatedFileSystem } from '../testing/simulated-file-system.js';
import { PartitionLog } from './partition-log.js';

/*
 * The machine stops before every single step of an operation, in turn: killed, or without power. It restarts, the log is
 * opened and goes on, and then the power fails. Whatever the first opening showed is what the second one must go on from.
 */
const DIRECTORY = '/data/events-0';
const SEEDS = [1, 2, 3, 4];

interface Row {
  readonly name: string;
  readonly config: Readonly<Record<string, number | string>>;
  /** Records in the log, flushed, when the operation begins. */
  readonly records: number;
  /** Left out: the log is opened for the first time. */
  readonly run?: (log: PartitionLog, fs: SimulatedFileSystem) => Promise<unknown>;
  /** Offsets whose records must be there in the end, whatever happens: [from, to). */
  readonly kept: readonly [from: number, to: number];
  readonly startAtMost: number;
}

const LARGE = { 'internal.segment.bytes': 65_536, 'index.interval.bytes': 512 };
/** Four records a segment. */
const SMALL = { 'internal.segment.bytes': 4300, 'index.interval.bytes': 512 };

const ROWS: readonly Row[] = [
  {
    name: 'the first opening: the log begins where it began',
    config: SMALL,
    records: 0,
    kept: [0, 0],
    startAtMost: 0,
  },
  {
    name: 'a truncation inside a segment: what was cut is not found behind what came after',
    config: LARGE,
    records: 30,
    run: (log) => log.truncateTo(6),
    kept: [0, 6],
    startAtMost: 0,
  },
  {
    name: 'a truncation to the start: what was cut does not come back',
    config: LARGE,
    records: 12,
    run: (log) => log.truncateTo(0),
    kept: [0, 0],
    startAtMost: 0,
  },
  {
    name: 'a truncation over several segments: what was cut is not found behind what came after',
    config: SMALL,
    records: 22,
    run: (log) => log.truncateTo(6),
    kept: [0, 6],
    startAtMost: 0,
  },
  {
    name: 'everything deleted and begun again at an offset',
    config: SMALL,
    records: 14,
    run: (log) => log.truncateFullyAndStartAt(14),
    kept: [0, 0],
    startAtMost: 14,
  },
  {
    name: 'records deleted by offset: segments that are half gone do not end the log',
    config: SMALL,
    records: 30,
    run: (log) => log.deleteRecordsBefore(18),
    kept: [18, 30],
    startAtMost: 18,
  },
  {
    name: 'retention: segments that are half gone do not end the log',
    config: { ...SMALL, 'retention.bytes': 9000 },
    records: 30,
    run: (log) => log.applyRetention(),
    kept: [24, 30],
    startAtMost: 24,
  },
  {
    name: 'retention on a full disk, which has no room for the new start: segments go one by one',
    config: { ...SMALL, 'retention.bytes': 9000 },
    records: 30,
    run: (log, fs) => {
      fs.faults.plant({ operation: 'writeFileAtomic', errno: 'ENOSPC', nth: 1, persistent: true });
      return log.applyRetention();
    },
    kept: [24, 30],
    startAtMost: 24,
  },
];

describe('a restart, then a power failure', () => {
  it.each(ROWS)('after $name', { timeout: 120_000 }, async (row) => {
    let stops = 0;
    for (let isDone = false; !isDone; ) {
      stops += 1;
      for (const seed of SEEDS) {
        const fs = await prepared(row, seed);
        const rehearsed = fs.steps;
        const stopped = await prepared(row, seed, rehearsed + stops);
        isDone = await operate(row, stopped);
        const label = `step ${stops}, seed ${seed}`;
        await restart(row, stopped.kill({ seed }), `${label}, killed`);
        await restart(row, stopped.powerFail({ seed }), `${label}, power failed`);
      }
    }
    expect(stops).toBeGreaterThan(8);
  });
});

const logs = new WeakMap<SimulatedFileSystem, PartitionLog>();

async function prepared(row: Row, seed: number, crashAtStep = Number.POSITIVE_INFINITY) {
  const first = new SimulatedFileSystem({ seed });
  const faults = { crashAtStep };
  if (row.run === undefined) return new SimulatedFileSystem({ seed, faults });
  const log = await open(row, first);
  for (let i = 0; i < row.records; i += 1) log.append([{ value: value('old', i) }]);
  await log.flush();
  await settled();
  // As a checkpoint that was never renewed would have it: recovery looks at every segment.
  first.install(`${DIRECTORY}/recovery-point-offset-checkpoint`, Buffer.from('0\n1\nevents 0 0\n'));
  const fs = first.powerFail({ seed, outcome: 'everything', faults });
  logs.set(fs, await open(row, fs));
  return fs;
}

/** True when the operation ended before the step came that the machine was to stop at. */
async function operate(row: Row, fs: SimulatedFileSystem): Promise<boolean> {
  try {
    if (row.run === undefined) await open(row, fs);
    else await row.run(logs.get(fs)!, fs);
    return true;
  } catch (error) {
    if (fs.down === null) throw error;
    return false;
  }
}

async function restart(row: Row, fs: SimulatedFileSystem, label: string): Promise<void> {
  const log = await open(row, fs);
  expect(log.logStartOffset, label).toBeLessThanOrEqual(row.startAtMost);
  const shownStart = log.logStartOffset;
  const history = new Map(valuesOf(log));
  for (let i = 0; i < 9; i += 1) {
    const text = value('new', i);
    const { baseOffset } = log.append([{ value: text }]);
    history.set(baseOffset, text.slice(0, 8));
  }
  for (const seed of SEEDS) {
    const again = await open(row, fs.powerFail({ seed }));
    const context = `${label}, then seed ${seed}`;
    expect(again.logStartOffset, context).toBeLessThanOrEqual(row.startAtMost);
    for (const [offset, text] of valuesOf(again)) {
      if (offset >= shownStart)
        expect(`${offset} ${text}`, context).toBe(`${offset} ${history.get(offset)}`);
    }
    const [from, to] = row.kept;
    const found = new Map(valuesOf(again));
    for (let offset = from; offset < to; offset += 1) {
      expect(found.get(offset), context).toBe(value('old', offset).slice(0, 8));
    }
    await again.close();
  }
}

function open(row: Row, fs: SimulatedFileSystem): Promise<PartitionLog> {
  return PartitionLog.open({ directory: DIRECTORY, fs, config: row.config });
}

/** All of one size: what follows what was overwritten begins at a batch. */
function value(kind: 'old' | 'new', i: number): string {
  return `${kind}-${String(i).padStart(3, '0')}:`.padEnd(950, 'x');
}

function valuesOf(log: PartitionLog): [offset: number, value: string][] {
  return [...log.records()].map(({ offset, value }) => [
    offset,
    Buffer.from(value!).toString().slice(0, 8),
  ]);
}

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
