import { isUint8Array } from 'node:util/types';
import { VarveError } from '../errors.js';
import type { BytesOrText, HeaderInput, RecordInput } from '../types.js';
import {
  MAX_BATCH_BYTES,
  MAX_HEADER_OVERHEAD,
  MAX_RECORD_OVERHEAD,
  NO_TIMESTAMP,
} from './layout.js';
import { sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from './varint.js';

/** UTF-8 needs at most this many bytes for one UTF-16 unit of a string. */
const MAX_UTF8_PER_UNIT = 3;
/** Up to these lengths a loop beats a call into the runtime. Measured in `record-encoder.bench.ts`. */
const SHORT_COPY_BYTES = 6;
const SHORT_TEXT_UNITS = 24;

/**
 * An upper bound of the bytes `record` takes in a batch: cheap, so text counts three bytes a unit.
 * Throws INVALID_RECORD for what cannot be a record; `index` names it in the message.
 */
export function recordSizeBound(record: RecordInput, index: number): number {
  if (typeof record !== 'object' || record === null) throw invalid(index, 'is not an object');
  let size = MAX_RECORD_OVERHEAD;
  const key = record.key;
  if (key !== undefined && key !== null) size += lengthBound(key, index, 'key');
  const value = record.value;
  if (value !== undefined && value !== null) size += lengthBound(value, index, 'value');
  const headers = record.headers;
  if (headers !== undefined) size += headersBound(headers, index);
  if (size > MAX_BATCH_BYTES) {
    throw invalid(index, `may take ${size} bytes, above a batch's limit of ${MAX_BATCH_BYTES}`);
  }
  return size;
}

function lengthBound(bytes: BytesOrText, index: number, what: string): number {
  if (typeof bytes === 'string') return bytes.length * MAX_UTF8_PER_UNIT;
  // The second test accepts arrays made in another realm, such as a test runner's.
  if (bytes instanceof Uint8Array || isUint8Array(bytes)) return bytes.length;
  throw invalid(index, `has a ${what} that is ${kindOf(bytes)}, neither text nor a Uint8Array`);
}

function headersBound(headers: readonly HeaderInput[], index: number): number {
  if (!Array.isArray(headers)) throw invalid(index, `has headers that are ${kindOf(headers)}`);
  let size = 0;
  for (const header of headers as readonly HeaderInput[]) {
    if (typeof header !== 'object' || header === null || typeof header.key !== 'string') {
      throw invalid(index, 'has a header whose key is not text');
    }
    size += MAX_HEADER_OVERHEAD + header.key.length * MAX_UTF8_PER_UNIT;
    if (header.value !== null) size += lengthBound(header.value, index, 'header value');
  }
  return size;
}

/** How much of `recordSizeBound` is there only because text was counted at three bytes a unit. */
export function textSlack(record: RecordInput): number {
  let slack = slackOf(record.key) + slackOf(record.value);
  for (const { key, value } of record.headers ?? []) slack += slackOf(key) + slackOf(value);
  return slack;
}

function slackOf(bytes: BytesOrText | null | undefined): number {
  return typeof bytes === 'string'
    ? bytes.length * MAX_UTF8_PER_UNIT - Buffer.byteLength(bytes)
    : 0;
}

/** The record's timestamp, or `now` where it has none. Throws INVALID_RECORD for what is no time. */
export function timestampOf(record: RecordInput, now: number, index: number): number {
  const timestamp = record.timestamp;
  if (timestamp === undefined) return now;
  if (!Number.isSafeInteger(timestamp) || timestamp < NO_TIMESTAMP) {
    throw invalid(
      index,
      `has timestamp ${String(timestamp)}; it must be whole milliseconds since 1970, or -1 for none`,
    );
  }
  return timestamp;
}

/**
 * Writes one record at byte `at` and returns the position after it. The buffer must have room for
 * `recordSizeBound`, which has also checked the record's types.
 */
export function encodeRecord(
  buffer: Buffer,
  at: number,
  record: RecordInput,
  timestampDelta: number,
  offsetDelta: number,
): number {
  const value = record.value ?? null;
  // A text value is taken for ASCII first: most are, and its exact length costs a pass of its own.
  const guess = value === null ? -1 : value.length;
  const end = encodeSized(buffer, at, record, value, guess, timestampDelta, offsetDelta);
  if (end !== WRONG_GUESS) return end;
  const exact = Buffer.byteLength(value as string);
  return encodeSized(buffer, at, record, value, exact, timestampDelta, offsetDelta);
}

const WRONG_GUESS = -1;

/** `encodeRecord` with the value's length known, or guessed: then it may return WRONG_GUESS. */
function encodeSized(
  buffer: Buffer,
  at: number,
  record: RecordInput,
  value: BytesOrText | null,
  valueLength: number,
  timestampDelta: number,
  offsetDelta: number,
): number {
  const key = record.key ?? null;
  const keyLength = key === null ? -1 : byteLengthOf(key);
  const headers = record.headers;
  const headersCount = headers === undefined ? 0 : headers.length;

  let body =
    1 +
    sizeOfVarlong(timestampDelta) +
    sizeOfVarint(offsetDelta) +
    sizeOfVarint(keyLength) +
    sizeOfVarint(valueLength) +
    sizeOfVarint(headersCount);
  if (keyLength > 0) body += keyLength;
  if (valueLength > 0) body += valueLength;
  if (headersCount > 0) body += headersSize(headers!);

  at = writeVarint(buffer, at, body);
  buffer[at++] = 0;
  at = writeVarlong(buffer, at, timestampDelta);
  at = writeVarint(buffer, at, offsetDelta);
  at = writeVarint(buffer, at, keyLength);
  if (keyLength > 0) at = writeBytes(buffer, at, key!);
  at = writeVarint(buffer, at, valueLength);
  if (valueLength > 0) {
    const end = writeBytes(buffer, at, value!);
    if (end - at !== valueLength) return WRONG_GUESS;
    at = end;
  }
  if (headersCount === 0) {
    buffer[at] = 0;
    return at + 1;
  }
  return writeHeaders(buffer, at, headers!);
}

function headersSize(headers: readonly HeaderInput[]): number {
  let size = 0;
  for (const { key, value } of headers) {
    const keyLength = byteLengthOf(key);
    size += sizeOfVarint(keyLength) + keyLength;
    const valueLength = value === null ? -1 : byteLengthOf(value);
    size += sizeOfVarint(valueLength) + Math.max(valueLength, 0);
  }
  return size;
}

function writeHeaders(buffer: Buffer, at: number, headers: readonly HeaderInput[]): number {
  at = writeVarint(buffer, at, headers.length);
  for (const { key, value } of headers) {
    const keyLength = byteLengthOf(key);
    at = writeVarint(buffer, at, keyLength);
    at = writeBytes(buffer, at, key);
    const valueLength = value === null ? -1 : byteLengthOf(value);
    at = writeVarint(buffer, at, valueLength);
    if (valueLength > 0) at = writeBytes(buffer, at, value!);
  }
  return at;
}

function byteLengthOf(bytes: BytesOrText): number {
  return typeof bytes === 'string' ? utf8Length(bytes) : bytes.length;
}

function utf8Length(text: string): number {
  const units = text.length;
  if (units > SHORT_TEXT_UNITS) return Buffer.byteLength(text);
  for (let i = 0; i < units; i++) {
    if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text);
  }
  return units;
}

/** Returns the position after the bytes; text may take up to three a unit. */
function writeBytes(buffer: Buffer, at: number, bytes: BytesOrText): number {
  if (typeof bytes === 'string') return writeText(buffer, at, bytes);
  const length = bytes.length;
  if (length > SHORT_COPY_BYTES) buffer.set(bytes, at);
  else for (let i = 0; i < length; i++) buffer[at + i] = bytes[i]!;
  return at + length;
}

function writeText(buffer: Buffer, at: number, text: string): number {
  const units = text.length;
  if (units <= SHORT_TEXT_UNITS) {
    let seen = 0;
    for (let i = 0; i < units; i++) {
      const unit = text.charCodeAt(i);
      seen |= unit;
      buffer[at + i] = unit;
    }
    if (seen < 0x80) return at + units;
  }
  return at + buffer.write(text, at, units * MAX_UTF8_PER_UNIT);
}

function invalid(index: number, reason: string): VarveError {
  return new VarveError('INVALID_RECORD', `record ${index} ${reason}`, { details: { index } });
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? 'another object' : `a ${typeof value}`;
}
