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
