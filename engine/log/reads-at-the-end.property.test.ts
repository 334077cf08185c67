import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lastOffset, sizeInBytes } from '../format/batch-header.js';
import { openFileSystem } from '../io/index.js';
import { Random } from '../testing/random.js';
import { PartitionLog } from './partition-log.js';

interface Batch {
  readonly last: number;
  readonly bytes: Buffer;
}

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-reads-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** What the next append of the follower is read into, as a connection does that uses its memory again. */
const memory = Buffer.alloc(4 << 20);

function batchesIn(bytes: Buffer): Batch[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const batches: Batch[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = sizeInBytes(view, at);
    batches.push({ last: lastOffset(view, at), bytes: Buffer.from(bytes.subarray(at, at + size)) });
    at += size;
  }
  return batches;
}

/** A read is the batches from the one that holds the offset on, up to its limits. */
function checkRead(log: PartitionLog, model: readonly Batch[], random: Random): void {
  const { logStartOffset, logEndOffset, highWatermark } = log;
  const offset = random.chance(0.7)
    ? Math.max(logStartOffset, logEndOffset - random.below(40))
    : logStartOffset + random.below(logEndOffset - logStartOffset + 1);
  const isFollower = random.chance(0.5);
  const end = isFollower ? logEndOffset : highWatermark;
  const maxBytes = random.below(60_000);
  const { bytes, nextOffset } = log.read(offset, {
    maxBytes,
    isolation: isFollower ? 'log_end' : 'high_watermark',
  });
  const from = model.findIndex(({ last }) => last >= offset);
  const first = model[from];
  if (offset >= end || first === undefined || first.last >= end) {
    expect(bytes.length).toBe(0);
    return;
  }
  const read = batchesIn(bytes);
  expect(read.length).toBeGreaterThan(0);
  const expected = model.slice(from, from + read.length);
  expect(bytes.equals(Buffer.concat(expected.map((batch) => batch.bytes)))).toBe(true);
  expect(bytes.length).toBeLessThanOrEqual(Math.max(maxBytes, first.bytes.length));
  expect(expected.at(-1)!.last).toBeLessThan(end);
  expect(nextOffset).toBeGreaterThan(offset);
  expect(nextOffset).toBeGreaterThanOrEqual(expected.at(-1)!.last + 1);
}

test.each([
  ['mmap', 1],
  ['mmap', 2],
  ['portable', 3],
] as const)(
  'the property (%s, seed %d): reads find what was appended, whatever was cut, rolled and moved',
  async (kind, seed) => {
    const random = new Random(seed);
    const config = { segmentBytes: 1 << 20, indexIntervalBytes: 2000 };
    const open = (name: string): Promise<PartitionLog> =>
      PartitionLog.open({ directory: join(directory, name), fs: openFileSystem({ kind }), config });
    let leader = await open('leader-0');
    let follower = await open('follower-0');
    let model: Batch[] = [];
    for (let step = 0; step < 500; step += 1) {
      const dice = random.below(100);
      if (dice < 60) {
        const valueBytes = random.chance(0.3) ? 9000 + random.below(20_000) : random.below(300);
        const records = Array.from({ length: 1 + random.below(4) }, () => ({
          value: Buffer.alloc(Math.ceil(valueBytes / 2), step),
          timestamp: 1000 + step,
        }));
        leader.append(records);
      } else if (dice < 64) {
        const cut = leader.logEndOffset - random.below(30);
        const to = Math.max(leader.logStartOffset, cut);
        await leader.truncateTo(to);
        if (follower.logEndOffset > to)
          await follower.truncateTo(Math.max(follower.logStartOffset, to));
        // Whole batches go: an offset within one takes all of it.
        model = model.filter(({ last }) => last < to);
      } else if (dice < 66) {
        leader.roll();
      } else if (dice < 67) {
        const start = Math.min(follower.logEndOffset, leader.logEndOffset);
        const mark = Math.max(leader.logStartOffset, start - 200);
        await leader.deleteRecordsBefore(Math.min(mark, leader.highWatermark));
      } else if (dice < 68) {
        await leader.close();
        leader = await open('leader-0');
        await follower.close();
        follower = await open('follower-0');
      } else if (dice < 84 && follower.logEndOffset < leader.logEndOffset) {
        // In pieces of several batches, from memory that is another's at once.
        const { bytes } = leader.read(follower.logEndOffset, {
          maxBytes: 1 + random.below(200_000),
          isolation: 'log_end',
        });
        // Up to its end there may be a gap alone.
        if (bytes.length === 0) continue;
        bytes.copy(memory);
        follower.appendBatches(memory.subarray(0, bytes.length), { origin: 'replication' });
        memory.fill(0xdb, 0, bytes.length);
      } else if (dice < 88) {
        leader.setHighWatermark(
          leader.logEndOffset -
            random.below(Math.min(50, leader.logEndOffset - leader.logStartOffset + 1)),
        );
      }
      const known = model.at(-1)?.last ?? -1;
      if (leader.logEndOffset > known + 1) {
        let from = known + 1;
        while (from < leader.logEndOffset) {
          const read = leader.read(Math.max(from, leader.logStartOffset), {
            isolation: 'log_end',
            maxBytes: 1,
          });
          const batches = batchesIn(read.bytes);
          // A cut within a batch leaves a gap up to the log's end.
          expect(batches.length).toBeLessThanOrEqual(1);
          model.push(...batches);
          expect(read.nextOffset).toBeGreaterThanOrEqual(from);
          if (read.nextOffset === from) break;
          from = read.nextOffset;
        }
      }
      checkRead(leader, model, random);
      checkRead(
        follower,
        model.filter(({ last }) => last < follower.logEndOffset),
        random,
      );
    }
    await leader.close();
    await follower.close();
  },
  60_000,
);
