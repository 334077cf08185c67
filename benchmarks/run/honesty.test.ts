import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compareResults } from '../compare/compare.js';
import { scalingOf } from '../explain/scaling.js';
import { openLoad } from '../load/open-load.js';
import type { LoadResult, SimulatedConnection } from '../load/plan.js';
import { type Cell, cellOf } from '../model/knobs.js';
import { crossAxes } from '../model/matrix.js';
import type { RunResult } from '../model/result.js';
import { simulatedTarget } from '../targets/simulated.js';
import type { StartLoad } from './load-group.js';
import { runSession, type SessionRequest } from './session.js';

/*
 * The whole suite (sessions, load processes, histograms, summaries, verdicts) against a service whose properties are
 * known: what it says must be what was put in. Everything is measured in real time on whatever machine this is.
 */

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-honesty-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const SERVICE: SimulatedConnection = {
  kind: 'simulated',
  serviceMs: 2,
  bytesPerSecond: 2e6,
  stallAtMs: null,
  stallMs: 0,
  sigma: 0,
  kappa: 0,
  spread: 0,
  seed: 1,
};

/** Load in this process: the same code, without the second that a process takes to start on a busy machine. */
const startLoad: StartLoad = (plan) => {
  const opening = openLoad(plan);
  let finish: (result: Promise<LoadResult>) => void = () => {};
  return {
    ready: opening.then(() => undefined),
    done: new Promise<LoadResult>((resolve) => {
      finish = resolve;
    }),
    onProgress: () => {},
    start: (schedule) => finish(opening.then((load) => load.run(schedule))),
    count: async () => (await opening).acknowledged().records,
    stop: () => void opening.then((load) => load.stop()),
    kill: async () => (await opening).close(),
  };
};

function measure(
  cells: readonly Cell[],
  service: Partial<SimulatedConnection>,
  over: Partial<SessionRequest> = {},
): Promise<RunResult> {
  const target = simulatedTarget({ ...SERVICE, ...service });
  return runSession(
    {
      name: 'honesty',
      suite: 'honesty',
      cells,
      repeats: 1,
      warmupSeconds: 0.2,
      measureSeconds: 1,
      seed: 1,
      budgetSeconds: null,
      payload: { file: null, seed: 1, spread: 'exact', compressibility: null },
      directory,
      command: [],
      calibrationEffort: 0,
      previous: null,
      ...over,
    },
    {
      findTarget: () => target,
      startLoad,
      measureLimit: null,
      journal: null,
      onEvent: () => {},
      signal: new AbortController().signal,
    },
  );
}

/** Small batches, and enough of them under way for some 400 ms: what else runs on this machine keeps nobody waiting. */
const PATIENT = { batchBytes: 2048, inFlight: 400 } as const;
const simulated = (knobs: Partial<Cell> = {}): Cell => cellOf({ target: 'simulated', ...knobs });
const summaryOf = (result: RunResult, at = 0) => {
  const summary = result.cells[at]?.summary;
  if (summary == null) throw new Error(JSON.stringify(result.cells[at]?.failure));
  return summary;
};
const within = (value: number, expected: number, share: number): void => {
  expect(value).toBeGreaterThan(expected * (1 - share));
  expect(value).toBeLessThan(expected * (1 + share));
};

describe('a service that takes 2 MB/s at most', () => {
  test('a closed loop finds its rate', async () => {
    const summary = summaryOf(await measure([simulated(PATIENT)], {}));
    within(summary.producedBytesPerSecond.median, 2e6, 0.05);
  });

  test('an open loop below it gets what it asks for; above it, it says what it lacks', async () => {
    const result = await measure([simulated({ rate: 0.5e6 }), simulated({ rate: 4e6 })], {});
    within(summaryOf(result).producedBytesPerSecond.median, 0.5e6, 0.05);
    expect(result.cells[0]?.runs[0]?.generator.achievedShare).toBeGreaterThan(0.95);
    // Records were due twice as fast as they could be taken: the last waited for about the window's length.
    expect(summaryOf(result, 1).publish?.maxUs).toBeGreaterThan(400_000);
  });
});

test('a service that takes 20 ms for each request: its latency, in both ways of counting', async () => {
  const result = await measure([simulated({ rate: 2e6, lingerMs: 0 })], {
    serviceMs: 20,
    bytesPerSecond: 1e9,
  });
  const { publish, publishService } = summaryOf(result);
  expect(publishService?.p50Us).toBeGreaterThan(20_000);
  expect(publishService?.p50Us).toBeLessThan(30_000);
  expect(publish?.p50Us).toBeGreaterThanOrEqual(publishService?.p50Us ?? 0);
});

test('a stall of 400 ms is in the latency from the intended time, record for record, and hardly in the service time', async () => {
  const result = await measure([simulated({ rate: 2e6 })], {
    serviceMs: 1,
    bytesPerSecond: 1e9,
    stallAtMs: 600,
    stallMs: 400,
  });
  const { publish, publishService } = summaryOf(result);
  expect(publish?.maxUs).toBeGreaterThan(380_000);
  // Two fifths of the window's records were due in the stall, evenly: a fifth of all waited for more than 200 ms.
  expect(publish?.p90Us).toBeGreaterThan(200_000);
  // Only what was under way when it began waited after it was sent: five requests of some 120.
  expect(publishService?.p90Us).toBeLessThan(50_000);
});

/** Measured in real time beside whatever else runs: a machine that stands still for a moment gets another chance. */
const REAL_TIME = { retry: 2, timeout: 180_000 };

test(
  'partitions that scale by the Universal Scalability Law: its parameters come back',
  REAL_TIME,
  async () => {
    const cells = crossAxes({
      target: ['simulated'],
      partitions: [1, 2, 4, 8, 16],
      batchBytes: [PATIENT.batchBytes],
      inFlight: [PATIENT.inFlight],
    });
    const result = await measure(
      cells,
      { bytesPerSecond: 1e6, serviceMs: 1, sigma: 0.1, kappa: 0.01, spread: 0.01 },
      { repeats: 3, measureSeconds: 0.4 },
    );
    const [scaling] = scalingOf(result);
    if (scaling?.outcome.kind !== 'fit') throw new Error(JSON.stringify(scaling));
    const { lambda, sigma, kappa, peak } = scaling.outcome.fit;
    within(lambda.value, 1e6, 0.15);
    within(sigma.value, 0.1, 0.6);
    within(kappa.value, 0.01, 0.5);
    // sqrt((1 - 0.1) / 0.01) = 9.5
    expect(peak.kind).toBe('within');
    if (peak.kind === 'within') within(peak.n, 9.5, 0.3);
  },
);

describe('two runs of the same service, and one of a service that is much slower', () => {
  const cells = crossAxes({
    target: ['simulated'],
    partitions: [1, 2],
    batchBytes: [PATIENT.batchBytes],
    inFlight: [PATIENT.inFlight],
  });
  const run = (seed: number, bytesPerSecond: number): Promise<RunResult> =>
    measure(
      cells,
      { bytesPerSecond, spread: 0.01, seed },
      { repeats: 6, warmupSeconds: 0.1, measureSeconds: 0.25 },
    );

  test('no verdict of a difference there, worse here', REAL_TIME, async () => {
    const [a, same, slower] = [await run(1, 2e6), await run(1000, 2e6), await run(2000, 1.2e6)];
    const rates = (b: RunResult) =>
      compareResults(a, b, { metrics: ['producedBytesPerSecond'] }).cells.map(
        ({ metrics }) => metrics.find(({ metric }) => metric === 'producedBytesPerSecond')?.verdict,
      );
    // On a noisy machine it may be that nothing can be told; that one is better or worse is what may not be said.
    for (const verdict of rates(same)) {
      expect(['no significant difference', 'cannot tell']).toContain(verdict);
    }
    expect(rates(slower)).toEqual(['worse', 'worse']);
  });
});
