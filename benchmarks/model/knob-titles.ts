import type { KnobName } from './knobs.js';

/** How knobs are called in running text. */
export const KNOB_TITLES: Readonly<Record<KnobName, string>> = {
  target: 'target',
  experiment: 'experiment',
  by: 'by',
  brokers: 'brokers',
  partitions: 'partitions',
  replicationFactor: 'replication factor',
  acks: 'acks',
  minInsyncReplicas: 'min.insync.replicas',
  recordBytes: 'record size',
  batchBytes: 'batch size',
  lingerMs: 'linger',
  codec: 'compression',
  flush: 'flush',
  producers: 'producers',
  inFlight: 'requests in flight',
  consumers: 'consumers',
  groups: 'groups',
  reading: 'reading',
  consumerRate: 'rate of a consumer',
  keys: 'keys',
  client: 'client',
  rate: 'rate',
  arrivals: 'arrivals',
};
