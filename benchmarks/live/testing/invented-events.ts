import type { RunResult } from '../../model/result.js';
import type { RunEvent } from '../../run/events.js';

/** The events that a run with this INVENTED result would have told. */
export function inventedEvents(result: RunResult, runs: number): RunEvent[] {
  const cells = result.cells.slice(0, runs);
  return [
    {
      type: 'begun',
      name: result.name,
      runs,
      cells: cells.map(({ id }) => ({ id, label: `label of ${id}` })),
      estimateSeconds: runs * 3,
    },
    { type: 'doing', text: 'calibrating' },
    ...cells.flatMap(({ id, cell, runs: [run] }, at): RunEvent[] => [
      {
        type: 'cell',
        at,
        id,
        label: `label of ${id}`,
        cell,
        repeat: 0,
        remainingSeconds: (runs - at) * 3,
      },
      ...Array.from(
        { length: 8 },
        (_, tick): RunEvent => ({
          type: 'live',
          id,
          phase: tick < 2 ? 'warm-up' : 'measuring',
          elapsedSeconds: tick / 4,
          producedRecordsPerSecond: 50_000 + tick * 1000,
          producedBytesPerSecond: 51.2e6 + tick * 1e6,
          consumedRecordsPerSecond: 49_000,
          p50Us: 1200,
          p99Us: 8300 + tick,
        }),
      ),
      at === 1
        ? { type: 'failed', id, code: 'TARGET_FAILED', message: 'broker 2 <ended>' }
        : { type: 'measured', id, run: run! },
    ]),
  ];
}
