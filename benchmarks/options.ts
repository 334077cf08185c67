import { statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { DURABILITIES, type Durability } from './embedded/target.js';
import { PRESETS, type PresetName, type Settings } from './settings.js';

/** What the command line asked for. */
export interface BenchRequest {
  readonly settings: Settings;
  /** Print the result document instead of the table. */
  readonly json: boolean;
  /** Where to write the result file; null: a new file in `results/`. */
  readonly out: string | null;
}

/** Either a request, or what to print and the code to exit with (help, a mistake in the arguments). */
export type ParsedArguments = { readonly request: BenchRequest } | { readonly exitCode: number };

export const EXIT_USAGE = 2;

interface RawOptions {
  readonly preset: PresetName;
  readonly name?: string;
  readonly target: string;
  readonly partitions?: number[];
  readonly recordBytes?: number[];
  readonly batchRecords?: number[];
  readonly durability?: Durability[];
  readonly repeat?: number;
  readonly seed?: number;
  readonly seconds?: number;
  readonly maxMib?: number;
  readonly payload?: string;
  readonly mixedSizes?: boolean;
  readonly directory: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** A batch is built in memory and must fit a segment: more is a mistake in the matrix. */
const LARGEST_BATCH_BYTES = 64 * 1024 * 1024;

export interface OutputStreams {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

export function parseArguments(
  args: readonly string[],
  targets: readonly string[],
  streams: OutputStreams,
): ParsedArguments {
  const command = createCommand(targets, streams);
  try {
    command.parse([...args], { from: 'user' });
    return { request: toRequest(command.opts<RawOptions>(), command) };
  } catch (error) {
    // Commander has printed help or the mistake already.
    if (error instanceof CommanderError) {
      return { exitCode: error.exitCode === 0 ? 0 : EXIT_USAGE };
    }
    throw error;
  }
}

function createCommand(targets: readonly string[], streams: OutputStreams): Command {
  const presets = Object.entries(PRESETS)
    .map(([name, preset]) => `  ${name.padEnd(6)} ${preset.description}`)
    .join('\n');
  return new Command('npm run bench --')
    .description(
      'Measures appends and reads over partitions x record size x batch x durability, beside what\n' +
        'this machine can do at best (memcpy, CRC-32C, fdatasync), and writes a result file.',
    )
    .addOption(
      new Option('--preset <name>', 'what to run').choices(Object.keys(PRESETS)).default('quick'),
    )
    .addOption(
      new Option('--target <name>', 'what to measure').choices([...targets]).default(targets[0]),
    )
    .option('--partitions <list>', 'partitions, 1 - 10000', integers('partitions', 1, 10_000))
    .option(
      '--record-bytes <list>',
      'bytes of each value, 1 - 10485760',
      integers('record bytes', 1, 10_485_760),
    )
    .option(
      '--batch-records <list>',
      'records a batch, 1 - 100000',
      integers('batch records', 1, 100_000),
    )
    .option(
      '--durability <list>',
      `what an append waits for: ${DURABILITIES.join(', ')}`,
      durabilities,
    )
    .option(
      '--repeat <n>',
      'runs of each cell, 3 - 100 (2 with --preset smoke)',
      integer('repeat', 1, 100),
    )
    .option(
      '--seed <n>',
      'order of the runs and content of the records, 0 - 4294967295',
      integer('seed', 0, 4_294_967_295),
    )
    .option(
      '--seconds <n>',
      'longest time appending in one run, 0.01 - 600',
      decimal('seconds', 0.01, 600),
    )
    .option(
      '--max-mib <n>',
      'most MiB of values appended in one run, 1 - 65536',
      integer('max-mib', 1, 65_536),
    )
    .option('--payload <file>', 'real input: one line is one record (replaces --record-bytes)')
    .option('--mixed-sizes', 'sizes vary around --record-bytes instead of being exact')
    .option('--directory <dir>', 'where data is written and deleted', tmpdir())
    .option(
      '--name <name>',
      'name in the result file: letters, digits, dot, dash, underscore',
      resultName,
    )
    .option('--out <file>', 'result file (default: results/<time>-<name>.json)')
    .option('--json', 'print the result document instead of the table')
    .showHelpAfterError('(--help lists every option with its range)')
    .addHelpText(
      'after',
      `
Presets:
${presets}

Examples:
  npm run bench
  npm run bench -- --partitions 1,16,64 --record-bytes 100 --durability none
  npm run bench -- --payload access.log --batch-records 1,100,1000
  npm run bench -- --preset full --directory /mnt/data --name new-disk
  npm run bench -- --json --out /dev/null | jq .cells[0].summary

Lists are separated by commas. Durability: none = in the page cache (safe when the process dies),
end = the same and one flush at the end, batch = every batch on disk before the next.
Exit codes: 0 done, 1 a run failed or read back wrong data, 2 wrong arguments, 130 interrupted.`,
    )
    .exitOverride()
    .configureOutput({ writeOut: streams.out, writeErr: streams.err });
}

function toRequest(raw: RawOptions, command: Command): BenchRequest {
  const preset = PRESETS[raw.preset];
  const fail = (message: string): never => command.error(`error: ${message}`);
  if (raw.payload !== undefined && raw.recordBytes !== undefined) {
    fail(
      '--payload and --record-bytes exclude each other: the lines of the file have their own sizes',
    );
  }
  if (raw.payload !== undefined && !isFile(raw.payload)) {
    fail(`--payload ${raw.payload}: no such file`);
  }
  if (raw.payload !== undefined && raw.mixedSizes === true) {
    fail('--mixed-sizes needs generated records: leave it out with --payload');
  }
  const repeats = raw.repeat ?? preset.repeats;
  if (repeats < 3 && raw.preset !== 'smoke') {
    fail(`--repeat ${repeats}: at least 3, fewer give no interval (--preset smoke allows 1)`);
  }
  const recordBytes = raw.payload === undefined ? (raw.recordBytes ?? preset.axes.recordBytes) : [];
  const batchRecords = raw.batchRecords ?? preset.axes.batchRecords;
  const largest = Math.max(1, ...recordBytes) * Math.max(...batchRecords);
  if (largest > LARGEST_BATCH_BYTES) {
    fail(
      `the largest batch of this matrix has ${largest} bytes of values; at most ${LARGEST_BATCH_BYTES}`,
    );
  }
  return {
    json: raw.json ?? false,
    out: raw.out === undefined ? null : resolve(raw.out),
    settings: {
      name: raw.name ?? raw.preset,
      preset: raw.preset,
      target: raw.target,
      axes: {
        partitions: raw.partitions ?? preset.axes.partitions,
        recordBytes,
        batchRecords,
        durability: raw.durability ?? preset.axes.durability,
      },
      repeats,
      seed: raw.seed ?? Math.floor(Math.random() * 4_294_967_296),
      payloadFile: raw.payload === undefined ? null : resolve(raw.payload),
      spread: raw.mixedSizes === true ? 'mixed' : 'exact',
      directory: resolve(raw.directory),
      cellSeconds: raw.seconds ?? preset.cellSeconds,
      cellBytes: raw.maxMib === undefined ? preset.cellBytes : raw.maxMib * 1024 * 1024,
      warmupSeconds: Math.min(preset.warmupSeconds, raw.seconds ?? preset.warmupSeconds),
      calibrationEffort: preset.calibrationEffort,
    },
  };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function integers(what: string, low: number, high: number): (text: string) => number[] {
  const one = integer(what, low, high);
  return (text) => unique(text.split(',').map((item) => one(item)));
}

function integer(what: string, low: number, high: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!(value >= low && value <= high)) {
      throw new InvalidArgumentError(`${what} must be a whole number from ${low} to ${high}.`);
    }
    return value;
  };
}

function decimal(what: string, low: number, high: number): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!(value >= low && value <= high)) {
      throw new InvalidArgumentError(`${what} must be a number from ${low} to ${high}.`);
    }
    return value;
  };
}

function durabilities(text: string): Durability[] {
  return unique(
    text.split(',').map((item) => {
      const found = DURABILITIES.find((durability) => durability === item.trim());
      if (found === undefined) {
        throw new InvalidArgumentError(`each must be one of ${DURABILITIES.join(', ')}.`);
      }
      return found;
    }),
  );
}

function resultName(text: string): string {
  if (!/^[\w.-]{1,100}$/.test(text) || /^\.+$/.test(text)) {
    throw new InvalidArgumentError('1 to 100 letters, digits, dots, dashes or underscores.');
  }
  return text;
}

function unique<T>(items: readonly T[]): T[] {
  return [...new Set(items)];
}
