import { LoadProcess } from '../load/load-process.js';
import type { LoadHandle, StartLoad } from './load-group.js';

/** Load in a process of its own. */
export const startLoadProcess: StartLoad = (plan) => {
  const handle: { onProgress: LoadHandle['onProgress'] } = { onProgress: () => {} };
  const opening = LoadProcess.open(plan, { onProgress: (progress) => handle.onProgress(progress) });
  const opened = opening.then((load) => ({ load }));
  opened.catch(() => {});
  let running: LoadProcess | null = null;
  return Object.assign(handle, {
    ready: opened.then(({ load }) => {
      running = load;
    }),
    done: opened.then(({ load }) => load.result),
    start: (schedule) => running?.start(schedule),
    count: async () => (await opened).load.acknowledged(),
    stop: () => running?.stop(),
    // One that could not be opened has ended by itself.
    kill: async () => (await opened.catch(() => null))?.load.close(),
  } satisfies Omit<LoadHandle, 'onProgress'>);
};
