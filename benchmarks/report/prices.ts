import type { KnobName } from '../model/knobs.js';
import { changeText, digits, percentText, plural } from '../model/text.js';
import { KNOB_TITLES, measureOf } from './measures.js';
import type { ModelCell, ReportModel } from './model.js';
import { figure, figures, NOT_MEASURED, type Table, type TableCell, word, words } from './table.js';

/** What each step towards safety costs, as a shop would write it: one knob turned, everything else held. */
export interface PriceList {
  readonly target: string;
  readonly knob: KnobName;
  readonly title: string;
  /** What a crash loses was measured for one of its rows: then it is the last column. */
  readonly hasLosses: boolean;
  /** What is held. */
  readonly held: string;
  readonly table: Table;
  /** Produced rate of each row over the highest of the list, 0-1: for bars beside the figures. */
  readonly shares: readonly number[];
}

const STEPS: readonly { readonly knob: KnobName; readonly title: string }[] = [
  { knob: 'acks', title: 'Waiting for acknowledgements' },
  { knob: 'replicationFactor', title: 'Keeping copies on other brokers' },
  { knob: 'flush', title: 'Having every batch on disk' },
];

export function priceLists(model: ReportModel): PriceList[] {
  return model.targets.flatMap(({ name }) =>
    STEPS.flatMap(({ knob, title }) => {
      const steps = stepsOf(model, name, knob);
      return steps === null ? [] : [priceList(model, name, knob, title, steps)];
    }),
  );
}

/** Cells that differ in `knob` alone: the group with the most steps, and of those the safest. */
function stepsOf(model: ReportModel, target: string, knob: KnobName): ModelCell[] | null {
  const groups = new Map<string, ModelCell[]>();
  for (const cell of model.cells) {
    if (cell.target !== target || cell.kind !== 'load' || cell.figures === null) continue;
    const key = (Object.keys(cell.knobs) as KnobName[])
      .filter((name) => name !== knob)
      .map((name) => cell.knobs[name])
      .join(' ');
    groups.set(key, [...(groups.get(key) ?? []), cell]);
  }
  const usable = [...groups.values()].filter((group) => group.length > 1);
  if (usable.length === 0) return null;
  usable.sort(
    (a, b) => b.length - a.length || safety(b[0]!, knob, model) - safety(a[0]!, knob, model),
  );
  return orderSteps(usable[0]!, knob);
}

/** Higher is safer; among equals what the axes call usual, so that the lists are of one setting. */
function safety(cell: ModelCell, but: KnobName, model: ReportModel): number {
  const axes = model.targets.find(({ name }) => name === cell.target)!.axes;
  const usual = axes.filter(({ knob, usual: value }) => cell.knobs[knob] === value).length;
  const copies = but === 'replicationFactor' ? 0 : Number(cell.knobs.replicationFactor);
  const acks = but === 'acks' ? 0 : cell.knobs.acks === 'all' ? 2 : Number(cell.knobs.acks);
  return copies * 100 + acks * 10 + usual;
}

const ORDER: readonly string[] = ['0', '1', 'all', 'os'];

function orderSteps(cells: readonly ModelCell[], knob: KnobName): ModelCell[] {
  const place = (cell: ModelCell): number => {
    const value = cell.knobs[knob];
    if (knob === 'replicationFactor') return Number(value);
    if (knob === 'acks') return ORDER.indexOf(value);
    // os, then every so many milliseconds from long to short, then each batch.
    if (value === 'os') return Number.NEGATIVE_INFINITY;
    return value === 'batch' ? Number.POSITIVE_INFINITY : -Number.parseInt(value, 10);
  };
  return [...cells].sort((a, b) => place(a) - place(b));
}

function priceList(
  model: ReportModel,
  target: string,
  knob: KnobName,
  title: string,
  cells: readonly ModelCell[],
): PriceList {
  const rates = cells.map((cell) => measureOf('megabytesPerSecond').of(cell) ?? 0);
  const first = rates[0]!;
  const held = heldText(model, cells[0]!, knob);
  const losses = cells.map((cell) => lossOf(model, cell));
  const hasLosses = losses.some(({ value }) => value !== null);
  return {
    hasLosses,
    target,
    knob,
    title,
    held,
    shares: rates.map((rate) => rate / Math.max(...rates)),
    table: {
      caption: `${title}, ${target}, ${held}`,
      columns: [
        words(KNOB_TITLES[knob]),
        figures('produced', 'MB/s'),
        figures('price'),
        figures('p50', 'ms'),
        figures('p99', 'ms'),
        figures('CPU', 's per million'),
        ...(hasLosses ? [words('what a crash loses')] : []),
      ],
      rows: cells.map((cell, at) => [
        word(cell.knobs[knob]),
        figure(rates[at]!, digits),
        at === 0 ? { value: 1, text: 'base' } : figure(rates[at]! / first, changeText),
        figure(measureOf('p50Ms').of(cell), digits),
        figure(measureOf('p99Ms').of(cell), digits),
        figure(measureOf('cpuSecondsPerMillion').of(cell), digits),
        ...(hasLosses ? [losses[at]!] : []),
      ]),
    },
  };
}

function heldText(model: ReportModel, cell: ModelCell, but: KnobName): string {
  const axes = model.targets.find(({ name }) => name === cell.target)!.axes;
  return axes
    .filter(({ knob }) => knob !== but)
    .map(({ knob, values }) => values.find(({ value }) => value === cell.knobs[knob])!.text)
    .join(', ');
}

/** Only what was measured by killing at the same promise; partitions do not change it. */
function lossOf(model: ReportModel, cell: ModelCell): TableCell {
  const crash = model.cells.find(
    ({ kind, target, knobs, crashes }) =>
      kind === 'crash' &&
      target === cell.target &&
      crashes.length > 0 &&
      (['replicationFactor', 'acks', 'flush', 'minInsyncReplicas'] as const).every(
        (knob) => knobs[knob] === cell.knobs[knob],
      ),
  );
  if (crash === undefined) return { value: null, text: `${NOT_MEASURED} not measured` };
  const worst = Math.max(...crash.crashes.map(({ lostRecords }) => lostRecords));
  const of = Math.max(...crash.crashes.map(({ acknowledgedRecords }) => acknowledgedRecords));
  const unsynced = Math.max(...crash.crashes.map(({ unsyncedRecords }) => unsyncedRecords ?? 0));
  const killed =
    worst === 0
      ? 'nothing'
      : `up to ${plural(worst, 'record')} (${percentText(worst / of)} of those acknowledged)`;
  const power = unsynced === 0 ? '' : `; a power failure up to ${plural(unsynced, 'record')}`;
  return { value: worst, text: `${killed}${power}` };
}
