import { summarizeCell } from '../explain/summarize.js';
import type { PayloadPlan } from '../load/plan.js';
import { BenchError } from '../model/bench-error.js';
import { cellId, cellLabel } from '../model/cell-name.js';
import type { Cell } from '../model/knobs.js';
import type { CellResult, CellRun } from '../model/result.js';
import type { Target } from '../targets/target.js';
import type { Timing } from './budget.js';
import type { OnRunEvent } from './events.js';
import type { StartLoad } from './load-group.js';
import { OpenTargets } from './open-targets.js';
import { runCell } from './run-cell.js';
import { checkedCells } from './session.js';
import { warmUp } from './warm-up.js';

export interface MeasurerOptions extends Timing {
  readonly findTarget: (name: string) => Target;
  readonly startLoad: StartLoad;
  readonly payload: PayloadPlan;
  /** Where data is written and deleted. */
  readonly directory: string;
  readonly onEvent: OnRunEvent;
  readonly signal: AbortSignal;
}

/** Measures cells one at a time, as whoever asks decides what to ask next; what is open stays open in between. */
export class Measurer {
  readonly #options: MeasurerOptions;
  readonly #open: OpenTargets;
  readonly results = new Map<string, CellResult>();
  #runs = 0;

  constructor(options: MeasurerOptions) {
    this.#options = options;
    const { directory, signal, payload, startLoad, onEvent } = options;
    this.#open = new OpenTargets(
      directory,
      signal,
      (text) => onEvent({ type: 'doing', text }),
      (target, open, cell) => warmUp(target, open, cell, payload, { startLoad, signal }),
    );
  }

  /** A cell that was measured before is not measured again. Throws when the target does not make sense of it, or fails. */
  async measure(asked: Cell, why: string): Promise<CellResult> {
    if (typeof asked.rate === 'string' && asked.rate !== 'max') {
      throw new BenchError(
        'INVALID_KNOB',
        `rate ${asked.rate}: one cell alone needs max, or bytes a second`,
      );
    }
    const { findTarget, repeats, onEvent } = this.#options;
    const { cells, targets } = checkedCells([asked], findTarget);
    const cell = cells[0] as Cell;
    const id = cellId(cell);
    const known = this.results.get(id);
    if (known !== undefined) return known;
    onEvent({ type: 'doing', text: `${why}: ${cellLabel(cell, CHOSEN)}` });
    const target = targets.get(cell.target) as Target;
    const runs: CellRun[] = [];
    for (let repeat = 0; repeat < repeats; repeat++) {
      runs.push(await this.#run(target, cell, repeat));
    }
    const result: CellResult = {
      id,
      cell,
      runs,
      summary: summarizeCell(cell, runs, null, null),
      failure: null,
      profile: null,
    };
    this.results.set(id, result);
    return result;
  }

  async close(): Promise<void> {
    await this.#open.closeAll();
  }

  async #run(target: Target, cell: Cell, repeat: number): Promise<CellRun> {
    const { startLoad, payload, warmupSeconds, measureSeconds, signal, onEvent } = this.#options;
    signal.throwIfAborted();
    const open = await this.#open.get(target, cell);
    this.#runs += 1;
    return runCell(
      open,
      {
        cell,
        topic: `varve-bench-${process.pid}-${this.#runs}`,
        payload,
        warmupSeconds,
        measureSeconds,
        rateBytesPerSecond: typeof cell.rate === 'number' ? cell.rate : null,
        repeat,
        order: this.#runs - 1,
      },
      {
        startLoad,
        signal,
        onLive: (phase, elapsedSeconds, figures) =>
          onEvent({ type: 'live', id: cellId(cell), phase, elapsedSeconds, ...figures }),
      },
    );
  }
}

/** What an advisor turns. */
const CHOSEN = [
  'partitions',
  'replicationFactor',
  'batchBytes',
  'codec',
  'producers',
  'rate',
  'consumers',
] as const;
