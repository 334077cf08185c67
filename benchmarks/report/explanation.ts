import type { KnobName } from '../model/knobs.js';

/** What the report needs of the explanation of a result: sentences, and the figures behind them. */
export interface ReportExplanation {
  /** At most five: what each knob did and why, in the order people ask, and what limits. */
  readonly answer: readonly AnswerLine[];
  /** The most important first. */
  readonly knobs: readonly KnobVerdict[];
  readonly scaling: readonly ScalingFit[];
  readonly knees: readonly Knee[];
}

/** The answer to one question, for somebody who has a minute. */
export interface AnswerLine {
  /** "Partitions" */
  readonly about: string;
  /** What happened, with its figures. */
  readonly text: string;
  /** Why, with figures; empty: nothing that was measured says. */
  readonly why: string;
}

export function answerText({ about, text, why }: AnswerLine): string {
  return `${about}: ${text}${why === '' ? '' : ` ${why}`}`;
}

/** What turning one knob alone did to the produced rate. */
export interface KnobVerdict {
  readonly target: string;
  readonly knob: KnobName;
  /** Produced rate at its best value over that at its worst, all else equal: 1 is no effect. null: not known. */
  readonly ratio: number | null;
  /** `unknown`: no two cells differ in it alone, or too few runs to tell; that is not `none`. */
  readonly verdict: 'large' | 'some' | 'none' | 'unknown';
  readonly text: string;
}

/** Universal Scalability Law over one knob: rate(n) = lambda * n / (1 + sigma * (n - 1) + kappa * n * (n - 1)). */
export interface ScalingFit {
  readonly target: string;
  readonly over: KnobName;
  /** The other knobs of this curve. */
  readonly fixed: Readonly<Partial<Record<KnobName, string | number>>>;
  readonly lambdaBytesPerSecond: number;
  readonly sigma: number;
  readonly kappa: number;
  /** Of the fitted rates, mean of absolute values, 0-1. */
  readonly relativeError: number;
  /** null: the rate only grows. */
  readonly peakAt: number | null;
  readonly text: string;
}

/** Where latency begins to rise steeply with rate. */
export interface Knee {
  readonly target: string;
  readonly fixed: Readonly<Partial<Record<KnobName, string | number>>>;
  /** null: not reached at the rates that were measured. */
  readonly kneeBytesPerSecond: number | null;
  /** The highest measured rate that keeps the latency bound; null: none does, or no bound was given. */
  readonly withinSloBytesPerSecond: number | null;
  readonly text: string;
}

/** Rate at `n` of a fitted curve, in bytes a second. */
export function fittedRate(fit: ScalingFit, n: number): number {
  return (fit.lambdaBytesPerSecond * n) / (1 + fit.sigma * (n - 1) + fit.kappa * n * (n - 1));
}
