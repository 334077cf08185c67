import { readFileSync } from 'node:fs';

/** Golden bytes from Kafka's own tests, from clients, and built from the field tables: each has its source. */
export interface KafkaVectors {
  readonly crc32c: readonly { utf8?: string; hex?: string; value: number }[];
  readonly murmur2: readonly { utf8?: string; hex?: string; value: number; positive: number }[];
  readonly varint: { readonly cases: readonly VarintCase[] };
  readonly recordBatches: readonly BatchVector[];
  readonly constructed: Readonly<Record<ConstructedName, string>>;
}

type ConstructedName =
  | 'commitMarkerBatch'
  | 'abortMarkerBatch'
  | 'emptyRetainedBatch'
  | 'producerSnapshotOneEntry'
  | 'offsetCommitKey'
  | 'offsetCommitValueV3';

export interface VarintCase {
  readonly type: string;
  readonly value: string;
  readonly hex: string;
}

export interface BatchVector {
  readonly name: string;
  readonly size: number;
  readonly header: Readonly<Record<string, number>>;
  /** Absent where the codec is not one the tool that made the vectors could read. */
  readonly records?: readonly {
    readonly timestampDelta: number;
    readonly offsetDelta: number;
    readonly keyHex: string | null;
    readonly valueHex: string | null;
    readonly headers: readonly (readonly [string, string | null])[];
  }[];
  readonly hex: string;
}

export const kafkaVectors: KafkaVectors = JSON.parse(
  readFileSync(new URL('../format/fixtures/kafka-vectors.json', import.meta.url), 'utf8'),
);

/** The bytes of a hexadecimal text, and the view of the same memory that the format functions take. */
export function bytesOf(hex: string): { buffer: Buffer; view: DataView } {
  return withView(Buffer.from(hex, 'hex'));
}

export function withView(buffer: Buffer): { buffer: Buffer; view: DataView } {
  return { buffer, view: new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength) };
}
