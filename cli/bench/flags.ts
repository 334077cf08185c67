import { statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseSlo } from '../../benchmarks/explain/slo.js';
import type { SaslOptions, TlsOptions } from '../../benchmarks/load/plan.js';
import { BenchError } from '../../benchmarks/model/bench-error.js';
import { KNOB_NAMES, KNOBS, type KnobName } from '../../benchmarks/model/knobs.js';
import { type Axes, parseKnobValues, rangeOf } from '../../benchmarks/model/matrix.js';
import { parseDuration } from '../../benchmarks/model/quantities.js';
import { NUMBER, parseWholeNumber } from '../../benchmarks/model/written-number.js';
import { UsageError } from '../run-program.js';

/** Flags of every command that measures. */
export interface MeasureFlags extends ConnectFlags {
  readonly directory: string;
  readonly payload?: string;
  readonly mixedSizes?: true;
  readonly compressibility?: number;
  readonly seed?: number;
  readonly json?: true;
}

export interface ConnectFlags {
  readonly tls?: true;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsInsecure?: true;
  readonly sasl?: SaslOptions['mechanism'];
  readonly user?: string;
}

const PASSWORD_VARIABLE = 'VARVE_PASSWORD';

/** A flag for each knob: `--partitions 1,2,4`. */
export function addKnobOptions(command: Command): Command {
  for (const name of KNOB_NAMES) {
    const range = name === 'target' ? null : rangeOf(name);
    const text = `${KNOBS[name].description}${range === null ? '' : ` [${range}]`}`;
    command.addOption(
      new Option(`--${kebab(name)} <list>`, text).argParser((value) => knobValues(name, value)),
    );
  }
  return command;
}

export function addMeasureOptions(command: Command): Command {
  return command
    .option('--payload <file>', 'real input: a line is a record', readableFile)
    .option('--mixed-sizes', 'sizes vary around --record-bytes instead of being exact')
    .option(
      '--compressibility <share>',
      'share of each generated value that repeats, 0 - 1 (default: log-like text)',
      share,
    )
    .option('--seed <n>', 'of the order of runs and of generated records', seed)
    .option('--directory <dir>', 'where data is written, and deleted after', tmpdir())
    .option('--tls', 'encrypt the connection to kafka://')
    .option('--tls-ca <file>', 'certificate authority to trust, in PEM', readableFile)
    .option('--tls-cert <file>', 'certificate to show, in PEM', readableFile)
    .option('--tls-key <file>', 'its key, in PEM', readableFile)
    .option('--tls-insecure', 'take any certificate')
    .addOption(
      new Option(
        '--sasl <mechanism>',
        `log in; the password is read from ${PASSWORD_VARIABLE}`,
      ).choices(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']),
    )
    .option('--user <name>', 'who logs in');
}

/** The knobs that were given as flags. */
export function axesOfFlags(flags: Readonly<Record<string, unknown>>): Axes {
  const given = KNOB_NAMES.filter((name) => flags[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, flags[name]])) as Axes;
}

export function security(flags: ConnectFlags): {
  readonly tls: TlsOptions | null;
  readonly sasl: SaslOptions | null;
} {
  const needsTls = flags.tlsCa ?? flags.tlsCert ?? flags.tlsKey ?? flags.tlsInsecure;
  if (needsTls !== undefined && !flags.tls) {
    throw new UsageError('--tls-ca, --tls-cert, --tls-key and --tls-insecure go with --tls');
  }
  if ((flags.tlsCert === undefined) !== (flags.tlsKey === undefined)) {
    throw new UsageError('--tls-cert and --tls-key go together');
  }
  if ((flags.sasl === undefined) !== (flags.user === undefined)) {
    throw new UsageError('--sasl and --user go together');
  }
  const password = process.env[PASSWORD_VARIABLE];
  if (flags.sasl !== undefined && password === undefined) {
    throw new UsageError(
      `--sasl needs a password in the environment variable ${PASSWORD_VARIABLE}`,
    );
  }
  return {
    tls: flags.tls
      ? {
          caFile: flags.tlsCa ?? null,
          certFile: flags.tlsCert ?? null,
          keyFile: flags.tlsKey ?? null,
          verify: flags.tlsInsecure !== true,
        }
      : null,
    sasl:
      flags.sasl === undefined
        ? null
        : {
            mechanism: flags.sasl,
            username: flags.user as string,
            password: password as string,
          },
  };
}

/** `--time 10m` as seconds. */
export function seconds(text: string): number {
  return usage(() => parseDuration(text) / 1000);
}

/** `--slo p99=10ms`, checked before anything is measured. */
export function bound(text: string): string {
  usage(() => parseSlo(text));
  return text;
}

/** Problems of values become commander's, which names the flag. */
export function usage<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof BenchError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

export function readableFile(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new InvalidArgumentError('There is no such file.');
  if (!stat.isFile()) throw new InvalidArgumentError('It is not a file.');
  return path;
}

/** partitionCount -> partition-count */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function knobValues(name: KnobName, text: string): unknown {
  return usage(() => parseKnobValues(name, text));
}

function share(text: string): number {
  const value = new RegExp(`^${NUMBER}$`).test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('It is a number from 0 to 1.');
}

function seed(text: string): number {
  const value = parseWholeNumber(text);
  if (value <= 0xffff_ffff) return value;
  throw new InvalidArgumentError('It is a whole number from 0 to 4294967295.');
}
