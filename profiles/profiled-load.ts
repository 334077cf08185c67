import { LoadProcess } from '../benchmarks/load/load-process.js';
import type { LoadPlan } from '../benchmarks/load/plan.js';
import type { LoadHandle, LoadProgress, StartLoad } from '../benchmarks/run/load-group.js';

/** A profile of minutes is large, and the machine may be busy. */
const END_MS = 120_000;

/** Load processes with flags of Node, which may take their time to write down what a profiler saw. */
export function loadWith(nodeFlags: readonly string[]): StartLoad {
  return (plan) => handleOf(plan, nodeFlags);
}

function handleOf(plan: LoadPlan, nodeFlags: readonly string[]): LoadHandle {
  let onProgress: (progress: LoadProgress) => void = () => undefined;
  const opening = LoadProcess.open(plan, {
    nodeFlags,
    endMs: nodeFlags.length === 0 ? 0 : END_MS,
    onProgress: (progress) => onProgress(progress),
  });
  const done = opening.then((load) => load.result);
  done.catch(() => undefined);
  return {
    ready: opening.then(() => undefined),
    done,
    set onProgress(listener: (progress: LoadProgress) => void) {
      onProgress = listener;
    },
    start: (schedule) => void opening.then((load) => load.start(schedule)),
    count: async () => (await opening).acknowledged(),
    stop: () => void opening.then((load) => load.stop()),
    kill: async () => {
      const load = await opening.catch(() => null);
      await load?.close();
    },
  };
}
