import { describe, expect, test } from 'vitest';
import { madeUpCell, madeUpResult } from '../explain/made-up.js';
import type { CellResult, RunResult } from '../model/result.js';
import { compareResults, compareWithin } from './compare.js';
import { comparisonSchema } from './comparison.js';
import { renderComparison } from './render.js';

const SPREAD = [0.99, 1, 1.01, 1.005, 0.995];

function cellAt(partitions: number, rate: number, more: Partial<CellResult['cell']> = {}) {
  return madeUpCell(
    { partitions, ...more },
    SPREAD.map((factor) => ({ bytesPerSecond: rate * factor, serviceMs: (1e6 / rate) * factor })),
  );
}

function resultOf(rates: readonly number[], more: Partial<RunResult> = {}): RunResult {
  return madeUpResult(
    rates.map((rate, at) => cellAt(at + 1, rate)),
    more,
  );
}

const LATER = { startedAt: '2026-01-01T01:00:00.000Z', finishedAt: '2026-01-01T01:10:00.000Z' };

describe('directions', () => {
  test('more bytes is better, more time is worse, and a cell can be both', () => {
    const a = resultOf([50e6, 50e6, 50e6, 50e6]);
    const b = resultOf([50e6, 60e6, 40e6, 50e6], LATER);
    const comparison = compareResults(a, b);
    expect(comparisonSchema.parse(comparison)).toEqual(comparison);
    expect(comparison.isPaired).toBe(false);
    expect(comparison.cells.map(({ verdict }) => verdict)).toEqual([
      'no significant difference',
      'better',
      'worse',
      'no significant difference',
    ]);
    const faster = comparison.cells[1]?.metrics.find(({ metric }) => metric === 'publishP99Us');
    expect(faster).toMatchObject({ better: 'lower', verdict: 'better' });
    expect(faster?.ratio).toBeCloseTo(50 / 60, 2);
    expect(comparison.overall).toMatchObject({ verdict: 'mixed', isRegression: true });
  });

  test('B against A is the inverse of A against B', () => {
    const a = resultOf([50e6, 52e6, 40e6]);
    const b = resultOf([50e6, 60e6, 41e6], LATER);
    const metrics = ['producedBytesPerSecond'] as const;
    const forth = compareResults(a, b, { metrics, isPaired: false });
    const back = compareResults(b, a, { metrics, isPaired: false });
    forth.cells.forEach((cell, at) => {
      const [one, other] = [cell.metrics[0], back.cells[at]?.metrics[0]];
      expect((one?.ratio ?? 0) * (other?.ratio ?? 0)).toBeCloseTo(1, 9);
      expect((one?.low ?? 0) * (other?.high ?? 0)).toBeCloseTo(1, 9);
      expect(one?.p).toBeCloseTo(other?.p ?? -1, 9);
    });
  });

  test('a sure difference that is too small does not count', () => {
    const a = resultOf(Array<number>(12).fill(50e6));
    const b = resultOf(Array<number>(12).fill(50.6e6), LATER);
    const [cell] = compareResults(a, b, { metrics: ['producedBytesPerSecond'] }).cells;
    expect(cell?.metrics[0]?.verdict).toBe('no significant difference');
  });
});

describe('what is compared with what', () => {
  test('cells of one side only are named', () => {
    const a = madeUpResult([cellAt(1, 50e6), cellAt(2, 50e6)]);
    const b = madeUpResult([cellAt(2, 50e6), cellAt(4, 50e6)], LATER);
    const { cells, onlyInA, onlyInB } = compareResults(a, b);
    expect(cells.map(({ id }) => id)).toEqual(['target=cluster partitions=2']);
    expect(onlyInA).toEqual(['target=cluster']);
    expect(onlyInB).toEqual(['target=cluster partitions=4']);
  });

  test('nothing in common says so', () => {
    const a = madeUpResult([cellAt(1, 50e6)]);
    const b = madeUpResult([cellAt(2, 50e6)], LATER);
    const { overall } = compareResults(a, b);
    expect(overall.verdict).toBe('cannot tell');
    expect(overall.text).toContain('no cell in common');
  });

  test('another target is put beside it, with a note', () => {
    const a = madeUpResult([1, 2, 3].map((n) => cellAt(n, 50e6)));
    const b = madeUpResult(
      [1, 2, 3].map((n) => cellAt(n, 80e6, { target: 'local-kafka' })),
      LATER,
    );
    const { cells, notes } = compareResults(a, b);
    expect(cells).toHaveLength(3);
    expect(notes).toContain('compared across target');
    expect(cells[0]?.verdict).toBe('better');
  });

  test('two targets of one run are paired', () => {
    const result = madeUpResult(
      [1, 2, 3].flatMap((n) => [cellAt(n, 50e6), cellAt(n, 40e6, { target: 'local-kafka' })]),
    );
    const comparison = compareWithin(result, 'target', { a: 'cluster', b: 'local-kafka' });
    expect(comparison.isPaired).toBe(true);
    expect(comparison.cells).toHaveLength(3);
    expect(comparison.overall.worse).toBeGreaterThan(0);
  });

  test('two runs that overlap in time are paired', () => {
    const a = resultOf([50e6]);
    expect(compareResults(a, resultOf([50e6])).isPaired).toBe(true);
  });

  test('what fails in B only is a regression; what was never tried is not', () => {
    const a = madeUpResult([cellAt(1, 50e6), cellAt(2, 50e6)]);
    const failed = {
      ...cellAt(1, 1),
      runs: [],
      failure: { code: 'TARGET_FAILED', message: 'it burned' },
    };
    const untried = { ...cellAt(2, 1), runs: [], failure: null };
    const { cells, overall } = compareResults(a, madeUpResult([failed, untried], LATER));
    expect(cells[0]).toMatchObject({ verdict: 'worse', failure: 'no figures in B: it burned' });
    expect(cells[1]).toMatchObject({ verdict: 'cannot tell' });
    expect(overall.isRegression).toBe(true);
  });
});

describe('notes', () => {
  test('machine, software, settings and a machine of another speed', () => {
    const a = resultOf([50e6], {
      targets: [
        { name: 'cluster', software: 'varve 0.1.0', brokers: 3, settings: { 'flush.ms': 1 } },
      ],
    });
    const slow = a.calibration.before;
    if (slow === null) throw new Error('made up with a calibration');
    const slower = {
      ...slow,
      memcpy64KiBBytesPerSecond: slow.memcpy64KiBBytesPerSecond * 0.8,
      crc32c64KiBBytesPerSecond: slow.crc32c64KiBBytesPerSecond * 0.8,
      loopbackBytesPerSecond: slow.loopbackBytesPerSecond * 0.8,
    };
    const b = resultOf([40e6], {
      ...LATER,
      status: 'partial',
      statusReason: 'interrupted',
      environment: { ...a.environment, cores: 2, gitCommit: 'abcdef0123456789' },
      targets: [{ name: 'cluster', software: 'varve 0.2.0', brokers: 3, settings: {} }],
      calibration: { before: slower, after: slower, noise: { verdict: 'noisy', text: 'loud' } },
    });
    const { notes, cells } = compareResults(a, b);
    const text = notes.join('\n');
    expect(text).toContain('cores: A 8, B 2');
    expect(text).toContain('commit: A unknown, B abcdef0123');
    expect(text).toContain('cluster: A varve 0.1.0, B varve 0.2.0');
    expect(text).toContain('cluster flush.ms: A 1, B not set');
    expect(text).toContain('B is partial: interrupted');
    expect(text).toContain('B ran on a noisy machine: loud');
    expect(text).toContain('the machine itself was 0.800x as fast');
    // As much slower as the machine was: nothing to blame on B.
    expect(cells[0]?.metrics[0]?.verdict).not.toBe('worse');
  });
});

describe('as text', () => {
  const a = resultOf([50e6, 50e6, 50e6, 50e6]);
  const b = resultOf([50e6, 60e6, 40e6, 50e6], LATER);

  test('what changed is there, with its figures; what did not is left out unless asked for', () => {
    const text = renderComparison(compareResults(a, b), { color: false });
    expect(text).toContain('produced: 50 MB/s -> 60 MB/s (+20 %): better');
    expect(text).toContain('produced: 50 MB/s -> 40 MB/s (-20 %): worse');
    expect(text).not.toContain('partitions=4');
    expect(text).toContain("Holm's correction");
    expect(text).not.toMatch(/NaN|undefined|null/);
    expect(renderComparison(compareResults(a, b), { color: false, all: true })).toContain(
      'partitions=4',
    );
  });
});
