import { readText } from './interned-text.js';
import { malformed } from './malformed.js';
import { readUuid } from './uuid-bytes.js';

const TWO_32 = 0x1_0000_0000;
/** The longest text a message may carry [Kafka: the generated readers]. */
export const MAX_STRING_BYTES = 0x7fff;
/** Of elements that take no bytes, of which the length of the message says nothing. */
const MAX_EMPTY_ELEMENTS = 1024;
const NO_BYTES = Buffer.alloc(0);

/**
 * Reads Kafka's types one after the other. Nothing is read beyond `end`; a length or a count is compared
 * with what is left before anything is made of it. `maxElements` bounds the elements of all arrays of a
 * message together, because an element may take far more memory than bytes.
 *
 * Methods come in the old form and, named `compact...`, in that of flexible versions.
 */
export class ProtocolReader {
  readonly buffer: Buffer;
  at: number;
  readonly end: number;
  #elementsLeft: number;

  constructor(buffer: Buffer, at: number, end: number, maxElements: number) {
    this.buffer = buffer;
    this.at = at;
    this.end = end;
    this.#elementsLeft = maxElements;
  }

  bool(): boolean {
    return this.int8() !== 0;
  }

  int8(): number {
    return (this.buffer[this.#take(1)]! << 24) >> 24;
  }

  int16(): number {
    const at = this.#take(2);
    return ((this.buffer[at]! << 24) >> 16) | this.buffer[at + 1]!;
  }

  uint16(): number {
    const at = this.#take(2);
    return (this.buffer[at]! << 8) | this.buffer[at + 1]!;
  }

  int32(): number {
    const at = this.#take(4);
    const { buffer } = this;
    return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!;
  }

  int64(): number {
    const high = this.int32();
    return high * TWO_32 + (this.int32() >>> 0);
  }

  float64(): number {
    return this.buffer.readDoubleBE(this.#take(8));
  }

  uuid(): string {
    return readUuid(this.buffer, this.#take(16));
  }

  unsignedVarint(): number {
    const first = this.buffer[this.#take(1)]!;
    return first < 0x80 ? first : this.#longVarint(first);
  }

  #longVarint(first: number): number {
    const start = this.at - 1;
    let value = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.buffer[this.#take(1)]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw malformed('variable-length integer of more than 5 bytes', start);
  }

  string(): string {
    return this.#text(this.int16()) ?? this.#unexpectedNull('string');
  }

  nullableString(): string | null {
    return this.#text(this.int16());
  }

  compactString(): string {
    return this.#text(this.unsignedVarint() - 1) ?? this.#unexpectedNull('string');
  }

  compactNullableString(): string | null {
    return this.#text(this.unsignedVarint() - 1);
  }

  #text(length: number): string | null {
    if (length < 0 || length > MAX_STRING_BYTES) {
      if (length === -1) return null;
      throw malformed(`string of ${length} bytes, at most ${MAX_STRING_BYTES} allowed`, this.at);
    }
    return readText(this.buffer, this.#take(length), length);
  }

  bytes(): Buffer {
    return this.#view(this.int32()) ?? this.#unexpectedNull('bytes');
  }

  nullableBytes(): Buffer | null {
    return this.#view(this.int32());
  }

  compactBytes(): Buffer {
    return this.#view(this.unsignedVarint() - 1) ?? this.#unexpectedNull('bytes');
  }

  compactNullableBytes(): Buffer | null {
    return this.#view(this.unsignedVarint() - 1);
  }

  #view(length: number): Buffer | null {
    if (length <= 0) {
      if (length === 0) return NO_BYTES;
      if (length === -1) return null;
      throw malformed(`bytes of length ${length}`, this.at);
    }
    const at = this.#take(length);
    return this.buffer.subarray(at, at + length);
  }

  /** The number of elements that follow, each of at least `elementBytes`. */
  count(elementBytes: number): number {
    return this.#checkCount(this.int32(), elementBytes) ?? this.#unexpectedNull('array');
  }

  compactCount(elementBytes: number): number {
    return (
      this.#checkCount(this.unsignedVarint() - 1, elementBytes) ?? this.#unexpectedNull('array')
    );
  }

  /** As `count`; -1 stands for null. */
  nullableCount(elementBytes: number): number {
    return this.#checkCount(this.int32(), elementBytes) ?? -1;
  }

  compactNullableCount(elementBytes: number): number {
    return this.#checkCount(this.unsignedVarint() - 1, elementBytes) ?? -1;
  }

  #checkCount(count: number, elementBytes: number): number | null {
    if (count === -1) return null;
    const most = elementBytes === 0 ? MAX_EMPTY_ELEMENTS : (this.end - this.at) / elementBytes;
    if (count < 0 || count > most) {
      throw malformed(`array of ${count} elements with ${this.end - this.at} bytes left`, this.at);
    }
    this.#elementsLeft -= count;
    if (this.#elementsLeft < 0) throw malformed('more array elements than allowed', this.at);
    return count;
  }

  /** The number of tagged fields; the section always ends a struct of a flexible version. */
  tagCount(): number {
    const count = this.unsignedVarint();
    if (count * 2 > this.end - this.at) throw malformed(`section of ${count} tags`, this.at);
    return count;
  }

  /** Reads the size of a tagged field and gives the position after it. */
  tagEnd(): number {
    const size = this.unsignedVarint();
    if (size > this.end - this.at) throw malformed(`tagged field of ${size} bytes`, this.at);
    return this.at + size;
  }

  /** A known tagged field must take exactly the size it gave. */
  expectAt(position: number): void {
    if (this.at !== position) {
      throw malformed(`tagged field that does not end at byte ${position}`, this.at);
    }
  }

  skipTags(): void {
    for (let left = this.tagCount(); left > 0; left--) {
      this.unsignedVarint();
      this.at = this.tagEnd();
    }
  }

  /** Moves over `length` bytes that must be there and gives where they begin. */
  #take(length: number): number {
    const { at } = this;
    if (length > this.end - at) {
      throw malformed(`${length} bytes expected, ${this.end - at} left`, at);
    }
    this.at = at + length;
    return at;
  }

  #unexpectedNull(what: string): never {
    throw malformed(`null ${what} where its version has none`, this.at);
  }
}
