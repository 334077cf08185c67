import type { CalibrationInfo, GeneratorLimit } from '../model/result.js';
import {
  byteRateText,
  bytesText,
  digits,
  microsText,
  millisText,
  percentText,
  plural,
} from '../model/text.js';
import { littleBytesPerSecond } from './facts.js';
import type { Measures } from './measures.js';

export interface EvidenceInput {
  readonly measures: Measures;
  readonly calibration: CalibrationInfo | null;
  readonly generatorLimit: GeneratorLimit | null;
}

/** Processes below this share of a core are not worth a line. */
const WORTH_A_LINE = 0.1;

/** The figures that speak for or against each possible limit, one a line, with their units. */
export function evidenceOf(input: EvidenceInput): string[] {
  return [
    ...openLoopLines(input.measures),
    ...machineLines(input.measures),
    ...processLines(input.measures),
    ...generatorLines(input),
    ...requestLines(input.measures),
    ...diskLines(input),
    ...readerLines(input.measures),
  ];
}

function openLoopLines({ cell, achievedShare, behindMs, bytesPerSecond }: Measures): string[] {
  if (cell.rate === 'max' || achievedShare === null) return [];
  return [
    `open loop: ${percentText(achievedShare)} of what was due was acknowledged (${byteRateText(bytesPerSecond)}); sending was at most ${millisText(behindMs)} behind`,
  ];
}

function machineLines({ machine }: Measures): string[] {
  if (machine === null) return [];
  const { cores, busyShare, ioWaitShare, stealShare, otherCores } = machine;
  const parts = [`${digits(busyShare * cores)} of ${plural(cores, 'core')} busy`];
  if (ioWaitShare >= 0.01) parts.push(`${percentText(ioWaitShare)} waiting for the disk`);
  if (stealShare >= 0.01) parts.push(`${percentText(stealShare)} taken by the machine beneath`);
  if (otherCores >= 0.1) parts.push(`${digits(otherCores)} of them by other programs`);
  return [`machine: ${parts.join(', ')}`];
}

function processLines({ processes }: Measures): string[] {
  return processes
    .filter(({ cores }) => cores >= WORTH_A_LINE)
    .map(({ id, cores, leaders, replicas }) => {
      const holds =
        leaders === null || replicas === null
          ? ''
          : ` (leads ${plural(leaders, 'partition')}, holds ${plural(replicas, 'replica')})`;
      return `${id}: ${digits(cores)} core${holds}`;
    });
}

function generatorLines({ measures, generatorLimit }: EvidenceInput): string[] {
  if (generatorLimit === null) return [];
  const { bytesPerSecond, client } = generatorLimit;
  const share = measures.bytesPerSecond / (bytesPerSecond * measures.cell.producers);
  return [
    `a load process (${client}) reaches ${byteRateText(bytesPerSecond)} against a target that only answers; this cell is at ${percentText(share)} of that`,
  ];
}

function requestLines(measures: Measures): string[] {
  const { requestBytes, requestsPerSecond, batchFill, meanInFlight, serviceMeanUs, cell, errors } =
    measures;
  const lines: string[] = [];
  if (requestsPerSecond > 0) {
    lines.push(
      `${digits(requestsPerSecond)} requests/s of ${bytesText(Math.round(requestBytes))}; batches ${percentText(batchFill)} full (batchBytes ${bytesText(cell.batchBytes)})`,
    );
  }
  const predicted = littleBytesPerSecond(measures);
  if (predicted !== null && serviceMeanUs !== null && meanInFlight > 0) {
    lines.push(
      `Little's law: ${digits(meanInFlight)} under way x ${bytesText(Math.round(requestBytes))} / ${microsText(serviceMeanUs)} = ${byteRateText(predicted)}, measured ${byteRateText(measures.wireBytesPerSecond)}`,
    );
  }
  if (errors > 0) lines.push(`${plural(errors, 'record')} not acknowledged (errors)`);
  return lines;
}

function diskLines({ measures, calibration }: EvidenceInput): string[] {
  const { diskWrittenBytesPerSecond, syncsPerSecond, serviceP50Us, cell, requestsPerSecond } =
    measures;
  const lines: string[] = [];
  if (diskWrittenBytesPerSecond !== null && calibration !== null) {
    lines.push(
      `${byteRateText(diskWrittenBytesPerSecond)} written to disk; one writer reached ${byteRateText(calibration.pwrite64KiBBytesPerSecond)} (pwrite of 64 KiB)`,
    );
  }
  if (syncsPerSecond !== null && syncsPerSecond > 0) {
    lines.push(
      `${digits(syncsPerSecond)} syncs/s, ${digits(requestsPerSecond / syncsPerSecond)} requests a sync`,
    );
  }
  if (cell.flush === 'batch' && calibration !== null && serviceP50Us !== null) {
    lines.push(
      `request p50 ${microsText(serviceP50Us)}; fdatasync of 4 KiB p50 ${microsText(calibration.fdatasync4KiBP50Us)}, p99 ${microsText(calibration.fdatasync4KiBP99Us)}`,
    );
  }
  return lines;
}

/** Reading behind does not slow producers, but the figure of the cell is then not what readers get. */
function readerLines({ cell, consumedBytesPerSecond, bytesPerSecond }: Measures): string[] {
  if (consumedBytesPerSecond === null || bytesPerSecond <= 0 || cell.target === 'engine') return [];
  const share = consumedBytesPerSecond / (bytesPerSecond * cell.groups);
  if (share >= 0.95) return [];
  return [
    `consumers read ${byteRateText(consumedBytesPerSecond)}, ${percentText(share)} of what came in: they fall behind`,
  ];
}
