import { type Cell, cellOf } from '../model/knobs.js';
import { NS_PER_MS, NS_PER_SECOND, nowNs } from './clock.js';
import { LoadProcess, type Progress } from './load-process.js';
import { openLoad } from './open-load.js';
import type { LoadConnection, LoadPlan, LoadResult, Schedule } from './plan.js';

/* What tests of this folder share. */

const START_AHEAD_MS = 100;

export function scheduleOf(warmupSeconds: number, measureSeconds: number): Schedule {
  const startNs = nowNs() + START_AHEAD_MS * NS_PER_MS;
  const measureFromNs = startNs + warmupSeconds * NS_PER_SECOND;
  return { startNs, measureFromNs, measureToNs: measureFromNs + measureSeconds * NS_PER_SECOND };
}

export function planOf(
  knobs: Partial<Cell>,
  connection: LoadConnection,
  other: Partial<LoadPlan> = {},
): LoadPlan {
  return {
    role: 'producer',
    index: 0,
    of: 1,
    group: 0,
    cell: cellOf(knobs),
    topic: 'load',
    connection,
    payload: { file: null, seed: 1, spread: 'exact', compressibility: null },
    rateBytesPerSecond: null,
    isNumbered: false,
    ...other,
  };
}

/** In this process. */
export async function measureHere(
  plan: LoadPlan,
  seconds: { readonly warmup: number; readonly measure: number },
): Promise<LoadResult> {
  const load = await openLoad(plan);
  try {
    return await load.run(scheduleOf(seconds.warmup, seconds.measure));
  } finally {
    await load.close();
  }
}

/** Processes that run together, consumers until all producers are done. */
export async function measureTogether(
  plans: readonly LoadPlan[],
  seconds: { readonly warmup: number; readonly measure: number },
  options: {
    readonly onProgress?: (plan: LoadPlan, progress: Progress) => void;
    /** Called when the load has begun. */
    readonly meanwhile?: (loads: readonly LoadProcess[]) => Promise<void>;
  } = {},
): Promise<LoadResult[]> {
  const loads: LoadProcess[] = [];
  try {
    for (const plan of plans) {
      loads.push(
        await LoadProcess.open(plan, {
          onProgress: (progress) => options.onProgress?.(plan, progress),
        }),
      );
    }
    const schedule = scheduleOf(seconds.warmup, seconds.measure);
    for (const load of loads) load.start(schedule);
    const all = Promise.all(loads.map(({ result }) => result));
    const produced = Promise.all(
      loads.filter(({ plan }) => plan.role === 'producer').map(({ result }) => result),
    );
    await Promise.all([Promise.race([produced, all]), options.meanwhile?.(loads)]);
    for (const load of loads) if (load.plan.role === 'consumer') load.stop();
    return await all;
  } finally {
    await Promise.all(loads.map((load) => load.close()));
  }
}
