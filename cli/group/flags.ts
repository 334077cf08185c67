import type { ConnectionFlags } from '../client/connection-flags.js';
import type { Place } from '../records/places.js';

export interface ListFlags extends ConnectionFlags {
  state?: string[];
  quiet?: true;
  json?: true;
}

export interface DescribeFlags extends ConnectionFlags {
  all?: true;
  members?: true;
  json?: true;
}

/** Partitions of one topic; undefined for all of them. */
export interface TopicPartitions {
  readonly topic: string;
  readonly partitions: readonly number[] | undefined;
}

export interface ResetFlags extends ConnectionFlags {
  topic?: TopicPartitions[];
  allTopics?: true;
  to?: Place;
  by?: number;
  execute?: true;
  dryRun?: true;
  json?: true;
}

export interface DeleteFlags extends ConnectionFlags {
  topic?: string[];
  json?: true;
}
