import { PROCESS_ROLE_NAMES } from '../measures.js';
import type { ModelCell } from '../model.js';
import { stackedBars } from './stacked-bars.js';

/** Of one role: more are told together, as nobody can tell sixty colours apart. */
const MOST_APART = 4;
const MB = 1e6;

export const memory = stackedBars({
  id: 'memory',
  title: 'What it takes in memory',
  short: 'Memory',
  help: 'The most that each process had in memory during the measured window (RSS): medians over the runs. Mapped files are in it, which the system takes back when others need the room; what several processes share counts at each.',
  nothing: 'memory could not be measured here.',
  what: 'largest memory (RSS), MB',
  unit: 'MB',
  unitSpoken: 'MB',
  unitOfTotal: ' MB',
  summaryOf: 'Largest memory of all processes together',
  /** `broker 1`, or all of a role: `producers`. In the order of roles, and of ids within. */
  partsOf(cells) {
    return PROCESS_ROLE_NAMES.flatMap((role) => {
      const own = cells.map(({ memory: all }) => all.filter((its) => its.role === role));
      if (own.some(({ length }) => length > MOST_APART)) return [`${role}s`];
      return [...new Set(own.flatMap((processes) => processes.map(({ id }) => id)))].sort();
    });
  },
  valueIn({ memory: processes }, part) {
    const own = processes.filter(({ id, role }) => id === part || `${role}s` === part);
    return own.length === 0 ? null : sumOf(own);
  },
  totalOf: ({ memory: processes }) => sumOf(processes),
});

function sumOf(processes: ModelCell['memory']): number {
  return processes.reduce((sum, { bytes }) => sum + bytes, 0) / MB;
}
