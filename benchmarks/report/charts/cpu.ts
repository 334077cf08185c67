import { PROCESS_ROLE_NAMES } from '../measures.js';
import type { ModelCell } from '../model.js';
import { stackedBars } from './stacked-bars.js';

export const cpu = stackedBars({
  id: 'cpu',
  title: 'What it costs in CPU',
  short: 'CPU',
  help: 'Processor time for a million records, by who used it. Brokers pay for every replica; producers and consumers here are the load, not your application.',
  nothing: 'processor time could not be measured here.',
  what: 'CPU seconds per million records',
  unit: 's',
  unitSpoken: 's per million records',
  unitOfTotal: '',
  summaryOf: 'CPU seconds per million records',
  partsOf(cells) {
    const found = new Set(cells.flatMap((cell) => Object.keys(secondsOf(cell))));
    return PROCESS_ROLE_NAMES.filter((role) => found.has(role));
  },
  valueIn: (cell, role) => secondsOf(cell)[role] ?? null,
  totalOf: (cell) => Object.values(secondsOf(cell)).reduce((sum, seconds) => sum + seconds, 0),
});

function secondsOf({ figures }: ModelCell): Readonly<Record<string, number>> {
  return figures?.cpuSecondsPerMillionRecords ?? {};
}
