import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { measureGeneratorLimit } from '../../benchmarks/load/generator-limit.js';
import type { PayloadPlan } from '../../benchmarks/load/plan.js';
import type { Cell } from '../../benchmarks/model/knobs.js';
import { labelAmong } from '../../benchmarks/model/matrix.js';
import type { GeneratorLimit, RunResult } from '../../benchmarks/model/result.js';
import { fitBudget, secondsOf } from '../../benchmarks/run/budget.js';
import type { OnRunEvent } from '../../benchmarks/run/events.js';
import { startLoadProcess } from '../../benchmarks/run/load-handle.js';
import {
  defaultResultPath,
  Journal,
  readPartial,
  serializeResult,
  writeResult,
} from '../../benchmarks/run/result-file.js';
import { checkedCells, runSession, type SessionRequest } from '../../benchmarks/run/session.js';
import { findTarget } from '../../benchmarks/targets/index.js';
import type { Target } from '../../benchmarks/targets/target.js';
import { removeAllTempDirectories } from '../../benchmarks/temp-directory.js';
import { interruptSignal, UsageError } from '../run-program.js';
import { security } from './flags.js';
import { durationText } from './presets.js';
import { printResult } from './print.js';
import { writeReportFile } from './report.js';
import { payloadOf, type RunFlags, requestOf } from './request.js';
import { openViews } from './views.js';

export async function runBench(flags: RunFlags): Promise<void> {
  const request = requestOf(flags);
  if (flags.dryRun) {
    printPlan(request, flags);
    return;
  }
  await runRequest(request, flags);
}

export async function resumeBench(file: string, flags: RunFlags): Promise<void> {
  const previous = readPartial(file);
  if (previous.status === 'complete') {
    throw new UsageError(`${file} is complete: nothing is left to run`);
  }
  const { plan } = previous;
  const request: SessionRequest = {
    name: previous.name,
    suite: plan.suite,
    cells: previous.cells.map(({ cell }) => cell),
    repeats: plan.repeats,
    warmupSeconds: plan.warmupSeconds,
    measureSeconds: plan.measureSeconds,
    // It was shared out when the run began.
    budgetSeconds: null,
    seed: plan.seed,
    payload: payloadOf(flags),
    directory: resolve(flags.directory),
    command: process.argv.slice(2),
    calibrationEffort: flags.calibrate ? 0.5 : 0,
    previous,
  };
  await run(request, flags, resolve(file.replace(/\.journal$/, '')));
}

/** Measures, writes the result and its report, and says so. `own`: targets that only the caller knows. */
export function runRequest(
  request: SessionRequest,
  flags: RunFlags,
  own: (name: string) => Target | undefined = () => undefined,
): Promise<RunResult> {
  return run(request, flags, flags.out === undefined ? null : resolve(flags.out), own);
}

async function run(
  request: SessionRequest,
  flags: RunFlags,
  out: string | null,
  own: (name: string) => Target | undefined = () => undefined,
): Promise<RunResult> {
  mkdirSync(request.directory, { recursive: true });
  const signal = interruptSignal();
  process.once('exit', removeAllTempDirectories);
  const path = out ?? defaultResultPath(new Date().toISOString(), request.name);
  const journal = path.startsWith('/dev/') ? null : new Journal(path);
  const views = await openViews(flags);
  let result: RunResult;
  try {
    result = await runSession(request, {
      findTarget: (name) => own(name) ?? findTarget(name, security(flags)),
      startLoad: startLoadProcess,
      measureLimit: flags.calibrate ? limitOf : null,
      journal,
      onEvent: views.onEvent satisfies OnRunEvent,
      signal,
    });
  } catch (error) {
    await views.close();
    // Nothing was measured, or it was not asked for rightly: there is nothing to go on from.
    if (journal?.hasRuns) tellJournal(journal);
    else journal?.remove();
    throw error;
  }
  try {
    writeResult(result, path);
  } catch (error) {
    await views.close();
    if (journal?.hasRuns) tellJournal(journal);
    throw error;
  }
  journal?.remove();
  const report = flags.report === false ? null : writeReportFile(result, flags, path);
  views.onEvent({ type: 'finished', result, path });
  await views.close();
  tell(result, flags, { path, report });
  if (signal.aborted) process.exitCode = 130;
  else if (result.status !== 'complete') process.exitCode = 1;
  return result;
}

function tellJournal({ path }: Journal): void {
  process.stderr.write(
    `varve: what was measured is in ${path}; \`varve bench resume ${path}\` goes on with it\n`,
  );
}

const LIMIT_SECONDS = 0.5;

async function limitOf(cell: Cell, payload: PayloadPlan): Promise<GeneratorLimit> {
  const { result: _, ...limit } = await measureGeneratorLimit({
    cell,
    payload,
    seconds: LIMIT_SECONDS,
  });
  return limit;
}

function tell(
  result: RunResult,
  { json, slo }: RunFlags,
  files: { readonly path: string; readonly report: string | null },
): void {
  if (json) {
    process.stdout.write(serializeResult(result));
    return;
  }
  printResult(result, slo ?? null);
  process.stdout.write(`\nresult  ${files.path}\n`);
  if (files.report !== null) process.stdout.write(`report  ${files.report}\n`);
  if (result.status !== 'complete') {
    process.stderr.write(
      `varve: this run is ${result.status}: ${result.statusReason}; \`varve bench resume ${files.path}\` goes on with it\n`,
    );
  }
}

function printPlan(request: SessionRequest, flags: RunFlags): void {
  const { cells } = checkedCells(request.cells, (name) => findTarget(name, security(flags)));
  const timing = fitBudget(cells.length, request, request.budgetSeconds);
  if (flags.json) {
    process.stdout.write(
      `${JSON.stringify({ cells, ...timing, seconds: secondsOf(cells.length, timing) })}\n`,
    );
    return;
  }
  for (const cell of cells) process.stdout.write(`${labelAmong(cell, cells)}\n`);
  process.stdout.write(
    `\n${cells.length} cells, ${timing.repeats} repeats of ${timing.warmupSeconds.toFixed(2)} s + ${timing.measureSeconds.toFixed(2)} s: about ${durationText(secondsOf(cells.length, timing))}\n`,
  );
}
