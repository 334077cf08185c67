import { type Estimate, estimate, pairedRatios } from '../stats.js';

/** A line of the speed table: how it is measured, and what it must reach. */
export interface SpeedRow {
  /** For `--only`. */
  readonly id: string;
  readonly work: string;
  /** Most disk space in use at one time, at scale 1. */
  readonly diskBytes: number;
  measure(context: RowContext): Promise<Outcome[]>;
}

export interface RowContext {
  /** An empty directory of its own; deleted after the row. */
  readonly directory: string;
  readonly rounds: number;
  /** Amount of work: 1 is the table's. */
  readonly scale: number;
}

export interface Outcome {
  readonly what: string;
  /** The figure, for people. */
  readonly figure: string;
  /** Every run, in the figure's unit. */
  readonly runs: readonly number[];
  readonly unit: string;
  /** What the ratio is against, and its figure for people. */
  readonly control: { readonly name: string; readonly figure: string } | null;
  readonly controlRuns: readonly number[];
  /** Paired with the control of the same round; null where the target is absolute. */
  readonly ratio: Estimate | null;
  readonly target: string;
  /** null: shown beside the others, without a target of its own. */
  readonly pass: boolean | null;
}

export interface RatioInput {
  readonly what: string;
  readonly runs: readonly number[];
  readonly control: string;
  readonly controlRuns: readonly number[];
  readonly unit: string;
  readonly format: (value: number) => string;
  readonly atLeast: number;
}

/** A figure that must reach a share of its control. Speeds, not durations. */
export function ratioOutcome(input: RatioInput): Outcome {
  const ratio = estimate(pairedRatios(input.runs, input.controlRuns));
  return {
    what: input.what,
    figure: input.format(estimate(input.runs).median),
    runs: input.runs,
    unit: input.unit,
    control: {
      name: input.control,
      figure: input.format(estimate(input.controlRuns).median),
    },
    controlRuns: input.controlRuns,
    ratio,
    target: `>= ${input.atLeast} x`,
    pass: ratio.median >= input.atLeast,
  };
}

export interface ValueInput {
  readonly what: string;
  readonly runs: readonly number[];
  readonly unit: string;
  readonly format: (value: number) => string;
  /** One of both; neither: shown without a target. */
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** A figure with a target of its own. */
export function valueOutcome(input: ValueInput): Outcome {
  const value = estimate(input.runs).median;
  const { atLeast, atMost, format } = input;
  return {
    what: input.what,
    figure: format(value),
    runs: input.runs,
    unit: input.unit,
    control: null,
    controlRuns: [],
    ratio: null,
    target:
      atLeast !== undefined
        ? `>= ${format(atLeast)}`
        : atMost !== undefined
          ? `<= ${format(atMost)}`
          : '',
    pass: atLeast !== undefined ? value >= atLeast : atMost !== undefined ? value <= atMost : null,
  };
}

/** Runs both in turn, the other first in every second round, so that drift of the machine hits both. */
export async function alternate(
  rounds: number,
  subject: (round: number) => Promise<number>,
  control: (round: number) => Promise<number>,
): Promise<{ readonly runs: number[]; readonly controlRuns: number[] }> {
  const runs: number[] = [];
  const controlRuns: number[] = [];
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) {
      runs.push(await subject(round));
      controlRuns.push(await control(round));
    } else {
      controlRuns.push(await control(round));
      runs.push(await subject(round));
    }
  }
  return { runs, controlRuns };
}

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
