import { VarveError } from '../errors.js';

/**
 * Kafka's variable-length integers (`ByteUtils`): 7-bit groups, low group first, top bit set on all but
 * the last. Signed ones are zigzag: 0, -1, 1, -2 become 0, 1, 2, 3. At most 5 bytes (int32) or 10 (int64).
 */
export const MAX_VARINT_BYTES = 5;
export const MAX_VARLONG_BYTES = 10;

/** Bytes of `value` (int32) as a zigzag varint. */
export function sizeOfVarint(value: number): number {
  return sizeOfUnsignedVarint((value << 1) ^ (value >> 31));
}

/** Bytes of `value` (uint32, or int32 taken as its bit pattern) without zigzag. */
export function sizeOfUnsignedVarint(value: number): number {
  if ((value & ~0x7f) === 0) return 1;
  if ((value & ~0x3fff) === 0) return 2;
  if ((value & ~0x1f_ffff) === 0) return 3;
  return (value & ~0xfff_ffff) === 0 ? 4 : 5;
}

/** Bytes of `value`, an integer of magnitude at most 2^53, as a zigzag varlong. */
export function sizeOfVarlong(value: number): number {
  if (value === (value | 0)) return sizeOfVarint(value);
  let magnitude = value < 0 ? -value - 1 : value;
  let size = 1;
  for (magnitude = Math.floor(magnitude / 0x40); magnitude > 0; size++) {
    magnitude = Math.floor(magnitude / 0x80);
  }
  return size;
}

/** Writes `value` (int32) as a zigzag varint and returns the position after it. */
export function writeVarint(buffer: Uint8Array, at: number, value: number): number {
  return writeUnsignedVarint(buffer, at, (value << 1) ^ (value >> 31));
}

/** Writes `value` (uint32, or an int32's bit pattern) and returns the position after it. */
export function writeUnsignedVarint(buffer: Uint8Array, at: number, value: number): number {
  if ((value & ~0x7f) === 0) {
    buffer[at] = value;
    return at + 1;
  }
  if ((value & ~0x3fff) === 0) {
    buffer[at] = value | 0x80;
    buffer[at + 1] = value >>> 7;
    return at + 2;
  }
  let rest = value;
  while ((rest & ~0x7f) !== 0) {
    buffer[at++] = rest | 0x80;
    rest >>>= 7;
  }
  buffer[at] = rest;
  return at + 1;
}

/** Writes `value`, an integer of magnitude at most 2^53, and returns the position after it. */
export function writeVarlong(buffer: Uint8Array, at: number, value: number): number {
  if (value === (value | 0)) return writeVarint(buffer, at, value);
  const sign = value < 0 ? 1 : 0;
  // The zigzag value is 2 x magnitude + sign: doubling first would leave the exact doubles.
  const magnitude = value < 0 ? -value - 1 : value;
  let group = (magnitude % 0x40) * 2 + sign;
  let rest = Math.floor(magnitude / 0x40);
  while (rest > 0) {
    buffer[at++] = group | 0x80;
    group = rest % 0x80;
    rest = Math.floor(rest / 0x80);
  }
  buffer[at++] = group;
  return at;
}

/**
 * Reads variable-length integers one after the other without allocating: `at` moves past each.
 * Nothing is read at or beyond `end`. Over-long or unfinished input throws CORRUPT_MESSAGE.
 */
export class VarintReader {
  buffer: Uint8Array;
  at: number;
  end: number;

  constructor(buffer: Uint8Array, at = 0, end = buffer.length) {
    this.buffer = buffer;
    this.at = at;
    this.end = end;
  }

  /** A zigzag int32. */
  varint(): number {
    const raw = this.unsignedVarint();
    return (raw >>> 1) ^ -(raw & 1);
  }

  /** A uint32 without zigzag. */
  unsignedVarint(): number {
    const { buffer, end } = this;
    const start = this.at;
    let at = start;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= end) throw unfinishedVarint(start, end);
      const byte = buffer[at++]!;
      // In the fifth byte Kafka drops the bits that an int32 does not hold; so does the shift here.
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.at = at;
        return value >>> 0;
      }
    }
    throw overlongVarint(start, MAX_VARINT_BYTES);
  }

  /** A zigzag int64: exact for magnitudes up to 2^53, the nearest double beyond. */
  varlong(): number {
    const { buffer, end } = this;
    const start = this.at;
    if (start >= end) throw unfinishedVarint(start, end);
    let byte = buffer[start]!;
    let at = start + 1;
    const sign = byte & 1;
    let magnitude = (byte & 0x7f) >>> 1;
    let scale = 0x40;
    while (byte >= 0x80) {
      if (at >= end) throw unfinishedVarint(start, end);
      if (at - start === MAX_VARLONG_BYTES) throw overlongVarint(start, MAX_VARLONG_BYTES);
      byte = buffer[at]!;
      // The tenth byte has one bit of the int64; the rest do not fit and are dropped as in Java.
      magnitude += (at - start === MAX_VARLONG_BYTES - 1 ? byte & 1 : byte & 0x7f) * scale;
      scale *= 0x80;
      at++;
    }
    this.at = at;
    return sign === 1 ? -magnitude - 1 : magnitude;
  }
}

function unfinishedVarint(start: number, end: number): VarveError {
  return new VarveError(
    'CORRUPT_MESSAGE',
    `variable-length integer at byte ${start} is not finished at byte ${end}, where its data ends`,
    { details: { position: start, end } },
  );
}

function overlongVarint(start: number, maxBytes: number): VarveError {
  return new VarveError(
    'CORRUPT_MESSAGE',
    `variable-length integer at byte ${start} is longer than ${maxBytes} bytes`,
    { details: { position: start, maxBytes } },
  );
}
