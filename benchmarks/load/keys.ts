import type { Cell } from '../model/knobs.js';
import { createRandom, type Random } from '../random.js';
import { partitionForKey } from './varve.js';

/** Of all keys: hexadecimal digits, so that their sizes do not differ. */
export const KEY_BYTES = 8;
/** Different keys of a partition, as long as there are not too many partitions. */
const KEYS_OF_PARTITION = 64;
const KEYS_IN_ALL = 16_384;
const HOT_SHARE = 0.9;

/**
 * Which partition a record with a key goes to, and keys that Kafka's own partitioner sends there. Partition 0 has the most
 * records: nine of ten of a hot one; of zipf keys partition p has 1/(p+1) of what partition 0 has.
 */
export class Keys {
  readonly keyBytes = KEY_BYTES;
  readonly #keys: readonly (readonly Buffer[])[];
  /** Share of partitions 0 to p. */
  readonly #cumulative: Float64Array;
  readonly #weights: readonly number[];
  readonly #random: Random;

  constructor(kind: Exclude<Cell['keys'], 'none'>, partitions: number, seed: number) {
    this.#random = createRandom(seed);
    this.#keys = findKeys(partitions);
    this.#weights = weightsOf(kind, partitions);
    this.#cumulative = new Float64Array(partitions);
    let sum = 0;
    for (let partition = 0; partition < partitions; partition++) {
      sum += this.#weights[partition]!;
      this.#cumulative[partition] = sum;
    }
  }

  /** The partition of the next record. */
  draw(): number {
    const wanted = this.#random.next() * (this.#cumulative.at(-1) as number);
    let low = 0;
    let high = this.#cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#cumulative[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** `count` keys of a partition, at random. */
  of(partition: number, count: number): Buffer[] {
    const keys = this.#keys[partition] as readonly Buffer[];
    return Array.from({ length: count }, () => keys[this.#random.below(keys.length)] as Buffer);
  }

  /** As many partitions as there is work for in `batches` batches. */
  busiest(batches: number): number[] {
    return Array.from({ length: batches }, () => this.draw());
  }
}

export function weightsOf(kind: Exclude<Cell['keys'], 'none'>, partitions: number): number[] {
  return Array.from({ length: partitions }, (_, partition) => {
    if (kind === 'uniform' || partitions === 1) return 1;
    if (kind === 'zipf') return 1 / (partition + 1);
    return partition === 0 ? HOT_SHARE : (1 - HOT_SHARE) / (partitions - 1);
  });
}

function findKeys(partitions: number): Buffer[][] {
  const wanted = Math.max(1, Math.min(KEYS_OF_PARTITION, Math.floor(KEYS_IN_ALL / partitions)));
  const keys: Buffer[][] = Array.from({ length: partitions }, () => []);
  let missing = partitions * wanted;
  for (let number = 0; missing > 0; number++) {
    const key = Buffer.from(number.toString(16).padStart(KEY_BYTES, '0'), 'latin1');
    const own = keys[partitionForKey(key, partitions)] as Buffer[];
    if (own.length === wanted) continue;
    own.push(key);
    missing -= 1;
  }
  return keys;
}
