import { assert } from '../assert.js';
import { VarveError } from '../errors.js';

/** Kafka's default of `log.cleaner.dedupe.buffer.size`, in bytes. */
export const DEFAULT_DEDUPE_BUFFER_BYTES = 128 * 1024 * 1024;

/** A slot: int32 hash, uint32 position of the key in the arena (0: free), float64 offset. */
const SLOT_BYTES = 16;
const FIRST_SLOTS = 1024;
const FIRST_ARENA_BYTES = 16 * 1024;
/** Position 0 would look like a free slot. */
const ARENA_START = 1;
/** First byte of a key in the arena: its length; from this one on a uint32 with the length follows. */
const LONG_KEY = 255;
/** Memory for keys at the start, as a share of the budget: it costs address space until keys fill it. */
const ARENA_SHARE = 1 / 4;
/** A larger table is grown in steps, by whoever asks `needsGrowth`, while there is still room for this many keys. */
const STEPPED_SLOTS = 64 * 1024;
const KEYS_AHEAD = 8 * 1024;
/** Above this share the table doubles; where the budget forbids that, it fills up to the other one. */
const GROW_LOAD = 0.7;
const FULL_LOAD = 0.9;

class Table {
  readonly words: Int32Array;
  readonly offsets: Float64Array;

  constructor(slots: number) {
    const memory = new ArrayBuffer(slots * SLOT_BYTES);
    this.words = new Int32Array(memory);
    this.offsets = new Float64Array(memory);
  }
}

/**
 * Key -> latest offset, for compaction. Exact: the keys themselves are kept and compared, so two keys
 * with the same hash stay two. Open addressing over typed arrays, keys behind each other in an arena,
 * each after its length. Table and arena together stay within `maxBytes`; while one of them
 * grows, its old copy exists beside it for a moment.
 */
export class OffsetMap {
  readonly maxBytes: number;
  /** Result of the last `put`: the offset the key had before, or -1. */
  previousOffset = -1;
  readonly #seed: number;
  #size = 0;
  #latestOffset = -1;
  #slots = FIRST_SLOTS;
  /** Words 0 and 1 of a slot; the same memory as `#offsets`. */
  #words: Int32Array;
  #offsets: Float64Array;
  #arena: Buffer;
  #arenaEnd = ARENA_START;
  /** The table that is being filled from the present one, and the slots moved so far. */
  #growing: Table | null = null;
  #moved = 0;

  constructor(maxBytes: number = DEFAULT_DEDUPE_BUFFER_BYTES, seed = randomSeed()) {
    const least = FIRST_SLOTS * SLOT_BYTES + FIRST_ARENA_BYTES;
    if (!Number.isSafeInteger(maxBytes) || maxBytes < least || maxBytes > 2 ** 32) {
      throw new VarveError(
        'INVALID_ARGUMENT',
        `log.cleaner.dedupe.buffer.size ${maxBytes} must be an integer from ${least} to ${2 ** 32} bytes`,
        { details: { maxBytes } },
      );
    }
    this.maxBytes = maxBytes;
    this.#seed = seed;
    const table = new Table(FIRST_SLOTS);
    this.#words = table.words;
    this.#offsets = table.offsets;
    const arenaBytes = Math.max(FIRST_ARENA_BYTES, Math.floor(maxBytes * ARENA_SHARE));
    this.#arena = Buffer.allocUnsafeSlow(arenaBytes);
  }

  /** Keys held. */
  get size(): number {
    return this.#size;
  }

  /** Largest offset put so far; -1 when empty. */
  get latestOffset(): number {
    return this.#latestOffset;
  }

  /** Bytes of memory held. */
  get memoryBytes(): number {
    return this.#slots * SLOT_BYTES + this.#arena.length;
  }

  /**
   * Notes `offset` for the key `buffer[start, end)`; an older offset never replaces a newer one.
   * False when the budget has no room for a new key: nothing has changed.
   */
  put(buffer: Uint8Array, start: number, end: number, offset: number): boolean {
    assert(start >= 0 && start <= end && end <= buffer.length, 'key outside its buffer');
    assert(this.#growing === null, 'nothing is put while the table grows');
    const hash = hashOf(buffer, start, end, this.#seed);
    let slot = this.#find(buffer, start, end, hash);
    if (this.#words[slot * 4 + 1] === 0) {
      const table = this.#words;
      if (!this.#makeRoom(end - start)) return false;
      if (this.#words !== table) slot = this.#find(buffer, start, end, hash);
      this.#words[slot * 4] = hash;
      this.#words[slot * 4 + 1] = this.#keep(buffer, start, end);
      this.#offsets[slot * 2 + 1] = offset;
      this.#size++;
      this.previousOffset = -1;
    } else {
      this.previousOffset = this.#offsets[slot * 2 + 1] as number;
      if (this.previousOffset < offset) this.#offsets[slot * 2 + 1] = offset;
    }
    if (offset > this.#latestOffset) this.#latestOffset = offset;
    return true;
  }

  /** Latest offset of the key `buffer[start, end)`, or -1. */
  get(buffer: Uint8Array, start: number, end: number): number {
    assert(start >= 0 && start <= end && end <= buffer.length, 'key outside its buffer');
    const slot = this.#find(buffer, start, end, hashOf(buffer, start, end, this.#seed));
    return this.#words[slot * 4 + 1] === 0 ? -1 : (this.#offsets[slot * 2 + 1] as number);
  }

  /** Forgets every key and keeps the memory, for the next round. */
  clear(): void {
    this.#words.fill(0);
    this.#size = 0;
    this.#arenaEnd = ARENA_START;
    this.#latestOffset = -1;
  }

  /** The key's slot, or the free one where it would go. */
  #find(buffer: Uint8Array, start: number, end: number, hash: number): number {
    const words = this.#words;
    const mask = this.#slots - 1;
    let slot = hash & mask;
    for (;;) {
      const key = (words[slot * 4 + 1] as number) >>> 0;
      if (key === 0) return slot;
      if (words[slot * 4] === hash && this.#holds(key, buffer, start, end)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #holds(key: number, buffer: Uint8Array, start: number, end: number): boolean {
    const arena = this.#arena;
    const length = end - start;
    let at = key + 1;
    if (length < LONG_KEY) {
      if (arena[key] !== length) return false;
    } else {
      if (arena[key] !== LONG_KEY || arena.readUInt32LE(at) !== length) return false;
      at += 4;
    }
    for (let from = start; from < end; from++, at++) {
      if (arena[at] !== buffer[from]) return false;
    }
    return true;
  }

  #keep(buffer: Uint8Array, start: number, end: number): number {
    const arena = this.#arena;
    const key = this.#arenaEnd;
    const length = end - start;
    let at = key + 1;
    if (length < LONG_KEY) {
      arena[key] = length;
    } else {
      arena[key] = LONG_KEY;
      at = arena.writeUInt32LE(length, at);
    }
    for (let from = start; from < end; from++) arena[at++] = buffer[from] as number;
    this.#arenaEnd = at;
    // A position above 2^31 is stored as a negative int32.
    return key | 0;
  }

  #makeRoom(keyBytes: number): boolean {
    const needed = this.#arenaEnd + keyBytes + (keyBytes < LONG_KEY ? 1 : 5);
    if (this.#size >= this.#slots * FULL_LOAD) return false;
    if (needed > this.#arena.length && !this.#growArena(needed)) return false;
    if (this.#size < this.#slots * GROW_LOAD) return true;
    this.#growTable();
    return this.#size < Math.floor(this.#slots * FULL_LOAD);
  }

  #growArena(needed: number): boolean {
    const room = this.maxBytes - this.#slots * SLOT_BYTES;
    if (needed > room) return false;
    const arena = Buffer.allocUnsafeSlow(Math.min(room, Math.max(needed, this.#arena.length * 2)));
    arena.set(this.#arena.subarray(0, this.#arenaEnd));
    this.#arena = arena;
    return true;
  }

  #growTable(): void {
    if (!this.#canGrow) return;
    while (!this.grow(this.#slots));
  }

  get #canGrow(): boolean {
    return this.#slots * 2 * SLOT_BYTES + this.#arena.length <= this.maxBytes;
  }

  /** The table is large and nearly full: `grow` it before many more keys are put, or one `put` will at once. */
  get needsGrowth(): boolean {
    const soonFull = this.#size + KEYS_AHEAD >= this.#slots * GROW_LOAD;
    return this.#growing !== null || (soonFull && this.#slots >= STEPPED_SLOTS && this.#canGrow);
  }

  /** Moves `slots` slots into a table of twice the size; true when that is done. In between, nothing is put or got. */
  grow(slots: number): boolean {
    this.#growing ??= new Table(this.#slots * 2);
    const { words, offsets } = this.#growing;
    const mask = this.#slots * 2 - 1;
    const end = Math.min(this.#slots, this.#moved + slots);
    for (let old = this.#moved; old < end; old++) {
      if (this.#words[old * 4 + 1] === 0) continue;
      const hash = this.#words[old * 4] as number;
      let slot = hash & mask;
      while (words[slot * 4 + 1] !== 0) slot = (slot + 1) & mask;
      words[slot * 4] = hash;
      words[slot * 4 + 1] = this.#words[old * 4 + 1] as number;
      offsets[slot * 2 + 1] = this.#offsets[old * 2 + 1] as number;
    }
    this.#moved = end;
    if (end < this.#slots) return false;
    this.#words = words;
    this.#offsets = offsets;
    this.#slots *= 2;
    this.#growing = null;
    this.#moved = 0;
    return true;
  }
}

/** Seeded per map, so that keys cannot be chosen ahead to collide. */
function randomSeed(): number {
  return (Math.random() * 2 ** 32) | 0;
}

/** MurmurHash3, 32 bits. */
function hashOf(buffer: Uint8Array, start: number, end: number, seed: number): number {
  let hash = seed | 0;
  let at = start;
  for (const last = end - 3; at < last; at += 4) {
    const word =
      (buffer[at] as number) |
      ((buffer[at + 1] as number) << 8) |
      ((buffer[at + 2] as number) << 16) |
      ((buffer[at + 3] as number) << 24);
    hash ^= scramble(word);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let shift = 0; at < end; at++, shift += 8) tail |= (buffer[at] as number) << shift;
  hash ^= scramble(tail) ^ (end - start);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function scramble(word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}
