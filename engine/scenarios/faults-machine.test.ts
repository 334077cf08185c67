import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFileSystem } from '../io/index.js';
import { PartitionLog } from '../log/partition-log.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { SimulatedFileSystem } from '../testing/simulated-file-system.js';
import { DIRECTORY } from './faults-workload.js';

/** The package as it is published, for other processes. */
const VARVE = resolve('dist/engine/index.js');
const IS_ROOT = process.platform === 'linux' && process.getuid?.() === 0;

let root: string;
let directory: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'varve-machine-'));
  directory = join(root, 'events-0');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Runs code with `varve`, `directory` and `say` in another process; resolves with all it said. */
async function elsewhere(code: string, limits = ''): Promise<unknown[]> {
  if (!existsSync(VARVE)) throw new Error(`${VARVE} is missing: run \`npm run build\` first`);
  const file = join(root, 'child.mjs');
  writeFileSync(
    file,
    `import * as varve from ${JSON.stringify(pathToFileURL(VARVE).href)};
     const directory = ${JSON.stringify(directory)};
     const said = [];
     const say = (value) => said.push(value);
     const codeOf = async (run) => { try { await run(); return 'no error'; } catch (error) { return error.code; } };
     ${code}
     process.stdout.write(JSON.stringify(said));`,
  );
  const command = `${limits} exec "$0" "$1"`;
  const child = spawn('/bin/sh', ['-c', command, process.execPath, file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let complaint = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stderr.on('data', (data) => {
    complaint += data;
  });
  const status = await new Promise((done) => child.once('close', done));
  if (status !== 0) throw new Error(`the other process left with ${status}: ${complaint}`);
  return JSON.parse(out);
}

describe('another process', () => {
  it('is refused while a log is open here, told who has it, and welcome afterwards', async () => {
    const log = await PartitionLog.open({ directory });
    log.append([{ value: 'mine' }]);
    const open = `say(await varve.PartitionLog.open({ directory }).then(
      async (log) => { const end = log.logEndOffset; await log.close(); return end; },
      (error) => [error.code, error.details.holder.pid, error.message.includes(String(error.details.holder.pid))]));`;
    expect(await elsewhere(open)).toEqual([['DIRECTORY_LOCKED', process.pid, true]]);
    expect(log.append([{ value: 'still mine' }]).baseOffset).toBe(1);
    await log.close();
    expect(await elsewhere(open)).toEqual([2]);
  });
});

describe.runIf(process.platform === 'linux')('too few open files', () => {
  it.each(['mmap', 'portable'])(
    'a %s log over more segments than there are descriptors is written and read whole',
    async (kind) => {
      const said = await elsewhere(
        `const fs = varve.openFileSystem({ kind: '${kind}' });
         const log = await varve.PartitionLog.open({ directory, fs });
         for (let i = 0; i < 150; i++) { log.append([{ value: 'value-' + i }]); log.roll(); if (i % 10 === 0) await log.flush(); }
         await log.flush();
         let right = 0;
         for (let i = 0; i < 150; i++) if (Buffer.from(log.readRecord(i).value).toString() === 'value-' + i) right++;
         say(right);
         await log.close();
         say(fs.usage().openFiles);`,
        'ulimit -n 96;',
      );
      expect(said).toEqual([150, 0]);
    },
  );

  it.each(['mmap', 'portable'])(
    'a %s log whose program has none left says so, loses nothing and works on',
    async (kind) => {
      const said = await elsewhere(
        `import { openSync, closeSync } from 'node:fs';
         const fs = varve.openFileSystem({ kind: '${kind}' });
         const log = await varve.PartitionLog.open({ directory, fs, config: { 'internal.segment.bytes': 2000 } });
         const value = 'x'.repeat(300);
         for (let i = 0; i < 10; i++) log.append([{ value }]);
         await log.flush();
         const taken = [];
         for (;;) { try { taken.push(openSync('/dev/null')); } catch { break; } }
         let codes = new Set();
         let acknowledged = log.logEndOffset;
         for (let i = 0; i < 20; i++) {
           try { log.append([{ value }]); acknowledged++; } catch (error) { codes.add(error.code); }
         }
         await new Promise((go) => setTimeout(go, 50));
         for (const fd of taken) closeSync(fd);
         say([...codes]);
         say(log.logEndOffset === acknowledged);
         const poisoned = log.poisoned !== null;
         const code = await codeOf(() => log.append([{ value }]));
         say(poisoned ? code === 'LOG_POISONED' : code === 'no error');
         if (!poisoned) acknowledged++;
         let readable = 0;
         for (let i = 0; i < acknowledged; i++) if (log.readRecord(i, { checkCrcs: true })?.offset === i) readable++;
         say(readable === acknowledged);
         await log.close();
         say(fs.usage().openFiles);
         const again = await varve.PartitionLog.open({ directory, fs });
         say(again.logEndOffset === acknowledged);
         await again.close();`,
        'ulimit -n 96;',
      );
      expect(said).toEqual([expect.anything(), true, true, true, 0, true]);
      for (const code of said[0] as string[]) {
        expect(['TOO_MANY_OPEN_FILES', 'LOG_POISONED']).toContain(code);
      }
    },
  );
});

describe.runIf(IS_ROOT)('a disk that is mounted read-only', () => {
  let mount: string;
  beforeEach(() => {
    mount = join(root, 'disk');
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', mount]);
    directory = join(mount, 'events-0');
  });
  afterEach(() => {
    execFileSync('umount', ['-l', mount]);
  });

  it.each(['mmap', 'portable'] as const)(
    'refuses to open a %s log, and leaves it as it is',
    async (kind) => {
      const fs = openFileSystem({ kind });
      const log = await PartitionLog.open({ directory, fs });
      log.append([{ value: 'kept' }]);
      await log.close();
      const before = readdirSync(directory).sort();
      execFileSync('mount', ['-o', 'remount,ro', mount]);
      for (const name of ['events-0', 'new-0']) {
        await expect(PartitionLog.open({ directory: join(mount, name), fs })).rejects.toMatchObject(
          { code: 'READ_ONLY', details: { errno: 'EROFS' } },
        );
      }
      expect(readdirSync(directory).sort()).toEqual(before);
      expect(fs.usage().openFiles).toBe(0);
      execFileSync('mount', ['-o', 'remount,rw', mount]);
      const again = await PartitionLog.open({ directory, fs });
      expect(again.recovery.wasClean).toBe(true);
      expect(Buffer.from(again.readRecord(0)!.value!).toString()).toBe('kept');
      await again.close();
    },
  );
});
if (!IS_ROOT) console.warn('skipped: a read-only disk needs root to be mounted');

describe('a clock that jumps', () => {
  const HOUR = 3_600_000;
  const config = {
    'segment.ms': HOUR,
    'retention.ms': 10 * HOUR,
    'message.timestamp.after.max.ms': HOUR,
  };

  it('back: appends go on, offsets too, nothing rolls or is deleted because of it', async () => {
    const clock = new SimulatedClock();
    const fs = new SimulatedFileSystem({ seed: 1, clock });
    const log = await PartitionLog.open({ directory: DIRECTORY, fs, config });
    const start = clock.now();
    log.append([{ value: 'before' }]);
    clock.jump(-365 * 24 * HOUR);
    for (let i = 0; i < 5; i += 1) log.append([{ value: `after ${i}` }]);
    expect(log.logEndOffset).toBe(6);
    expect(log.segmentCount).toBe(1);
    expect(await log.applyRetention()).toBe(0);
    expect(log.readRecord(0)!.timestamp).toBe(start);
    expect(log.readRecord(1)!.timestamp).toBe(clock.now());
    expect(log.findByTimestamp(start)).toMatchObject({ offset: 0 });
    expect(log.findByTimestamp(clock.now())).toMatchObject({ offset: 0 });
    expect(log.findByTimestamp(start + 1)).toBeNull();
    await log.close();
    const again = await PartitionLog.open({ directory: DIRECTORY, fs, config });
    expect(again.logEndOffset).toBe(6);
    expect(again.findByTimestamp(start)).toMatchObject({ offset: 0 });
    await again.close();
  });

  it('back: a time just before it is refused as too far ahead, with both times', async () => {
    const clock = new SimulatedClock();
    const fs = new SimulatedFileSystem({ seed: 2, clock });
    const log = await PartitionLog.open({ directory: DIRECTORY, fs, config });
    const timestamp = clock.now();
    clock.jump(-2 * HOUR);
    expect(() => log.append([{ timestamp, value: 'v' }])).toThrowError(
      expect.objectContaining({
        code: 'INVALID_TIMESTAMP',
        message: expect.stringContaining(String(timestamp)),
      }),
    );
    expect(log.append([{ value: 'v' }]).baseOffset).toBe(0);
    await log.close();
  });

  it('ahead: segments roll by time, and retention goes by the records’ own times', async () => {
    const clock = new SimulatedClock();
    const fs = new SimulatedFileSystem({ seed: 3, clock });
    const log = await PartitionLog.open({ directory: DIRECTORY, fs, config });
    log.append([{ value: 'old' }]);
    clock.jump(20 * HOUR);
    log.append([{ value: 'new' }]);
    expect(log.segmentCount).toBe(2);
    expect(await log.applyRetention()).toBe(1);
    expect(log.logStartOffset).toBe(1);
    expect(Buffer.from(log.readRecord(1)!.value!).toString()).toBe('new');
    await log.close();
  });

  it('back: producers are not forgotten, and their retries are still known', async () => {
    const clock = new SimulatedClock();
    const fs = new SimulatedFileSystem({ seed: 4, clock });
    const log = await PartitionLog.open({ directory: DIRECTORY, fs, config });
    const producer = { producerId: 5, producerEpoch: 0, baseSequence: 0 };
    log.append([{ value: 'once' }], producer);
    clock.jump(-1000 * HOUR);
    await log.applyRetention();
    expect(log.append([{ value: 'once' }], producer)).toMatchObject({
      isDuplicate: true,
      baseOffset: 0,
    });
    await log.close();
  });
});

describe.each(['mmap', 'portable'] as const)('views that a caller holds (%s)', (kind) => {
  const SIZE = 900;
  const CONFIG = { 'internal.segment.bytes': 4096 };
  const bytesOf = (offset: number) => Buffer.alloc(SIZE, `${offset} `);

  async function written() {
    const fs = openFileSystem({ kind });
    const log = await PartitionLog.open({ directory, fs, config: CONFIG });
    for (let i = 0; i < 20; i += 1) log.append([{ key: `k${i}`, value: bytesOf(i) }]);
    await sealed(log);
    expect(log.segmentCount).toBeGreaterThan(3);
    const batch = log.read(0, { maxBytes: 1 }).bytes;
    return { fs, log, views: views(log), batch, batchBefore: Buffer.from(batch) };
  }

  /** Sealed segments are read through mappings; of growing ones callers get copies. */
  async function sealed(log: PartitionLog): Promise<void> {
    await log.flush();
    await new Promise((go) => setTimeout(go, 100));
    await log.flush();
  }

  function views(log: PartitionLog): Uint8Array[] {
    return Array.from({ length: log.logEndOffset }, (_, offset) => log.readRecord(offset)!.value!);
  }

  async function expectUnchanged(held: Uint8Array[]): Promise<void> {
    // What was let go of is really gone: its memory is used for something else.
    for (let i = 0; i < 3; i += 1) {
      globalThis.gc!();
      await new Promise((go) => setImmediate(go));
    }
    for (const [offset, view] of held.entries()) {
      expect(Buffer.compare(view, bytesOf(offset))).toBe(0);
    }
  }

  it('are unchanged after their segment was deleted', async () => {
    const { fs, log, views: held, batch, batchBefore } = await written();
    await log.deleteRecordsBefore(15);
    expect(log.logStartOffset).toBe(15);
    expect(readdirSync(directory)).not.toContain(`${'0'.repeat(20)}.log`);
    for (let i = 0; i < 20; i += 1) log.append([{ value: Buffer.alloc(SIZE, 'other') }]);
    await expectUnchanged(held);
    expect(batch.equals(batchBefore)).toBe(true);
    await log.close();
    await expectUnchanged(held);
    expect(fs.usage().openFiles).toBe(0);
  });

  it('are unchanged after the log was truncated, and written over', async () => {
    const { log, views: held } = await written();
    await log.truncateTo(1);
    for (let i = 1; i < 20; i += 1) log.append([{ value: Buffer.alloc(SIZE, 'other') }]);
    await log.flush();
    await expectUnchanged(held);
    const other = log.readRecord(1)!.value!;
    expect(Buffer.compare(other, Buffer.alloc(SIZE, 'other'))).toBe(0);
    await log.close();
    await expectUnchanged(held);
  });

  it('are unchanged after the log was emptied and started elsewhere', async () => {
    const { log, views: held } = await written();
    await log.truncateFullyAndStartAt(1000);
    for (let i = 0; i < 20; i += 1) log.append([{ value: Buffer.alloc(SIZE, 'other') }]);
    await expectUnchanged(held);
    await log.close();
  });

  it('are unchanged after the log was closed and its files removed', async () => {
    const { fs, log, views: held } = await written();
    await log.close();
    expect(fs.usage().openFiles).toBe(0);
    rmSync(directory, { recursive: true });
    await expectUnchanged(held);
  });

  it('are unchanged after compaction rewrote their segments', async () => {
    const config = { ...CONFIG, 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': 0 };
    const log = await PartitionLog.open({ directory, fs: openFileSystem({ kind }), config });
    for (let i = 0; i < 20; i += 1) log.append([{ key: `k${i % 3}`, value: bytesOf(i) }]);
    log.roll();
    log.append([{ key: 'last', value: 'v' }]);
    await sealed(log);
    const held = views(log).slice(0, 20);
    expect(await log.compact()).toMatchObject({ compacted: true });
    expect(log.readRecord(0)!.offset).toBeGreaterThan(0);
    await expectUnchanged(held);
    await log.close();
    await expectUnchanged(held);
  });

  it.runIf(kind === 'mmap')('keep their mappings, which go with the last of them', async () => {
    const fs = openFileSystem({ kind, maxMappings: 1 });
    const log = await PartitionLog.open({ directory, fs, config: CONFIG });
    for (let i = 0; i < 20; i += 1) log.append([{ value: bytesOf(i) }]);
    await sealed(log);
    let held: Uint8Array[] = views(log);
    await log.close();
    await expectUnchanged(held);
    expect(fs.usage().mappings).toBeGreaterThan(0);
    held = [];
    await expect
      .poll(() => {
        globalThis.gc!();
        return fs.usage().mappings;
      })
      .toBe(0);
    expect(held).toHaveLength(0);
  });
});
