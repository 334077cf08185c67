import { describe, expect, test } from 'vitest';
import { MADE_UP_CALIBRATION, madeUpCell, madeUpResult } from '../explain/made-up.js';
import { heavyTailed, normal } from '../explain/noise.js';
import { type Cell, cellOf } from '../model/knobs.js';
import type { CalibrationInfo, CellResult, CellRun, RunResult } from '../model/result.js';
import { createRandom, type Random } from '../random.js';
import { compareResults } from './compare.js';

/**
 * Is the comparison honest? Runs with known properties are compared over and over: A against A must hardly ever differ
 * (less than 5 % of comparisons, of many cells and figures each), and a slowdown of 10 % must be found.
 */
interface World {
  readonly name: string;
  readonly cells: number;
  readonly repeats: number;
  readonly noise: (random: Random, cell: number) => number;
  /** How fast the machine is at a moment, as a logarithm; a run of the suite is one unit of time. */
  readonly machine: (random: Random) => (time: number) => number;
  readonly isPaired: boolean;
  readonly isCalibrated: boolean;
}

const steady = () => () => 0;
const gaussian = (spread: number) => (random: Random) => spread * normal(random);

function world(name: string, more: Partial<World> = {}): World {
  return {
    name,
    cells: 12,
    repeats: 5,
    noise: gaussian(0.03),
    machine: steady,
    isPaired: false,
    isCalibrated: true,
    ...more,
  };
}

/** A wave of 8 % either way whose length is between half a run and eight runs. */
const waves = (random: Random) => {
  const phase = random.next() * 2 * Math.PI;
  const length = 0.5 * 16 ** random.next();
  return (time: number) => 0.08 * Math.sin(phase + (2 * Math.PI * time) / length);
};

/** Slower and slower: up to 10 % a run. */
const slope = (random: Random) => {
  const rate = (random.next() * 2 - 1) * 0.1;
  return (time: number) => rate * time;
};

const WORLDS: readonly World[] = [
  world('spread 1 %', { noise: gaussian(0.01) }),
  world('spread 3 %'),
  world('spread 10 %', { noise: gaussian(0.1) }),
  world('three repeats', { repeats: 3 }),
  world('ten repeats', { repeats: 10 }),
  world('one cell', { cells: 1 }),
  world('two cells, three repeats', { cells: 2, repeats: 3 }),
  world('a hundred cells', { cells: 100, repeats: 3 }),
  world('heavy tails', { noise: (random) => 0.03 * heavyTailed(random) }),
  world('heavy tails, three repeats', {
    repeats: 3,
    noise: (random) => 0.03 * heavyTailed(random),
  }),
  world('one run in ten stumbles by 30 %', {
    noise: (random) => gaussian(0.02)(random) - (random.next() < 0.1 ? 0.3 : 0),
  }),
  world('quiet and noisy cells', {
    noise: (random, cell) => (cell % 3 === 0 ? 0.15 : 0.01) * normal(random),
  }),
  world('quiet and noisy cells, three repeats', {
    repeats: 3,
    noise: (random, cell) => (cell % 3 === 0 ? 0.15 : 0.01) * normal(random),
  }),
  world('alternated', { isPaired: true }),
  world('alternated, three repeats', { isPaired: true, repeats: 3 }),
  world('alternated, a machine in waves', { isPaired: true, machine: waves }),
  world('alternated, a machine on a slope', { isPaired: true, machine: slope }),
  world('one after the other, a machine in waves', { machine: waves }),
  world('one after the other, a machine on a slope', { machine: slope }),
  world('one after the other, a machine on a slope, three repeats', {
    machine: slope,
    repeats: 3,
  }),
  world('one after the other, a machine on a slope, one cell', { machine: slope, cells: 1 }),
  world('one after the other, a machine on a slope, not calibrated', {
    machine: slope,
    isCalibrated: false,
  }),
];

const COMPARISONS = 200;

describe(`A against A: false alarms in ${COMPARISONS} comparisons`, () => {
  test.each(WORLDS.map((one) => [one.name, one] as const))('%s', (_name, one) => {
    const alarms = alarmsOf(one, 1);
    expect(alarms).toBeLessThan(0.05 * COMPARISONS);
  });
});

describe(`10 % slower: found in ${COMPARISONS} comparisons`, () => {
  const worlds: readonly World[] = [
    world('spread 2 %', { noise: gaussian(0.02) }),
    world('spread 3 %'),
    world('spread 3 %, six cells', { cells: 6 }),
    world('spread 2 %, one cell', { cells: 1, noise: gaussian(0.02) }),
    world('spread 2 %, three repeats', { repeats: 3, noise: gaussian(0.02) }),
    world('alternated, spread 3 %', { isPaired: true }),
    world('alternated, a machine in waves', { isPaired: true, machine: waves }),
    world('heavy tails of 2 %', { noise: (random) => 0.02 * heavyTailed(random) }),
  ];
  test.each(worlds.map((one) => [one.name, one] as const))('%s', (_name, one) => {
    const { found, wrong } = powerOf(one, 0.9);
    expect(found).toBeGreaterThan(0.9);
    expect(wrong).toBe(0);
  });
});

describe('too little to tell', () => {
  test.each([
    [1, 12],
    [2, 1],
  ])('%d repeat(s) of %d cell(s)', (repeats, cells) => {
    const [a, b] = simulate(world('few', { repeats, cells }), createRandom(1), 0.5);
    const comparison = compareResults(a, b, { isPaired: false, metrics: [METRIC] });
    expect(comparison.overall.verdict).toBe('cannot tell');
    expect(comparison.overall.unknown).toBe(cells);
    expect(comparison.cells[0]?.metrics[0]?.reason).toMatch(/too few repeats|has 1 run/);
  });

  test('a spread so large that nothing would be seen', () => {
    const [a, b] = simulate(world('wild', { noise: gaussian(0.5) }), createRandom(1), 1);
    const { overall, cells } = compareResults(a, b, { isPaired: false, metrics: [METRIC] });
    expect(overall.verdict).toBe('cannot tell');
    expect(cells[0]?.metrics[0]?.reason).toContain('only changes above');
  });

  test('two repeats of many cells do tell a large difference', () => {
    const [a, b] = simulate(world('two', { repeats: 2 }), createRandom(1), 0.7);
    expect(compareResults(a, b, { isPaired: false, metrics: [METRIC] }).overall.worse).toBe(12);
  });
});

const METRIC = 'producedBytesPerSecond';

function alarmsOf(one: World, change: number): number {
  let alarms = 0;
  for (let seed = 1; seed <= COMPARISONS; seed++) {
    const [a, b] = simulate(one, createRandom(seed * 7919), change);
    const { overall } = compareResults(a, b, { isPaired: one.isPaired });
    if (overall.better + overall.worse > 0) alarms += 1;
  }
  return alarms;
}

function powerOf(one: World, change: number): { found: number; wrong: number } {
  let found = 0;
  let wrong = 0;
  for (let seed = 1; seed <= COMPARISONS; seed++) {
    const [a, b] = simulate(one, createRandom(seed * 104_729), change);
    const { cells } = compareResults(a, b, { isPaired: one.isPaired, metrics: [METRIC] });
    for (const { verdict } of cells) {
      if (verdict === 'worse') found += 1;
      if (verdict === 'better') wrong += 1;
    }
  }
  return { found: found / (COMPARISONS * one.cells), wrong };
}

const CELLS = Array.from({ length: 100 }, (_, at) => cellOf({ partitions: at + 1 }));
const BASE = madeUpCell({}, [{}]).runs[0] as CellRun;

/** A and B in one world: after each other, or their repeats in turn. B's rate is A's times `change`. */
function simulate(one: World, random: Random, change: number): [RunResult, RunResult] {
  const machine = one.machine(random);
  const runsOf = (side: 0 | 1): CellResult[] => {
    const cells: CellResult[] = [];
    for (let at = 0; at < one.cells; at++) {
      const cell = CELLS[at] as Cell;
      const runs = Array.from({ length: one.repeats }, (_, repeat) => {
        const within = (repeat + random.next()) / one.repeats;
        // In turn, A and B of a cell are a hundredth of a run apart; else B begins a little after A has ended.
        const time = one.isPaired
          ? 2 * pairTime(at, repeat, one) + 0.01 * side
          : 1.1 * side + within;
        const speed = machine(time) + one.noise(random, at);
        return madeUp(repeat, 50e6 * (side === 1 ? change : 1) * Math.exp(speed), random);
      });
      cells.push({
        id: `partitions=${at + 1}`,
        cell,
        runs,
        summary: null,
        failure: null,
        profile: null,
      });
    }
    return cells;
  };
  const results = ([0, 1] as const).map((side) => {
    const from = one.isPaired ? 0 : 1.1 * side;
    const calibrationAt = (time: number): CalibrationInfo | null =>
      one.isCalibrated ? calibrated(machine(time), random) : null;
    return madeUpResult(runsOf(side), {
      calibration: {
        before: calibrationAt(from),
        after: calibrationAt(from + 1),
        noise: { verdict: 'unknown', text: '' },
      },
    });
  });
  return results as [RunResult, RunResult];
}

function pairTime(cell: number, repeat: number, { cells, repeats }: World): number {
  return (repeat + ((cell * 7) % cells) / cells) / repeats;
}

function calibrated(speed: number, random: Random): CalibrationInfo {
  const of = (value: number) => value * Math.exp(speed + 0.02 * normal(random));
  return {
    ...MADE_UP_CALIBRATION,
    memcpy64KiBBytesPerSecond: of(8e9),
    crc32c64KiBBytesPerSecond: of(5e9),
    loopbackBytesPerSecond: of(2e9),
  };
}

/** Latency goes with the rate and has noise of its own, three times as much. */
function madeUp(repeat: number, bytesPerSecond: number, random: Random): CellRun {
  const p99Us = (5e10 / bytesPerSecond) * Math.exp(0.09 * normal(random));
  const publish = BASE.latency.publish;
  if (publish === null) throw new Error('the base has latencies');
  return {
    ...BASE,
    repeat,
    produced: { ...BASE.produced, bytesPerSecond, recordsPerSecond: bytesPerSecond / 1024 },
    consumed: null,
    latency: { ...BASE.latency, publish: { ...publish, p99Us }, endToEnd: null },
    processes: [],
  };
}
