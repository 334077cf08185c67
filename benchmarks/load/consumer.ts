import type { BenchError } from '../model/bench-error.js';
import type { Cell } from '../model/knobs.js';
import type { ConsumerMeter } from './consumer-meter.js';

/** Who reads: varve's own client, or one of the client libraries. Opened when it stands where it will read from. */
export interface LoadConsumer {
  /** Rejects when it cannot go on. */
  readonly failed: Promise<BenchError | never>;
  start(meter: ConsumerMeter): void;
  /** Goes on until everything that is in the log by now was read, or for `waitMs`. */
  drain(waitMs: number): Promise<void>;
  close(): Promise<void>;
}

/** A slow reader rests so long after each so long: a tenth of its time. */
const REST_MS = 10;
const BETWEEN_RESTS_MS = 90;
/** Timers are no finer: shorter work is added to what comes next. */
const SHORTEST_REST_MS = 1;
/** Readers fetch the next while they are at work: so much of the time between is not lost to them. */
const READ_AHEAD_MS = 20;

/** When a reader does something else than reading: `reading: slow`, and `consumerRate`. */
export class Rests {
  readonly #isSlow: boolean;
  /** 0: it has no work of its own. */
  readonly #msPerByte: number;
  #sinceMs = performance.now();
  /** Until then it is at work on what it has read. */
  #busyUntilMs = 0;

  constructor({ reading, consumerRate }: Pick<Cell, 'reading' | 'consumerRate'>) {
    this.#isSlow = reading === 'slow';
    this.#msPerByte = consumerRate === 'max' ? 0 : 1000 / consumerRate;
  }

  /** Values of so many bytes were read: work that begins when what came before is done. */
  read(bytes: number): void {
    if (this.#msPerByte === 0) return;
    this.#busyUntilMs =
      Math.max(this.#busyUntilMs, performance.now() - READ_AHEAD_MS) + bytes * this.#msPerByte;
  }

  get isDue(): boolean {
    const nowMs = performance.now();
    return (
      this.#busyUntilMs - nowMs >= SHORTEST_REST_MS ||
      (this.#isSlow && nowMs - this.#sinceMs >= BETWEEN_RESTS_MS)
    );
  }

  async take(): Promise<void> {
    const nowMs = performance.now();
    const restMs = this.#isSlow && nowMs - this.#sinceMs >= BETWEEN_RESTS_MS ? REST_MS : 0;
    const ms = Math.max(restMs, this.#busyUntilMs - nowMs);
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.#sinceMs = performance.now();
  }
}

/** A client library does not say where the log ends: nothing has come for so long. */
const QUIET_MS = 700;
const CHECK_MS = 20;

export async function untilQuiet(lastReadMs: () => number, waitMs: number): Promise<void> {
  const givenUpMs = performance.now() + waitMs;
  const fromMs = performance.now();
  for (;;) {
    const nowMs = performance.now();
    if (nowMs > givenUpMs || nowMs - Math.max(fromMs, lastReadMs()) > QUIET_MS) return;
    await new Promise((resolve) => setTimeout(resolve, CHECK_MS));
  }
}
