/** Words and shapes shared by every layer. Kafka's terms, one meaning each. */

export type BytesOrText = Uint8Array | string;

export interface HeaderInput {
  readonly key: string;
  readonly value: BytesOrText | null;
}

/** A record as a program hands it to varve. Text is stored as UTF-8. */
export interface RecordInput {
  readonly key?: BytesOrText | null;
  readonly value?: BytesOrText | null;
  readonly headers?: readonly HeaderInput[];
  /** Milliseconds since 1970. Default: the clock at append. */
  readonly timestamp?: number;
}

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** A record as read. Byte arrays are views: they stay valid and unchanged for as long as they are held. */
export interface LogRecord {
  readonly offset: number;
  /** Milliseconds since 1970; -1 when the batch has none. */
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

export const COMPRESSION_TYPES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type CompressionType = (typeof COMPRESSION_TYPES)[number];

/** Largest offset varve accepts: offsets are JavaScript safe integers. */
export const MAX_OFFSET = Number.MAX_SAFE_INTEGER;
