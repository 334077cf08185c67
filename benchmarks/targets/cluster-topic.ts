import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isPartitionOf } from './partition-directories.js';
import { BenchError } from './target.js';

const LOOK_EVERY_MS = 20;

/** Resolves when no directory has files of the topic any more, those that wait to be deleted included. */
export async function waitForDataGone(
  topic: string,
  directories: readonly string[],
  limitMs: number,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const left = directories.flatMap((directory) =>
      namesIn(directory)
        .filter((name) => isPartitionOf(topic, name))
        .map((name) => `${directory}/${name}`),
    );
    if (left.length === 0) return;
    if (performance.now() > endMs) {
      throw new BenchError(
        'TIMED_OUT',
        `topic ${topic} was deleted, but ${left.length} of its directories are still there after ${limitMs} ms: ${left.slice(0, 3).join(', ')}`,
      );
    }
    await sleep(LOOK_EVERY_MS);
  }
}

/** Resolves when each of the directories has its share of a topic's partitions. */
export async function waitForData(
  topic: string,
  expected: ReadonlyMap<string, number>,
  limitMs: number,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const missing = [...expected].filter(
      ([directory, count]) =>
        namesIn(directory).filter((name) => isPartitionOf(topic, name)).length < count,
    );
    if (missing.length === 0) return;
    if (performance.now() > endMs) {
      throw new BenchError(
        'TIMED_OUT',
        `topic ${topic}: after ${limitMs} ms these have not all its partitions: ${missing.map(([directory]) => directory).join(', ')}`,
      );
    }
    await sleep(LOOK_EVERY_MS);
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    // A broker that never had a partition.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
