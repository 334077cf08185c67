/** What verify says about one thing. */
export interface Finding {
  /** `damage`: something is lost or wrong. `note`: worth knowing, and as it should be. */
  readonly severity: 'damage' | 'note';
  readonly code: FindingCode;
  readonly path: string;
  /** Bytes from the start of the file; null where it is about the file as a whole. */
  readonly position: number | null;
  /** Offset of the record or batch it is about; null for none. */
  readonly offset: number | null;
  readonly message: string;
  /** What `varve log repair` does about it; null for nothing. */
  readonly repair: string | null;
}

export type FindingCode =
  /** A batch whose checksum or header is wrong. */
  | 'bad-batch'
  /** Bytes where a batch should begin, up to the end of the data. */
  | 'torn-tail'
  /** A batch whose offsets do not follow those before it, or reach into the next segment. */
  | 'offset-order'
  /** The end of a segment is gone and a later one is there: what a power failure leaves. */
  | 'hole'
  /** A batch with a right checksum whose records cannot be read. */
  | 'bad-records'
  | 'bad-index'
  | 'bad-time-index'
  | 'bad-transaction-index'
  | 'orphan'
  | 'bad-epochs'
  | 'bad-snapshot'
  | 'bad-checkpoint'
  | 'bad-metadata'
  /** Flushed records are no longer there: the log ends below its recovery point or its start. */
  | 'lost-end'
  | 'reserved'
  /** An append that a kill interrupted, behind the data of a log that was not closed. */
  | 'unfinished'
  | 'not-written-yet'
  | 'padded'
  | 'gap'
  | 'leftover'
  | 'foreign'
  | 'unchecked';

/** Kinds of damage that end what can be kept of a log. */
export const CUTTING: ReadonlySet<FindingCode> = new Set([
  'bad-batch',
  'torn-tail',
  'offset-order',
  'hole',
]);

export type Report = (finding: Finding) => void;
