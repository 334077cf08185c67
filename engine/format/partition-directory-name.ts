import { assert } from '../assert.js';
import { topicNameProblem } from './topic-name.js';

/** `delete`: waits for removal. `stray`: belongs to no known topic. `future`: a copy being moved in. */
export const DIRECTORY_MARKS = ['delete', 'stray', 'future'] as const;
export type DirectoryMark = (typeof DIRECTORY_MARKS)[number];

export interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

export interface PartitionDirectoryName extends PartitionName {
  readonly mark: DirectoryMark | null;
  /** 32 hex digits that make a marked directory unique; null in an unmarked one. */
  readonly uniqueId: string | null;
}

const MAX_NAME_BYTES = 255;
const MAX_INT32 = 0x7fffffff;
const UNIQUE_ID = /^[0-9a-f]{32}$/;
const MARKED = new RegExp(`^(.+)\\.([0-9a-f]{32})-(${DIRECTORY_MARKS.join('|')})$`);
const PARTITION = /^(.+)-(0|[1-9]\d{0,9})$/;

/** Example: topic `a-b`, partition 3: `a-b-3`. */
export function formatPartitionDirectoryName({ topic, partition }: PartitionName): string {
  assert(isPartition(partition), `partition ${partition}`);
  assert(topicNameProblem(topic) === null, `unvalidated topic ${JSON.stringify(topic)}`);
  return `${topic}-${partition}`;
}

/**
 * The name under which a partition's directory waits to be deleted, is set aside, or is filled.
 * The topic is cut, as Kafka cuts it, to keep `delete` and `stray` names within the 255 bytes of a
 * file name; a `future` name must give the topic back, so it is not.
 *
 * @param uniqueId 32 lower-case hex digits.
 */
export function formatMarkedDirectoryName(
  { topic, partition }: PartitionName,
  mark: DirectoryMark,
  uniqueId: string,
): string {
  assert(UNIQUE_ID.test(uniqueId), `unique id ${JSON.stringify(uniqueId)}`);
  assert(isPartition(partition), `partition ${partition}`);
  assert(topicNameProblem(topic) === null, `unvalidated topic ${JSON.stringify(topic)}`);
  const rest = `-${partition}.${uniqueId}-${mark}`;
  const kept = mark === 'future' ? topic : topic.slice(0, MAX_NAME_BYTES - rest.length);
  return kept + rest;
}

/**
 * Null for a directory that is no partition's. The topic ends at the last '-'. In a `delete` or
 * `stray` name it may be only the topic's beginning.
 */
export function parsePartitionDirectoryName(name: string): PartitionDirectoryName | null {
  const marked = MARKED.exec(name);
  const match = PARTITION.exec(marked?.[1] ?? name);
  if (match === null) return null;
  const topic = match[1]!;
  const partition = Number(match[2]);
  if (!isPartition(partition) || topicNameProblem(topic) !== null) return null;
  return {
    topic,
    partition,
    mark: (marked?.[3] as DirectoryMark | undefined) ?? null,
    uniqueId: marked?.[2] ?? null,
  };
}

function isPartition(partition: number): boolean {
  return Number.isInteger(partition) && partition >= 0 && partition <= MAX_INT32;
}
