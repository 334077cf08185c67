import type { BenchError } from '../model/bench-error.js';
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

export class Rests {
  readonly #isSlow: boolean;
  #sinceMs = performance.now();

  constructor(isSlow: boolean) {
    this.#isSlow = isSlow;
  }

  get isDue(): boolean {
    return this.#isSlow && performance.now() - this.#sinceMs >= BETWEEN_RESTS_MS;
  }

  async take(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
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
