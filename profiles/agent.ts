import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { AGENT_FILES, planOf } from './agent-plan.js';
import { AsyncActivity } from './async-activity.js';
import { TimelineRecorder } from './timeline.js';

/*
 * Loaded into the profiled process before its program (`--import`): records what Node can say about itself, and writes
 * it down when the process ends, whichever way a process can end that may still say something.
 */

/** Microseconds between samples of the CPU: what --cpu-prof has. */
const CPU_INTERVAL_US = 1000;
/** Mean bytes between sampled allocations. */
const HEAP_INTERVAL_BYTES = 32 * 1024;
const FLUSH_LIMIT_MS = 10_000;
const LOOK_MS = 20;
const QUIET_LOOKS = 5;

if (isMainThread) record();

function record(): void {
  const plan = planOf(import.meta.url);
  const write = (name: keyof typeof AGENT_FILES, value: unknown): void =>
    writeFileSync(join(plan.directory, AGENT_FILES[name]), JSON.stringify(value));
  const session = new Session();
  session.connect();
  if (plan.cpu) {
    session.post('Profiler.enable');
    session.post('Profiler.setSamplingInterval', { interval: CPU_INTERVAL_US });
    session.post('Profiler.start');
  }
  if (plan.heap !== null) {
    const includesCollected = plan.heap === 'allocated';
    const options = {
      samplingInterval: HEAP_INTERVAL_BYTES,
      includeObjectsCollectedByMajorGC: includesCollected,
      includeObjectsCollectedByMinorGC: includesCollected,
    };
    session.post('HeapProfiler.startSampling', options);
  }
  const timeline = new TimelineRecorder();
  const activity = plan.async ? new AsyncActivity() : null;
  if (activity !== null) timeline.onSample = () => activity.mark();

  process.once('exit', () => {
    // What is thrown here would keep a process alive whose program catches everything.
    try {
      if (activity !== null) write('async', activity.stop());
      if (plan.cpu) write('cpu', answerOf(session, 'Profiler.stop'));
      if (plan.heap !== null) write('heap', answerOf(session, 'HeapProfiler.stopSampling'));
      // The last: that it is there says that all of it is.
      write('timeline', timeline.stop());
    } catch (error) {
      process.stderr.write(`varve profile: ${error instanceof Error ? error.stack : error}\n`);
    }
  });
  if (plan.waitsForBeforeExit) exitAfterBeforeExit();
}

/** A session of the thread it is used from answers before `post` returns. */
function answerOf(
  session: Session,
  method: 'Profiler.stop' | 'HeapProfiler.stopSampling',
): unknown {
  let profile: unknown;
  session.post(method, (error: Error | null, answer?: { profile: unknown }) => {
    if (error !== null) throw error;
    profile = answer?.profile;
  });
  if (profile === undefined) throw new Error(`${method} gave no profile`);
  return profile;
}

/**
 * `process.exit()` skips `beforeExit`, on which collectors write. They end the process when they have written, or would,
 * but the stream of one of them never says that it is closed: no file being written any more is the same.
 */
function exitAfterBeforeExit(): void {
  const exit = process.exit.bind(process);
  let hasBegun = false;
  process.once('beforeExit', () => {
    hasBegun = true;
  });
  const patient = (code?: number | string | null): void => {
    if (code !== undefined && code !== null) process.exitCode = code;
    if (hasBegun) exit();
    process.emit('beforeExit', Number(process.exitCode ?? 0));
    const endMs = performance.now() + FLUSH_LIMIT_MS;
    let quiet = 0;
    setInterval(() => {
      const isWriting = process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq'));
      quiet = isWriting ? 0 : quiet + 1;
      if (quiet === QUIET_LOOKS || performance.now() > endMs) exit();
    }, LOOK_MS);
  };
  process.exit = patient as typeof process.exit;
}
