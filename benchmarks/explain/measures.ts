import type { Cell } from '../model/knobs.js';
import type { CellRun, ProcessRole } from '../model/result.js';
import { median } from '../stats.js';

/**
 * What is known of a cell over all its runs, one figure each (the median of the runs), as reasoning needs it.
 * null: not measured here, which is never the same as zero.
 */
export interface Measures {
  readonly cell: Cell;
  readonly seconds: number;
  /** Acknowledged. */
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly wireBytesPerSecond: number;
  readonly consumedBytesPerSecond: number | null;
  readonly consumedWireBytesPerSecond: number | null;
  readonly errors: number;
  readonly achievedShare: number | null;
  readonly behindMs: number;
  readonly requestBytes: number;
  readonly requestsPerSecond: number;
  readonly batchFill: number;
  readonly meanInFlight: number;
  readonly serviceMeanUs: number | null;
  readonly serviceP50Us: number | null;
  readonly processes: readonly ProcessShare[];
  readonly machine: MachineShare | null;
  readonly diskWrittenBytesPerSecond: number | null;
  readonly syncsPerSecond: number | null;
}

/** One process over the measured window. */
export interface ProcessShare {
  readonly role: ProcessRole;
  readonly id: string;
  /** Processor time a second: 1 is one core, all the time. */
  readonly cores: number;
  readonly leaders: number | null;
  readonly replicas: number | null;
}

export interface MachineShare {
  readonly cores: number;
  /** All the time of all processors is 1. */
  readonly busyShare: number;
  readonly ioWaitShare: number;
  readonly stealShare: number;
  /** Cores that programs used which are no part of the benchmark. */
  readonly otherCores: number;
}

export function measuresOf(cell: Cell, runs: readonly CellRun[]): Measures {
  if (runs.length === 0) throw new RangeError('measures of no runs');
  const each = (of: (run: CellRun) => number): number => median(runs.map(of));
  const known = (of: (run: CellRun) => number | null): number | null => {
    const values = runs.map(of).filter((value) => value !== null);
    return values.length === 0 ? null : median(values);
  };
  const service = (run: CellRun) => run.latency.publishService ?? run.latency.publish;
  return {
    cell,
    seconds: each((run) => run.seconds),
    recordsPerSecond: each((run) => run.produced.recordsPerSecond),
    bytesPerSecond: each((run) => run.produced.bytesPerSecond),
    wireBytesPerSecond: each((run) => run.produced.wireBytes / run.seconds),
    consumedBytesPerSecond: known((run) => run.consumed?.bytesPerSecond ?? null),
    consumedWireBytesPerSecond: known((run) =>
      run.consumed === null ? null : run.consumed.wireBytes / run.seconds,
    ),
    errors: runs.reduce((sum, run) => sum + run.produced.errors, 0),
    achievedShare: known((run) => run.generator.achievedShare),
    behindMs: each((run) => run.generator.behindMs),
    requestBytes: each((run) => run.requests.meanBytes),
    requestsPerSecond: each((run) => run.produced.requests / run.seconds),
    batchFill: each((run) => run.requests.batchFill),
    meanInFlight: each((run) => run.requests.meanInFlight),
    serviceMeanUs: known((run) => service(run)?.meanUs ?? null),
    serviceP50Us: known((run) => service(run)?.p50Us ?? null),
    processes: processesOf(runs),
    machine: machineOf(runs),
    diskWrittenBytesPerSecond: known((run) => {
      const bytes = diskWritten(run);
      return bytes === null ? null : bytes / run.seconds;
    }),
    syncsPerSecond: known((run) => (run.syncs === null ? null : run.syncs / run.seconds)),
  };
}

/** What all processes that keep the log wrote; null where one of them does not tell. */
export function diskWritten(run: CellRun): number | null {
  const keepers = run.processes.filter(({ role }) => role === 'broker' || role === 'engine');
  if (keepers.length === 0) return null;
  let sum = 0;
  for (const { diskWrittenBytes } of keepers) {
    if (diskWrittenBytes === null) return null;
    sum += diskWrittenBytes;
  }
  return sum;
}

function processesOf(runs: readonly CellRun[]): ProcessShare[] {
  const found = new Map<string, { shares: number[]; last: ProcessShare }>();
  for (const run of runs) {
    for (const { role, id, userSeconds, systemSeconds, leaders, replicas } of run.processes) {
      const cores = (userSeconds + systemSeconds) / run.seconds;
      const key = `${role} ${id}`;
      const entry = found.get(key) ?? { shares: [], last: { role, id, cores, leaders, replicas } };
      entry.shares.push(cores);
      entry.last = { role, id, cores, leaders, replicas };
      found.set(key, entry);
    }
  }
  return [...found.values()]
    .map(({ shares, last }) => ({ ...last, cores: median(shares) }))
    .sort((a, b) => b.cores - a.cores);
}

function machineOf(runs: readonly CellRun[]): MachineShare | null {
  const seen = runs.flatMap((run) => {
    const { machine } = run;
    if (machine === null) return [];
    const { busySeconds, idleSeconds, ioWaitSeconds, stealSeconds } = machine;
    const all = busySeconds + idleSeconds + ioWaitSeconds + stealSeconds;
    if (all <= 0) return [];
    const own = run.processes.reduce((sum, one) => sum + one.userSeconds + one.systemSeconds, 0);
    return [
      {
        cores: machine.cores,
        // What the machine beneath took was not there to be used.
        busyShare: (busySeconds + stealSeconds) / all,
        ioWaitShare: ioWaitSeconds / all,
        stealShare: stealSeconds / all,
        otherCores: Math.max(0, ((busySeconds - own) / all) * machine.cores),
      },
    ];
  });
  if (seen.length === 0) return null;
  const each = (of: (one: MachineShare) => number): number => median(seen.map(of));
  return {
    cores: each((one) => one.cores),
    busyShare: each((one) => one.busyShare),
    ioWaitShare: each((one) => one.ioWaitShare),
    stealShare: each((one) => one.stealShare),
    otherCores: each((one) => one.otherCores),
  };
}
