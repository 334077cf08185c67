import { asBenchError } from './failures.js';
import type { Load } from './load.js';
import { openLoad } from './open-load.js';
import type { FromLoad, ToLoad } from './plan.js';
import { startNetworkMeter } from './process-usage.js';

/* A load process: `load-process.ts` starts it, `plan.ts` says what the two tell each other. */

const PROGRESS_MS = 250;

startNetworkMeter();
let load: Load | null = null;
let isStopped = false;

function tell(message: FromLoad): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, () => resolve());
  });
}

async function end(last: FromLoad): Promise<void> {
  await tell(last);
  await load?.close();
  process.exit(0);
}

function fail(error: unknown): void {
  const { code, message } = asBenchError(error);
  void end({ type: 'failed', code, message });
}

async function take(message: ToLoad): Promise<void> {
  switch (message.type) {
    case 'plan':
      load = await openLoad(message.plan);
      await tell({ type: 'ready' });
      return;
    case 'start': {
      const running = opened();
      const timer = setInterval(() => {
        void tell({ type: 'progress', ...running.progress() });
      }, PROGRESS_MS);
      const result = await running.run(message.schedule);
      clearInterval(timer);
      // What was acknowledged since the last time.
      await tell({ type: 'progress', ...running.progress() });
      await end({ type: 'done', result });
      return;
    }
    case 'count':
      await tell({ type: 'acknowledged', ...opened().acknowledged() });
      return;
    case 'stop':
      isStopped = true;
      opened().stop();
      return;
  }
}

function opened(): Load {
  if (load === null)
    throw new Error(`a load was told to ${isStopped ? 'stop' : 'start'} before it was ready`);
  return load;
}

process.on('message', (message: ToLoad) => {
  take(message).catch(fail);
});
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
// The suite is gone: nothing may be left behind.
process.on('disconnect', () => process.exit(0));
// Ctrl-C goes to the whole group; the suite decides what becomes of a load.
process.on('SIGINT', () => {});
