import type { Batch } from './batch.js';
import type { LoadResult } from './plan.js';

/** What became of one batch of a request. */
export const Outcome = {
  ACKNOWLEDGED: 0,
  /** Refused for now, or nobody knows: to be sent again, in its place in the order of its partition. */
  AGAIN: 1,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** Who takes batches: brokers through one of the clients, the engine, a simulated service. Adding one is one file. */
export interface Driver {
  /** It sends `batch.wire`; false: it encodes `batch.inputs()` itself. */
  readonly isEncoded: boolean;
  /** Batches in one request; absent: as many as a request has room for. */
  readonly mostBatches?: number;
  /** Partitions with the same lane share requests: a leader's id, or 0 where a client finds leaders itself. Null: no leader now. */
  laneOf(partition: number): number | null;
  /** Called once, before anything is sent: when lanes have changed. */
  onLanesChanged(listener: () => void): void;
  /**
   * Sends one request. Its batches are of different partitions, and must not change before it is settled.
   * @throws BenchError for what no further attempt would mend
   */
  send(lane: number, batches: readonly Batch[]): Promise<readonly Outcome[]>;
  /** What a client library really sent, counted up, where it says: otherwise a request is a call, and nothing is compressed. */
  readonly traffic?: { readonly requests: number; readonly bytes: number };
  /** The engine: reads and compares what was acknowledged. @throws BenchError */
  readBack?(): Promise<NonNullable<LoadResult['readBack']>>;
  /** Rejects what is under way. Idempotent. */
  close(): Promise<void>;
}
