import { describeEnvironment } from '../environment.js';
import { summarizeCell } from '../explain/summarize.js';
import type { PayloadPlan } from '../load/plan.js';
import { BenchError, isBenchError } from '../model/bench-error.js';
import { cellId } from '../model/cell-name.js';
import { diskFull, isDiskFull } from '../model/disk-full.js';
import type { Cell } from '../model/knobs.js';
import { axesOf, labelAmong, refusalOf } from '../model/matrix.js';
import {
  type CalibrationInfo,
  type CellResult,
  type CellRun,
  type GeneratorLimit,
  type RunResult,
  SCHEMA_VERSION,
} from '../model/result.js';
import { median } from '../stats.js';
import type { Target } from '../targets/target.js';
import { createTempDirectory, removeTempDirectory } from '../temp-directory.js';
import { fitBudget, secondsOf, type Timing } from './budget.js';
import { calibrateNow, noiseOf } from './calibrate.js';
import type { OnRunEvent } from './events.js';
import type { StartLoad } from './load-group.js';
import { MAX_OPEN, OpenTargets } from './open-targets.js';
import { isShare, orderRuns, type PlannedRun, referenceOf } from './order.js';
import type { Journal } from './result-file.js';
import { runCell } from './run-cell.js';
import { warmUp } from './warm-up.js';

export interface SessionRequest extends Timing {
  readonly name: string;
  /** Preset or file, for the result. */
  readonly suite: string;
  readonly cells: readonly Cell[];
  readonly seed: number;
  readonly budgetSeconds: number | null;
  readonly payload: PayloadPlan;
  /** Where data is written and deleted. */
  readonly directory: string;
  /** For the result: without secrets. */
  readonly command: readonly string[];
  /** Scales the samples of the calibration; 0: none. */
  readonly calibrationEffort: number;
  /** Goes on where this one ended. */
  readonly previous: RunResult | null;
}

export interface SessionParts {
  readonly findTarget: (name: string) => Target;
  readonly startLoad: StartLoad;
  /** How fast load can be made at all, by what makes it. */
  readonly measureLimit: ((cell: Cell, payload: PayloadPlan) => Promise<GeneratorLimit>) | null;
  readonly journal: Journal | null;
  readonly onEvent: OnRunEvent;
  readonly signal: AbortSignal;
}

/** After so many failures of a cell the rest of its repeats is left out. */
const MAX_FAILURES = 2;

/**
 * Runs every cell of a suite and returns the document. A cell that fails is a failure in the document; a target that
 * cannot be reached at all, and wrong requests, are thrown. When the signal fires, what was measured comes back, marked partial.
 */
export async function runSession(request: SessionRequest, parts: SessionParts): Promise<RunResult> {
  const session = new Session(request, parts);
  return session.run();
}

/** The cells as their targets understand them. Throws INVALID_KNOB with every cell that makes no sense. */
export function checkedCells(
  cells: readonly Cell[],
  findTarget: (name: string) => Target,
): { readonly cells: Cell[]; readonly targets: Map<string, Target> } {
  const targets = new Map<string, Target>();
  for (const { target } of cells) {
    if (!targets.has(target)) targets.set(target, findTarget(target));
  }
  const normal = new Map<string, Cell>();
  const refusals = new Set<string>();
  const take = (cell: Cell): void => {
    const target = targets.get(cell.target) as Target;
    const refusal = refusalOf(cell) ?? target.refusal(cell);
    if (refusal !== null) {
      refusals.add(refusal);
      return;
    }
    const same = target.normal(cell);
    normal.set(cellId(same), same);
    // What its rate is a share of has to be measured too.
    if (isShare(same)) take(referenceOf(same));
  };
  for (const cell of cells) take(cell);
  if (refusals.size > 0) throw new BenchError('INVALID_KNOB', [...refusals].join('\n'));
  return { cells: [...normal.values()], targets };
}

class Session {
  readonly #request: SessionRequest;
  readonly #parts: SessionParts;
  readonly #targets: ReadonlyMap<string, Target>;
  readonly #cells: readonly Cell[];
  readonly #results: CellResult[];
  readonly #timing: Timing;
  readonly #runs: readonly PlannedRun[];
  readonly #open: OpenTargets;
  readonly #directory: string;
  readonly #startedAt: string;
  readonly #failures = new Map<string, number>();
  #limits: GeneratorLimit[] = [];
  #before: CalibrationInfo | null = null;
  #after: CalibrationInfo | null = null;
  #topics = 0;

  constructor(request: SessionRequest, parts: SessionParts) {
    const { previous } = request;
    this.#request = request;
    this.#parts = parts;
    const checked = checkedCells(request.cells, parts.findTarget);
    this.#targets = checked.targets;
    this.#cells = checked.cells;
    const before = new Map(previous?.cells.map((result) => [result.id, result]));
    this.#results = this.#cells.map((cell) => ({
      id: cellId(cell),
      cell,
      runs: [...(before.get(cellId(cell))?.runs ?? [])],
      summary: null,
      failure: null,
      profile: before.get(cellId(cell))?.profile ?? null,
    }));
    this.#timing = fitBudget(this.#cells.length, request, request.budgetSeconds);
    this.#startedAt = previous?.startedAt ?? new Date().toISOString();
    const done = new Set(
      this.#results.flatMap(({ id, runs }) => runs.map(({ repeat }) => `${id} ${repeat}`)),
    );
    this.#runs = orderRuns(this.#cells, {
      repeats: this.#timing.repeats,
      seed: request.seed,
      openKeys: this.#cells.map((cell) => `${cell.target} ${this.#target(cell).openKey(cell)}`),
      maxOpen: MAX_OPEN,
    }).filter(({ cell, repeat }) => !done.has(`${this.#results[cell]?.id} ${repeat}`));
    this.#directory = createTempDirectory(request.directory);
    const { signal, startLoad, onEvent } = parts;
    this.#open = new OpenTargets(
      this.#directory,
      signal,
      (text) => onEvent({ type: 'doing', text }),
      (target, open, cell) => warmUp(target, open, cell, request.payload, { startLoad, signal }),
    );
  }

  async run(): Promise<RunResult> {
    const { onEvent, signal, journal } = this.#parts;
    onEvent({
      type: 'begun',
      name: this.#request.name,
      runs: this.#runs.length,
      cells: this.#results.map(({ id, cell }) => ({ id, label: labelAmong(cell, this.#cells) })),
      estimateSeconds: this.#secondsFor(this.#runs.length),
    });
    let ending: { status: RunResult['status']; reason: string | null } = {
      status: 'complete',
      reason: null,
    };
    try {
      await this.#prepare();
      journal?.begin(this.#document({ status: 'partial', reason: 'it did not come to its end' }));
      for (const run of this.#results.flatMap(({ id, runs }) => runs.map((run) => ({ id, run })))) {
        journal?.add(run.id, run.run);
      }
      await this.#runAll();
      this.#after = await this.#calibrate('calibrating once more');
    } catch (error) {
      if (!signal.aborted) throw orDiskFull(error);
      ending = { status: 'partial', reason: 'interrupted' };
    } finally {
      // Whatever ended it, nothing is left running and nothing on disk.
      try {
        await this.#open.closeAll();
      } finally {
        removeTempDirectory(this.#directory);
      }
    }
    if (ending.status === 'complete') ending = this.#endingOf();
    return this.#document(ending);
  }

  #endingOf(): { status: RunResult['status']; reason: string | null } {
    const failed = this.#results.filter(({ failure }) => failure !== null);
    if (failed.length === 0) return { status: 'complete', reason: null };
    const nothing = this.#results.every(({ runs }) => runs.length === 0);
    return {
      status: nothing ? 'failed' : 'partial',
      reason: `${failed.length} of ${this.#results.length} cells failed`,
    };
  }

  async #prepare(): Promise<void> {
    this.#before = await this.#calibrate('calibrating');
    const { measureLimit, onEvent, signal } = this.#parts;
    if (measureLimit === null) return;
    const kinds = new Map<string, Cell>();
    for (const cell of this.#cells) {
      if (cell.target === 'engine' || cell.target === 'simulated') continue;
      const { client, recordBytes, batchBytes, codec } = cell;
      kinds.set(`${client} ${recordBytes} ${batchBytes} ${codec}`, cell);
    }
    for (const cell of kinds.values()) {
      signal.throwIfAborted();
      onEvent({
        type: 'doing',
        text: `how fast load can be made: ${cell.client}, ${cell.recordBytes} B records, ${cell.batchBytes} B batches`,
      });
      this.#limits.push(await measureLimit(cell, this.#request.payload));
    }
  }

  async #calibrate(text: string): Promise<CalibrationInfo | null> {
    const effort = this.#request.calibrationEffort;
    if (effort === 0) return null;
    this.#parts.onEvent({ type: 'doing', text });
    return calibrateNow(this.#directory, effort);
  }

  async #runAll(): Promise<void> {
    for (const [at, planned] of this.#runs.entries()) {
      this.#parts.signal.throwIfAborted();
      await this.#runOne(at, planned);
    }
  }

  async #runOne(at: number, { cell: index, repeat }: PlannedRun): Promise<void> {
    const result = this.#results[index] as CellResult;
    const { id, cell } = result;
    if ((this.#failures.get(id) ?? 0) >= MAX_FAILURES) return;
    const { onEvent, signal } = this.#parts;
    const label = labelAmong(cell, this.#cells);
    onEvent({
      type: 'cell',
      at,
      id,
      label,
      cell,
      repeat,
      remainingSeconds: this.#secondsFor(this.#runs.length - at),
    });
    let run: CellRun;
    try {
      run = await this.#measure(cell, at, repeat);
    } catch (error) {
      if (signal.aborted) throw error;
      const failure = failureOf(error);
      const failures = (this.#failures.get(id) ?? 0) + 1;
      this.#failures.set(id, failures);
      result.failure = failure;
      onEvent({ type: 'failed', id, ...failure });
      await this.#open.discardBroken();
      // The first run of all, and the target is not there or does not let us in: the others would not be either.
      const isFirst = this.#results.every(({ runs }) => runs.length === 0);
      if (isFirst && HOPELESS.has(failure.code)) throw error;
      return;
    }
    result.runs.push(run);
    result.runs.sort((left, right) => left.repeat - right.repeat);
    this.#parts.journal?.add(id, run);
    onEvent({ type: 'measured', id, run });
  }

  async #measure(cell: Cell, order: number, repeat: number): Promise<CellRun> {
    const target = this.#target(cell);
    const open = await this.#open.get(target, cell);
    this.#topics += 1;
    const run = await runCell(
      open,
      {
        cell,
        topic: `varve-bench-${process.pid}-${this.#topics}`,
        payload: this.#request.payload,
        warmupSeconds: this.#timing.warmupSeconds,
        measureSeconds: this.#timing.measureSeconds,
        rateBytesPerSecond: this.#rateOf(cell),
        repeat,
        order,
      },
      {
        startLoad: this.#parts.startLoad,
        signal: this.#parts.signal,
        onLive: (phase, elapsedSeconds, figures) =>
          this.#parts.onEvent({
            type: 'live',
            id: cellId(cell),
            phase,
            elapsedSeconds,
            ...figures,
          }),
      },
    );
    // Killed and restarted brokers are no start for what is measured next.
    if (cell.experiment !== 'load') await this.#open.discard(target, cell);
    return run;
  }

  #rateOf(cell: Cell): number | null {
    if (cell.rate === 'max') return null;
    if (typeof cell.rate === 'number') return cell.rate;
    const reference = this.#results.find(({ id }) => id === cellId(referenceOf(cell)));
    const rates = reference?.runs.map(({ produced }) => produced.bytesPerSecond) ?? [];
    if (rates.length === 0) {
      throw new BenchError(
        'LOAD_FAILED',
        `${cell.rate} of a rate that is not known: the cell that measures it failed`,
      );
    }
    return (median(rates) * Number.parseFloat(cell.rate)) / 100;
  }

  #target(cell: Cell): Target {
    return this.#targets.get(cell.target) as Target;
  }

  #secondsFor(runs: number): number {
    return secondsOf(1, { ...this.#timing, repeats: runs });
  }

  #document(ending: { status: RunResult['status']; reason: string | null }): RunResult {
    const { name, suite, seed, payload, budgetSeconds, command, directory } = this.#request;
    const calibration = this.#before ?? this.#after;
    return {
      schemaVersion: SCHEMA_VERSION,
      name,
      startedAt: this.#startedAt,
      finishedAt: new Date().toISOString(),
      status: ending.status,
      statusReason: ending.reason,
      command: [...command],
      plan: {
        suite,
        seed,
        repeats: this.#timing.repeats,
        warmupSeconds: this.#timing.warmupSeconds,
        measureSeconds: this.#timing.measureSeconds,
        budgetSeconds,
        payload: describePayload(payload),
        axes: axesOf(this.#cells),
      },
      environment: describeEnvironment(directory),
      calibration: {
        before: this.#before,
        after: this.#after,
        noise: noiseOf(this.#before, this.#after),
      },
      generatorLimits: this.#limits,
      targets: [...this.#open.infos.values()],
      cells: this.#results.map((result) => ({
        ...result,
        summary:
          result.runs.length === 0
            ? null
            : summarizeCell(result.cell, result.runs, calibration, this.#limitOf(result.cell)),
      })),
    };
  }

  #limitOf(cell: Cell): GeneratorLimit | null {
    return (
      this.#limits.find(
        ({ client, recordBytes, batchBytes }) =>
          client === cell.client &&
          recordBytes === cell.recordBytes &&
          batchBytes === cell.batchBytes,
      ) ?? null
    );
  }
}

const HOPELESS: ReadonlySet<string> = new Set([
  'TARGET_UNREACHABLE',
  'AUTHENTICATION_FAILED',
  'CLIENT_MISSING',
  'INVALID_PAYLOAD',
  'INVALID_KNOB',
]);

function failureOf(thrown: unknown): { code: string; message: string } {
  const error = orDiskFull(thrown);
  if (isBenchError(error)) return { code: error.code, message: error.message };
  if (error instanceof Error) {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : 'TARGET_FAILED';
    return { code, message: error.message };
  }
  return { code: 'TARGET_FAILED', message: String(error) };
}

/** What the system says of a full disk, with what to do about it. */
function orDiskFull(error: unknown): unknown {
  if (isBenchError(error) || !isDiskFull(error)) return error;
  return diskFull((error as Error).message, error);
}

function describePayload({ file, spread, compressibility }: PayloadPlan): string {
  if (file !== null) return `lines of ${file}`;
  const what =
    compressibility === null
      ? 'generated log events'
      : `generated, ${Math.round(compressibility * 100)} % of each value repeats`;
  return `${what}, ${spread} sizes`;
}
