/** How far a group is behind in one partition. */
export interface PartitionLag {
  readonly topic: string;
  readonly partition: number;
  /** Null: the group has committed nothing for it. */
  readonly committedOffset: number | null;
  /** Null: not known, because the partition has no leader. */
  readonly endOffset: number | null;
  /** Records to be read; null where one of the two is not known. */
  readonly lag: number | null;
}

export interface GroupLag {
  readonly partitions: readonly PartitionLag[];
  /** Over the partitions where it is known. */
  readonly totalLag: number;
}

/**
 * Lag of a group over its partitions: what was committed, and what else it is assigned (`partitions`). `endOffset` gives the
 * high watermark, or for readers of committed records only the last stable offset; null when not known. A group may
 * be ahead of an end offset that is older than its commit, or after an unclean election: its lag is 0 then.
 */
export function groupLag(
  committed: Iterable<{
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
  }>,
  endOffset: (topic: string, partition: number) => number | null,
  partitions: Iterable<{ readonly topic: string; readonly partition: number }> = [],
): GroupLag {
  const known = new Map<string, PartitionLag>();
  for (const { topic, partition, offset } of committed) {
    known.set(keyOf(topic, partition), lagOf(topic, partition, offset, endOffset));
  }
  for (const { topic, partition } of partitions) {
    const key = keyOf(topic, partition);
    if (!known.has(key)) known.set(key, lagOf(topic, partition, null, endOffset));
  }
  const sorted = [...known.values()].sort(
    (a, b) => Number(a.topic > b.topic) - Number(a.topic < b.topic) || a.partition - b.partition,
  );
  const totalLag = sorted.reduce((total, { lag }) => total + (lag ?? 0), 0);
  return { partitions: sorted, totalLag };
}

function lagOf(
  topic: string,
  partition: number,
  committedOffset: number | null,
  endOffsetOf: (topic: string, partition: number) => number | null,
): PartitionLag {
  const endOffset = endOffsetOf(topic, partition);
  const lag =
    committedOffset === null || endOffset === null
      ? null
      : Math.max(0, endOffset - committedOffset);
  return { topic, partition, committedOffset, endOffset, lag };
}

function keyOf(topic: string, partition: number): string {
  return `${partition} ${topic}`;
}
