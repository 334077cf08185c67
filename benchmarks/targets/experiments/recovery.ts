import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isPartitionOf } from '../partition-directories.js';
import type { Disturbance } from '../target.js';
import { type ExperimentContext, monotonicNs, WHOLE_LIMIT_MS } from './context.js';
import { leaderOf } from './leaders.js';
import { logFilesIn, writtenBytes } from './log-files.js';

/**
 * Kills or stops the broker that leads partition 0 after it has written for a while, and looks how long it takes from its
 * start until all its replicas are in sync again: after a kill with a log to check. Producers wait for it meanwhile, as they
 * would.
 */
export function recovery(context: ExperimentContext): Disturbance {
  return async (view) => {
    const { brokers, admin, topic } = context;
    const leader = await leaderOf(context, 0);
    const clean = context.cell.by === 'stop';
    await (clean ? brokers.stop(leader) : brokers.kill([leader]));
    const logBytes = logBytesOf(brokers.dataDirectory(leader), topic.topic);
    const startNs = monotonicNs();
    await brokers.start([leader]);
    await admin.waitForTopic(topic, WHOLE_LIMIT_MS);
    const untilServingMs = (monotonicNs() - startNs) / 1e6;
    await view.stopLoad();
    return { recovery: { logBytes, clean, untilServingMs } };
  };
}

function logBytesOf(dataDirectory: string, topic: string): number {
  return readdirSync(dataDirectory)
    .filter((name) => isPartitionOf(topic, name))
    .flatMap((name) => logFilesIn(join(dataDirectory, name)))
    .reduce((sum, path) => sum + writtenBytes(path, statSync(path).size), 0);
}
