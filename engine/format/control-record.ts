import { VarveError } from '../errors.js';

/*
 * A control batch's one record.
 *   key:                    | version int16 = 0 | type int16 |
 *   value of ABORT, COMMIT: | version int16 = 0 | coordinator epoch int32 |
 * The values of the other types are messages of Kafka's metadata quorum and stay opaque here.
 */
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

/** The two types that end a transaction. */
export type TransactionMarkerType = 'ABORT' | 'COMMIT';

export const CONTROL_RECORD_KEY_BYTES = 4;
export const TRANSACTION_MARKER_VALUE_BYTES = 6;
const VERSION = 0;

export interface ControlRecordKey {
  readonly version: number;
  /** `UNKNOWN` for a type a newer Kafka may have added: readers skip it, as Kafka does. */
  readonly type: ControlRecordType | 'UNKNOWN';
  readonly typeId: number;
}

export function encodeControlRecordKey(type: ControlRecordType): Buffer {
  const key = Buffer.alloc(CONTROL_RECORD_KEY_BYTES);
  key.writeInt16BE(VERSION, 0);
  key.writeInt16BE(CONTROL_RECORD_TYPES.indexOf(type), 2);
  return key;
}

/** @throws VarveError CORRUPT_MESSAGE for a key that is null, cut short, or of a negative version. */
export function decodeControlRecordKey(key: Uint8Array | null): ControlRecordKey {
  const view = viewOf(key, CONTROL_RECORD_KEY_BYTES, 'key');
  const version = versionOf(view, 'key');
  const typeId = view.getInt16(2);
  return { version, typeId, type: CONTROL_RECORD_TYPES[typeId] ?? 'UNKNOWN' };
}

export interface TransactionMarkerValue {
  readonly version: number;
  /** Epoch of the transaction coordinator that wrote the marker. */
  readonly coordinatorEpoch: number;
}

export function encodeTransactionMarkerValue(coordinatorEpoch: number): Buffer {
  const value = Buffer.alloc(TRANSACTION_MARKER_VALUE_BYTES);
  value.writeInt16BE(VERSION, 0);
  value.writeInt32BE(coordinatorEpoch, 2);
  return value;
}

/** @throws VarveError CORRUPT_MESSAGE for a value that is null, cut short, or of a negative version. */
export function decodeTransactionMarkerValue(value: Uint8Array | null): TransactionMarkerValue {
  const view = viewOf(value, TRANSACTION_MARKER_VALUE_BYTES, 'value');
  return { version: versionOf(view, 'value'), coordinatorEpoch: view.getInt32(2) };
}

function viewOf(bytes: Uint8Array | null, least: number, part: string): DataView {
  if (bytes === null || bytes.length < least) {
    const found = bytes === null ? 'null' : `${bytes.length} bytes`;
    throw corrupt(`${part} is ${found}, at least ${least} bytes expected`);
  }
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A newer version only appends fields, so it is read as far as it is known. */
function versionOf(view: DataView, part: string): number {
  const version = view.getInt16(0);
  if (version < VERSION) throw corrupt(`${part} version ${version}`);
  return version;
}

function corrupt(reason: string): VarveError {
  return new VarveError('CORRUPT_MESSAGE', `control record: ${reason}`, { details: { reason } });
}
