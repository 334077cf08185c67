import { readFileSync } from 'node:fs';
import { createRandom, type Random } from './random.js';

/** Where record values come from. Made outside every timer. */
export interface PayloadSource {
  /** For reports and result files. */
  readonly description: string;
  /** The next `count` values, as views of one buffer. */
  values(count: number): Buffer[];
}

/** `exact`: every value has the given size. `mixed`: sizes vary around it, from a quarter to four times. */
export type SizeSpread = 'exact' | 'mixed';

export interface GeneratorOptions {
  readonly recordBytes: number;
  readonly spread: SizeSpread;
  readonly seed: number;
  /** Share of a value that is the same in every value, 0 (random bytes) to 1; null, the default: log-like text. */
  readonly compressibility?: number | null;
}

/**
 * Log-like events: part JSON, part text, from a seed. They compress about as real logs do (words,
 * paths and field names repeat; ids and durations do not), where random bytes would not compress and
 * one repeated record would compress to nothing.
 */
export function createGenerator(options: GeneratorOptions): PayloadSource {
  const random = createRandom(options.seed);
  const { compressibility = null } = options;
  const what = compressibility === null ? 'log events' : `bytes, ${compressibility} of them alike`;
  return {
    description: `generated ${what}, ${options.spread} ${options.recordBytes} B, seed ${options.seed}`,
    values(count) {
      const sizes: number[] = [];
      let totalBytes = 0;
      for (let at = 0; at < count; at++) {
        const bytes = drawSize(options, random);
        sizes.push(bytes);
        totalBytes += bytes;
      }
      const slab = Buffer.allocUnsafeSlow(totalBytes);
      let start = 0;
      return sizes.map((bytes) => {
        const value = slab.subarray(start, start + bytes);
        if (compressibility === null) value.write(event(bytes, random), 'latin1');
        else fillBytes(value, compressibility, random);
        start += bytes;
        return value;
      });
    },
  };
}

/** One line of the file is one record, in order, from the start again when the file ends. */
export function createFileSource(path: string): PayloadSource {
  const content = readFileSync(path);
  const lines: Buffer[] = [];
  for (let start = 0; start < content.length; ) {
    const newline = content.indexOf(10, start);
    const end = newline === -1 ? content.length : newline;
    lines.push(content.subarray(start, end));
    start = end + 1;
  }
  if (lines.length === 0) throw new RangeError(`payload file ${path} has no line`);
  let at = 0;
  return {
    description: `${lines.length} lines of ${path}`,
    values: (count) => Array.from({ length: count }, () => lines[at++ % lines.length] as Buffer),
  };
}

function drawSize({ recordBytes, spread }: GeneratorOptions, random: Random): number {
  if (spread === 'exact') return recordBytes;
  // The product of a few uniform draws is skewed like real record sizes: many small, a few large.
  const factor = 0.25 + 1.5 * random.next() * (random.next() + 0.5);
  return Math.max(1, Math.round(recordBytes * Math.min(4, factor)));
}

/** Every so many bytes the part that is alike and the part that is random take turns. */
const STRIPE_BYTES = 256;
const ALIKE_SEED = 1;
const ALIKE = ((): Buffer => {
  const bytes = Buffer.alloc(STRIPE_BYTES);
  fillRandom(bytes, createRandom(ALIKE_SEED));
  return bytes;
})();

function fillBytes(value: Buffer, compressibility: number, random: Random): void {
  for (let start = 0; start < value.length; start += STRIPE_BYTES) {
    const stripe = value.subarray(start, start + STRIPE_BYTES);
    const alike = Math.round(stripe.length * compressibility);
    ALIKE.copy(stripe, 0, 0, alike);
    fillRandom(stripe.subarray(alike), random);
  }
}

function fillRandom(bytes: Buffer, random: Random): void {
  for (let at = 0; at < bytes.length; at++) bytes[at] = random.below(256);
}

const LEVELS = ['INFO', 'INFO', 'INFO', 'INFO', 'WARN', 'ERROR', 'DEBUG'];
const METHODS = ['GET', 'GET', 'GET', 'POST', 'PUT', 'DELETE'];
const PATHS = ['/cart', '/orders', '/users', '/search', '/login', '/items', '/health', '/metrics'];
const STATUSES = [200, 200, 200, 200, 201, 204, 301, 304, 400, 404, 500, 503];
const SERVICES = ['checkout', 'catalog', 'gateway', 'billing', 'mailer', 'search', 'session'];
const WORDS =
  'request completed failed retry timeout connection closed by peer cache miss hit upstream user order payment accepted declined queue depth latency budget exceeded slow query index scan rows returned session expired token refreshed shard leader elected replica lagging segment rolled flush took checkpoint written'.split(
    ' ',
  );

/** ASCII text of exactly `bytes` characters. */
function event(bytes: number, random: Random): string {
  const text = random.next() < 0.5 ? jsonEvent(bytes, random) : textEvent(bytes, random);
  return text ?? filler(bytes, random);
}

/** Valid JSON of exactly `bytes`, or null when there is no room for it. */
function jsonEvent(bytes: number, random: Random): string | null {
  const head =
    `{"t":${timestamp(random)},"svc":"${pick(SERVICES, random)}",` +
    `"status":${pick(STATUSES, random)},"ms":${random.below(2000)},"msg":"`;
  const room = bytes - head.length - 2;
  return room < 0 ? null : `${head}${filler(room, random)}"}`;
}

function textEvent(bytes: number, random: Random): string | null {
  const head =
    `${new Date(timestamp(random)).toISOString()} ${pick(LEVELS, random)} ` +
    `${pick(METHODS, random)} ${pick(PATHS, random)}/${random.below(100_000)} `;
  return head.length > bytes ? null : head + filler(bytes - head.length, random);
}

/** Words up to exactly `bytes` characters, with an id now and then. */
function filler(bytes: number, random: Random): string {
  let text = '';
  while (text.length < bytes) {
    text +=
      random.below(6) === 0
        ? `${random.below(0x1_0000_0000).toString(16)} `
        : `${pick(WORDS, random)} `;
  }
  return text.slice(0, bytes);
}

/** A moment in 2024: fixed, so that the same seed gives the same bytes whenever it runs. */
function timestamp(random: Random): number {
  return 1_704_067_200_000 + random.below(2_000_000_000);
}

function pick<T>(items: readonly T[], random: Random): T {
  return items[random.below(items.length)] as T;
}
