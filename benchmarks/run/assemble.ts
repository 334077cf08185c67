import { mergeLatencies } from '../latency.js';
import type { LoadResult } from '../load/plan.js';
import type { Cell } from '../model/knobs.js';
import type { CellRun, LatencySummary, ProcessUsage, Tick, Traffic } from '../model/result.js';
import type { DisturbanceOutcome, Usage } from '../targets/target.js';

export interface Measured {
  readonly repeat: number;
  readonly order: number;
  readonly startedAt: string;
  readonly seconds: number;
  readonly loads: readonly LoadResult[];
  readonly usage: Usage;
  readonly outcome: Omit<DisturbanceOutcome, 'deedNs'>;
  readonly deedAtMs: number | null;
}

/** What the load processes and the target measured, as one run of a cell. */
export function assembleRun(cell: Cell, measured: Measured): CellRun {
  const { loads, usage, outcome, seconds } = measured;
  const producers = loads.filter(({ role }) => role === 'producer');
  // The reader that catches up beside them is load, and nobody's result.
  const consumers = loads.filter(({ role, group }) => role === 'consumer' && group < cell.groups);
  const produced = trafficOf(producers);
  const due = sumOrNull(producers.map(({ dueRecords }) => dueRecords));
  return {
    repeat: measured.repeat,
    order: measured.order,
    startedAt: measured.startedAt,
    seconds,
    produced,
    consumed: consumedOf(producers, consumers),
    latency: {
      publish: mergedOf(producers.map(({ corrected }) => corrected)),
      publishService: mergedOf(producers.map(({ service }) => service)),
      endToEnd: mergedOf(consumers.map(({ corrected }) => corrected)),
    },
    generator: {
      utilisation: Math.max(
        0,
        ...loads.map((load) => (load.userSeconds + load.systemSeconds) / load.seconds),
      ),
      behindMs: Math.max(0, ...producers.map(({ behindMs }) => behindMs)),
      achievedShare: due === null || due === 0 ? null : produced.records / due,
    },
    requests: {
      meanBytes: produced.requests === 0 ? 0 : produced.wireBytes / produced.requests,
      batchFill: produced.batches === 0 ? 0 : produced.bytes / produced.batches / cell.batchBytes,
      meanInFlight: producers.reduce((sum, { meanInFlight }) => sum + meanInFlight, 0),
    },
    processes: [...usage.processes, ...loads.map((load) => processOf(load, cell))],
    machine: usage.machine,
    syncs: usage.syncs,
    timeline: timelineOf(loads),
    deedAtMs: measured.deedAtMs,
    failover: outcome.failover ?? null,
    crash: outcome.crash ?? null,
    recovery: outcome.recovery ?? null,
    rebalance: outcome.rebalance ?? null,
  };
}

/** Rates of processes add up: each has the window as its own. */
function trafficOf(loads: readonly LoadResult[]): Traffic {
  const sum = (of: (load: LoadResult) => number): number =>
    loads.reduce((total, load) => total + of(load), 0);
  return {
    records: sum(({ records }) => records),
    bytes: sum(({ bytes }) => bytes),
    wireBytes: sum(({ wireBytes }) => wireBytes),
    batches: sum(({ batches }) => batches),
    requests: sum(({ requests }) => requests),
    errors: sum(({ errors }) => errors),
    recordsPerSecond: sum(({ records, seconds }) => records / seconds),
    bytesPerSecond: sum(({ bytes, seconds }) => bytes / seconds),
  };
}

function consumedOf(
  producers: readonly LoadResult[],
  consumers: readonly LoadResult[],
): Traffic | null {
  const [readBack] = producers.map((load) => load.readBack).filter((read) => read !== null);
  if (readBack !== undefined) {
    const { records, bytes, seconds } = readBack;
    return {
      records,
      bytes,
      wireBytes: 0,
      batches: 0,
      requests: 0,
      errors: 0,
      recordsPerSecond: records / seconds,
      bytesPerSecond: bytes / seconds,
    };
  }
  return consumers.length === 0 ? null : trafficOf(consumers);
}

function mergedOf(summaries: readonly (LatencySummary | null)[]): LatencySummary | null {
  return mergeLatencies(summaries);
}

function processOf(load: LoadResult, cell: Cell): ProcessUsage {
  return {
    role: cell.target === 'engine' ? 'engine' : load.role,
    id:
      load.role === 'producer'
        ? `producer ${load.index}`
        : `consumer ${load.index} of group ${load.group}`,
    pid: load.pid,
    userSeconds: load.userSeconds,
    systemSeconds: load.systemSeconds,
    peakRssBytes: load.peakRssBytes,
    diskWrittenBytes: null,
    networkReceivedBytes: load.network?.receivedBytes ?? null,
    networkSentBytes: load.network?.sentBytes ?? null,
    descriptors: null,
    mappings: null,
    leaders: null,
    replicas: null,
  };
}

/** As long as producers ran: their windows are the same, consumers read on a little after them. */
function timelineOf(loads: readonly LoadResult[]): Tick[] {
  const producers = loads.filter(({ role }) => role === 'producer');
  const [first] = producers.length === 0 ? loads : producers;
  return (first?.ticks ?? []).map(({ atMs }, at) => {
    const ticks = loads.map(({ ticks }) => ticks[at]).filter((tick) => tick !== undefined);
    return {
      atMs,
      producedRecords: ticks.reduce((sum, tick) => sum + tick.producedRecords, 0),
      consumedRecords: ticks.reduce((sum, tick) => sum + tick.consumedRecords, 0),
      // Percentiles of processes cannot be averaged: the slowest speaks for all.
      publishP50Us: highest(ticks.map(({ publishP50Us }) => publishP50Us)),
      publishP99Us: highest(ticks.map(({ publishP99Us }) => publishP99Us)),
    };
  });
}

function highest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function sumOrNull(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
}
