import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { programPath } from '../program-path.js';
import { localClusterTarget } from './local-cluster-target.js';
import { BenchError, type Target } from './target.js';
import { VarveCluster } from './varve-cluster.js';

/** By both varve's names and Kafka's, which are the same. What differs from Kafka's defaults, and why. */
export const RUN_SETTINGS = {
  /** A run makes its topics itself. */
  'auto.create.topics.enable': false,
  /** What is deleted is to be gone before the next cell. */
  'log.segment.delete.delay.ms': 0,
  /** A closed loop must not fill the disk before retention looks (default: every five minutes). */
  'log.retention.check.interval.ms': 2_000,
} as const;

const AT = 'cluster@';
/** Its first cells are no slower than its last. */
const WARM_UP_SECONDS = 1;

/** Brokers of varve as processes of this machine. */
export const clusterTarget: Target = clusterOf('cluster');

/** `cluster@DIRECTORY`: the same of another varve, such as an earlier commit's, that is built there. */
export function otherClusterTarget(name: string, root = resolve(name.slice(AT.length))): Target {
  const supervisor = programPath('cluster-supervisor', 'targets/cluster-supervisor.js', root);
  if (!existsSync(supervisor)) {
    throw new BenchError(
      'INVALID_KNOB',
      `target is ${name}: there is no ${supervisor}. Give the folder of a varve that has it, after \`npm run build\` there`,
    );
  }
  return clusterOf(name, root);
}

export function isOtherCluster(name: string): boolean {
  return name.startsWith(AT);
}

function clusterOf(name: string, root?: string): Target {
  return localClusterTarget({
    name,
    warmUpSeconds: WARM_UP_SECONDS,
    start: ({ cell, directory, nodeFlags = {}, signal }) =>
      VarveCluster.start({
        brokers: cell.brokers,
        directory,
        settings: RUN_SETTINGS,
        nodeFlags,
        signal,
        ...(root !== undefined && { root }),
      }),
  });
}
