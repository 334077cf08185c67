import { unencodable } from './malformed.js';
import { MAX_STRING_BYTES } from './reader.js';
import { writeUuid } from './uuid-bytes.js';

/** Records to write: views of the caller's memory, which must not change until they are sent. */
export type RecordsInput = Uint8Array | readonly Uint8Array[];

const TWO_32 = 0x1_0000_0000;
const TWO_63 = 2 ** 63;
const FIRST_BYTES = 16 * 1024;
/** Memory of a writer above this is given back after use. */
const KEPT_BYTES = 1024 * 1024;
/** Records from this length on are sent from where they are. */
export const BY_REFERENCE_BYTES = 1024;
/** Up to this length a loop over characters beats the calls into Node (decision 0004). */
const SHORT_TEXT = 32;

/**
 * Writes Kafka's types one after the other into memory of its own, which `finish` copies out once. Long
 * records are not copied: the result is a list of chunks for one writev.
 *
 * Methods come in the old form and, named `compact...`, in that of flexible versions.
 */
export class ProtocolWriter {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, this.#buffer.length);
  #at = 0;
  /** Where in the written bytes each reference belongs. */
  readonly #places: number[] = [];
  readonly #references: Uint8Array[] = [];
  #referencedBytes = 0;

  bool(value: boolean): void {
    this.#reserve(1);
    this.#buffer[this.#at++] = value === true ? 1 : 0;
  }

  int8(value: number): void {
    if (value !== (value << 24) >> 24) throw notA('int8', value);
    this.#reserve(1);
    this.#buffer[this.#at++] = value;
  }

  int16(value: number): void {
    if (value !== (value << 16) >> 16) throw notA('int16', value);
    this.#reserve(2);
    this.#view.setInt16(this.#at, value);
    this.#at += 2;
  }

  uint16(value: number): void {
    if (value !== (value & 0xffff)) throw notA('uint16', value);
    this.#reserve(2);
    this.#view.setUint16(this.#at, value);
    this.#at += 2;
  }

  int32(value: number): void {
    if (value !== (value | 0)) throw notA('int32', value);
    this.#reserve(4);
    this.#view.setInt32(this.#at, value);
    this.#at += 4;
  }

  /** Clamped to what an int64 holds, so that 2^63 stands for its highest value. */
  int64(value: number): void {
    this.#reserve(8);
    const at = this.#at;
    this.#at = at + 8;
    if (value >= -TWO_63 && value < TWO_63) {
      const high = Math.floor(value / TWO_32);
      const low = value - high * TWO_32;
      if (low !== low >>> 0) throw notA('int64', value);
      this.#view.setInt32(at, high);
      this.#view.setUint32(at + 4, low);
    } else {
      if (!(value >= TWO_63 || value < -TWO_63)) throw notA('int64', value);
      this.#view.setBigInt64(at, value > 0 ? 0x7fff_ffff_ffff_ffffn : -0x8000_0000_0000_0000n);
    }
  }

  float64(value: number): void {
    if (typeof value !== 'number') throw notA('float64', value);
    this.#reserve(8);
    this.#view.setFloat64(this.#at, value);
    this.#at += 8;
  }

  uuid(value: string): void {
    if (typeof value !== 'string') throw notA('UUID', value);
    this.#reserve(16);
    writeUuid(this.#buffer, this.#at, value);
    this.#at += 16;
  }

  unsignedVarint(value: number): void {
    this.#reserve(5);
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#at++] = rest;
  }

  string(value: string): void {
    if (typeof value !== 'string') throw notA('string', value);
    if (value.length <= SHORT_TEXT) {
      this.#reserve(2 + SHORT_TEXT);
      if (this.#ascii(value, this.#at + 2)) {
        this.#view.setInt16(this.#at, value.length);
        this.#at += 2 + value.length;
        return;
      }
    }
    const length = textBytes(value);
    this.int16(length);
    this.#text(value, length);
  }

  nullableString(value: string | null): void {
    if (value === null) this.int16(-1);
    else this.string(value);
  }

  compactString(value: string): void {
    if (typeof value !== 'string') throw notA('string', value);
    if (value.length <= SHORT_TEXT) {
      this.#reserve(1 + SHORT_TEXT);
      if (this.#ascii(value, this.#at + 1)) {
        this.#buffer[this.#at] = value.length + 1;
        this.#at += 1 + value.length;
        return;
      }
    }
    const length = textBytes(value);
    this.unsignedVarint(length + 1);
    this.#text(value, length);
  }

  compactNullableString(value: string | null): void {
    if (value === null) this.unsignedVarint(0);
    else this.compactString(value);
  }

  /** Writes a short text; false if it is not all ASCII, and what was written does not count. */
  #ascii(value: string, at: number): boolean {
    const buffer = this.#buffer;
    let seen = 0;
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      seen |= unit;
      buffer[at + i] = unit;
    }
    return seen < 0x80;
  }

  #text(value: string, length: number): void {
    this.#reserve(length);
    this.#buffer.write(value, this.#at, length, 'utf8');
    this.#at += length;
  }

  bytes(value: Uint8Array): void {
    this.int32(byteLength(value));
    this.#copy(value);
  }

  nullableBytes(value: Uint8Array | null): void {
    if (value === null) this.int32(-1);
    else this.bytes(value);
  }

  compactBytes(value: Uint8Array): void {
    this.unsignedVarint(byteLength(value) + 1);
    this.#copy(value);
  }

  compactNullableBytes(value: Uint8Array | null): void {
    if (value === null) this.unsignedVarint(0);
    else this.compactBytes(value);
  }

  nullableRecords(value: RecordsInput | null): void {
    if (value === null) {
      this.int32(-1);
    } else {
      this.int32(recordsBytes(value));
      this.#records(value);
    }
  }

  compactNullableRecords(value: RecordsInput | null): void {
    if (value === null) {
      this.unsignedVarint(0);
    } else {
      this.unsignedVarint(recordsBytes(value) + 1);
      this.#records(value);
    }
  }

  #records(value: RecordsInput): void {
    if (value instanceof Uint8Array) this.#recordsChunk(value);
    else for (const chunk of value) this.#recordsChunk(chunk);
  }

  #recordsChunk(chunk: Uint8Array): void {
    if (chunk.length < BY_REFERENCE_BYTES) {
      this.#copy(chunk);
      return;
    }
    this.#places.push(this.#at);
    this.#references.push(chunk);
    this.#referencedBytes += chunk.length;
  }

  #copy(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  count(elements: number): void {
    this.int32(elements);
  }

  compactCount(elements: number): void {
    this.unsignedVarint(elements + 1);
  }

  /** Begins a tagged field, whose size is not known yet: gives what `endTag` needs. */
  beginTag(tag: number): number {
    this.unsignedVarint(tag);
    this.#reserve(1);
    return ++this.#at;
  }

  endTag(start: number): void {
    const size = this.#at - start;
    if (size < 0x80) {
      this.#buffer[start - 1] = size;
      return;
    }
    // One byte was kept for the size. It is rarely too short.
    this.#reserve(4);
    const end = this.#at;
    this.#at = start - 1;
    const extra = (size < 0x4000 ? 2 : size < 0x20_0000 ? 3 : size < 0x1000_0000 ? 4 : 5) - 1;
    this.#buffer.copyWithin(start + extra, start, end);
    this.unsignedVarint(size);
    this.#at = end + extra;
  }

  /** What was written, as chunks; with `lengthFirst` after an int32 of its length. Then begins anew. */
  finish(lengthFirst: boolean): Buffer[] {
    const small = Buffer.allocUnsafe(this.#at + (lengthFirst ? 4 : 0));
    if (lengthFirst) {
      const length = this.#at + this.#referencedBytes;
      if (length > 0x7fff_ffff) throw unencodable(`message of ${length} bytes`);
      small.writeInt32BE(length, 0);
    }
    const shift = small.length - this.#at;
    this.#buffer.copy(small, shift, 0, this.#at);
    if (this.#references.length === 0) return [small];
    const chunks: Buffer[] = [];
    let from = 0;
    for (let i = 0; i < this.#references.length; i++) {
      const to = this.#places[i]! + shift;
      if (to > from) chunks.push(small.subarray(from, to));
      chunks.push(asBuffer(this.#references[i]!));
      from = to;
    }
    if (from < small.length) chunks.push(small.subarray(from));
    return chunks;
  }

  /** Forgets what was written. */
  reset(): void {
    this.#at = 0;
    this.#places.length = 0;
    this.#references.length = 0;
    this.#referencedBytes = 0;
    if (this.#buffer.length > KEPT_BYTES) this.#resize(FIRST_BYTES);
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed > this.#buffer.length) {
      const before = this.#buffer;
      this.#resize(Math.max(needed, before.length * 2));
      before.copy(this.#buffer, 0, 0, this.#at);
    }
  }

  #resize(bytes: number): void {
    this.#buffer = Buffer.allocUnsafeSlow(bytes);
    this.#view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, bytes);
  }
}

function textBytes(value: string): number {
  const length = Buffer.byteLength(value);
  if (length > MAX_STRING_BYTES) {
    throw unencodable(`string of ${length} bytes, at most ${MAX_STRING_BYTES} allowed`);
  }
  return length;
}

function byteLength(value: Uint8Array): number {
  if (!(value instanceof Uint8Array)) throw notA('Uint8Array', value);
  return value.length;
}

function recordsBytes(value: RecordsInput): number {
  if (value instanceof Uint8Array) return value.length;
  let total = 0;
  for (const chunk of value) total += byteLength(chunk);
  return total;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function notA(type: string, value: unknown): Error {
  return unencodable(`${String(value).slice(0, 40)} is not a ${type}`);
}
