import { Latencies } from '../latency.js';
import { cellId } from '../model/cell-name.js';
import { type Cell, cellOf } from '../model/knobs.js';
import type {
  CalibrationInfo,
  CellResult,
  CellRun,
  GeneratorLimit,
  ProcessUsage,
  RunResult,
} from '../model/result.js';
import { SCHEMA_VERSION } from '../model/result.js';
import { summarizeCell } from './summarize.js';

/** Result documents out of a few figures, for tests of what reads them. Nothing here measures anything. */

export interface MadeUpRun {
  readonly seconds?: number;
  readonly repeat?: number;
  readonly order?: number;
  readonly bytesPerSecond?: number;
  readonly consumedBytesPerSecond?: number | null;
  readonly requestBytes?: number;
  readonly meanInFlight?: number;
  /** Every request took this; null: nothing was timed. */
  readonly serviceMs?: number | null;
  /** From the intended time; as `serviceMs` where not given. */
  readonly publishMs?: readonly number[];
  readonly achievedShare?: number | null;
  readonly producerCores?: number;
  readonly brokerCores?: readonly number[];
  readonly leaders?: readonly number[];
  /** null: the machine was not looked at. */
  readonly busyCores?: number | null;
  readonly cores?: number;
  readonly ioWaitShare?: number;
  readonly syncsPerSecond?: number | null;
  readonly diskBytesPerSecond?: number | null;
  readonly errors?: number;
}

export function madeUpRun(cell: Cell, figures: MadeUpRun = {}): CellRun {
  const seconds = figures.seconds ?? 2;
  const bytesPerSecond = figures.bytesPerSecond ?? 50e6;
  const requestBytes = figures.requestBytes ?? 16_384;
  const records = Math.round((bytesPerSecond * seconds) / cell.recordBytes);
  const bytes = records * cell.recordBytes;
  const requests = Math.round(bytes / requestBytes);
  const consumed =
    figures.consumedBytesPerSecond === undefined ? bytesPerSecond : figures.consumedBytesPerSecond;
  const serviceMs = figures.serviceMs === undefined ? 1 : figures.serviceMs;
  const service = serviceMs === null ? null : latencyOf([serviceMs]);
  const cores = figures.cores ?? 8;
  const brokerCores = figures.brokerCores ?? [0.4, 0.4, 0.4];
  const all = cores * seconds;
  const ioWait = (figures.ioWaitShare ?? 0) * all;
  const own =
    (figures.producerCores ?? 0.3) + brokerCores.reduce((sum, share) => sum + share, 0) + 0.2;
  const busy = Math.min(all, (figures.busyCores ?? own) * seconds);
  return {
    repeat: figures.repeat ?? 0,
    order: figures.order ?? 0,
    startedAt: '2026-01-01T00:00:00.000Z',
    seconds,
    produced: {
      records,
      bytes,
      wireBytes: bytes,
      batches: requests,
      requests,
      errors: figures.errors ?? 0,
      recordsPerSecond: records / seconds,
      bytesPerSecond: bytes / seconds,
    },
    consumed:
      consumed === null
        ? null
        : {
            records: Math.round((consumed * seconds) / cell.recordBytes),
            bytes: consumed * seconds,
            wireBytes: consumed * seconds,
            batches: requests,
            requests,
            errors: 0,
            recordsPerSecond: consumed / cell.recordBytes,
            bytesPerSecond: consumed,
          },
    latency: {
      publish: figures.publishMs === undefined ? service : latencyOf(figures.publishMs),
      publishService: service,
      endToEnd: service,
    },
    generator: {
      utilisation: figures.producerCores ?? 0.3,
      behindMs: 0,
      achievedShare: figures.achievedShare ?? null,
    },
    requests: {
      meanBytes: requestBytes,
      batchFill: Math.min(1, requestBytes / cell.batchBytes),
      meanInFlight: figures.meanInFlight ?? 5,
    },
    processes: [
      madeUpProcess(
        cell.target === 'engine' ? 'engine' : 'producer',
        'producer 0',
        (figures.producerCores ?? 0.3) * seconds,
      ),
      madeUpProcess('consumer', 'consumer 0 of group 0', 0.2 * seconds),
      ...(cell.target === 'engine' ? [] : brokerCores).map((share, at) => ({
        ...madeUpProcess('broker', `broker ${at + 1}`, share * seconds),
        leaders: figures.leaders?.[at] ?? 1,
        replicas: 2,
        diskWrittenBytes:
          figures.diskBytesPerSecond === undefined || figures.diskBytesPerSecond === null
            ? null
            : (figures.diskBytesPerSecond * seconds) / brokerCores.length,
      })),
    ],
    machine:
      figures.busyCores === null
        ? null
        : {
            cores,
            busySeconds: busy,
            idleSeconds: Math.max(0, all - busy - ioWait),
            ioWaitSeconds: ioWait,
            stealSeconds: 0,
          },
    syncs: figures.syncsPerSecond == null ? null : figures.syncsPerSecond * seconds,
    timeline: [],
    deedAtMs: null,
    failover: null,
    crash: null,
    recovery: null,
    rebalance: null,
  };
}

export function madeUpProcess(
  role: ProcessUsage['role'],
  id: string,
  cpuSeconds: number,
): ProcessUsage {
  return {
    role,
    id,
    pid: 1,
    userSeconds: cpuSeconds * 0.75,
    systemSeconds: cpuSeconds * 0.25,
    peakRssBytes: 100e6,
    diskWrittenBytes: null,
    networkReceivedBytes: null,
    networkSentBytes: null,
    descriptors: null,
    mappings: null,
    leaders: null,
    replicas: null,
  };
}

function latencyOf(valuesMs: readonly number[]) {
  const latencies = new Latencies();
  for (const ms of valuesMs) latencies.recordMs(ms);
  return latencies.encoded();
}

export const MADE_UP_CALIBRATION: CalibrationInfo = {
  memcpy64KiBBytesPerSecond: 8e9,
  crc32c64KiBBytesPerSecond: 5e9,
  pwrite64KiBBytesPerSecond: 2e9,
  fdatasync4KiBP50Us: 200,
  fdatasync4KiBP99Us: 400,
  loopbackBytesPerSecond: 2e9,
  clockReadNs: 30,
  cpuNoiseP99: 0.05,
};

export const MADE_UP_LIMIT: GeneratorLimit = {
  client: 'ready',
  recordBytes: 1024,
  batchBytes: 16_384,
  recordsPerSecond: 1e6,
  bytesPerSecond: 1024e6,
};

export function madeUpCell(
  knobs: Partial<Cell>,
  runs: readonly MadeUpRun[],
  limit: GeneratorLimit | null = null,
): CellResult {
  const cell = cellOf(knobs);
  const made = runs.map((figures, repeat) =>
    madeUpRun(cell, { repeat, order: repeat, ...figures }),
  );
  return {
    id: cellId(cell),
    cell,
    runs: made,
    summary: made.length === 0 ? null : summarizeCell(cell, made, MADE_UP_CALIBRATION, limit),
    failure: made.length === 0 ? { code: 'TARGET_FAILED', message: 'made up' } : null,
    profile: null,
  };
}

export function madeUpResult(
  cells: readonly CellResult[],
  more: Partial<RunResult> = {},
): RunResult {
  return {
    schemaVersion: SCHEMA_VERSION,
    name: 'made-up',
    startedAt: '2026-01-01T00:00:00.000Z',
    finishedAt: '2026-01-01T00:10:00.000Z',
    status: 'complete',
    statusReason: null,
    command: ['bench'],
    plan: {
      suite: 'made-up',
      repeats: cells[0]?.runs.length ?? 0,
      seed: 1,
      warmupSeconds: 0.5,
      measureSeconds: 2,
      budgetSeconds: null,
      payload: 'generated',
      axes: [],
    },
    environment: {
      cpuModel: 'made up',
      cores: 8,
      memoryBytes: 16e9,
      platform: 'linux',
      kernel: '6.0',
      fileSystem: 'ext4',
      freeDiskBytes: 100e9,
      nodeVersion: 'v20.20.2',
      v8Version: '11.3',
      varveVersion: '0.1.0',
      gitCommit: null,
      gitDirty: null,
    },
    calibration: {
      before: MADE_UP_CALIBRATION,
      after: MADE_UP_CALIBRATION,
      noise: { verdict: 'quiet', text: 'made up' },
    },
    generatorLimits: [],
    targets: [],
    cells: [...cells],
    ...more,
  };
}
