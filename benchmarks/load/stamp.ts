/**
 * What a load process writes over the first 16 bytes of a value, big-endian:
 *
 * ```
 *  0                8          10              16
 *  | intended ns    | producer | sequence      |
 *  | uint64         | uint16   | uint48        |
 * ```
 *
 * The time is CLOCK_MONOTONIC's (`clock.ts`), when the record should have been sent. 0 says: as the record before it in
 * its partition; the records of a batch of a closed loop are all due at once, so that only the first has a time.
 * The sequence counts a producer's records in one partition from 0 without a gap; it means something in numbered loads
 * only, where every record has one. Values shorter than 16 bytes carry nothing.
 */
export const STAMP_BYTES = 16;
export const MAX_STAMP_PRODUCER = 0xffff;
export const MAX_STAMP_SEQUENCE = 2 ** 48 - 1;

const TWO_32 = 2 ** 32;
const SEQUENCE_AT = 10;

/** `at`: of the value in `bytes`, which must have room for the stamp. */
export function writeStamp(
  bytes: Uint8Array,
  at: number,
  intendedNs: number,
  producer: number,
  sequence: number,
): void {
  const ns = Math.floor(intendedNs);
  writeUint32(bytes, at, Math.floor(ns / TWO_32));
  writeUint32(bytes, at + 4, ns >>> 0);
  bytes[at + 8] = producer >>> 8;
  bytes[at + 9] = producer;
  const high = Math.floor(sequence / TWO_32);
  bytes[at + 10] = high >>> 8;
  bytes[at + 11] = high;
  writeUint32(bytes, at + 12, sequence >>> 0);
}

/** No time and no number: what the values of a pool hold until they are sent. */
export function clearStamp(bytes: Uint8Array, at: number): void {
  bytes.fill(0, at, at + STAMP_BYTES);
}

/** Nanoseconds, whole; 0: as the record before it. The value must have 16 bytes. */
export function stampedNs(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) * TWO_32 + readUint32(bytes, at + 4);
}

export function stampedProducer(bytes: Uint8Array, at: number): number {
  return bytes[at + 8]! * 0x100 + bytes[at + 9]!;
}

export function stampedSequence(bytes: Uint8Array, at: number): number {
  const high = bytes[at + SEQUENCE_AT]! * 0x100 + bytes[at + SEQUENCE_AT + 1]!;
  return high * TWO_32 + readUint32(bytes, at + SEQUENCE_AT + 2);
}

export interface Stamp {
  readonly intendedNs: number;
  readonly producer: number;
  readonly sequence: number;
}

/** The stamp of a record of a numbered load; null: none, because the value is too short or is not of a load process. */
export function readStamp(value: Uint8Array | null): Stamp | null {
  if (value === null || value.length < STAMP_BYTES) return null;
  const intendedNs = stampedNs(value, 0);
  if (intendedNs === 0 || intendedNs > Number.MAX_SAFE_INTEGER) return null;
  return { intendedNs, producer: stampedProducer(value, 0), sequence: stampedSequence(value, 0) };
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 0x1000000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!);
}
