import type { Crash } from '../../model/result.js';
import type { Disturbance, LoadView } from '../target.js';
import { type ExperimentContext, WHOLE_LIMIT_MS } from './context.js';
import { leaderOf, pause, waitForLeaders } from './leaders.js';
import { openPageCache } from './page-cache.js';
import { readBack } from './read-back.js';
import type { SeenSequences } from './sequences.js';
import { byCheckpoint, byPageCache, unsyncedRecords } from './unsynced.js';

/**
 * Kills at full load and counts what was acknowledged and is gone: with acks=all every broker at once, else the leader of
 * partition 0, whose followers take over with what they have. A process that is killed leaves what it wrote to the
 * kernel; what a machine that loses power would lose beyond that is `unsyncedRecords`.
 */
export function crash(context: ExperimentContext): Disturbance {
  return async (view, signal) => {
    const { brokers, admin, topic, cell } = context;
    const pageCache = await openPageCache();
    const onDisk = pageCache === null ? byCheckpoint : byPageCache(pageCache);
    const places = (await admin.partitions(topic.topic)) ?? [];
    const directoriesOf = (partition: number): string[] =>
      (places[partition]?.replicas ?? []).map((id) => brokers.dataDirectory(id));
    const leader = await leaderOf(context, 0);
    const isAll = cell.acks === 'all' && topic.replicationFactor > 1;
    const victims = isAll ? brokers.addresses.map((_, i) => i + 1) : [leader];

    await brokers.kill(victims);
    let unsynced: number;
    try {
      // Where other leaders go on, a moment's acknowledgements more: what could be lost at most.
      const atKill = await view.acknowledgedRecords();
      unsynced = unsyncedRecords(onDisk, atKill, directoriesOf, topic.topic);
      if (!isAll && topic.replicationFactor > 1) {
        await waitForLeaders(context, new Set(victims), signal);
      }
    } finally {
      await brokers.start(victims);
    }
    await waitForProgress(view, signal);
    await view.stopLoad();
    const acknowledged = await view.acknowledgedRecords();
    await admin.waitForTopic(topic, WHOLE_LIMIT_MS);
    const seen = await readBack(context, signal);
    const who = isAll
      ? `all ${victims.length} brokers at once`
      : `broker ${leader}, the leader of partition 0`;
    return {
      crash: {
        what: `${who}, by SIGKILL under load; unsynced: ${onDisk.how}`,
        ...lossesOf(acknowledged, seen),
        unsyncedRecords: unsynced,
      },
    };
  };
}

/** Acknowledgements come again, so that the run ends with some of the time after the kill. */
async function waitForProgress(view: LoadView, signal: AbortSignal): Promise<void> {
  const total = async (): Promise<number> =>
    (await view.acknowledgedRecords()).reduce((sum, count) => sum + count, 0);
  const before = await total();
  while ((await total()) <= before) await pause(signal, 'acknowledgements after the kill');
}

/** Acknowledged numbers are 0 to n-1 in each partition. */
export function lossesOf(
  acknowledged: readonly number[],
  seen: readonly SeenSequences[],
): Pick<Crash, 'acknowledgedRecords' | 'lostRecords' | 'doubledRecords'> {
  let acknowledgedRecords = 0;
  let lostRecords = 0;
  let doubledRecords = 0;
  for (const [partition, count] of acknowledged.entries()) {
    acknowledgedRecords += count;
    lostRecords += seen[partition]?.missingBelow(count) ?? count;
  }
  for (const each of seen) doubledRecords += each.doubled;
  return { acknowledgedRecords, lostRecords, doubledRecords };
}
