import { assert } from '../assert.js';
import { VarveError } from '../errors.js';
import { MAX_OFFSET } from '../types.js';

/*
 * Kafka's text checkpoint: a version, a count, then that many lines.
 *
 *   0
 *   2
 *   orders 0 1500
 *   orders 1 90
 */
const VERSION = 0;
const HEADER_LINES = 2;

/** A line whose number (from 1, as an editor counts) goes into every error about it. */
export interface CheckpointLine {
  readonly number: number;
  readonly fields: readonly string[];
}

export function encodeCheckpoint(lines: readonly string[]): Buffer {
  return Buffer.from(`${[VERSION, lines.length, ...lines].join('\n')}\n`);
}

/** A number as a checkpoint may hold it: what is written must be readable again. */
export function checkpointNumber(value: number): string {
  assert(Number.isSafeInteger(value) && value >= 0, `checkpoint value ${value}`);
  return String(value);
}

/** The entry lines, each split into exactly `fieldCount` fields. */
export function decodeCheckpoint(
  bytes: Uint8Array,
  file: string,
  fieldCount: number,
): CheckpointLine[] {
  const lines = splitLines(bytes);
  const version = wholeNumber(lines[0] ?? '', { file, line: 1, name: 'version' });
  if (version !== VERSION) throw corruptCheckpoint(file, 1, `version ${version}, expected 0`);
  const count = wholeNumber(lines[1] ?? '', { file, line: 2, name: 'entry count' });
  const entries = lines.length - HEADER_LINES;
  if (entries !== count) {
    throw corruptCheckpoint(file, 2, `${count} entries announced, ${entries} present`);
  }
  return lines.slice(HEADER_LINES).map((text, index) => {
    const number = index + HEADER_LINES + 1;
    const fields = text.split(/\s+/);
    if (fields.length !== fieldCount || fields.includes('')) {
      throw corruptCheckpoint(file, number, `expected ${fieldCount} fields in ${quoted(text)}`);
    }
    return { number, fields };
  });
}

/** Lines as Java's BufferedReader gives them: a final line end is optional, \r\n counts as one. */
export function splitLines(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** @throws VarveError CORRUPT_CHECKPOINT unless `text` is a decimal number 0..`max`. */
export function wholeNumber(
  text: string,
  where: { readonly file: string; readonly line: number; readonly name: string },
  max = MAX_OFFSET,
): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= max)) {
    throw corruptCheckpoint(
      where.file,
      where.line,
      `${where.name} ${quoted(text)} is not a whole number 0..${max}`,
    );
  }
  return value;
}

export function corruptCheckpoint(file: string, line: number, reason: string): VarveError {
  return new VarveError('CORRUPT_CHECKPOINT', `${file}, line ${line}: ${reason}`, {
    details: { file, line, reason },
  });
}

/** Hostile text in a message: cut, and control characters escaped. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}
