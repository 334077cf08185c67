import { VarveError } from '../errors.js';
import type { RecordInput } from '../types.js';

/** Kafka's control record types, by code (`ControlRecordType`). */
export const CONTROL_RECORD_TYPES = [
  'ABORT',
  'COMMIT',
  'LEADER_CHANGE',
  'SNAPSHOT_HEADER',
  'SNAPSHOT_FOOTER',
  'KRAFT_VERSION',
  'KRAFT_VOTERS',
] as const;
export type ControlRecordType = (typeof CONTROL_RECORD_TYPES)[number];
export type TransactionMarker = 'ABORT' | 'COMMIT';

const CONTROL_KEY_BYTES = 4;
const MARKER_VALUE_BYTES = 6;

/** The record of a transaction marker: key = version 0, type; value = version 0, coordinator epoch. */
export function markerRecord(
  marker: TransactionMarker,
  coordinatorEpoch: number,
  timestamp: number,
): RecordInput {
  const key = Buffer.alloc(CONTROL_KEY_BYTES);
  key.writeInt16BE(CONTROL_RECORD_TYPES.indexOf(marker), 2);
  const value = Buffer.alloc(MARKER_VALUE_BYTES);
  value.writeInt32BE(coordinatorEpoch, 2);
  return { key, value, timestamp };
}

/**
 * The type a control record's key says, or null for a type that is not known: consumers skip those
 * (Kafka's UNKNOWN). Throws CORRUPT_MESSAGE for what is no control record's key.
 */
export function controlRecordType(key: Uint8Array | null): ControlRecordType | null {
  const code = key === null ? -1 : int16(key, 0) < 0 ? -1 : int16(key, 2);
  if (code < 0 || key === null || key.length < CONTROL_KEY_BYTES) {
    throw new VarveError(
      'CORRUPT_MESSAGE',
      `control record's key is ${key === null ? 'null' : `${key.length} bytes, ${hex(key)}`}; it must be a version and a type, 2 bytes each`,
    );
  }
  return CONTROL_RECORD_TYPES[code] ?? null;
}

/** The coordinator epoch in a transaction marker's value. Throws CORRUPT_MESSAGE if it has none. */
export function markerCoordinatorEpoch(value: Uint8Array | null): number {
  if (value === null || value.length < MARKER_VALUE_BYTES || int16(value, 0) < 0) {
    throw new VarveError(
      'CORRUPT_MESSAGE',
      `transaction marker's value is ${value === null ? 'null' : `${value.length} bytes, ${hex(value)}`}; it must be a version (2 bytes) and a coordinator epoch (4)`,
    );
  }
  return (int16(value, 2) << 16) | (int16(value, 4) & 0xffff);
}

function int16(bytes: Uint8Array, at: number): number {
  return at + 2 > bytes.length ? -1 : ((bytes[at]! << 24) >> 16) | bytes[at + 1]!;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 8)).toString('hex');
}
