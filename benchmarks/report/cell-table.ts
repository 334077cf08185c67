import { KNOB_NAMES, type KnobName } from '../model/knobs.js';
import { countText, digits } from '../model/text.js';
import { KNOB_TITLES, measureOf } from './measures.js';
import type { ModelCell, ReportModel } from './model.js';
import {
  type Column,
  figure,
  figures,
  NOT_MEASURED,
  type Table,
  type TableCell,
  word,
  words,
} from './table.js';

/** Every cell that was asked for, with the knobs that differ and what was measured. */
export function cellTable(model: ReportModel): Table {
  return tableOf(model, MEASURED);
}

/** What fits beside each other in a terminal. */
export function shortCellTable(model: ReportModel): Table {
  return tableOf(
    model,
    MEASURED.filter(({ isShort }) => isShort === true),
  );
}

function tableOf(model: ReportModel, all: readonly MeasuredColumn[]): Table {
  const measured = all.filter(({ isIn }) => isIn === undefined || isIn(model));
  const knobs = differing(model.cells);
  return {
    caption: 'Every cell',
    columns: [...knobs.map(knobColumn), ...measured.map(({ column }) => column)],
    rows: model.cells.map((cell) => [
      ...knobs.map((knob) => knobCell(cell, knob)),
      ...measured.map(({ of }) => of(cell)),
    ]),
  };
}

/** Knobs with more than one value; the target always, so that a row says what it is of. */
export function differing(cells: readonly ModelCell[]): KnobName[] {
  return KNOB_NAMES.filter(
    (knob) => knob === 'target' || new Set(cells.map(({ knobs }) => knobs[knob])).size > 1,
  );
}

export function knobColumn(knob: KnobName): Column {
  return words(KNOB_TITLES[knob]);
}

export function knobCell(cell: ModelCell, knob: KnobName): TableCell {
  const text = cell.knobs[knob];
  const number = Number(text);
  return Number.isFinite(number) ? { value: number, text } : word(text);
}

interface MeasuredColumn {
  readonly column: Column;
  readonly isShort?: boolean;
  /** Default: in every table. */
  isIn?(model: ReportModel): boolean;
  of(cell: ModelCell): TableCell;
}

const MEASURED: readonly MeasuredColumn[] = [
  {
    column: figures('produced', 'records/s'),
    isShort: true,
    of: (cell) => figure(measureOf('recordsPerSecond').of(cell), countText),
  },
  {
    column: figures('produced', 'MB/s'),
    isShort: true,
    of: (cell) => figure(measureOf('megabytesPerSecond').of(cell), digits),
  },
  { column: figures('±', '%'), isShort: true, of: (cell) => figure(spreadPercent(cell), digits) },
  {
    column: figures('consumed', 'MB/s'),
    of: (cell) => figure(measureOf('consumedMegabytesPerSecond').of(cell), digits),
  },
  {
    column: figures('publish p50', 'ms'),
    isShort: true,
    of: (cell) => figure(measureOf('p50Ms').of(cell), digits),
  },
  {
    column: figures('publish p99', 'ms'),
    isShort: true,
    of: (cell) => figure(measureOf('p99Ms').of(cell), digits),
  },
  {
    column: figures('end to end p99', 'ms'),
    of: (cell) => {
      const latency = cell.figures?.latency.endToEnd ?? null;
      return figure(latency === null ? null : latency.p99Us / 1e3, digits);
    },
  },
  {
    column: figures('CPU', 's per million records'),
    of: (cell) => figure(measureOf('cpuSecondsPerMillion').of(cell), digits),
  },
  {
    column: figures('disk', 'bytes per byte'),
    of: (cell) => figure(cell.figures?.diskBytesPerByte ?? null, digits),
  },
  {
    column: figures('brokers receive', 'bytes per byte'),
    of: (cell) => figure(cell.figures?.networkBytesPerByte?.received ?? null, digits),
  },
  {
    column: figures('brokers send', 'bytes per byte'),
    of: (cell) => figure(cell.figures?.networkBytesPerByte?.sent ?? null, digits),
  },
  {
    column: words('limited by'),
    isShort: true,
    of: (cell) => {
      if (cell.failure !== null) return word(`failed: ${cell.failure.code}`);
      return word(cell.figures?.bottleneck ?? NOT_MEASURED);
    },
  },
  { column: figures('runs'), of: (cell) => figure(cell.runs, String) },
  {
    column: words('profile'),
    isIn: (model) => model.cells.some(({ profile }) => profile !== null),
    of: ({ profile }) =>
      profile === null
        ? word('')
        : { value: profile, text: profile.replace(/^.*\//, ''), file: profile },
  },
];

/** Half the range that holds the true median, as a share of it. */
function spreadPercent(cell: ModelCell): number | null {
  const rate = cell.figures?.bytesPerSecond ?? null;
  if (rate === null || rate.median === 0) return null;
  return ((rate.high - rate.low) / 2 / rate.median) * 100;
}
