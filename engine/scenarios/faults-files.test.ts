import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isVarveError } from '../errors.js';
import { BatchProblem, checkBatch } from '../format/batch-check.js';
import { sizeInBytes } from '../format/batch-header.js';
import { readRecords } from '../format/batch-reader.js';
import { openFileSystem } from '../io/index.js';
import type { FileSystem } from '../io/port.js';
import { PartitionLog } from '../log/partition-log.js';

/*
 * A log of three sealed segments and an active one, closed; its files are damaged; it is opened as it was closed or,
 * without the clean-shutdown mark, recovered. 30 batches of 2 records, the third segment begins at offset 40.
 */
const CONFIG = { 'index.interval.bytes': 200 };
const BATCHES = 30;
const RECORDS = BATCHES * 2;
const SEGMENTS = [0, 20, 40, 52];
const textOf = (offset: number) => `value-${offset}-`.padEnd(100, 'v');
const name = (base: number, kind: string) => `${String(base).padStart(20, '0')}.${kind}`;

let root: string;
let directory: string;
let fs: FileSystem;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'varve-files-'));
  directory = join(root, 'events-0');
  fs = openFileSystem();
  const log = await PartitionLog.open({ directory, fs, config: CONFIG });
  for (let i = 0; i < BATCHES; i += 1) {
    if (SEGMENTS.includes(log.logEndOffset)) log.roll();
    const records = [0, 1].map((j) => ({
      value: textOf(i * 2 + j),
      timestamp: 1_700_000_000_000 + i * 2 + j,
    }));
    log.append(records);
  }
  expect(log.segments().map(({ baseOffset }) => baseOffset)).toEqual(SEGMENTS);
  await log.close();
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const path = (base: number, kind = 'log') => join(directory, name(base, kind));

/** Changes the bytes in place, or puts what `change` returns there. */
function edit(file: string, change: (bytes: Buffer) => unknown): void {
  const bytes = readFileSync(file);
  const changed = change(bytes);
  writeFileSync(file, Buffer.isBuffer(changed) ? changed : bytes);
}

function unclean(): void {
  rmSync(join(directory, '.kafka_cleanshutdown'));
}

/** Position of the batch that starts at `offset`: all batches of a segment have one size. */
function positionOf(base: number, offset: number): number {
  const log = readFileSync(path(base));
  return ((offset - base) / 2) * (12 + log.readInt32BE(8));
}

/** What every reader must get: records in order that are right, or an error that says where. */
function readable(log: PartitionLog): { offsets: number[]; codes: Set<string> } {
  const offsets: number[] = [];
  const codes = new Set<string>();
  for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
    try {
      const { bytes, nextOffset } = log.read(offset, { maxBytes: 1 });
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      for (let at = 0; at < bytes.length; at += sizeInBytes(view, at)) {
        const options = { crc: true, maxBytes: bytes.length };
        if (checkBatch(bytes, view, at, bytes.length, options) !== BatchProblem.BATCH_OK) {
          codes.add('CRC');
          continue;
        }
        for (const record of readRecords(bytes, at)) {
          if (record.offset < offset) continue;
          expect(Buffer.from(record.value!).toString()).toBe(textOf(record.offset));
          offsets.push(record.offset);
        }
      }
      offset = Math.max(nextOffset, offset + 1);
    } catch (error) {
      if (!isVarveError(error)) throw error;
      codes.add(error.code);
      offset += 1;
    }
  }
  return { offsets, codes };
}

const upTo = (end: number) => Array.from({ length: end }, (_, offset) => offset);

async function expectWorksOn(log: PartitionLog): Promise<void> {
  const end = log.logEndOffset;
  expect(log.append([{ value: 'on' }]).baseOffset).toBe(end);
  log.roll();
  log.append([{ value: 'and on' }]);
  await log.close();
  expect(fs.usage().openFiles).toBe(0);
  const again = await PartitionLog.open({ directory, fs, config: CONFIG });
  expect(again.recovery.wasClean).toBe(true);
  expect(again.logEndOffset).toBe(end + 2);
  expect(Buffer.from(again.readRecord(end)!.value!).toString()).toBe('on');
  await again.close();
}

describe('an index never decides what is there', () => {
  const damages: [string, (file: string) => void][] = [
    ['missing', (file) => rmSync(file)],
    ['empty', (file) => writeFileSync(file, '')],
    ['cut inside an entry', (file) => edit(file, (b) => b.subarray(0, b.length - 6))],
    ['not a whole number of entries', (file) => edit(file, (b) => b.subarray(0, b.length - 3))],
    ['padded with zeros', (file) => edit(file, (b) => Buffer.concat([b, Buffer.alloc(240)]))],
    ['zeros', (file) => edit(file, (b) => b.fill(0))],
    ['ones', (file) => edit(file, (b) => b.fill(0xff))],
    [
      'another segment’s',
      (file) => copyFileSync(file.replace('20.', '40.').replace('020', '040'), file),
    ],
    ['lying by some bytes', (file) => edit(file, (b) => b.writeInt32BE(b.readInt32BE(4) + 7, 4))],
    ['backwards', (file) => edit(file, (b) => b.reverse())],
    [
      'text',
      (file) => writeFileSync(file, 'this is not an index, but it is long enough for one..'),
    ],
  ];
  const rows = ['index', 'timeindex'].flatMap((kind) =>
    damages.flatMap(([damage, apply]) =>
      ['closed', 'killed'].map((state) => ({ kind, damage, apply, state })),
    ),
  );
  it.each(rows)('$kind $damage, log $state', async ({ kind, apply, state }) => {
    apply(path(20, kind));
    if (state === 'killed') unclean();
    const log = await PartitionLog.open({ directory, fs, config: CONFIG });
    expect(log.logEndOffset).toBe(RECORDS);
    expect(readable(log).offsets).toEqual(upTo(RECORDS));
    for (let offset = 0; offset < RECORDS; offset += 1) {
      expect(log.readRecord(offset, { checkCrcs: true })?.offset).toBe(offset);
      expect(log.findByTimestamp(1_700_000_000_000 + offset)?.offset).toBe(offset);
    }
    await expectWorksOn(log);
  });
});

describe('an index that lost whole entries at its end', () => {
  it.each(['index', 'timeindex'])('%s: offsets are found, times never too early', async (kind) => {
    const entry = kind === 'index' ? 8 : 12;
    edit(path(20, kind), (b) => b.subarray(0, b.length - entry));
    const log = await PartitionLog.open({ directory, fs, config: CONFIG });
    expect(readable(log).offsets).toEqual(upTo(RECORDS));
    for (let offset = 0; offset < RECORDS; offset += 1) {
      expect(log.readRecord(offset, { checkCrcs: true })?.offset).toBe(offset);
      // Kafka's files do not tell that an entry is missing: a time whose entry is gone is looked for in the next segment.
      const found = log.findByTimestamp(1_700_000_000_000 + offset)!.offset;
      expect(found).toBeGreaterThanOrEqual(offset);
      if (kind === 'index' || offset < 36 || offset >= 40) expect(found).toBe(offset);
    }
    await expectWorksOn(log);
  });
});

describe('a log file that is damaged, after an unclean stop, is cut where the damage begins', () => {
  const rows: {
    name: string;
    damage: () => void;
    end: number;
    /** What the report must say was cut, or null: nothing but zeros went. */
    problem: RegExp | null;
  }[] = [
    {
      name: 'the last batch is cut short',
      damage: () => truncateSync(path(52), positionOf(52, 58) + 100),
      end: 58,
      problem: /./,
    },
    {
      name: 'the end is cut inside a header',
      damage: () => truncateSync(path(52), positionOf(52, 58) + 10),
      end: 58,
      problem: /too few/,
    },
    {
      name: 'cut to nothing',
      damage: () => truncateSync(path(52), 0),
      end: 52,
      problem: null,
    },
    {
      name: 'zeros behind the end',
      damage: () => edit(path(52), (b) => Buffer.concat([b, Buffer.alloc(5000)])),
      end: 60,
      problem: null,
    },
    {
      name: 'rubbish behind the end',
      damage: () => edit(path(52), (b) => Buffer.concat([b, Buffer.alloc(500, 'rubbish')])),
      end: 60,
      problem: /./,
    },
    {
      name: 'a flipped bit in a value of the last segment',
      damage: () =>
        edit(path(52), (b) => {
          b[positionOf(52, 56) + 150]! ^= 1;
        }),
      end: 56,
      problem: /checksum/,
    },
    {
      name: 'a flipped bit in an offset',
      damage: () =>
        edit(path(52), (b) => {
          b[positionOf(52, 56) + 7]! ^= 32;
        }),
      end: 56,
      problem: /do not follow/,
    },
    {
      name: 'a flipped bit in a length',
      damage: () =>
        edit(path(52), (b) => {
          b[positionOf(52, 56) + 9]! ^= 1;
        }),
      end: 56,
      problem: /./,
    },
    {
      name: 'two batches in the wrong order',
      damage: () =>
        edit(path(52), (b) => {
          const [from, to] = [positionOf(52, 54), positionOf(52, 56)];
          const [one, two] = [Buffer.from(b.subarray(from, to)), b.subarray(to, to + to - from)];
          b.set(two, from);
          b.set(one, to);
        }),
      // The later batch comes first, as after a gap; the earlier one behind it cannot be.
      end: 58,
      problem: /do not follow/,
    },
    {
      name: 'a batch twice',
      damage: () => edit(path(52), (b) => Buffer.concat([b, b.subarray(positionOf(52, 58))])),
      end: 60,
      problem: /do not follow/,
    },
    {
      name: 'another log’s batches behind the end',
      damage: () => edit(path(52), (b) => Buffer.concat([b, readFileSync(path(0))])),
      end: 60,
      problem: /do not follow/,
    },
    {
      name: 'a foreign file in place of the last segment',
      damage: () => writeFileSync(path(52), '<!doctype html>'.repeat(100)),
      end: 52,
      problem: /./,
    },
  ];
  it.each(rows)('$name', async ({ damage, end, problem }) => {
    damage();
    unclean();
    const log = await PartitionLog.open({ directory, fs, config: CONFIG });
    const found = log.recovery.segments.filter((segment) => segment.problem !== null);
    expect(found).toHaveLength(problem === null ? 0 : 1);
    if (problem !== null) {
      expect(found[0]!.problem).toMatch(problem);
      expect(found[0]!.cutBytes).toBeGreaterThan(0);
      expect(found[0]!.path).toBe(path(52));
    }
    expect(log.logEndOffset).toBe(end);
    const { offsets, codes } = readable(log);
    expect([...codes]).toEqual([]);
    const isGapped = found[0]?.problem?.includes('54..55') ?? false;
    expect(offsets).toEqual(upTo(end).filter((at) => !(isGapped && (at === 54 || at === 55))));
    await expectWorksOn(log);
  });
});

describe('a log file damaged behind the back of a clean stop', () => {
  it('is found by whoever reads it: wrong bytes never pass, the rest is read', async () => {
    edit(path(20), (b) => {
      b[positionOf(20, 30) + 150]! ^= 1;
    });
    const log = await PartitionLog.open({ directory, fs, config: CONFIG });
    expect(log.recovery.wasClean).toBe(true);
    expect(() => log.readRecord(30, { checkCrcs: true })).toThrowError(
      expect.objectContaining({ code: 'CORRUPT_MESSAGE' }),
    );
    const { offsets, codes } = readable(log);
    expect([...codes]).toEqual(['CRC']);
    expect(offsets).toEqual(upTo(RECORDS).filter((offset) => offset !== 30 && offset !== 31));
    await expectWorksOn(log);
  });

  it.each([
    ['a segment cut short', () => truncateSync(path(20), positionOf(20, 36) + 20)],
    ['a segment of rubbish', () => writeFileSync(path(20), Buffer.alloc(3000, 'rubbish'))],
    ['a segment of zeros', () => edit(path(20), (b) => b.fill(0))],
  ])('%s: errors where it is read, the others are read', async (_, damage) => {
    damage();
    const log = await PartitionLog.open({ directory, fs, config: CONFIG });
    const { offsets, codes } = readable(log);
    expect([...codes]).toContain('CORRUPT_MESSAGE');
    for (const base of [0, 40, 52]) expect(offsets).toContain(base);
    expect(offsets.filter((offset) => offset < 20)).toEqual(upTo(20));
    expect(log.append([{ value: 'works on' }]).baseOffset).toBe(RECORDS);
    await log.close();
    expect(fs.usage().openFiles).toBe(0);
  });

  it.each([
    ['cut short', () => truncateSync(path(52), positionOf(52, 58) + 100)],
    ['of rubbish', () => writeFileSync(path(52), Buffer.alloc(3000, 'rubbish'))],
  ])(
    'the last segment %s: refused at opening, saying where; recovery mends it',
    async (_, damage) => {
      damage();
      const opened = PartitionLog.open({ directory, fs, config: CONFIG });
      await expect(opened).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE' });
      await expect(opened).rejects.toThrow(path(52));
      expect(fs.usage().openFiles).toBe(0);
      // Trying again cuts nothing either: what a clean stop left is not cut before somebody asks for it.
      await expect(PartitionLog.open({ directory, fs, config: CONFIG })).rejects.toMatchObject({
        code: 'CORRUPT_MESSAGE',
      });
      rmSync(join(directory, '.kafka_cleanshutdown'));
      const log = await PartitionLog.open({ directory, fs, config: CONFIG });
      expect(log.recovery.wasClean).toBe(false);
      expect(log.logEndOffset).toBeGreaterThanOrEqual(52);
      expect(readable(log).offsets).toEqual(upTo(log.logEndOffset));
      await expectWorksOn(log);
    },
  );
});

describe('side files', () => {
  const CASES: [string, () => void][] = [
    [
      'leader epochs damaged',
      () => writeFileSync(join(directory, 'leader-epoch-checkpoint'), '0\n9\n'),
    ],
    ['leader epochs missing', () => rmSync(join(directory, 'leader-epoch-checkpoint'))],
    [
      'checkpoints damaged',
      () => writeFileSync(join(directory, 'recovery-point-offset-checkpoint'), 'x'),
    ],
    [
      'recovery point past the end',
      () =>
        writeFileSync(join(directory, 'recovery-point-offset-checkpoint'), '0\n1\nevents 0 999\n'),
    ],
    [
      'producer snapshots damaged',
      () => {
        for (const file of readdirSync(directory)) {
          if (file.endsWith('.snapshot')) writeFileSync(join(directory, file), 'not a snapshot');
        }
      },
    ],
    [
      'files of strangers',
      () => {
        for (const file of ['notes.txt', '.hidden', '1.log', `${'9'.repeat(20)}.txt`, 'core']) {
          writeFileSync(join(directory, file), 'something else');
        }
      },
    ],
    [
      'leftovers of a crash',
      () => {
        for (const file of [
          name(7, 'log.deleted'),
          name(20, 'log.cleaned'),
          'x.tmp',
          name(99, 'index'),
        ]) {
          writeFileSync(join(directory, file), 'left over');
        }
      },
    ],
  ];
  it.each(
    CASES.flatMap(([label, damage]) =>
      ['closed', 'killed'].map((state) => ({ label, damage, state })),
    ),
  )('$label, log $state: every record is there', async ({ damage, state }) => {
    damage();
    if (state === 'killed') unclean();
    const log = await PartitionLog.open({ directory, fs, config: CONFIG });
    expect(log.logEndOffset).toBe(RECORDS);
    expect(readable(log).offsets).toEqual(upTo(RECORDS));
    await expectWorksOn(log);
  });
});
