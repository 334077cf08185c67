import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import type { AdviceRequest, Measure } from '../../benchmarks/advise/advice.js';
import { advise } from '../../benchmarks/advise/advise.js';
import { measureFrom } from '../../benchmarks/advise/from-result.js';
import { renderAdvice } from '../../benchmarks/advise/render.js';
import { parseSlo } from '../../benchmarks/explain/slo.js';
import { parseByteRate } from '../../benchmarks/model/quantities.js';
import { startLoadProcess } from '../../benchmarks/run/load-handle.js';
import { Measurer } from '../../benchmarks/run/measurer.js';
import { readResult } from '../../benchmarks/run/result-file.js';
import { findTarget } from '../../benchmarks/targets/index.js';
import { createTempDirectory, removeTempDirectory } from '../../benchmarks/temp-directory.js';
import { type MeasureFlags, security } from '../bench/flags.js';
import { payloadOf } from '../bench/request.js';
import { openViews } from '../bench/views.js';
import { colors } from '../colors.js';
import { EXIT, interruptSignal, UsageError } from '../run-program.js';

export interface AdviseFlags extends MeasureFlags {
  readonly rate: string;
  readonly record: number;
  readonly p99?: number;
  readonly slo?: string;
  readonly survive: number;
  readonly power?: true;
  readonly consumerRate?: number;
  readonly growth: number;
  readonly retention: number;
  readonly target: string;
  readonly brokers: number;
  readonly result?: string;
  readonly repeat: number;
  readonly warmup: number;
  readonly seconds: number;
}

/** A bound is needed: without one, any batch and any partition count will do. */
const DEFAULT_P99_MS = 100;

export async function runAdvise(flags: AdviseFlags): Promise<void> {
  const request = requestOf(flags);
  const advice =
    flags.result === undefined
      ? await measured(request, flags)
      : await advise(request, measureFrom(readResult(flags.result)));
  if (flags.json) process.stdout.write(`${JSON.stringify(advice, null, 1)}\n`);
  else process.stdout.write(renderAdvice(advice, { color: colors.isColorSupported }));
  if (advice.verdict !== 'met') process.exitCode = EXIT.failed;
}

function requestOf(flags: AdviseFlags): AdviceRequest {
  if (flags.p99 !== undefined && flags.slo !== undefined) {
    throw new UsageError('--p99 and --slo exclude each other');
  }
  return {
    target: flags.target,
    brokers: flags.brokers,
    rateBytesPerSecond: parseByteRate(flags.rate, '--rate', { recordBytes: flags.record }),
    recordBytes: flags.record,
    latency:
      flags.slo === undefined
        ? { kind: 'publish', percentile: 'p99', limitMs: flags.p99 ?? DEFAULT_P99_MS }
        : parseSlo(flags.slo),
    surviveBrokers: flags.survive,
    consumerBytesPerSecond: flags.consumerRate ?? null,
    growth: flags.growth,
    retentionMs: flags.retention,
    isSynced: flags.power === true,
  };
}

async function measured(request: AdviceRequest, flags: AdviseFlags) {
  const parent = resolve(flags.directory);
  mkdirSync(parent, { recursive: true });
  const directory = createTempDirectory(parent);
  const views = await openViews({});
  const measurer = new Measurer({
    findTarget: (name) => findTarget(name, security(flags)),
    startLoad: startLoadProcess,
    payload: payloadOf(flags),
    directory,
    repeats: flags.repeat,
    warmupSeconds: flags.warmup,
    measureSeconds: flags.seconds,
    onEvent: views.onEvent,
    signal: interruptSignal(),
  });
  const measure: Measure = (cell, why) => measurer.measure(cell, why);
  try {
    return await advise(request, measure);
  } finally {
    await views.close();
    try {
      await measurer.close();
    } finally {
      removeTempDirectory(directory);
    }
  }
}
