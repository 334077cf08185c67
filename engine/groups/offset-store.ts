/** An offset that a group has committed for a partition. */
export interface CommittedOffset {
  /** The next record to be read. */
  readonly offset: number;
  /** Of the last record read; -1 when the client did not say. */
  readonly leaderEpoch: number;
  /** Whatever the client wanted to keep with it. */
  readonly metadata: string;
  /** Milliseconds since 1970. */
  readonly commitTimestampMs: number;
  /** Set by clients before Kafka 2.1, which could ask for a time of their own. */
  readonly expireTimestampMs: number | null;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** The committed offsets of one group, and which commits are on their way to the log. */
export class OffsetStore {
  readonly #topics = new Map<string, Map<number, CommittedOffset>>();
  readonly #underWay = new Map<string, Map<number, number>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get isEmpty(): boolean {
    return this.#size === 0 && this.#underWay.size === 0;
  }

  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.#topics.get(topic)?.get(partition);
  }

  set(topic: string, partition: number, value: CommittedOffset): void {
    const partitions = inner(this.#topics, topic);
    if (!partitions.has(partition)) this.#size++;
    partitions.set(partition, value);
  }

  delete(topic: string, partition: number): void {
    const partitions = this.#topics.get(topic);
    if (partitions === undefined || !partitions.delete(partition)) return;
    this.#size--;
    if (partitions.size === 0) this.#topics.delete(topic);
  }

  topics(): IterableIterator<[topic: string, ReadonlyMap<number, CommittedOffset>]> {
    return this.#topics.entries();
  }

  *entries(): Generator<TopicPartition & { readonly value: CommittedOffset }> {
    for (const [topic, partitions] of this.#topics) {
      for (const [partition, value] of partitions) yield { topic, partition, value };
    }
  }

  /** Partitions with an offset, in the log or on its way there: what must be deleted to delete all. */
  known(only?: (topic: string) => boolean): TopicPartition[] {
    const all: TopicPartition[] = [];
    for (const { topic, partition } of this.entries()) {
      if (only?.(topic) !== false) all.push({ topic, partition });
    }
    for (const [topic, partitions] of this.#underWay) {
      if (only?.(topic) === false) continue;
      for (const partition of partitions.keys()) {
        if (this.get(topic, partition) === undefined) all.push({ topic, partition });
      }
    }
    return all;
  }

  isUnderWay(topic: string, partition: number): boolean {
    return this.#underWay.get(topic)?.has(partition) ?? false;
  }

  begin(topic: string, partition: number): void {
    const partitions = inner(this.#underWay, topic);
    partitions.set(partition, (partitions.get(partition) ?? 0) + 1);
  }

  end(topic: string, partition: number): void {
    const partitions = this.#underWay.get(topic);
    if (partitions === undefined) return;
    const left = (partitions.get(partition) ?? 1) - 1;
    if (left > 0) partitions.set(partition, left);
    else partitions.delete(partition);
    if (partitions.size === 0) this.#underWay.delete(topic);
  }
}

function inner<V>(map: Map<string, Map<number, V>>, topic: string): Map<number, V> {
  let partitions = map.get(topic);
  if (partitions === undefined) {
    partitions = new Map();
    map.set(topic, partitions);
  }
  return partitions;
}
