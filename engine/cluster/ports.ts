import type { MetadataRecord } from '../metadata/records.js';

/** A decision of the controller as its log keeps it. `version`: offset after its last record. */
export interface MetadataBatch {
  readonly records: readonly MetadataRecord[];
  readonly version: number;
}

/**
 * Where the controller keeps its decisions. One controller owns a log; calls come from one thread.
 */
export interface MetadataLog {
  /** Every batch that is there, in order; the first begins with a `snapshot` record unless it starts at offset 0. */
  load(): Promise<readonly MetadataBatch[]>;
  /**
   * Appends one decision as one batch, at once and in the order of the calls; throws with nothing changed.
   * `durable` resolves when it, and all before it, survive power loss. Once it has rejected, nothing more may be
   * appended: what the log holds is unknown until it is loaded again.
   */
  append(records: readonly MetadataRecord[]): { readonly durable: Promise<void> };
  /**
   * Appends `records`, which begin with a `snapshot` record and say everything, and then deletes what lies before
   * them. Like `append` otherwise; a failure to delete is not one of the append.
   */
  appendSnapshot(records: readonly MetadataRecord[]): { readonly durable: Promise<void> };
  close(): Promise<void>;
}
