import { setTimeout as delay } from 'node:timers/promises';
import type { LoadConnection, LoadPlan, LoadResult, PayloadPlan, Schedule } from '../load/plan.js';
import { BenchError, isBenchError } from '../model/bench-error.js';
import type { Cell } from '../model/knobs.js';
import type { CellRun } from '../model/result.js';
import type { DisturbanceOutcome, OpenTarget, PreparedTopic, Usage } from '../targets/target.js';
import { assembleRun } from './assemble.js';
import { type LiveFigures, LoadGroup, type StartLoad } from './load-group.js';

export interface CellRequest {
  readonly cell: Cell;
  readonly topic: string;
  readonly payload: PayloadPlan;
  readonly warmupSeconds: number;
  readonly measureSeconds: number;
  /** `cell.rate` resolved; null: closed loop. */
  readonly rateBytesPerSecond: number | null;
  readonly repeat: number;
  readonly order: number;
}

export interface CellRunOptions {
  readonly startLoad: StartLoad;
  readonly onLive: (
    phase: 'warm-up' | 'measuring',
    elapsedSeconds: number,
    figures: LiveFigures,
  ) => void;
  readonly signal: AbortSignal;
}

/** Between the last `ready` and the first record: every process has heard of it by then. */
const LEAD_MS = 30;
/** A share of the window has passed before an experiment does its deed: there must be a before. */
const DEED_AT = 0.3;
/** How long an experiment may keep load on beyond its window: Kafka takes ten seconds to miss a killed broker. */
const EXPERIMENT_SECONDS = 60;
/** Beyond the window: what is under way is acknowledged, an experiment ends, histograms come back. */
const GRACE_SECONDS = 90;

/** One run of one cell on a target that is open: its topic is made before and removed after, whatever happens. */
export async function runCell(
  target: OpenTarget,
  request: CellRequest,
  options: CellRunOptions,
): Promise<CellRun> {
  const prepared = await target.prepare(request.cell, request.topic);
  const loads = new LoadGroup();
  let run: CellRun;
  try {
    options.signal.throwIfAborted();
    const measured = unlessBroken(prepared, measure(prepared, loads, request, options));
    run = await limited(measured, request, options.signal);
  } catch (error) {
    await loads.kill();
    throw await removedAfter(error, prepared);
  }
  await loads.kill();
  await prepared.remove();
  return run;
}

/** Load would wait for what broke, or go on beside it and look well. */
async function unlessBroken<T>({ broken }: PreparedTopic, work: Promise<T>): Promise<T> {
  if (broken === null) return work;
  const failed = broken.then((error): never => {
    throw error;
  });
  work.catch(() => {});
  return Promise.race([failed, work]);
}

/** Why the run failed is the news, not that its topic cannot be removed either; who has to remove it is told. */
async function removedAfter(error: unknown, prepared: PreparedTopic): Promise<unknown> {
  try {
    await prepared.remove();
    return error;
  } catch (second) {
    if (!isBenchError(error)) return error;
    const why = second instanceof Error ? second.message : String(second);
    const text = `${error.message}; its topic ${prepared.topic} could not be removed: ${why}`;
    return new BenchError(error.code, text, { cause: error });
  }
}

async function measure(
  prepared: PreparedTopic,
  loads: LoadGroup,
  request: CellRequest,
  { startLoad, onLive }: CellRunOptions,
): Promise<CellRun> {
  const { cell, warmupSeconds, measureSeconds } = request;
  if (cell.experiment !== 'load' && prepared.disturb === null) {
    throw new BenchError('INVALID_KNOB', `${cell.target} cannot do experiment ${cell.experiment}`);
  }
  await loads.open(plansOf(prepared.connection, prepared.topic, request), startLoad);
  const startedAt = new Date().toISOString();
  const isExperiment = cell.experiment !== 'load';
  // Load stays on until an experiment is over, however long that takes.
  const windowSeconds = measureSeconds + (isExperiment ? EXPERIMENT_SECONDS : 0);
  const schedule = scheduleFrom(monotonicNs() + LEAD_MS * 1e6, warmupSeconds, windowSeconds);
  loads.start(schedule, (figures) => {
    const elapsed = (monotonicNs() - schedule.startNs) / 1e9;
    onLive(elapsed < warmupSeconds ? 'warm-up' : 'measuring', Math.max(0, elapsed), figures);
  });
  const [results, usage, { deedNs, ...outcome }] = await Promise.all([
    loads.done(),
    usageOf(prepared, schedule, loads),
    isExperiment ? disturbed(prepared, schedule, loads, measureSeconds) : NOTHING,
  ]);
  return assembleRun(cell, {
    repeat: request.repeat,
    order: request.order,
    startedAt,
    seconds: windowOf(results, measureSeconds),
    loads: results,
    usage,
    outcome,
    deedAtMs: deedNs === undefined ? null : (deedNs - schedule.measureFromNs) / 1e6,
  });
}

const NOTHING: DisturbanceOutcome = {};

/** The window as producers had it: an experiment may have ended it early. */
function windowOf(results: readonly LoadResult[], measureSeconds: number): number {
  const seconds = results.filter(({ role }) => role === 'producer').map((load) => load.seconds);
  return seconds.length === 0 ? measureSeconds : Math.max(...seconds);
}

async function usageOf(
  prepared: PreparedTopic,
  schedule: Schedule,
  loads: LoadGroup,
): Promise<Usage> {
  const failed = loads.done();
  await Promise.race([until(schedule.measureFromNs), failed]);
  const meter = await prepared.startUsage();
  // An experiment may end the load before the window is over.
  await Promise.race([until(schedule.measureToNs), failed]);
  return meter.stop();
}

async function disturbed(
  prepared: PreparedTopic,
  { measureFromNs }: Schedule,
  loads: LoadGroup,
  measureSeconds: number,
): Promise<DisturbanceOutcome> {
  const failed = loads.done();
  await Promise.race([until(measureFromNs + measureSeconds * DEED_AT * 1e9), failed]);
  const limit = AbortSignal.timeout(GRACE_SECONDS * 1000);
  const calledNs = monotonicNs();
  const outcome = (await prepared.disturb?.(loads.view(), limit)) ?? {};
  await Promise.race([until(measureFromNs + measureSeconds * 1e9), failed]);
  loads.stop();
  return { deedNs: calledNs, ...outcome };
}

function plansOf(connection: LoadConnection, topic: string, request: CellRequest): LoadPlan[] {
  const { cell, payload, rateBytesPerSecond } = request;
  const common = {
    cell,
    topic,
    connection,
    payload,
    rateBytesPerSecond,
    isNumbered: cell.experiment !== 'load',
  };
  const isEmbedded = connection.kind !== 'brokers';
  const producers = isEmbedded ? 1 : cell.producers;
  // An embedded target reads back what it wrote by itself.
  const groups = isEmbedded || cell.consumers === 0 ? 0 : cell.groups;
  const catchUp = groups > 0 && cell.reading === 'catch-up' ? 1 : 0;
  return [
    ...Array.from({ length: catchUp }, () => ({
      ...common,
      role: 'consumer' as const,
      index: 0,
      of: 1,
      group: cell.groups,
    })),
    ...Array.from({ length: producers }, (_, index) => ({
      ...common,
      role: 'producer' as const,
      index,
      of: producers,
      group: 0,
    })),
    ...Array.from({ length: groups * cell.consumers }, (_, at) => ({
      ...common,
      role: 'consumer' as const,
      index: at % cell.consumers,
      of: cell.consumers,
      group: Math.floor(at / cell.consumers),
    })),
  ];
}

/** The clock that all processes of a machine share. */
export function monotonicNs(): number {
  return Number(process.hrtime.bigint());
}

export function scheduleFrom(startNs: number, warmup: number, measure: number): Schedule {
  const measureFromNs = startNs + warmup * 1e9;
  return { startNs, measureFromNs, measureToNs: measureFromNs + measure * 1e9 };
}

async function until(ns: number): Promise<void> {
  const leftMs = (ns - monotonicNs()) / 1e6;
  if (leftMs > 0) await delay(leftMs);
}

/** Ends with the work, the signal, or when it takes far longer than it should. */
async function limited<T>(
  work: Promise<T>,
  { warmupSeconds, measureSeconds, cell }: CellRequest,
  signal: AbortSignal,
): Promise<T> {
  const extraSeconds = GRACE_SECONDS + (cell.experiment === 'load' ? 0 : EXPERIMENT_SECONDS);
  const limitSeconds = warmupSeconds + measureSeconds + extraSeconds;
  const ended = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { signal: ended.signal });
  });
  const late = delay(limitSeconds * 1000, undefined, { signal: ended.signal }).then(() => {
    throw new BenchError(
      'TIMED_OUT',
      `a run of ${warmupSeconds + measureSeconds} s is not over after ${limitSeconds} s: ${cell.target} or a load process hangs`,
    );
  });
  late.catch(() => {});
  work.catch(() => {});
  try {
    return await Promise.race([work, aborted, late]);
  } finally {
    ended.abort();
  }
}
