import { knobText } from '../model/cell-name.js';
import { KNOB_TITLES } from '../model/knob-titles.js';
import { type Cell, KNOB_NAMES, type KnobName } from '../model/knobs.js';
import type { RunResult } from '../model/result.js';
import { changeText, plural, ratioText } from '../model/text.js';
import { type KnobEffect, type KnobPair, type KnobStep, knobEffects } from './knob-effects.js';
import { reasonOf } from './knob-reasons.js';

/** What a knob did, in a sentence with its figures, and why, from what was measured at both ends. */
export interface KnobNote {
  readonly effect: KnobEffect;
  readonly size: 'large' | 'some' | 'none' | 'unknown';
  /** The best of its values over the worst, as a mean over everything else; 1: no effect. */
  readonly bestOverWorst: number | null;
  readonly text: string;
  readonly reason: string;
  /** "only with acks 0": another knob decides whether this one does anything; null: none does. */
  readonly interaction: string | null;
}

const LARGE = 1.25;

/** Every knob that was turned alone, the one that did most first. */
export function explainKnobs(result: Pick<RunResult, 'cells'>): KnobNote[] {
  return knobEffects(result)
    .map(noteOf)
    .sort((a, b) => Math.log(b.bestOverWorst ?? 1) - Math.log(a.bestOverWorst ?? 1));
}

function noteOf(effect: KnobEffect): KnobNote {
  const bestOverWorst = bestOverWorstOf(effect);
  const size = sizeOf(effect, bestOverWorst);
  const interaction = interactionOf(effect);
  const reason = reasonOf(effect, size);
  return { effect, size, bestOverWorst, interaction, reason, text: textOf(effect, size) };
}

function sizeOf({ steps, whole }: KnobEffect, bestOverWorst: number | null): KnobNote['size'] {
  const verdicts = [...steps, whole].map(({ verdict }) => verdict);
  if (verdicts.every((verdict) => verdict === 'cannot tell')) {
    // Of no single pair, but of all together.
    if (!whole.isTold || bestOverWorst === null) return 'unknown';
    return bestOverWorst >= LARGE ? 'large' : 'some';
  }
  const isNone = (verdict: string): boolean =>
    verdict === 'no significant difference' || verdict === 'cannot tell';
  if (verdicts.every(isNone) || bestOverWorst === null) return 'none';
  return bestOverWorst >= LARGE ? 'large' : 'some';
}

/** Steps multiplied up: where on the way the figure was highest, over where it was lowest. */
function bestOverWorstOf({ steps, whole }: KnobEffect): number | null {
  let at = 0;
  const levels = [0];
  for (const { ratio } of steps) {
    if (ratio === null)
      return whole.ratio === null ? null : Math.exp(Math.abs(Math.log(whole.ratio)));
    at += Math.log(ratio);
    levels.push(at);
  }
  return Math.exp(Math.max(...levels) - Math.min(...levels));
}

function figureOf({ metric }: KnobEffect): string {
  return metric === 'producedBytesPerSecond' ? 'rate' : 'publish p99';
}

function textOf(effect: KnobEffect, size: KnobNote['size']): string {
  const { knob, whole, steps } = effect;
  const span = `${KNOB_TITLES[knob]}: from ${whole.from} to ${whole.to}`;
  const pairs = plural(whole.pairs.length - whole.leftOut, 'pair');
  if (size === 'unknown' || whole.ratio === null) {
    const why = whole.pairs[0]?.reason ?? 'no two cells differ in it alone';
    const measured =
      whole.ratio === null
        ? ''
        : `: ${figureOf(effect)} came out at ${ratioText(whole.ratio)}${intervalText(whole)} over ${pairs}`;
    return `${span} cannot be told (${why})${measured}`;
  }
  const interval = intervalText(whole);
  if (size === 'none')
    return `${span} did nothing here: ${figureOf(effect)} ${changeText(whole.ratio)}${interval}, over ${pairs} of cells that differ in it alone`;
  const most = [...steps].sort(
    (a, b) => Math.abs(Math.log(b.ratio ?? 1)) - Math.abs(Math.log(a.ratio ?? 1)),
  )[0];
  const step =
    steps.length > 1 && most !== undefined && most.ratio !== null
      ? `; most of it from ${most.from} to ${most.to} (${ratioText(most.ratio)})`
      : '';
  return `${span}, ${figureOf(effect)} is ${ratioText(whole.ratio)}${interval} over ${pairs}${step}`;
}

export function intervalText({ low, high }: KnobStep): string {
  return low === null || high === null
    ? ''
    : `, 95 % between ${ratioText(low)} and ${ratioText(high)}`;
}

/** Another knob whose value decides which pairs changed and which did not. */
function interactionOf({ knob, whole }: KnobEffect): string | null {
  const told = whole.pairs.filter(({ verdict }) => verdict !== 'cannot tell');
  const changed = told.filter(({ verdict }) => verdict !== 'no significant difference');
  if (changed.length === 0) return null;
  const up = changed.filter(({ verdict }) => verdict === 'better');
  if (changed.length === told.length && (up.length === 0 || up.length === changed.length))
    // All that have a ratio: those that could not be told are in the mean too.
    return strengthOf(
      knob,
      whole.pairs.filter(({ ratio }) => ratio !== null),
    );
  const split = changed.length < told.length ? changed : up;
  const rest = told.filter((pair) => !split.includes(pair));
  const what = changed.length < told.length ? 'matters' : `helps`;
  for (const other of KNOB_NAMES) {
    if (other === knob) continue;
    const inside = valuesOf(split, other);
    const outside = valuesOf(rest, other);
    if (inside.size + outside.size < 2 || [...inside].some((value) => outside.has(value))) continue;
    const texts = [...inside].map((value) => knobText(other, value as Cell[KnobName]));
    return `${what} only with ${texts.join(' or ')}`;
  }
  return `${what} in ${split.length} of ${told.length} pairs, and no single other knob says which`;
}

/** It always does something: is there a knob that decides how much? */
const STRONGER = 1.5;

function strengthOf(knob: KnobName, pairs: readonly KnobPair[]): string | null {
  let best: { text: string; contrast: number } | null = null;
  for (const other of KNOB_NAMES) {
    const values = [...valuesOf(pairs, other)];
    if (other === knob || values.length < 2) continue;
    const means = values.map((value) => {
      const logs = pairs
        .filter(({ from }) => from.cell[other] === value)
        .map(({ ratio }) => Math.log(ratio ?? 1));
      return { value, mean: logs.reduce((sum, log) => sum + log, 0) / logs.length };
    });
    means.sort((a, b) => Math.abs(b.mean) - Math.abs(a.mean));
    const [most, least] = [means[0], means.at(-1)];
    if (most === undefined || least === undefined) continue;
    const contrast = Math.exp(Math.abs(most.mean - least.mean));
    if (contrast < STRONGER || (best !== null && best.contrast >= contrast)) continue;
    const say = (value: string | number) => knobText(other, value as Cell[KnobName]);
    best = {
      contrast,
      text: `${ratioText(Math.exp(most.mean))} with ${say(most.value)}, ${ratioText(Math.exp(least.mean))} with ${say(least.value)}`,
    };
  }
  return best?.text ?? null;
}

function valuesOf(pairs: readonly KnobPair[], knob: KnobName): Set<string | number> {
  return new Set(pairs.map(({ from }) => from.cell[knob]));
}

/** Note, reason and interaction as people read them. */
export function knobNoteText({ text, reason, interaction }: KnobNote): string {
  const more = interaction === null ? '' : ` It ${interaction.replace(/^(\d)/, 'is $1')}.`;
  const why = reason === '' ? '' : reason.startsWith('because') ? `, ${reason}` : `: ${reason}`;
  return `${text}${why}.${more}`;
}
