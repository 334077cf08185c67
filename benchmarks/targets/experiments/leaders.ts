import { setTimeout as sleep } from 'node:timers/promises';
import { BenchError } from '../target.js';
import type { ExperimentContext } from './context.js';

const LOOK_EVERY_MS = 5;

/** Who leads a partition just now. */
export async function leaderOf(
  { admin, topic }: ExperimentContext,
  partition: number,
): Promise<number> {
  const places = await admin.partitions(topic.topic);
  const leader = places?.[partition]?.leader ?? -1;
  if (leader >= 0) return leader;
  throw new BenchError('TARGET_FAILED', `partition ${partition} of ${topic.topic} has no leader`);
}

/** Resolves when every partition has a leader that is not among the dead. */
export async function waitForLeaders(
  { admin, topic }: ExperimentContext,
  dead: ReadonlySet<number>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const places = await admin.partitions(topic.topic);
    if (places?.every(({ leader }) => leader >= 0 && !dead.has(leader))) return;
    await pause(signal, `a new leader of ${topic.topic}`);
  }
}

export async function pause(signal: AbortSignal, waitedFor: string): Promise<void> {
  await sleep(LOOK_EVERY_MS);
  if (signal.aborted) throw new BenchError('TIMED_OUT', `the experiment waited for ${waitedFor}`);
}
