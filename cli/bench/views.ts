import type { OnRunEvent } from '../../benchmarks/run/events.js';
import type { RunFlags } from './request.js';

export interface Views {
  readonly onEvent: OnRunEvent;
  close(): Promise<void>;
}

/** A line for each run of a cell, on standard error. */
export async function openViews(_flags: RunFlags): Promise<Views> {
  let runs = 0;
  return {
    onEvent(event) {
      if (event.type === 'begun') runs = event.runs;
      if (event.type === 'doing') process.stderr.write(`${event.text}\n`);
      if (event.type === 'cell') process.stderr.write(`[${event.at + 1}/${runs}] ${event.label}\n`);
      if (event.type === 'failed') {
        process.stderr.write(`FAILED ${event.id}: ${event.message} [${event.code}]\n`);
      }
    },
    close: async () => {},
  };
}
