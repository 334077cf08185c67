import type { LeaderEpochEntry } from '../format/leader-epoch-checkpoint.js';
import type { Report } from './inspect-finding.js';

/** Holds the leader epoch checkpoint against the epochs that the batches carry. */
export class EpochsCheck {
  readonly path: string;
  readonly #entries: readonly LeaderEpochEntry[];
  readonly #settledBelow: number;
  readonly #logStart: number | null;
  readonly #report: Report;
  #at = -1;
  #told = -2;

  /**
   * From offset `settledBelow` on, the checkpoint may not be written yet. Entries are cut at the log start (null:
   * nobody knows where that is), so it says nothing of batches below.
   */
  constructor(
    path: string,
    entries: readonly LeaderEpochEntry[],
    known: { readonly settledBelow: number; readonly logStart: number | null },
    report: Report,
  ) {
    this.path = path;
    this.#entries = entries;
    this.#settledBelow = known.settledBelow;
    this.#logStart = known.logStart;
    this.#report = report;
  }

  batch(
    epoch: number,
    firstOffset: number,
    lastOffset: number,
    logPath: string,
    position: number,
  ): void {
    if (epoch < 0) return;
    const entries = this.#entries;
    while (this.#at + 1 < entries.length && entries[this.#at + 1]!.startOffset <= lastOffset) {
      this.#at += 1;
    }
    const claimed = entries[this.#at]?.epoch ?? -1;
    if (claimed === epoch || this.#told === epoch) return;
    if (claimed < 0 && this.#isDeleted(lastOffset)) return;
    this.#told = epoch;
    const isFine = firstOffset >= this.#settledBelow;
    const says = claimed < 0 ? 'no epoch' : `epoch ${claimed}`;
    this.#report({
      severity: isFine ? 'note' : 'damage',
      code: isFine ? 'not-written-yet' : 'bad-epochs',
      path: this.path,
      position: null,
      offset: firstOffset,
      message: `has ${says} for offset ${firstOffset}, whose batch (${logPath}, position ${position}) carries epoch ${epoch}`,
      repair: isFine ? null : 'rebuilds it from the log',
    });
  }

  #isDeleted(lastOffset: number): boolean {
    const first = this.#entries[0]?.startOffset ?? Number.POSITIVE_INFINITY;
    return lastOffset < (this.#logStart ?? first);
  }
}
