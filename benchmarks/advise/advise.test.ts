import { describe, expect, test } from 'vitest';
import { type MadeUpRun, madeUpCell, madeUpResult } from '../explain/made-up.js';
import { parseSlo } from '../explain/slo.js';
import { uslRate } from '../explain/usl.js';
import { BenchError } from '../model/bench-error.js';
import type { Cell } from '../model/knobs.js';
import type { AdviceRequest, Measure } from './advice.js';
import { advise } from './advise.js';
import { measureFrom } from './from-result.js';
import { countAtLeast, countBelow, membersOf } from './partitions.js';
import { renderAdvice } from './render.js';

const REQUEST: AdviceRequest = {
  target: 'cluster',
  brokers: 3,
  rateBytesPerSecond: 50e6,
  recordBytes: 1024,
  latency: parseSlo('p99=20ms'),
  surviveBrokers: 1,
  consumerBytesPerSecond: null,
  growth: 1,
  retentionMs: 24 * 3600e3,
  isSynced: false,
};

interface Service {
  /** Highest rate of one partition, with batches of 64 KiB and more. */
  readonly lambda?: number;
  readonly sigma?: number;
  readonly kappa?: number;
  /** Smaller batches do so much of that. */
  readonly smallBatches?: number;
  readonly unloadedMs?: number;
}

/** A service that scales by the law and queues like M/M/1: what the advice must find out. */
function service(figures: Service = {}): { measure: Measure; asked: Cell[] } {
  const {
    lambda = 30e6,
    sigma = 0.05,
    kappa = 0.001,
    smallBatches = 0.5,
    unloadedMs = 2,
  } = figures;
  const asked: Cell[] = [];
  return {
    asked,
    measure: async (cell) => {
      asked.push(cell);
      const capacity =
        uslRate({ lambda, sigma, kappa }, cell.partitions) *
        (cell.batchBytes >= 65_536 ? 1 : smallBatches) *
        (3 / (2 + cell.replicationFactor / 3));
      return madeUpCell(
        cell,
        [0.99, 1, 1.01].map((noise) => runAt(cell, capacity * noise, unloadedMs)),
      );
    },
  };
}

function runAt(cell: Cell, capacity: number, unloadedMs: number): MadeUpRun {
  if (cell.rate === 'max') return { bytesPerSecond: capacity, requestBytes: cell.batchBytes };
  const load = Number(cell.rate) / capacity;
  const achievedShare = Math.min(1, 1 / load);
  const bytesPerSecond = Number(cell.rate) * achievedShare;
  return {
    bytesPerSecond,
    consumedBytesPerSecond: consumedOf(cell, bytesPerSecond),
    requestBytes: cell.batchBytes,
    achievedShare,
    publishMs: [load < 1 ? unloadedMs / (1 - load) : 1000],
  };
}

/** Partitions go to members as wholes: one of the group that is at its limit holds up only its own. */
function consumedOf(cell: Cell, bytesPerSecond: number): number {
  if (cell.consumerRate === 'max') return bytesPerSecond;
  let consumed = 0;
  for (let member = 0; member < cell.consumers; member++) {
    const own = Array.from({ length: cell.partitions }, (_, at) => at % cell.consumers === member);
    const share = own.filter(Boolean).length / cell.partitions;
    consumed += Math.min(cell.consumerRate, bytesPerSecond * share);
  }
  return consumed;
}

describe('advice', () => {
  test('what was asked is met with room, and the next cheaper is run too', async () => {
    const { measure } = service();
    const advice = await advise(REQUEST, measure);
    expect(advice.verdict).toBe('met');
    expect(advice.recommendation).toMatchObject({
      replicationFactor: 3,
      acks: 'all',
      minInsyncReplicas: 2,
      batchBytes: 65_536,
      codec: 'none',
      flush: 'os',
    });
    expect(advice.verification.recommended?.meets).toBe(true);
    expect(advice.verification.text).toMatch(
      /The next cheaper .* it would run at \d+ % of its highest rate/,
    );
    expect(advice.verification.cheaper?.cell.partitions).toBeLessThan(
      advice.recommendation.partitions,
    );
    expect(advice.recommendation.cell.rate).toBe(50e6);
    expect(advice.scaling).toMatchObject({ kind: 'fit' });
    expect(advice.alternatives.map(({ kind }) => kind)).toContain('cheaper');
    expect(advice.alternatives.map(({ kind }) => kind)).toContain('safer');
  });

  test('a tight latency asks for more partitions, and fewer are shown not to do', async () => {
    const { measure } = service();
    const tight = await advise({ ...REQUEST, latency: parseSlo('p99=3ms') }, measure);
    const loose = await advise(REQUEST, measure);
    expect(tight.verdict).toBe('met');
    expect(tight.recommendation.partitions).toBeGreaterThan(loose.recommendation.partitions);
    expect(tight.verification.cheaper?.meets).toBe(false);
    expect(tight.verification.text).toContain('The next cheaper does not do');
  });

  test('every cell is measured once', async () => {
    const { measure, asked } = service();
    await advise(REQUEST, measure);
    const ids = asked.map((cell) => JSON.stringify(cell));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('disk is rate x retention x replicas', async () => {
    const { measure } = service();
    const { recommendation } = await advise(REQUEST, measure);
    expect(recommendation.diskBytes / (50e6 * 86_400 * 3)).toBeCloseTo(1, 6);
    expect(recommendation.diskBytesPerBroker * 3).toBeCloseTo(recommendation.diskBytes, 0);
  });

  test('slow consumers decide how many partitions there are', async () => {
    const { measure } = service();
    const advice = await advise({ ...REQUEST, consumerBytesPerSecond: 5e6 }, measure);
    // 50 MB/s over nine tenths of 5 MB/s are 11.1.
    expect(advice.recommendation.consumersPerGroup).toBe(12);
    expect(advice.recommendation.partitions).toBe(12);
    expect(advice.reasoning.find(({ topic }) => topic === 'partitions')?.text).toContain(
      'consumers need 12',
    );
    expect(advice.verification.recommended).toMatchObject({ isConsumed: true, meets: true });
    expect(advice.verification.cheaper).toMatchObject({
      cell: { partitions: 8, consumers: 8 },
      isRateMet: true,
      isConsumed: false,
    });
    expect(advice.verification.text).toContain('The next cheaper does not do');
    expect(advice.verification.text).toContain('8 consumers of 5 MB/s read 80 % of it meanwhile');
  });

  test('more consumers than are run: said, and the rate alone is proved', async () => {
    const { measure } = service();
    const advice = await advise({ ...REQUEST, consumerBytesPerSecond: 2e6 }, measure);
    expect(advice.recommendation.consumersPerGroup).toBe(32);
    expect(advice.verification.recommended).toMatchObject({
      cell: { consumers: 1, consumerRate: 'max' },
      consumedShare: null,
    });
    expect(advice.limits.join('\n')).toContain('32 consumers were not run, 16 at most are');
  });

  test('whole partitions: members that keep up with their largest share', () => {
    // A sixth of 12 MB/s is 2, and nine tenths of 5 carry two of those.
    expect(membersOf(6, 12e6, 4.5e6)).toBe(3);
    expect(membersOf(5, 12e6, 4.5e6)).toBe(5);
    expect(membersOf(1, 12e6, 4.5e6)).toBe(1);
    expect(membersOf(4, 12e6, null)).toBe(1);
  });

  test('growth is in partitions and disk, and said to be unproven', async () => {
    const { measure } = service();
    const now = await advise(REQUEST, measure);
    const later = await advise({ ...REQUEST, growth: 3 }, measure);
    expect(later.recommendation.partitions).toBeGreaterThan(now.recommendation.partitions);
    expect(later.recommendation.diskBytes / now.recommendation.diskBytes).toBeCloseTo(3, 6);
    expect(later.limits.join()).toContain('rate with growth was not run');
  });

  test('what cannot be met is not claimed', async () => {
    const { measure } = service({ lambda: 5e6, sigma: 0.5, kappa: 0.01 });
    const advice = await advise(REQUEST, measure);
    expect(advice.verdict).toBe('not met');
    expect(advice.text).toContain('Nothing that was tried meets');
    expect(advice.verification.recommended?.meets).toBe(false);
  });

  test('a latency that no load has cannot be met, whatever the rate', async () => {
    const { measure } = service({ unloadedMs: 30 });
    const advice = await advise(REQUEST, measure);
    expect(advice.verdict).toBe('not met');
    expect(advice.verification.recommended).toMatchObject({ isRateMet: true, isLatencyMet: false });
  });

  test('nothing to survive: one replica, acks 1, and what safety would cost', async () => {
    const { measure } = service();
    const advice = await advise({ ...REQUEST, surviveBrokers: 0 }, measure);
    expect(advice.recommendation).toMatchObject({ replicationFactor: 1, acks: 1 });
    expect(
      advice.alternatives.some(({ kind, what }) => kind === 'safer' && what.includes('factor 3')),
    ).toBe(true);
    expect(advice.rulesOfThumb.find(({ rule }) => rule === 'three replicas')?.verdict).toBe(
      'disagrees',
    );
  });

  test('more losses than there are brokers for are refused with the figures', async () => {
    const { measure } = service();
    const request = { ...REQUEST, surviveBrokers: 2 };
    await expect(advise(request, measure)).rejects.toThrow(/needs 5 replicas .* there are 3/);
    await expect(advise(request, measure)).rejects.toBeInstanceOf(BenchError);
  });

  test('rules of thumb: the linear rule is wrong where the curve bends', async () => {
    const { measure } = service({ lambda: 10e6, sigma: 0.15 });
    const { rulesOfThumb } = await advise(REQUEST, measure);
    const rule = rulesOfThumb.find(({ rule }) => rule.includes('max(t/p'));
    expect(rule?.verdict).toBe('disagrees');
    expect(rule?.text).toContain('it says 6');
  });

  test('a result with a matrix is enough for advice that is not verified', async () => {
    const { measure } = service();
    const cells = [];
    for (const partitions of [1, 2, 4, 8])
      cells.push(await measure({ ...(await baseCell()), partitions }, 'made up'));
    const result = madeUpResult(cells.filter((cell) => cell !== null));
    const advice = await advise(REQUEST, measureFrom(result));
    expect(advice.verdict).toBe('not verified');
    expect(advice.limits.join('\n')).toContain('it is not in the result');
    expect(advice.recommendation.partitions).toBeGreaterThan(1);
  });

  test('an empty result gives advice that claims nothing', async () => {
    const advice = await advise(REQUEST, measureFrom({ cells: [] }));
    expect(advice.verdict).toBe('not verified');
    expect(advice.scaling.kind).toBe('cannot-tell');
  });

  test('as text: every part, no hole', async () => {
    const { measure } = service();
    const text = renderAdvice(await advise({ ...REQUEST, growth: 2 }, measure), { color: false });
    for (const part of [
      'Settings',
      'Why',
      'Was it run?',
      'cheaper',
      'Rules of thumb',
      'Not in this',
      'min.insync.replicas',
    ])
      expect(text).toContain(part);
    expect(text).not.toMatch(/NaN|undefined|Infinity|null/);
  });
});

async function baseCell(): Promise<Cell> {
  const { measure, asked } = service();
  await advise(REQUEST, measure);
  return asked[0] as Cell;
}

test('counts that people choose', () => {
  expect([1, 5, 9, 1000, 5000].map(countAtLeast)).toEqual([1, 6, 12, 1024, 5000]);
  expect([1, 2, 12].map(countBelow)).toEqual([null, 1, 8]);
});
