import type { Batch } from './batch.js';

/** What waits to be sent to one partition, in order, and what was acknowledged of it. */
export class PartitionQueue {
  readonly index: number;
  lane: Lane | null = null;
  /** Whether it stands in its lane's line. */
  isListed = false;
  /** Refused batches: sent again before anything else. */
  readonly again: Batch[] = [];
  readonly underWay = new Set<Batch>();
  /** Nothing is sent until what is under way is settled and a moment has passed, so that the order stays. */
  isHeld = false;
  /** Records that were given a number. */
  numbered = 0;
  /** Acknowledged without a gap, from the first on. */
  acknowledged = 0;
  /** All that were acknowledged. */
  acknowledgedInAll = 0;
  readonly #beyondGap = new Map<number, number>();

  constructor(index: number) {
    this.index = index;
  }

  sendAgain(batch: Batch): void {
    const at = this.again.findIndex(({ sequence }) => sequence > batch.sequence);
    if (at === -1) this.again.push(batch);
    else this.again.splice(at, 0, batch);
  }

  acknowledge(batch: Batch): void {
    this.acknowledgedInAll += batch.records;
    if (batch.sequence !== this.acknowledged) {
      this.#beyondGap.set(batch.sequence, batch.records);
      return;
    }
    this.acknowledged += batch.records;
    for (;;) {
      const more = this.#beyondGap.get(this.acknowledged);
      if (more === undefined) return;
      this.#beyondGap.delete(this.acknowledged);
      this.acknowledged += more;
    }
  }
}

/** Partitions that share requests: those of one leader. */
export interface Lane {
  readonly id: number;
  partitions: PartitionQueue[];
  /** Those with something to send, in turn. */
  line: PartitionQueue[];
  /** Closed loop without keys: whose turn it is. */
  turn: number;
  underWay: number;
  isPumping: boolean;
}
