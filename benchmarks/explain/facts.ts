import type { Cell } from '../model/knobs.js';
import type { CalibrationInfo, GeneratorLimit } from '../model/result.js';
import type { Measures, ProcessShare } from './measures.js';

/** A share of the machine's limit that counts as being at it: the rest is scheduling and the window's edges. */
export const AT_LIMIT = 0.9;
/** An open loop that acknowledged so much of what was due has met its rate: the last records may be under way. */
export const RATE_MET = 0.98;
/** Processor time waiting for the disk, of all processors together, that makes the disk the limit. */
export const IO_WAIT = 0.2;
/** Loopback and page cache are shared by several writers: less of one writer's best counts as full. */
export const SHARED_LIMIT = 0.8;
/** Mean number of syncs under way from which requests mostly wait for them. */
export const SYNCING = 0.5;
/** Requests under way, of those allowed on one connection of each producer. */
export const WINDOW_FULL = 0.5;
/** Little's law must hold within this for the three figures to be of the same thing. */
export const LITTLE = 0.3;

export type ProcessAtLimit = 'none' | 'producer' | 'leader' | 'follower';

export interface BottleneckFacts {
  readonly isAcknowledged: boolean;
  /** Open loop, and what was due was acknowledged. */
  readonly isRateMet: boolean;
  readonly isMachineFull: boolean;
  /** Of those whose work is one thread: load processes, varve's brokers, the engine. */
  readonly atLimit: ProcessAtLimit;
  /** A client library makes the requests, not ready batches. */
  readonly isLibrary: boolean;
  /** The rate is what the load processes reach against a target that only answers. */
  readonly isAtGeneratorLimit: boolean;
  readonly isDiskFull: boolean;
  readonly isNetworkFull: boolean;
  readonly isSyncing: boolean;
  /** As many requests under way as allowed, the brokers' processors seen and idle. */
  readonly isWindowFull: boolean;
  readonly busiest: ProcessShare | null;
  /** What could not be looked at, as the end of a sentence; empty: nothing. */
  readonly unseen: string;
}

export function factsOf(
  measures: Measures,
  calibration: CalibrationInfo | null,
  generatorLimit: GeneratorLimit | null,
): BottleneckFacts {
  const { cell, machine } = measures;
  const busiest = busiestOf(measures);
  return {
    isAcknowledged: measures.recordsPerSecond > 0,
    isRateMet: cell.rate !== 'max' && (measures.achievedShare ?? 0) >= RATE_MET,
    isMachineFull: machine !== null && machine.busyShare >= AT_LIMIT,
    atLimit: busiest === null || busiest.cores < AT_LIMIT ? 'none' : sideOf(busiest),
    isLibrary: cell.client !== 'ready',
    isAtGeneratorLimit:
      generatorLimit !== null &&
      measures.bytesPerSecond >= AT_LIMIT * generatorLimit.bytesPerSecond * cell.producers,
    isDiskFull: isDiskFull(measures, calibration),
    isNetworkFull: isNetworkFull(measures, calibration),
    isSyncing: isSyncing(measures, calibration),
    isWindowFull: isWindowFull(measures),
    busiest,
    unseen: unseenOf(measures),
  };
}

/** Consumers are left out: a producer never waits for them. */
function busiestOf({ cell, processes }: Measures): ProcessShare | null {
  const single = processes.filter(
    ({ role }) =>
      role === 'producer' || role === 'engine' || (role === 'broker' && hasOneThread(cell)),
  );
  return single[0] ?? null;
}

/** varve's brokers work in one thread, another commit's (`cluster@DIR`) too; a JVM's or a foreign cluster's do not, or nobody knows. */
function hasOneThread({ target }: Cell): boolean {
  return /^cluster(@|$)/.test(target);
}

function sideOf({ role, leaders, replicas }: ProcessShare): ProcessAtLimit {
  if (role === 'producer') return 'producer';
  return leaders === 0 && (replicas ?? 0) > 0 ? 'follower' : 'leader';
}

function isDiskFull(
  { machine, diskWrittenBytesPerSecond }: Measures,
  calibration: CalibrationInfo | null,
): boolean {
  if (machine !== null && machine.ioWaitShare >= IO_WAIT) return true;
  return (
    calibration !== null &&
    diskWrittenBytesPerSecond !== null &&
    diskWrittenBytesPerSecond >= SHARED_LIMIT * calibration.pwrite64KiBBytesPerSecond
  );
}

function isNetworkFull(
  { cell, wireBytesPerSecond, consumedWireBytesPerSecond }: Measures,
  calibration: CalibrationInfo | null,
): boolean {
  // The calibrated network is this machine's loopback: it says nothing of the way to another machine.
  if (calibration === null || cell.target === 'engine' || isRemote(cell)) return false;
  const traffic = wireBytesPerSecond * cell.replicationFactor + (consumedWireBytesPerSecond ?? 0);
  return traffic >= SHARED_LIMIT * calibration.loopbackBytesPerSecond;
}

export function isRemote({ target }: Cell): boolean {
  return target.includes('://');
}

function isSyncing(
  { cell, syncsPerSecond, serviceP50Us }: Measures,
  calibration: CalibrationInfo | null,
): boolean {
  if (cell.flush !== 'batch' || calibration === null) return false;
  const oneUs = calibration.fdatasync4KiBP50Us;
  if (syncsPerSecond !== null) return (syncsPerSecond * oneUs) / 1e6 >= SYNCING;
  return serviceP50Us !== null && serviceP50Us >= SYNCING * oneUs;
}

function isWindowFull(measures: Measures): boolean {
  const { cell, meanInFlight } = measures;
  const isSeen = measures.processes.some(({ role }) => role === 'broker' || role === 'engine');
  const predicted = littleBytesPerSecond(measures);
  if (!isSeen || predicted === null || measures.wireBytesPerSecond <= 0) return false;
  return (
    meanInFlight >= WINDOW_FULL * cell.inFlight * cell.producers &&
    Math.abs(predicted / measures.wireBytesPerSecond - 1) <= LITTLE
  );
}

/** Requests under way x bytes of one / time of one: the rate, when the three are of the same requests. */
export function littleBytesPerSecond(measures: Measures): number | null {
  const { meanInFlight, requestBytes, serviceMeanUs } = measures;
  if (serviceMeanUs === null || serviceMeanUs <= 0) return null;
  return (meanInFlight * requestBytes * 1e6) / serviceMeanUs;
}

function unseenOf({ processes, machine, cell, serviceMeanUs }: Measures): string {
  const parts: string[] = [];
  if (!processes.some(({ role }) => role === 'broker' || role === 'engine'))
    parts.push("the brokers' processors and disks cannot be seen from here");
  if (machine === null) parts.push("the machine's processors were not measured");
  if (isRemote(cell)) parts.push('the way to the target was not calibrated');
  if (serviceMeanUs === null)
    parts.push(
      cell.acks === 0 ? 'acks=0 gives no time of answers' : 'no time of answers was measured',
    );
  return parts.length === 0 ? '' : `; ${parts.join('; ')}`;
}
