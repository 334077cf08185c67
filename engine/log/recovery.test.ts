import { describe, expect, it } from 'vitest';
import { BatchOptions, writeControlBatch } from '../format/batch-writer.js';
import { RECOVERY_POINT_CHECKPOINT_FILE } from '../format/offset-checkpoint.js';
import { SimulatedFileSystem } from '../testing/simulated-file-system.js';
import { PartitionLog } from './partition-log.js';

const DIRECTORY = '/data/events-0';
const SMALL = { 'internal.segment.bytes': 4096, 'index.interval.bytes': 256 };
const INDEX = /\.(index|timeindex|txnindex)$/;

function open(fs: SimulatedFileSystem): Promise<PartitionLog> {
  return PartitionLog.open({ directory: DIRECTORY, fs, config: SMALL });
}

/** A log of several segments with an idempotent producer and one whose transactions are aborted. */
async function fill(log: PartitionLog): Promise<void> {
  let sequence = 0;
  for (let i = 0; i < 120; i += 1) {
    log.append([{ value: `plain-${i}` }]);
    if (i % 3 === 0) {
      log.append([{ value: `idempotent-${i}` }], { ...producer(7), baseSequence: i / 3 });
    }
    if (i % 20 < 2) {
      log.append([{ value: `transaction-${i}` }], {
        ...producer(9),
        baseSequence: sequence,
        isTransactional: true,
      });
      sequence += 1;
    }
    if (i % 20 === 12) abort(log);
    if (i % 10 === 0) await log.flush();
  }
}

function producer(producerId: number) {
  return { producerId, producerEpoch: 0 };
}

function abort(log: PartitionLog): void {
  const options = new BatchOptions();
  options.producerId = 9;
  options.producerEpoch = 0;
  const bytes = Buffer.alloc(256);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = writeControlBatch(bytes, view, 0, 'ABORT', 0, options);
  log.appendBatches(bytes.subarray(0, size), { origin: 'coordinator' });
}

/** Written, rolled, flushed and left behind by a kill; where `keepPoint` is false, to be scanned from the start. */
async function killed(keepPoint = false): Promise<SimulatedFileSystem> {
  const fs = new SimulatedFileSystem({ seed: 1 });
  const log = await open(fs);
  await fill(log);
  await log.flush();
  // Rolling finishes in the background.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const next = fs.kill();
  if (!keepPoint) await next.remove(`${DIRECTORY}/${RECOVERY_POINT_CHECKPOINT_FILE}`);
  return next;
}

async function removeFiles(fs: SimulatedFileSystem, name: RegExp): Promise<void> {
  for (const file of fs.list(DIRECTORY)) {
    if (name.test(file.name)) await fs.remove(`${DIRECTORY}/${file.name}`);
  }
}

function indexes(fs: SimulatedFileSystem): Map<string, string> {
  const found = new Map<string, string>();
  for (const [path, bytes] of fs.snapshot()) {
    if (INDEX.test(path)) found.set(path, bytes.toString('hex'));
  }
  return found;
}

function transactionsOf(log: PartitionLog) {
  return {
    aborted: log.abortedTransactions(0, log.logEndOffset),
    lastStableOffset: log.lastStableOffset,
    duplicate: log.append([{ value: 'again' }], { ...producer(7), baseSequence: 39 }).baseOffset,
  };
}

it('a clean stop right after a recovery leaves nothing of what that has cut', async () => {
  const fs = new SimulatedFileSystem({ seed: 3 });
  const log = await open(fs);
  log.append([{ value: 'torn' }]);
  await log.flush();
  const rebooted = fs.kill();
  const file = `${DIRECTORY}/00000000000000000000.log`;
  // A page that did not reach the disk.
  rebooted.contentOf(file).write(0, Buffer.alloc(32));
  const recovered = await open(rebooted);
  expect(recovered.logEndOffset).toBe(0);
  await recovered.close();
  expect(rebooted.stat(file)?.size).toBe(0);
  const again = await open(rebooted);
  expect(again.logEndOffset).toBe(0);
  await again.close();
});

describe('a recovery that scans the whole log', () => {
  it.each([
    ['snapshots and indexes as they were', null],
    ['no producer snapshot', /\.snapshot$/],
    ['no transaction index', /\.txnindex$/],
    ['no side file at all', /\.(snapshot|index|timeindex|txnindex)$/],
  ])('finds producers and aborted transactions in what it reads: %s', async (_case, lost) => {
    const fs = new SimulatedFileSystem({ seed: 1 });
    const whole = await open(fs);
    await fill(whole);
    const expected = transactionsOf(whole);
    expect(expected.aborted).toHaveLength(6);
    expect(expected.duplicate).toBeLessThan(whole.logEndOffset);

    const after = await killed();
    if (lost !== null) await removeFiles(after, lost);
    const log = await open(after);
    expect(log.recovery.segments.length).toBe(log.segmentCount);
    expect(log.segmentCount).toBeGreaterThan(3);
    expect(log.logEndOffset).toBe(whole.logEndOffset);
    expect(transactionsOf(log)).toEqual(expected);
    await log.close();
    const again = await open(after);
    expect(again.recovery.wasClean).toBe(true);
    expect(transactionsOf(again)).toEqual(expected);
    await again.close();
  });

  it('knows nothing of a producer whose batches were cut', async () => {
    const fs = await killed();
    const [name] = fs
      .list(DIRECTORY)
      .flatMap((file) => (/^0+\.log$/.test(file.name) ? [file] : []));
    const path = `${DIRECTORY}/${name?.name}`;
    const bytes = fs.readFile(path, { maxBytes: 1 << 20 });
    bytes[bytes.length - 1]! ^= 0xff;
    await fs.writeFile(path, bytes);
    const log = await open(fs);
    expect(log.segmentCount).toBe(1);
    const options = { ...producer(7), baseSequence: 39 };
    expect(() => log.append([{ value: 'again' }], options)).toThrow(/sequence/);
    await log.close();
  });
});

describe('indexes after a recovery', () => {
  it('are made again as they were, and survive a power failure once a flush has resolved', async () => {
    const fs = await killed();
    const before = indexes(fs);
    expect(before.size).toBeGreaterThan(6);
    await removeFiles(fs, INDEX);
    const log = await open(fs);
    expect(indexes(fs)).toEqual(before);
    await log.flush();
    expect(indexes(fs.powerFail({ outcome: 'nothing' }))).toEqual(before);
  });

  it('need no flush to be right after a power failure: they are made again', async () => {
    const fs = await killed();
    const before = indexes(fs);
    await removeFiles(fs, INDEX);
    await open(fs);
    const rebooted = fs.powerFail({ outcome: 'nothing' });
    const log = await open(rebooted);
    expect(indexes(rebooted)).toEqual(before);
    await log.close();
  });

  it('are not written where they are right: nothing waits for the disk', async () => {
    const fs = await killed();
    const inodes = indexes(fs);
    const wholeLog = fs.steps;
    const log = await open(fs);
    const scanned = fs.steps - wholeLog;
    expect(log.recovery.segments.length).toBeGreaterThan(3);
    expect(indexes(fs)).toEqual(inodes);

    const other = await killed(true);
    const lastSegment = other.steps;
    const short = await open(other);
    expect(short.recovery.segments.length).toBeLessThan(3);
    expect(scanned).toBeLessThanOrEqual(other.steps - lastSegment);
    await log.close();
    await short.close();
  });
});

describe('a kill while a segment is sealed that the recovery point already covers', () => {
  it('leaves nothing half done: a power failure later finds the whole log', async () => {
    let sealsCut = 0;
    for (let crashAtStep = 60; crashAtStep < 110; crashAtStep += 1) {
      // What the kernel writes back unasked, and when, differs with the seed.
      const fs = new SimulatedFileSystem({ seed: crashAtStep, faults: { crashAtStep } });
      if (!(await dieWhileSealing(fs))) continue;
      sealsCut += 1;
      const restarted = fs.kill();
      const log = await open(restarted);
      const end = log.logEndOffset;
      for (const value of ['more', 'and more']) {
        log.append([{ value }]);
        await log.flush();
        log.roll();
        await settled();
      }
      const before = log.segments();
      for (let seed = 1; seed <= 4; seed += 1) {
        const after = await open(restarted.powerFail({ seed }));
        expect(after.logEndOffset).toBe(end + 2);
        expect([...after.records()]).toHaveLength(end + 2);
        // Space that was reserved behind a sealed segment's data has not come back.
        expect(after.segments()).toEqual(before);
        await after.close();
      }
    }
    expect(sealsCut).toBeGreaterThan(8);
  });
});

/** Whether the machine stopped in what comes after a roll at the recovery point on disk. */
async function dieWhileSealing(fs: SimulatedFileSystem): Promise<boolean> {
  try {
    const log = await open(fs);
    log.append([{ value: 'first' }]);
    log.roll();
    log.append([{ value: 'second' }]);
    await log.flush();
    // The first roll is finished: its checkpoint says all of the second segment.
    await settled();
    if (fs.down !== null) return false;
    log.roll();
    await settled();
  } catch (error) {
    if (fs.down === null) throw error;
    return false;
  }
  return fs.down !== null;
}

function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
