import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openFileSystem } from '../io/index.js';
import type { Finding } from './inspect-finding.js';
import { LogInspector } from './inspect-log.js';
import { repairPartition } from './inspect-repair.js';
import { type VerifySummary, verifyPartition } from './inspect-verify.js';
import { PartitionLog } from './partition-log.js';

const BATCHES = 60;
const RECORDS = 4;
const files = openFileSystem({ kind: 'portable' });
let root: string;
let directory: string;

beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'varve-inspect-'));
  directory = join(root, 'events-0');
});

afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

/** Three or more segments of small batches, each indexed, closed cleanly. */
async function writeLog(): Promise<void> {
  const config = { internalSegmentBytes: 8192, indexIntervalBytes: 512 };
  const log = await PartitionLog.open({ directory, config });
  for (let batch = 0; batch < BATCHES; batch += 1) {
    log.append(
      Array.from({ length: RECORDS }, (_, i) => ({
        key: `key ${i}`,
        value: `batch ${batch}, record ${i}, ${'x'.repeat(60)}`,
        timestamp: 1_700_000_000_000 + batch * 1000 + i,
      })),
    );
  }
  await log.close();
}

function names(kind: string): string[] {
  return fs
    .readdirSync(directory)
    .filter((name) => name.endsWith(`.${kind}`))
    .sort();
}

const pathOf = (kind: string, segment: number) => join(directory, names(kind).at(segment)!);

/** File positions of the batches of a segment. */
function positions(path: string): number[] {
  const bytes = fs.readFileSync(path);
  const found: number[] = [];
  for (let at = 0; at < bytes.length; at += bytes.readInt32BE(at + 8) + 12) found.push(at);
  return found;
}

function change(path: string, edit: (bytes: Buffer) => Buffer | undefined): void {
  const bytes = fs.readFileSync(path);
  fs.writeFileSync(path, edit(bytes) ?? bytes);
}

function flip(path: string, at: number, bits: number): void {
  change(path, (bytes) => {
    bytes[at] = bytes[at]! ^ bits;
    return bytes;
  });
}

async function check(): Promise<VerifySummary & { findings: Finding[] }> {
  const findings: Finding[] = [];
  const summary = await verifyPartition(files, directory, { report: (one) => findings.push(one) });
  return { ...summary, findings };
}

const damageOf = (findings: readonly Finding[]) =>
  findings.filter(({ severity }) => severity === 'damage');

async function values(): Promise<string[]> {
  const { RecordCursor } = await import('../format/batch-reader.js');
  const cursor = new RecordCursor();
  const all: string[] = [];
  for await (const { scan } of new LogInspector(files, directory).batches(0)) {
    cursor.reset(scan.buffer, scan.view, scan.at);
    while (cursor.next()) all.push(Buffer.from(cursor.value()!).toString());
  }
  return all;
}

interface Row {
  readonly name: string;
  readonly damage: () => void;
  /** Codes of the damage that verify reports, each once. */
  readonly codes: readonly string[];
  /** File position of the first finding, where it has one. */
  readonly position?: () => number;
  /** Batches that are still there after a repair. */
  readonly keeps: () => number;
}

const all = () => BATCHES;

/** Batches before segment `segment`, and `more` of its own. */
function before(segment: number, more: number): () => number {
  let known = -1;
  return () => {
    if (known < 0) {
      const logs = names('log').slice(0, segment);
      known = logs.reduce((sum, name) => sum + positions(join(directory, name)).length, more);
    }
    return known;
  };
}

const rows: Row[] = [
  {
    name: 'a bit flipped in the body of a batch in the middle segment',
    damage: () => {
      const path = pathOf('log', 1);
      flip(path, positions(path)[3]! + 90, 0x04);
    },
    codes: ['bad-batch'],
    position: () => positions(pathOf('log', 1))[3]!,
    keeps: before(1, 3),
  },
  {
    name: 'a bit flipped in the length field of a batch in the last segment',
    damage: () => {
      const path = pathOf('log', -1);
      flip(path, positions(path)[2]! + 9, 0x40);
    },
    codes: ['torn-tail'],
    position: () => positions(pathOf('log', -1))[2]!,
    keeps: () => before(names('log').length - 1, 2)(),
  },
  {
    name: 'a bit flipped in the magic byte of the first batch of all',
    damage: () => flip(pathOf('log', 0), 16, 0x80),
    codes: ['torn-tail'],
    position: () => 0,
    keeps: () => 0,
  },
  {
    name: 'a last batch that was torn',
    damage: () => change(pathOf('log', -1), (bytes) => bytes.subarray(0, bytes.length - 17)),
    codes: ['torn-tail'],
    keeps: () => BATCHES - 1,
  },
  {
    name: 'a batch of another place, copied over the one after it',
    damage: () => {
      const path = pathOf('log', 0);
      const [first, second, third] = positions(path);
      change(path, (bytes) => void bytes.copy(bytes, second!, first!, first! + third! - second!));
    },
    codes: ['offset-order'],
    position: () => positions(pathOf('log', 0))[1]!,
    keeps: () => 1,
  },
  {
    name: 'the end of a sealed segment lost to zeros',
    damage: () => {
      const path = pathOf('log', 0);
      change(path, (bytes) => bytes.fill(0, positions(path).at(-2)!));
    },
    codes: ['hole'],
    keeps: () => before(1, -2)(),
  },
  {
    name: 'an offset index that lies',
    damage: () => change(pathOf('index', 1), (bytes) => void bytes.writeInt32BE(33, 4)),
    codes: ['bad-index'],
    position: () => 0,
    keeps: all,
  },
  {
    name: 'an offset index of another segment',
    damage: () => fs.copyFileSync(pathOf('index', 0), pathOf('index', -1)),
    codes: ['bad-index'],
    keeps: all,
  },
  {
    name: 'an offset index cut inside an entry',
    damage: () => change(pathOf('index', 0), (bytes) => bytes.subarray(0, bytes.length - 3)),
    codes: ['bad-index'],
    keeps: all,
  },
  {
    name: 'an offset index padded with zeros although the log was closed',
    damage: () => change(pathOf('index', -1), (bytes) => Buffer.concat([bytes, Buffer.alloc(80)])),
    codes: ['bad-index'],
    keeps: all,
  },
  {
    name: 'an offset index that is missing',
    damage: () => fs.rmSync(pathOf('index', 1)),
    codes: ['bad-index'],
    keeps: all,
  },
  {
    name: 'a time index with a wrong timestamp',
    damage: () => flip(pathOf('timeindex', 1), 7, 1),
    codes: ['bad-time-index'],
    position: () => 0,
    keeps: all,
  },
  {
    name: 'a time index without its last entry',
    damage: () => change(pathOf('timeindex', 0), (bytes) => bytes.subarray(0, bytes.length - 12)),
    codes: ['bad-time-index'],
    keeps: all,
  },
  {
    name: 'indexes that are empty files',
    damage: () => {
      fs.writeFileSync(pathOf('index', 0), '');
      fs.writeFileSync(pathOf('timeindex', 0), '');
    },
    codes: ['bad-time-index'],
    keeps: all,
  },
  {
    name: 'an emptied log file with indexes',
    damage: () => fs.writeFileSync(pathOf('log', -1), ''),
    codes: ['bad-index', 'bad-time-index', 'lost-end'],
    keeps: () => before(names('log').length - 1, 0)(),
  },
  {
    name: 'a log file of something else',
    damage: () => fs.writeFileSync(pathOf('log', -1), 'this is no log at all, '.repeat(50)),
    codes: ['torn-tail'],
    position: () => 0,
    keeps: () => before(names('log').length - 1, 0)(),
  },
  {
    name: 'an index whose log file is missing',
    damage: () => fs.rmSync(pathOf('log', -1)),
    codes: ['lost-end', 'orphan'],
    keeps: () => before(names('log').length, 0)(),
  },
  {
    name: 'a producer snapshot with a flipped bit',
    damage: () => flip(pathOf('snapshot', -1), 4, 1),
    codes: ['bad-snapshot'],
    keeps: all,
  },
  {
    name: 'a leader epoch checkpoint that is no checkpoint',
    damage: () => fs.writeFileSync(join(directory, 'leader-epoch-checkpoint'), 'one\ntwo\n'),
    codes: ['bad-epochs'],
    keeps: all,
  },
  {
    name: 'a leader epoch checkpoint that lies',
    damage: () => fs.writeFileSync(join(directory, 'leader-epoch-checkpoint'), '0\n1\n7 0\n'),
    codes: ['bad-epochs'],
    keeps: all,
  },
  {
    name: 'a transaction index of nonsense',
    damage: () =>
      fs.writeFileSync(pathOf('index', 1).replace('.index', '.txnindex'), 'x'.repeat(34)),
    codes: ['bad-transaction-index'],
    keeps: all,
  },
  {
    name: 'partition.metadata that is not text',
    damage: () =>
      fs.writeFileSync(join(directory, 'partition.metadata'), Buffer.from([0xff, 0, 1])),
    codes: ['bad-metadata'],
    keeps: all,
  },
];

describe('a damaged log', () => {
  test.each(rows)('$name: reported, repaired, and nothing is thrown away', async (row) => {
    await writeLog();
    const written = await values();
    expect(written).toHaveLength(BATCHES * RECORDS);
    const kept = row.codes.includes('orphan') ? before(names('log').length - 1, 0)() : row.keeps();
    const position = row.position?.();
    const sizeBefore = bytesIn(directory);
    row.damage();
    const damagedSize = bytesIn(directory);
    expect(sizeBefore).toBeGreaterThan(0);

    const found = await check();
    const damage = damageOf(found.findings);
    expect([...new Set(damage.map(({ code }) => code))].sort()).toEqual(row.codes);
    expect(damage.every(({ message, repair }) => message !== '' && repair !== null)).toBe(true);
    if (position !== undefined) expect(damage[0]!.position).toBe(position);
    expect(bytesIn(directory)).toBe(damagedSize);

    const plan = await repairPartition(files, directory, { dryRun: true });
    expect(plan.actions.length).toBeGreaterThan(0);
    if (found.cut !== null) expect(found.cut.endOffset).toBe(kept * RECORDS);
    expect(bytesIn(directory)).toBe(damagedSize);

    const report = await repairPartition(files, directory);
    expect(report.remaining).toEqual([]);
    expect(report.after!.damage).toBe(0);
    expect(damageOf((await check()).findings)).toEqual([]);
    expect(await values()).toEqual(written.slice(0, kept * RECORDS));
    const cut = report.actions.filter(({ action }) => action === 'copy-tail');
    for (const { keptIn } of cut) expect(fs.statSync(keptIn!).size).toBeGreaterThan(0);
    for (const { action, keptIn, path } of report.actions) {
      if (action === 'set-aside') expect(fs.existsSync(keptIn!), path).toBe(true);
    }

    const log = await PartitionLog.open({ directory, config: { internalSegmentBytes: 8192 } });
    expect(log.logEndOffset).toBe(kept * RECORDS);
    log.append([{ value: 'after the repair' }]);
    await log.close();
    expect((await values()).at(-1)).toBe('after the repair');
    expect(damageOf((await check()).findings)).toEqual([]);
  });

  test('what a repair cut is byte for byte what was there', async () => {
    await writeLog();
    const path = pathOf('log', 1);
    const position = positions(path)[3]!;
    const later = names('log').slice(2);
    flip(path, position + 90, 0x04);
    const damaged = fs.readFileSync(path);
    const laterBytes = later.map((name) => fs.readFileSync(join(directory, name)));
    await repairPartition(files, directory);
    expect(fs.readFileSync(`${path}.from-${position}.set-aside`)).toEqual(
      damaged.subarray(position),
    );
    later.forEach((name, i) => {
      expect(fs.readFileSync(join(directory, `${name}.set-aside`))).toEqual(laterBytes[i]);
    });
  });

  test('a second repair does not overwrite what the first one kept', async () => {
    await writeLog();
    const path = pathOf('log', 0);
    const damage = () => flip(path, 90, 0x04);
    damage();
    await repairPartition(files, directory);
    const log = await PartitionLog.open({ directory });
    log.append([{ value: 'x'.repeat(100) }]);
    await log.close();
    damage();
    await repairPartition(files, directory);
    expect(fs.existsSync(`${path}.from-0.set-aside`)).toBe(true);
    expect(fs.existsSync(`${path}.from-0.set-aside-2`)).toBe(true);
  });
});

function bytesIn(path: string): number {
  return fs.readdirSync(path).reduce((sum, name) => sum + fs.statSync(join(path, name)).size, 0);
}

describe('a sound log', () => {
  test('closed cleanly: nothing is found, nothing is repaired', async () => {
    await writeLog();
    expect((await check()).findings.map(({ code }) => code)).toEqual([]);
    const report = await repairPartition(files, directory);
    expect(report.actions).toEqual([]);
    expect(report.after).toBeNull();
  });

  test('open and appended to: reserved space and unwritten indexes are notes, and repair refuses', async () => {
    await writeLog();
    const log = await PartitionLog.open({ directory });
    for (let i = 0; i < 100; i += 1) {
      log.append([{ value: `live ${i}` }]);
      if (i % 20 === 0) expect(damageOf((await check()).findings)).toEqual([]);
    }
    const { findings, logEndOffset } = await check();
    expect(logEndOffset).toBe(log.logEndOffset);
    expect(damageOf(findings)).toEqual([]);
    expect((await values()).at(-1)).toBe('live 99');
    await expect(repairPartition(files, directory)).rejects.toMatchObject({
      code: 'DIRECTORY_LOCKED',
    });
    await expect(repairPartition(files, directory, { dryRun: true })).rejects.toMatchObject({
      code: 'DIRECTORY_LOCKED',
    });
    await log.close();
  });

  test('killed, with reserved space behind its data: said as a note', async () => {
    await writeLog();
    fs.rmSync(join(directory, '.kafka_cleanshutdown'));
    for (const kind of ['index', 'timeindex']) fs.rmSync(pathOf(kind, -1));
    const path = pathOf('log', -1);
    const { size } = fs.statSync(path);
    fs.truncateSync(path, size + 1_000_000);
    const { findings, logEndOffset } = await check();
    expect(damageOf(findings)).toEqual([]);
    expect(logEndOffset).toBe(BATCHES * RECORDS);
    const reserved = findings.find(({ code }) => code === 'reserved');
    expect(reserved).toMatchObject({ path, position: size });
    expect(findings.filter(({ code }) => code === 'not-written-yet')).toHaveLength(2);
    expect((await repairPartition(files, directory)).actions).toEqual([]);
  });

  test('killed while appending: the batch that was not finished is a note, and reading ends before it', async () => {
    await writeLog();
    const path = pathOf('log', -1);
    const { size } = fs.statSync(path);
    const unfinished = Buffer.concat([Buffer.alloc(61), Buffer.from('records, written first')]);
    fs.appendFileSync(path, Buffer.concat([unfinished, Buffer.alloc(5000)]));
    expect(damageOf((await check()).findings).map(({ code }) => code)).toEqual(['torn-tail']);
    fs.rmSync(join(directory, '.kafka_cleanshutdown'));
    const { findings } = await check();
    expect(damageOf(findings)).toEqual([]);
    expect(findings.find(({ code }) => code === 'unfinished')).toMatchObject({
      path,
      position: size,
    });
    expect(await values()).toHaveLength(BATCHES * RECORDS);
    const log = await PartitionLog.open({ directory });
    expect(log.logEndOffset).toBe(BATCHES * RECORDS);
    await log.close();
  });

  test('a directory inside a data directory that is open is refused', async () => {
    await writeLog();
    flip(pathOf('log', 0), 90, 1);
    const lock = files.lock(join(root, '.lock'));
    await expect(repairPartition(files, directory)).rejects.toMatchObject({
      code: 'DIRECTORY_LOCKED',
    });
    lock.release();
    expect((await repairPartition(files, directory)).remaining).toEqual([]);
  });
});
