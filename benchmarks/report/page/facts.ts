import type { CalibrationInfo, RunResult } from '../../model/result.js';
import { byteRateText, bytesText, digits, microsText, percentText } from '../../model/text.js';
import { figures, type Table, type TableCell, word, words } from '../table.js';

export type Fact = readonly [name: string, text: string];

export function environmentFacts({ environment, targets }: RunResult): Fact[] {
  const { gitCommit, gitDirty } = environment;
  return [
    ['Processor', `${environment.cpuModel.trim()}, ${environment.cores} cores`],
    ['Memory', bytesText(environment.memoryBytes)],
    ['System', `${environment.platform} ${environment.kernel}`],
    ['File system', `${environment.fileSystem}, ${bytesText(environment.freeDiskBytes)} free`],
    ['Node', `${environment.nodeVersion} (V8 ${environment.v8Version})`],
    [
      'varve',
      `${environment.varveVersion}${gitCommit === null ? '' : `, commit ${gitCommit.slice(0, 12)}`}${gitDirty === true ? ' with changes' : ''}`,
    ],
    ...targets.map(
      ({ name, software, brokers }): Fact => [
        `Target ${name}`,
        `${software}, ${brokers} ${brokers === 1 ? 'broker' : 'brokers'}`,
      ],
    ),
  ];
}

export function planFacts(result: RunResult): Fact[] {
  const { plan } = result;
  return [
    ['Command', `varve ${result.command.join(' ')}`],
    ['Suite', plan.suite],
    ['Started', result.startedAt],
    ['Finished', result.finishedAt],
    ['Repeats', `${plan.repeats}, shuffled with seed ${plan.seed}`],
    ['Window', `${plan.measureSeconds} s after ${plan.warmupSeconds} s of warm-up`],
    ['Budget', plan.budgetSeconds === null ? 'none' : `${plan.budgetSeconds} s`],
    ['Payload', plan.payload],
  ];
}

const CALIBRATED: readonly {
  readonly name: string;
  of(one: CalibrationInfo): number;
  text(value: number): string;
}[] = [
  { name: 'memcpy, 64 KiB', of: (one) => one.memcpy64KiBBytesPerSecond, text: byteRateText },
  { name: 'CRC-32C, 64 KiB', of: (one) => one.crc32c64KiBBytesPerSecond, text: byteRateText },
  {
    name: 'write to a file, 64 KiB',
    of: (one) => one.pwrite64KiBBytesPerSecond,
    text: byteRateText,
  },
  { name: 'loopback', of: (one) => one.loopbackBytesPerSecond, text: byteRateText },
  { name: 'fdatasync after 4 KiB, p50', of: (one) => one.fdatasync4KiBP50Us, text: microsText },
  { name: 'fdatasync after 4 KiB, p99', of: (one) => one.fdatasync4KiBP99Us, text: microsText },
  { name: 'reading the clock', of: (one) => one.clockReadNs, text: (ns) => `${digits(ns)} ns` },
  { name: 'CPU noise, p99', of: (one) => one.cpuNoiseP99, text: percentText },
];

/** null: it was not taken. */
export function calibrationTable({ calibration }: RunResult): Table | null {
  const { before, after } = calibration;
  if (before === null && after === null) return null;
  const cell = (
    one: CalibrationInfo | null,
    of: (one: CalibrationInfo) => number,
    text: (value: number) => string,
  ): TableCell =>
    one === null ? { value: null, text: 'not taken' } : { value: of(one), text: text(of(one)) };
  return {
    caption: 'What this machine can do at best, measured in the same run',
    columns: [words('what'), figures('before'), figures('after')],
    rows: CALIBRATED.map(({ name, of, text }) => [
      word(name),
      cell(before, of, text),
      cell(after, of, text),
    ]),
  };
}

export function generatorTable({ generatorLimits }: RunResult): Table | null {
  if (generatorLimits.length === 0) return null;
  return {
    caption: 'What one load process can send to a target that only answers',
    columns: [
      words('client'),
      figures('record'),
      figures('batch'),
      figures('records/s'),
      figures('rate'),
    ],
    rows: generatorLimits.map((limit) => [
      word(limit.client),
      { value: limit.recordBytes, text: bytesText(limit.recordBytes) },
      { value: limit.batchBytes, text: bytesText(limit.batchBytes) },
      { value: limit.recordsPerSecond, text: digits(limit.recordsPerSecond) },
      { value: limit.bytesPerSecond, text: byteRateText(limit.bytesPerSecond) },
    ]),
  };
}

/** Every setting of every target, and every knob of every cell, for whoever wants to do it again. */
export function settingsTable({ targets }: RunResult): Table {
  return {
    caption: 'Settings of the targets',
    columns: [words('target'), words('setting'), words('value')],
    rows: targets.flatMap(({ name, settings }) =>
      Object.entries(settings).map(([key, value]) => [word(name), word(key), word(String(value))]),
    ),
  };
}
