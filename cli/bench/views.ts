import type { OnRunEvent } from '../../benchmarks/run/events.js';
import type { RunFlags } from './request.js';

export async function openViews(
  _flags: RunFlags,
): Promise<{ onEvent: OnRunEvent; close(): Promise<void> }> {
  return {
    onEvent: (event) => {
      if (event.type === 'doing') process.stderr.write(`${event.text}\n`);
      if (event.type === 'cell') process.stderr.write(`${event.label} #${event.repeat}\n`);
      if (event.type === 'failed') process.stderr.write(`FAILED ${event.code} ${event.message}\n`);
    },
    close: async () => {},
  };
}
