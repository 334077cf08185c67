/**
 * What a chaos run knows of the records: what producers sent and were told, and what consumers were given. A value is
 * `producer/sequence/filling`, with the sequence counted for each producer and partition.
 */
export class ChaosModel {
  readonly partitions: readonly PartitionModel[];

  constructor(partitions: number) {
    this.partitions = Array.from({ length: partitions }, (_, i) => new PartitionModel(i));
  }

  get acknowledged(): number {
    let sum = 0;
    for (const { acknowledged } of this.partitions) {
      for (const count of acknowledged.values()) sum += count;
    }
    return sum;
  }

  partition(index: number): PartitionModel {
    const partition = this.partitions[index];
    if (partition === undefined) throw new Error(`there is no partition ${index}`);
    return partition;
  }
}

export class PartitionModel {
  readonly index: number;
  /** Per producer: records sent. */
  readonly sent = new Map<number, number>();
  /** Per producer: records acknowledged, which are the first that it sent. */
  readonly acknowledged = new Map<number, number>();
  /** What consumers were given at each offset. */
  readonly seen: (string | undefined)[] = [];
  /** By acknowledgements: where the record of the producer is. */
  readonly #offsets = new Map<string, number>();
  /** What a member of the group was given and its code came to the end with. */
  readonly processed = new Set<number>();

  constructor(index: number) {
    this.index = index;
  }

  willSend(producer: number, count: number): number {
    const first = this.sent.get(producer) ?? 0;
    this.sent.set(producer, first + count);
    return first;
  }

  /** `baseOffset`: as the client says, -1 if it does not. */
  acknowledge(producer: number, first: number, count: number, baseOffset: number): void {
    const before = this.acknowledged.get(producer) ?? 0;
    if (before !== first) throw new Error(`acknowledged ${first} after ${before}`);
    this.acknowledged.set(producer, first + count);
    if (baseOffset < 0) return;
    for (let i = 0; i < count; i += 1)
      this.#offsets.set(`${producer}/${first + i}`, baseOffset + i);
  }

  /** @throws when the offset held something else before: what a consumer sees is committed and stays. */
  see(offset: number, value: string): void {
    const identity = identityOf(value);
    const before = this.seen[offset];
    if (before !== undefined && before !== identity) {
      throw new Error(
        `partition ${this.index} had ${before} at offset ${offset} and now has ${identity}`,
      );
    }
    this.seen[offset] = identity;
  }

  /** `values`: all of the partition from offset 0, as a reader got them. */
  check(values: readonly string[]): void {
    const next = new Map<number, number>();
    const identities = values.map(identityOf);
    for (const [offset, identity] of identities.entries()) {
      const [producer, sequence] = identity.split('/').map(Number) as [number, number];
      const expected = next.get(producer) ?? 0;
      if (sequence !== expected) {
        const what = sequence < expected ? 'is there again' : `follows ${expected - 1}`;
        throw new Error(
          `partition ${this.index}, offset ${offset}: record ${identity} ${what}; around it: ` +
            identities.slice(Math.max(0, offset - 3), offset + 4).join(' '),
        );
      }
      next.set(producer, expected + 1);
      const told = this.#offsets.get(identity);
      if (told !== undefined && told !== offset) {
        throw new Error(
          `partition ${this.index}: ${identity} is at ${offset}; acknowledged at ${told}`,
        );
      }
    }
    for (const [producer, count] of this.acknowledged) {
      const found = next.get(producer) ?? 0;
      if (found < count) {
        throw new Error(
          `partition ${this.index}: producer ${producer} has ${count} records acknowledged, ${found} are there`,
        );
      }
    }
    for (const [producer, found] of next) {
      const sent = this.sent.get(producer) ?? 0;
      if (found > sent) throw new Error(`${found} records of producer ${producer}, ${sent} sent`);
    }
    for (const [offset, identity] of this.seen.entries()) {
      if (identity !== undefined && identity !== identities[offset]) {
        throw new Error(
          `partition ${this.index}: a consumer saw ${identity} at offset ${offset}, where there is ${identities[offset] ?? 'nothing'}`,
        );
      }
    }
  }

  /** The group has come to the end: it must have processed everything at least once. */
  checkProcessed(end: number): void {
    for (let offset = 0; offset < end; offset += 1) {
      if (!this.processed.has(offset)) {
        throw new Error(
          `partition ${this.index}: the group committed ${end} and never processed offset ${offset}`,
        );
      }
    }
  }
}

export function payloadOf(producer: number, sequence: number, bytes: number): string {
  const identity = `${producer}/${sequence}/`;
  return identity.padEnd(bytes, 'abcdefghijklmnopqrstuvwxyz');
}

function identityOf(value: string): string {
  const match = /^(\d+\/\d+)\//.exec(value);
  if (match?.[1] === undefined) throw new Error(`no record of this run: ${value.slice(0, 50)}`);
  return match[1];
}
