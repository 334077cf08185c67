import { localClusterTarget } from './local-cluster-target.js';
import type { Target } from './target.js';
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

/** Brokers of varve as processes of this machine. */
export const clusterTarget: Target = localClusterTarget({
  name: 'cluster',
  start: ({ cell, directory, nodeFlags = {}, signal }) =>
    VarveCluster.start({
      brokers: cell.brokers,
      directory,
      settings: RUN_SETTINGS,
      nodeFlags,
      signal,
    }),
});
