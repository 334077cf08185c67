import { cellLabel } from '../model/cell-name.js';
import { KNOB_TITLES } from '../model/knob-titles.js';
import { KNOB_NAMES, type KnobName } from '../model/knobs.js';
import type { Bottleneck, CellResult, RunResult } from '../model/result.js';
import { byteRateText, digits, microsText, plural } from '../model/text.js';
import type { AnswerLine } from '../report/explanation.js';
import type { KnobEffect } from './knob-effects.js';
import { causesOf, changedAlong, LIMITS } from './knob-reasons.js';
import type { KnobNote } from './knobs.js';
import { measuresOf } from './measures.js';

/** What people ask first, whatever did most. */
const ASKED_FIRST: readonly KnobName[] = ['partitions', 'replicationFactor', 'acks', 'flush'];
const MOST_KNOBS = 4;
const MOST_REASONS = 2;
/** With the short name that the sentences use. */
const TITLES: { readonly [N in KnobName]?: string } = {
  replicationFactor: 'replication factor (RF)',
};

/** What each knob did and why, and what limits: plain sentences with the figures of this result. */
export function answerOf(
  result: Pick<RunResult, 'cells'>,
  notes: readonly KnobNote[],
): AnswerLine[] {
  const targets = targetsOf(result);
  const rank = (knob: KnobName): number => {
    const asked = ASKED_FIRST.indexOf(knob);
    return asked < 0 ? ASKED_FIRST.length : asked;
  };
  const knobs = [...new Set(notes.map(({ effect }) => effect.knob))]
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, MOST_KNOBS);
  const lines = knobs.map((knob) => {
    const own = notes
      .filter(({ effect }) => effect.knob === knob)
      .sort((a, b) => targets.indexOf(a.effect.target) - targets.indexOf(b.effect.target));
    return knobLine(knob, own, targets.length > 1, result);
  });
  const hasLeftOut = notes.some(({ effect }) => effect.whole.leftOut > 0);
  const limit = limitLine(result, hasLeftOut);
  return limit === null ? lines : [...lines, limit];
}

function targetsOf({ cells }: Pick<RunResult, 'cells'>): string[] {
  return [...new Set(cells.map(({ cell }) => cell.target))];
}

function knobLine(
  knob: KnobName,
  notes: readonly KnobNote[],
  isNamed: boolean,
  result: Pick<RunResult, 'cells'>,
): AnswerLine {
  const title = TITLES[knob] ?? KNOB_TITLES[knob];
  const [first, ...others] = notes as [KnobNote, ...KnobNote[]];
  const more = others.map(
    (note) => `On ${note.effect.target} ${ratioWords(note)}${DOUBTS[note.size]}.`,
  );
  return {
    about: title.charAt(0).toUpperCase() + title.slice(1),
    text: [
      `${isNamed ? `on ${first.effect.target}, ` : ''}${effectText(first, result)}.`,
      ...more,
    ].join(' '),
    why: whyText(first, isNamed),
  };
}

/** "RF 3 gave 0.52x the rate of RF 1 (95 % between 0.34x and 0.78x), for example 32.2 MB/s to 15.4 MB/s with acks 0" */
function effectText(note: KnobNote, result: Pick<RunResult, 'cells'>): string {
  const { effect } = note;
  const { whole, metric } = effect;
  const figure = metric === 'producedBytesPerSecond' ? 'the rate' : 'the publish p99';
  if (whole.ratio === null) return `${whole.to} against ${whole.from}: cannot be told`;
  return `${whole.to} gave ${ratioWords(note, ` ${figure} of ${whole.from}`)}${turnText(effect)}${exampleText(effect, result)}${DOUBTS[note.size]}`;
}

function ratioWords({ effect: { whole } }: KnobNote, of = ''): string {
  const { ratio, low, high } = whole;
  if (ratio === null) return 'cannot be told';
  const range =
    low === null || high === null ? '' : ` (95 % between ${short(low)} and ${short(high)})`;
  return `${short(ratio)}${of}${range}`;
}

const DOUBTS: Readonly<Record<KnobNote['size'], string>> = {
  unknown: '; not certain, runs of one setting differ too much',
  none: '; no difference that could be told from chance',
  some: '',
  large: '',
};

/** Two digits: more than the intervals of any run here bear. */
function short(ratio: number): string {
  return `${ratio >= 100 ? ratio.toFixed(0) : ratio.toPrecision(2)}x`;
}

/** A way that goes up and comes down again: from its ends alone nobody would know. */
const TURN = 1.1;

function turnText({ steps, better }: KnobEffect): string {
  let at = 0;
  let best = { level: 0, at: '' };
  const sign = better === 'higher' ? 1 : -1;
  for (const { ratio, to } of steps) {
    if (ratio === null) return '';
    at += sign * Math.log(ratio);
    if (at > best.level) best = { level: at, at: to };
  }
  const ends = Math.max(0, at);
  if (best.level - ends < Math.log(TURN)) return '';
  return `, best at ${best.at} (${short(Math.exp(sign * best.level))})`;
}

/** The two cells whose medians changed most like the mean: what can be looked up in the map. */
function exampleText(
  { knob, target, metric, whole }: KnobEffect,
  { cells }: Pick<RunResult, 'cells'>,
): string {
  const of = ({ summary }: CellResult): number | null =>
    metric === 'producedBytesPerSecond'
      ? (summary?.producedBytesPerSecond.median ?? null)
      : (summary?.publish?.p99Us ?? null);
  let best: { from: number; to: number; cell: CellResult; off: number } | null = null;
  for (const pair of whole.pairs) {
    const [from, to] = [of(pair.from), of(pair.to)];
    if (from === null || to === null || from <= 0 || to <= 0) continue;
    const off = Math.abs(Math.log(to / from / (whole.ratio ?? 1)));
    if (best === null || off < best.off) best = { from, to, cell: pair.from, off };
  }
  if (best === null) return '';
  const own = cells.filter(({ cell }) => cell.target === target);
  const held = KNOB_NAMES.filter(
    (name) =>
      name !== 'target' && name !== knob && new Set(own.map(({ cell }) => cell[name])).size > 1,
  );
  const say = metric === 'producedBytesPerSecond' ? byteRateText : microsText;
  const at = held.length === 0 ? '' : ` with ${cellLabel(best.cell.cell, held)}`;
  return `, for example ${say(best.from)} to ${say(best.to)}${at}`;
}

function whyText({ effect, size, reason, interaction }: KnobNote, isNamed: boolean): string {
  const on = isNamed ? ` on ${effect.target}` : '';
  const more = interaction === null ? '' : ` It ${interaction.replace(/^(\d)/, 'is $1')}.`;
  if (size === 'unknown') {
    const along = changedAlong(effect).slice(0, MOST_REASONS);
    return along.length === 0 ? '' : `What changed along${on}: ${along.join('; ')}.`;
  }
  const causes = size === 'none' ? [reason].filter(Boolean) : causesOf(effect);
  if (causes.length === 0) return more.trim();
  return `Why${on}: ${causes.slice(0, MOST_REASONS).join('; ')}.${more}`;
}

/** Of the machine. Less is the system's own background. */
const STRANGERS = 0.1;

function limitLine({ cells }: Pick<RunResult, 'cells'>, hasLeftOut: boolean): AnswerLine | null {
  const loads = cells.filter(({ summary, cell }) => summary !== null && cell.experiment === 'load');
  const counts = new Map<Bottleneck, number>();
  for (const { summary } of loads) {
    const what = summary!.attribution.bottleneck;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  if (most === undefined) return null;
  const what = LIMITS[most[0]] ?? 'nothing that was measured is at its limit';
  const share = `in ${most[1]} of ${plural(loads.length, 'setting')}`;
  const caveats = [strangersText(loads), nothingText(loads, hasLeftOut)].filter(Boolean);
  return { about: 'What limits', text: `${what} ${share}.`, why: caveats.join(' ') };
}

function strangersText(cells: readonly CellResult[]): string {
  const shares = cells.flatMap(({ cell, runs }) => {
    const { machine } = measuresOf(cell, runs);
    return machine === null ? [] : [machine];
  });
  const sorted = shares.map(({ otherCores }) => otherCores).sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  const cores = shares[0]?.cores;
  if (middle === undefined || cores === undefined || middle < STRANGERS * cores) return '';
  return `Other programs took ${digits(middle)} of ${plural(cores, 'core')} meanwhile: measure again on a quiet machine.`;
}

/** A run at zero has no ratio: who reads the ratios must know which comparisons are not in them. */
function nothingText(cells: readonly CellResult[], hasLeftOut: boolean): string {
  const idle = cells.flatMap(({ cell, runs }) =>
    runs.filter(({ produced }) => produced.records === 0).map(() => cell),
  );
  const [first] = idle;
  if (first === undefined) return '';
  const axes = KNOB_NAMES.filter((name) => new Set(cells.map(({ cell }) => cell[name])).size > 1);
  const which =
    idle.length === 1 ? cellLabel(first, axes) : `the first of ${cellLabel(first, axes)}`;
  return `${plural(idle.length, 'run')} acknowledged nothing (${which})${hasLeftOut ? ': the ratios leave such settings out' : ''}.`;
}
