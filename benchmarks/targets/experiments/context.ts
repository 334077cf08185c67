import type { Cell } from '../../model/knobs.js';
import type { ClusterAdmin, NewTopic } from '../cluster-admin.js';
import type { LocalBrokers } from '../local-brokers.js';

/** What an experiment on a cluster has at hand. */
export interface ExperimentContext {
  readonly cell: Cell;
  readonly topic: NewTopic;
  readonly brokers: LocalBrokers;
  readonly admin: ClusterAdmin;
}

/** How long a broker that was started again may take until its replicas are in sync. */
export const WHOLE_LIMIT_MS = 120_000;

export const monotonicNs = (): number => Number(process.hrtime.bigint());
