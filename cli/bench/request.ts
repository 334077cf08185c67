import { resolve } from 'node:path';
import type { PayloadPlan } from '../../benchmarks/load/plan.js';
import { type Axes, cellsOf } from '../../benchmarks/model/matrix.js';
import { readPreset, readSuite, type Suite } from '../../benchmarks/model/suite-file.js';
import type { SessionRequest } from '../../benchmarks/run/session.js';
import { UsageError } from '../run-program.js';
import { axesOfFlags, type MeasureFlags } from './flags.js';

export interface RunFlags extends MeasureFlags {
  readonly preset?: string;
  readonly suite?: string;
  readonly repeat?: number;
  readonly warmup?: number;
  readonly seconds?: number;
  readonly time?: number;
  readonly name?: string;
  readonly out?: string;
  readonly report?: string | false;
  readonly slo?: string;
  readonly ui?: true | number;
  readonly calibrate: boolean;
  readonly dryRun?: true;
}

const DEFAULT_PRESET = 'quick';

/**
 * What a command line asks for: a preset or a suite with the knobs of flags in place of its own, or one matrix of
 * the flags alone.
 */
export function requestOf(flags: RunFlags): SessionRequest {
  if (flags.preset !== undefined && flags.suite !== undefined) {
    throw new UsageError('--preset and --suite exclude each other');
  }
  const axes = axesOfFlags(flags as unknown as Record<string, unknown>);
  const suite = suiteOf(flags, axes);
  const matrices = suite.matrices.map((matrix) => ({ ...matrix, ...axes }));
  return {
    name: flags.name ?? suite.name,
    suite: suite.name,
    cells: cellsOf(matrices),
    repeats: flags.repeat ?? suite.repeats,
    warmupSeconds: flags.warmup ?? suite.warmupSeconds,
    measureSeconds: flags.seconds ?? suite.measureSeconds,
    budgetSeconds: flags.time ?? null,
    seed: flags.seed ?? Math.floor(Math.random() * 0x1_0000_0000),
    payload: payloadOf(flags),
    directory: resolve(flags.directory),
    command: process.argv.slice(2),
    calibrationEffort: flags.calibrate ? 0.5 : 0,
    previous: null,
  };
}

function suiteOf(flags: RunFlags, axes: Axes): Suite {
  if (flags.suite !== undefined) return readSuite(flags.suite);
  if (flags.preset !== undefined || Object.keys(axes).length === 0) {
    return readPreset(flags.preset ?? DEFAULT_PRESET);
  }
  return {
    name: 'flags',
    description: 'the knobs of the command line',
    repeats: 3,
    warmupSeconds: 1,
    measureSeconds: 3,
    matrices: [{}],
  };
}

export function payloadOf(flags: MeasureFlags): PayloadPlan {
  if (flags.payload !== undefined && flags.mixedSizes) {
    throw new UsageError('--mixed-sizes needs generated records: leave it out with --payload');
  }
  if (flags.payload !== undefined && flags.compressibility !== undefined) {
    throw new UsageError('--compressibility needs generated records: leave it out with --payload');
  }
  return {
    file: flags.payload === undefined ? null : resolve(flags.payload),
    seed: flags.seed ?? 1,
    spread: flags.mixedSizes ? 'mixed' : 'exact',
    compressibility: flags.compressibility ?? null,
  };
}
