import { startLiveServer } from '../../benchmarks/live/server.js';
import { terminalView } from '../../benchmarks/live/terminal.js';
import { readClientScript } from '../../benchmarks/report/client-script.js';
import type { OnRunEvent } from '../../benchmarks/run/events.js';
import { colors } from '../colors.js';
import type { RunFlags } from './request.js';

export interface Views {
  readonly onEvent: OnRunEvent;
  close(): Promise<void>;
}

/** Who watches a run: standard error, and with `--ui` a page. */
export async function openViews({ ui }: Pick<RunFlags, 'ui'>): Promise<Views> {
  const terminal = terminalView(process.stderr, { color: colors.isColorSupported });
  if (ui === undefined) {
    return {
      onEvent: terminal.onEvent,
      close: async () => terminal.close(),
    };
  }
  const server = await startLiveServer({
    port: ui === true ? 0 : ui,
    clientScript: readClientScript('live-client'),
  });
  process.stderr.write(`live charts  ${server.url}\n`);
  return {
    onEvent(event) {
      terminal.onEvent(event);
      server.onEvent(event);
    },
    async close() {
      terminal.close();
      await server.close();
    },
  };
}
