import { bytesText, countText, digits } from '../model/text.js';
import { differing, knobCell, knobColumn } from './cell-table.js';
import type { CellKind, ModelCell, ReportModel } from './model.js';
import { type Column, figure, figures, type Table, type TableCell, word, words } from './table.js';

/** What happened when something was killed, moved or started again: one row a run, nothing averaged away. */
export interface EventTable {
  readonly kind: CellKind;
  readonly title: string;
  readonly short: string;
  readonly help: string;
  readonly missing: string;
  readonly table: Table;
}

const DEEDS = { kill: 'killed', stop: 'stopped', move: 'moved' } as const;

export function eventTables(model: ReportModel): EventTable[] {
  return [
    {
      kind: 'failover',
      title: 'When a leader dies or moves',
      short: 'Failover',
      help: 'How long nobody was acknowledged on the partition whose leader was killed, stopped or moved, each run by itself. That a client waits 50 ms before it asks who leads now is in it.',
      missing: 'no failover was measured: run the preset failover.',
      table: eventTable(
        model,
        'failover',
        'Failover',
        [words('leader'), figures('longest gap', 'ms'), figures('until the next ack', 'ms')],
        ({ failovers }) =>
          failovers.map(({ kind, longestGapMs, untilNextAckMs }) => [
            word(DEEDS[kind]),
            figure(longestGapMs, digits),
            figure(untilNextAckMs, digits),
          ]),
      ),
    },
    {
      kind: 'crash',
      title: 'What a crash loses',
      short: 'Crash',
      help: 'Measured by killing processes under load and counting afterwards. "Not on any disk" is what a power failure of all machines could have taken at most.',
      missing: 'nothing was killed: run the preset durability.',
      table: eventTable(
        model,
        'crash',
        'Crash',
        [
          words('who was killed'),
          figures('acknowledged', 'records'),
          figures('lost', 'records'),
          figures('doubled', 'records'),
          figures('not on any disk', 'records'),
        ],
        ({ crashes }) =>
          crashes.map((crash) => [
            word(crash.what),
            figure(crash.acknowledgedRecords, countText),
            figure(crash.lostRecords, countText),
            figure(crash.doubledRecords, countText),
            figure(crash.unsyncedRecords, countText),
          ]),
      ),
    },
    {
      kind: 'recovery',
      title: 'How long a restart takes',
      short: 'Restart',
      help: 'From the start of the process until it serves, with a log of this size on disk.',
      missing: 'no restart was measured: run the preset recovery.',
      table: eventTable(
        model,
        'recovery',
        'Recovery',
        [figures('log', 'bytes'), words('stopped'), figures('until it serves', 'ms')],
        ({ recoveries }) =>
          recoveries.map(({ logBytes, clean, untilServingMs }) => [
            figure(logBytes, bytesText),
            word(clean ? 'cleanly' : 'by a kill'),
            figure(untilServingMs, digits),
          ]),
      ),
    },
    {
      kind: 'rebalance',
      title: 'When a group changes',
      short: 'Groups',
      help: 'From the change of members until every partition was consumed again.',
      missing: 'no rebalance was measured: run the preset groups.',
      table: eventTable(
        model,
        'rebalance',
        'Rebalance',
        [figures('members'), words('what'), figures('until all consumed', 'ms')],
        ({ rebalances }) =>
          rebalances.map(({ members, kind, untilAllConsumedMs }) => [
            figure(members, String),
            word(kind),
            figure(untilAllConsumedMs, digits),
          ]),
      ),
    },
  ];
}

function eventTable(
  model: ReportModel,
  kind: CellKind,
  caption: string,
  columns: readonly Column[],
  rowsOf: (cell: ModelCell) => readonly (readonly TableCell[])[],
): Table {
  const cells = model.cells.filter((cell) => cell.kind === kind);
  const knobs = differing(cells);
  return {
    caption,
    columns: [...knobs.map(knobColumn), ...columns],
    rows: cells.flatMap((cell) =>
      rowsOf(cell).map((row) => [...knobs.map((knob) => knobCell(cell, knob)), ...row]),
    ),
  };
}
