import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { baseTimestamp, hasDeleteHorizon, sizeInBytes } from '../format/batch-header.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { SimulatedFileSystem } from '../testing/simulated-file-system.js';
import { PartitionLog } from './partition-log.js';

const FIXTURES = join(import.meta.dirname, '../scenarios/fixtures/kafka');
const DELETED = /\.(log|index|timeindex|txnindex)\.deleted$/;
const SEGMENT_FILE = /^\d{20}\.(log|index|timeindex|txnindex)$/;

interface Expected {
  readonly configs: Record<string, string | number>;
  readonly endOffset: number;
}

/** The records' time: the producers that wrote them are not idle yet when the log is opened. */
const RECORDS_MS = Date.UTC(2024, 0, 1);

/** What was there before Kafka's cleaner ran: the segments it replaced are still there as `.deleted`. */
function beforeAndAfter(name: string) {
  const directory = join(FIXTURES, name, `${name}-0`);
  const before = new Map<string, Buffer>();
  const after = new Map<string, Buffer>();
  const names = readdirSync(directory);
  const replaced = new Set(names.filter((n) => DELETED.test(n)).map((n) => n.slice(0, 20)));
  for (const file of names) {
    const bytes = readFileSync(join(directory, file));
    if (DELETED.test(file)) before.set(file.slice(0, -'.deleted'.length), bytes);
    else if (!file.endsWith('.deleted')) {
      if (!replaced.has(file.slice(0, 20)) || !SEGMENT_FILE.test(file)) before.set(file, bytes);
      if (SEGMENT_FILE.test(file)) after.set(file, bytes);
    }
  }
  const expected = JSON.parse(
    readFileSync(join(FIXTURES, name, 'expected.json'), 'utf8'),
  ) as Expected;
  return { before, after, expected };
}

/** Latest delete horizon in these segments, or -1. */
function latestHorizon(files: Map<string, Buffer>): number {
  let latest = -1;
  for (const [name, bytes] of files) {
    if (!name.endsWith('.log')) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += sizeInBytes(view, at)) {
      if (hasDeleteHorizon(view, at)) latest = Math.max(latest, baseTimestamp(view, at));
    }
  }
  return latest;
}

/** When Kafka's cleaner ran: what it stamped says it, or it came after what it found stamped. */
function cleanedAt(
  before: Map<string, Buffer>,
  after: Map<string, Buffer>,
  deleteRetentionMs: number,
): number {
  const stamped = latestHorizon(after);
  return stamped >= 0
    ? stamped - deleteRetentionMs
    : Math.max(latestHorizon(before) + 1, RECORDS_MS);
}

describe('compaction leaves what Kafka 4.2 leaves, byte for byte', () => {
  it.each(['compacted', 'compacted-twice', 'compacted-transactions'])('%s', async (name) => {
    const { before, after, expected } = beforeAndAfter(name);
    const deleteRetentionMs = Number(expected.configs['delete.retention.ms']);
    const clock = new SimulatedClock({ nowMs: RECORDS_MS });
    const fs = new SimulatedFileSystem({ seed: 1, clock });
    const directory = `/${name}-0`;
    fs.makeDirectory(directory);
    for (const [file, bytes] of before) await fs.writeFile(join(directory, file), bytes);
    let written = 0;
    const log = await PartitionLog.load({
      directory,
      fs,
      config: expected.configs as Record<string, string>,
      checkpoints: {
        take: async () => ({ clean: true, recoveryPoint: 0, logStartOffset: 0 }),
        write: async ({ cleanerOffset }) => {
          written = cleanerOffset ?? 0;
        },
        release: async () => undefined,
      },
    });
    expect(log.logEndOffset).toBe(expected.endOffset);
    clock.advance(cleanedAt(before, after, deleteRetentionMs) - RECORDS_MS);
    const report = await log.compact({ force: true });
    expect(report.compacted).toBe(true);
    expect(written).toBe(report.endOffset);
    const activeBase = Math.max(...log.segments().map(({ baseOffset }) => baseOffset));
    const found = new Map<string, string>();
    for (const { name: file } of fs.list(directory)) {
      if (!SEGMENT_FILE.test(file) || Number(file.slice(0, 20)) >= activeBase) continue;
      found.set(file, fs.readFile(join(directory, file), { maxBytes: 1e6 }).toString('hex'));
    }
    const wanted = [...after].filter(([file]) => Number(file.slice(0, 20)) < activeBase);
    expect(Object.fromEntries([...found].sort())).toEqual(
      Object.fromEntries(wanted.map(([file, bytes]) => [file, bytes.toString('hex')]).sort()),
    );
    await log.close();
  });
});
