import { basename, join } from 'node:path';
import { isVarveError } from '../../engine/errors.js';
import {
  baseOffset,
  isControl,
  lastOffset,
  maxTimestamp,
} from '../../engine/format/batch-header.js';
import { RecordCursor } from '../../engine/format/batch-reader.js';
import { formatSegmentFileName } from '../../engine/format/segment-file-name.js';
import { listPartition } from '../../engine/log/inspect-directory.js';
import { type InspectBatch, LogInspector } from '../../engine/log/inspect-log.js';
import { TimeIndex } from '../../engine/log/time-index.js';
import { colors as pc } from '../colors.js';
import { Output } from '../output.js';
import { Progress } from '../progress.js';
import { recordToJson, recordToText } from '../record-json.js';
import { FoundDamage, interruptSignal } from '../run-program.js';
import { inspectionFiles } from './files.js';

export interface FindCommandOptions {
  /** Exactly one of the three. */
  readonly offset: number | undefined;
  readonly timestampMs: number | undefined;
  readonly key: Uint8Array | undefined;
  /** Most records to print, for a key. */
  readonly limit: number;
  readonly json: boolean;
}

const MAX_INDEX_BYTES = 256 * 1024 * 1024;

/** Says where a record is: by offset, by time, or every record of a key. */
export async function find(directory: string, options: FindCommandOptions): Promise<void> {
  const signal = interruptSignal();
  const log = new LogInspector(inspectionFiles(), directory);
  const start = log.logStartOffset();
  const from = Math.max(start, firstOffsetToRead(directory, options));
  const progress = new Progress('searching', 'records');
  const cursor = new RecordCursor();
  const out = new Output();
  let found = 0;
  let first = -1;
  try {
    search: for await (const batch of log.batches(from)) {
      signal.throwIfAborted();
      const { scan } = batch;
      if (first < 0) first = baseOffset(scan.view, scan.at);
      progress.update(baseOffset(scan.view, scan.at) - first, null);
      if (isControl(scan.view, scan.at) || !mayHold(batch, options)) continue;
      cursor.reset(scan.buffer, scan.view, scan.at);
      for (let index = 0; cursor.next(); index += 1) {
        if (cursor.offset < start || !matches(cursor, options)) continue;
        progress.end();
        tell(out, directory, batch, cursor, index, options.json);
        found += 1;
        if (found === options.limit || options.key === undefined) break search;
      }
      if (out.isFull) await out.flush();
    }
  } finally {
    progress.end();
    await out.flush();
  }
  if (found > 0) return;
  console.error(`varve: ${directory} has no ${describe(options)}`);
  throw new FoundDamage();
}

function firstOffsetToRead(directory: string, options: FindCommandOptions): number {
  if (options.offset !== undefined) return options.offset;
  return options.timestampMs === undefined ? 0 : offsetBefore(directory, options.timestampMs);
}

/**
 * An offset at or below the first record at `timestampMs`, by the time indexes: only sealed segments' are believed to
 * say how late a segment gets, and only where they can be read.
 */
function offsetBefore(directory: string, timestampMs: number): number {
  const { bases } = listPartition(inspectionFiles(), directory);
  for (let i = 0; i < bases.length; i += 1) {
    const base = bases[i]!;
    const isLast = i === bases.length - 1;
    const times = readTimeIndex(directory, base);
    if (times === null || times.count === 0) return base;
    if (!isLast && times.lastTimestamp < timestampMs) continue;
    const entry = times.lookup(timestampMs - 1);
    return entry < 0 ? base : times.offsetAt(entry);
  }
  return 0;
}

function readTimeIndex(directory: string, baseOffset: number): TimeIndex | null {
  const name = formatSegmentFileName({ baseOffset, kind: 'timeindex', suffix: null });
  try {
    const bytes = inspectionFiles().readFile(join(directory, name), { maxBytes: MAX_INDEX_BYTES });
    return TimeIndex.decode(bytes, { baseOffset, maxEntries: bytes.length });
  } catch (error) {
    if (isVarveError(error, 'NOT_FOUND') || isVarveError(error, 'CORRUPT_INDEX')) return null;
    throw error;
  }
}

function mayHold({ scan }: InspectBatch, options: FindCommandOptions): boolean {
  if (options.timestampMs !== undefined) {
    return maxTimestamp(scan.view, scan.at) >= options.timestampMs;
  }
  return options.offset === undefined || lastOffset(scan.view, scan.at) >= options.offset;
}

function matches(cursor: RecordCursor, options: FindCommandOptions): boolean {
  if (options.offset !== undefined) return cursor.offset >= options.offset;
  if (options.timestampMs !== undefined) return cursor.timestamp >= options.timestampMs;
  const { key } = options;
  if (key === undefined || cursor.keyStart < 0) return false;
  if (cursor.keyEnd - cursor.keyStart !== key.length) return false;
  return cursor.buffer.compare(key, 0, key.length, cursor.keyStart, cursor.keyEnd) === 0;
}

function tell(
  out: Output,
  directory: string,
  { scan }: InspectBatch,
  cursor: RecordCursor,
  index: number,
  json: boolean,
): void {
  const record = cursor.record();
  const batch = {
    baseOffset: baseOffset(scan.view, scan.at),
    lastOffset: lastOffset(scan.view, scan.at),
    size: scan.size,
  };
  if (json) {
    const place = { file: scan.path, position: scan.position, batch, index };
    out.text(`${JSON.stringify({ ...place, record: recordToJson(record) })}\n`);
    return;
  }
  const file = join(basename(directory), basename(scan.path));
  out.text(
    `${pc.bold(file)}  ${pc.dim('position')} ${scan.position}  ${pc.dim('batch')} ${batch.baseOffset}..${batch.lastOffset} ${pc.dim(`(${batch.size} bytes, record ${index + 1} in it)`)}\n`,
  );
  out.text(`${recordToText(record)}\n`);
}

function describe(options: FindCommandOptions): string {
  if (options.offset !== undefined) return `record at offset ${options.offset} or after it`;
  if (options.timestampMs !== undefined) {
    return `record at ${new Date(options.timestampMs).toISOString()} or after it`;
  }
  return `record with this key`;
}
