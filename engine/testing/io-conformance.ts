import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isVarveError } from '../errors.js';
import type { FileSystem, LogFile } from '../io/port.js';

export interface IoUnderTest {
  readonly fs: FileSystem;
  /** An empty directory for the test's files. */
  readonly directory: string;
  cleanup(): void | Promise<void>;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** What position `position` holds in every test file. */
export function byteAt(position: number, salt = 0): number {
  return ((position * 31) ^ (position >> 8) ^ (salt * 97) ^ 0x5a) & 255;
}

/** Appends `bytes` bytes of the pattern in pieces of `piece`. */
export function fill(log: LogFile, bytes: number, options: { piece?: number; salt?: number } = {}) {
  const { piece = bytes, salt = 0 } = options;
  const end = log.size + bytes;
  while (log.size < end) {
    const length = Math.min(piece, end - log.size);
    log.reserve(length);
    const { buffer, at, size } = log;
    for (let i = 0; i < length; i++) buffer[at + i] = byteAt(size + i, salt);
    log.commit(length);
  }
}

/** Fails with the first position that does not hold the pattern. */
export function expectPattern(bytes: Uint8Array, position: number, salt = 0): void {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== byteAt(position + i, salt)) {
      expect.fail(`position ${position + i} holds ${bytes[i]}, not ${byteAt(position + i, salt)}`);
    }
  }
}

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (isVarveError(error)) return error.code;
    throw error;
  }
  return 'no error';
}

/** The contract of `FileSystem` and `LogFile`, one test a sentence. */
export function ioConformance(
  name: string,
  makeFs: () => IoUnderTest | Promise<IoUnderTest>,
): void {
  describe(`${name}: file system contract`, () => {
    let under: IoUnderTest;
    let fs: FileSystem;
    let at: (file: string) => string;
    const opened: LogFile[] = [];

    beforeEach(async () => {
      under = await makeFs();
      fs = under.fs;
      at = (file) => `${under.directory}/${file}`;
    });
    afterEach(async () => {
      for (const log of opened.splice(0)) await log.close().catch(() => undefined);
      await under.cleanup();
    });

    function create(file = 'a.log', maxBytes = 64 * MIB): LogFile {
      const log = fs.openLog(at(file), { create: true, size: 0, maxBytes });
      opened.push(log);
      return log;
    }
    function reopen(size: number, options: { file?: string; readOnly?: boolean } = {}): LogFile {
      const { file = 'a.log', readOnly = false } = options;
      const log = fs.openLog(at(file), { create: false, size, maxBytes: 64 * MIB, readOnly });
      opened.push(log);
      return log;
    }

    describe('openLog', () => {
      it('creates an empty file that reserves nothing', () => {
        const log = create();
        expect(log.size).toBe(0);
        expect(fs.stat(log.path)?.size).toBe(0);
        expect(fs.usage().reservedBytes).toBe(0);
      });

      it('refuses to create over a file that is there', async () => {
        create();
        expect(await codeOf(() => create())).toBe('ALREADY_EXISTS');
      });

      it('refuses a file that is not there, with path and operation', () => {
        try {
          reopen(0, { file: 'missing.log' });
          expect.fail('opened');
        } catch (error) {
          if (!isVarveError(error, 'NOT_FOUND')) throw error;
          expect(error.details).toMatchObject({ path: at('missing.log'), operation: 'open' });
          expect(error.cause).toBeDefined();
        }
      });

      it('refuses a size beyond the file', async () => {
        await fs.writeFile(at('a.log'), Buffer.alloc(10));
        expect(await codeOf(() => reopen(11))).toBe('IO_FAILED');
      });

      it('ignores what the file holds beyond size, and cuts it before the first append', async () => {
        await fs.writeFile(at('a.log'), Buffer.alloc(3 * MIB, 0xee));
        const log = reopen(5000);
        expect(log.size).toBe(5000);
        fill(log, 100);
        await log.flush();
        const length = fs.stat(log.path)!.size;
        expect(length).toBeGreaterThanOrEqual(5100);
        const content = fs.readFile(log.path, { maxBytes: 64 * MIB });
        expect(content.subarray(0, 5000).every((byte) => byte === 0xee)).toBe(true);
        expectPattern(content.subarray(5000, 5100), 5000);
        expect(content.subarray(5100).every((byte) => byte === 0)).toBe(true);
      });

      it('cuts what lies beyond size on close, also without an append', async () => {
        await fs.writeFile(at('a.log'), Buffer.alloc(10_000, 1));
        await reopen(4000).close();
        expect(fs.stat(at('a.log'))?.size).toBe(4000);
      });

      it('leaves a read-only file as it is', async () => {
        await fs.writeFile(at('a.log'), Buffer.alloc(10_000, 1));
        const log = reopen(4000, { readOnly: true });
        expect(await codeOf(() => log.reserve(1))).toBe('READ_ONLY');
        expect(await codeOf(() => log.truncate(10))).toBe('READ_ONLY');
        expect(log.bytes(3990, 10)).toEqual(Buffer.alloc(10, 1));
        await log.seal();
        await log.close();
        expect(fs.stat(at('a.log'))?.size).toBe(10_000);
      });
    });

    describe('append', () => {
      for (const [piece, total] of [
        [1, 300],
        [100, 300_000],
        [1000, 3 * MIB],
        [4096, 2 * MIB],
        [64 * KIB, 24 * MIB],
        [3 * MIB + 17, 20 * MIB],
      ] as const) {
        it(`gives back ${total} bytes appended ${piece} at a time`, async () => {
          const log = create();
          fill(log, total, { piece });
          expect(log.size).toBe(total);
          expectPattern(log.bytes(0, total), 0);
          await log.close();
          expect(fs.stat(log.path)?.size).toBe(total);
          expectPattern(fs.readFile(at('a.log'), { maxBytes: total }), 0);
        });
      }

      it('is there for another reader as soon as commit returns', () => {
        const log = create();
        for (let i = 0; i < 300; i++) {
          fill(log, 1024);
          if (i % 50 !== 49) continue;
          const other = reopen(log.size, { readOnly: true });
          expectPattern(other.bytes(log.size - 1024, 1024), log.size - 1024);
        }
      });

      it('commits less than was reserved', () => {
        const log = create();
        log.reserve(1000);
        for (let i = 0; i < 1000; i++) log.buffer[log.at + i] = byteAt(i);
        log.commit(10);
        expect(log.size).toBe(10);
        fill(log, 20);
        expectPattern(log.bytes(0, 30), 0);
      });

      it('gives what a reservation without commit held to the next one', () => {
        const log = create();
        log.reserve(100);
        log.buffer.fill(0xff, log.at, log.at + 100);
        fill(log, 50);
        expect(log.size).toBe(50);
        expectPattern(log.bytes(0, 50), 0);
      });

      it('shows the same bytes through buffer and view', () => {
        const log = create();
        for (let i = 0; i < 2000; i++) {
          log.reserve(200);
          log.view.setUint32(log.at, i);
          expect(log.buffer.readUInt32BE(log.at)).toBe(i);
          expect(log.buffer.length).toBeGreaterThanOrEqual(log.at + 200);
          log.commit(200);
          expect(log.bytes(i * 200, 4).readUInt32BE(0)).toBe(i);
        }
      });

      it('keeps two files apart whose appends interleave', () => {
        const a = create('a.log');
        const b = create('b.log');
        for (let i = 0; i < 500; i++) {
          a.reserve(700);
          b.reserve(700);
          a.buffer.fill(1, a.at, a.at + 700);
          b.buffer.fill(2, b.at, b.at + 700);
          a.commit(700);
          b.commit(700);
        }
        expect(a.bytes(0, a.size).every((byte) => byte === 1)).toBe(true);
        expect(b.bytes(0, b.size).every((byte) => byte === 2)).toBe(true);
      });

      it('takes a batch larger than the segment', async () => {
        const log = create('a.log', 64 * KIB);
        fill(log, 32 * KIB, { piece: 1000 });
        fill(log, 5 * MIB);
        expectPattern(log.bytes(0, log.size), 0);
        await log.close();
        expect(fs.stat(log.path)?.size).toBe(5 * MIB + 32 * KIB);
      });

      it('reserves nothing beyond the segment', () => {
        const log = create('a.log', 2 * MIB);
        fill(log, 2 * MIB, { piece: 1000 });
        expect(fs.stat(log.path)?.size).toBe(2 * MIB);
      });

      it('goes on after flushes in between', async () => {
        const log = create();
        for (let i = 0; i < 60; i++) {
          fill(log, 5000 + i, { piece: 1000 });
          await log.flush();
        }
        expectPattern(log.bytes(0, log.size), 0);
      });

      it('goes on while a flush is under way', async () => {
        const log = create();
        const flushes: Promise<void>[] = [];
        for (let i = 0; i < 40; i++) {
          fill(log, 100_000, { piece: 1000 });
          flushes.push(log.flush());
        }
        await Promise.all(flushes);
        expectPattern(log.bytes(0, log.size), 0);
      });
    });

    describe('window', () => {
      it('holds the range, and more only up to the committed end', () => {
        const log = create();
        fill(log, 3 * MIB, { piece: 10_000 });
        for (const [position, length] of [
          [0, 1],
          [4095, 2],
          [100_000, 5000],
          [0, 3 * MIB],
          [3 * MIB - 1, 1],
          [1_000_000, 1_000_000],
          [3 * MIB, 0],
        ] as const) {
          const window = log.window(position, length);
          expect(window.start).toBeLessThanOrEqual(position);
          expect(window.end).toBeGreaterThanOrEqual(position + length);
          expect(window.end).toBeLessThanOrEqual(log.size);
          const from = position - window.start;
          expectPattern(window.buffer.subarray(from, from + length), position);
          if (length > 0) expect(window.view.getUint8(from)).toBe(byteAt(position));
        }
      });

      it('is the same object while it covers the range', () => {
        const log = create();
        fill(log, 100_000, { piece: 1000 });
        const first = log.window(0, 1000);
        expect(log.window(500, 500)).toBe(first);
      });

      it('sees what is appended after the one before', () => {
        const log = create();
        for (let i = 0; i < 200; i++) {
          fill(log, 3000);
          const window = log.window(log.size - 3000, 3000);
          const from = log.size - 3000 - window.start;
          expectPattern(window.buffer.subarray(from, from + 3000), log.size - 3000);
        }
      });

      it('stays valid while another file is read', () => {
        const logs = Array.from({ length: 40 }, (_, i) => create(`${i}.log`));
        for (const [i, log] of logs.entries()) fill(log, 200_000, { salt: i });
        const first = logs[0]!.window(0, 1000);
        for (const log of logs.slice(1)) log.bytes(0, 200_000);
        expectPattern(first.buffer.subarray(0 - first.start, 1000 - first.start), 0, 0);
      });

      it('walks a file in order after willRead', () => {
        const log = create();
        fill(log, 20 * MIB, { piece: 64 * KIB });
        log.willRead(0, log.size);
        for (let position = 0; position < log.size; position += 64 * KIB) {
          const { buffer, start } = log.window(position, 64 * KIB);
          expect(buffer[position - start]).toBe(byteAt(position));
          expect(buffer[position - start + 65535]).toBe(byteAt(position + 65535));
        }
      });
    });

    describe('bytes', () => {
      /** Views of many sizes and places, kept while `change` happens. */
      async function surviving(bytes: number, change: (log: LogFile) => unknown): Promise<void> {
        const log = create();
        fill(log, bytes, { piece: 64 * KIB });
        const views: [number, Buffer][] = [];
        for (let position = 0; position < bytes; position += 333_333) {
          for (const length of [1, 100, 4096, 100_000]) {
            const fits = Math.min(length, bytes - position);
            views.push([position, log.bytes(position, fits)]);
          }
        }
        views.push([0, log.bytes(0, bytes)]);
        await change(log);
        for (let i = 0; i < 3; i++) {
          globalThis.gc?.();
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        for (const [position, view] of views) {
          expectPattern(view, position);
          // A program may copy the memory behind a view: that must not kill it either.
          expect(new Uint8Array(view.buffer.slice(0)).length).toBe(view.buffer.byteLength);
        }
      }

      it('is empty for no bytes', () => {
        const log = create();
        expect(log.bytes(0, 0).length).toBe(0);
      });

      for (const bytes of [10_000, 3 * MIB + 77, 20 * MIB + 5]) {
        it(`survives truncate, appends over the cut and their flush (${bytes} bytes)`, () =>
          surviving(bytes, async (log) => {
            const cut = Math.floor(bytes / 3) + 1;
            await log.truncate(cut);
            expect(log.size).toBe(cut);
            fill(log, bytes, { piece: 50_000, salt: 9 });
            await log.flush();
            expectPattern(log.bytes(0, cut), 0);
            expectPattern(log.bytes(cut, bytes), cut, 9);
          }));

        it(`survives truncate to nothing (${bytes} bytes)`, () =>
          surviving(bytes, (log) => log.truncate(0)));

        it(`survives seal (${bytes} bytes)`, () =>
          surviving(bytes, async (log) => {
            await log.seal();
            expect(fs.stat(log.path)?.size).toBe(bytes);
          }));

        it(`survives close (${bytes} bytes)`, () => surviving(bytes, (log) => log.close()));

        it(`survives a cut by the next one to open the file (${bytes} bytes)`, () =>
          surviving(bytes, async (log) => {
            await log.close();
            const again = reopen(1000);
            fill(again, 5000, { salt: 3 });
            await again.flush();
          }));

        it(`survives removal (${bytes} bytes)`, () =>
          surviving(bytes, async (log) => {
            await log.close();
            await fs.remove(log.path);
            expect(fs.stat(log.path)).toBeNull();
          }));
      }

      it('is not changed by what is appended after it', () => {
        const log = create();
        fill(log, 1000);
        const view = log.bytes(0, 1000);
        fill(log, 1 * MIB, { piece: 100, salt: 5 });
        expectPattern(view, 0);
      });
    });

    describe('truncate', () => {
      it('shortens the file, durably, and lets appends go on', async () => {
        const log = create();
        fill(log, 2 * MIB, { piece: 10_000 });
        await log.truncate(12_345);
        expect(log.size).toBe(12_345);
        expect(fs.stat(log.path)?.size).toBe(12_345);
        fill(log, 10_000, { salt: 1 });
        expectPattern(log.bytes(0, 12_345), 0);
        expectPattern(log.bytes(12_345, 10_000), 12_345, 1);
        await log.close();
        expect(fs.stat(log.path)?.size).toBe(22_345);
      });

      it('never brings cut bytes back behind a shorter append', async () => {
        const log = create();
        fill(log, 500_000, { piece: 1000, salt: 7 });
        await log.truncate(1000);
        fill(log, 500);
        await log.close({ keepReserved: true });
        const content = fs.readFile(at('a.log'), { maxBytes: 64 * MIB });
        expect(content.subarray(1500).every((byte) => byte === 0)).toBe(true);
      });

      it('keeps the bytes below the cut readable', async () => {
        const log = create();
        fill(log, 1 * MIB, { piece: 1000 });
        log.window(0, 1000);
        await log.truncate(700_001);
        const window = log.window(699_001, 1000);
        const from = 699_001 - window.start;
        expectPattern(window.buffer.subarray(from, from + 1000), 699_001);
      });
    });

    describe('seal and close', () => {
      it('gives back what is reserved, and reads go on after seal', async () => {
        const log = create();
        fill(log, 700_000, { piece: 1000 });
        await log.seal();
        expect(fs.stat(log.path)?.size).toBe(700_000);
        expect(fs.usage().reservedBytes).toBe(0);
        expectPattern(log.bytes(0, 700_000), 0);
      });

      it('keeps the data with keepReserved', async () => {
        const log = create();
        fill(log, 700_000, { piece: 1000 });
        await log.close({ keepReserved: true });
        expect(fs.stat(log.path)!.size).toBeGreaterThanOrEqual(700_000);
        const again = reopen(700_000);
        fill(again, 100, { salt: 2 });
        expectPattern(again.bytes(0, 700_000), 0);
        expectPattern(again.bytes(700_000, 100), 700_000, 2);
      });

      it('can be closed twice, and then refuses everything else', async () => {
        const log = create();
        fill(log, 100);
        await Promise.all([log.close(), log.close()]);
        await log.close();
        for (const call of [
          () => log.reserve(1),
          () => log.window(0, 1),
          () => log.bytes(0, 1),
          () => log.flush(),
          () => log.truncate(0),
          () => log.seal(),
        ]) {
          expect(await codeOf(call)).toBe('CLOSED');
        }
      });

      it('waits for a flush under way', async () => {
        const log = create();
        fill(log, 1 * MIB, { piece: 1000 });
        let flushed = false;
        const flush = log.flush().then(() => {
          flushed = true;
        });
        await log.close();
        await flush;
        expect(flushed).toBe(true);
      });

      it('leaves no open file and, once views are gone, no mapping', async () => {
        for (let i = 0; i < 20; i++) {
          const log = create(`${i}.log`);
          fill(log, 2 * MIB, { piece: 1000 });
          log.bytes(0, 1 * MIB);
          log.window(0, 100);
          await log.close();
        }
        opened.length = 0;
        for (let i = 0; i < 50 && fs.usage().mappings > 0; i++) {
          globalThis.gc?.();
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        expect(fs.usage()).toEqual({ openFiles: 0, mappings: 0, mappedBytes: 0, reservedBytes: 0 });
      });
    });

    describe('whole files', () => {
      it('writes and reads back', async () => {
        await fs.writeFile(at('x'), Buffer.from('one'));
        await fs.writeFile(at('x'), Buffer.from('2'));
        expect(fs.readFile(at('x'), { maxBytes: 1 }).toString()).toBe('2');
      });

      it('refuses a file longer than expected', async () => {
        await fs.writeFile(at('x'), Buffer.alloc(11));
        expect(await codeOf(() => fs.readFile(at('x'), { maxBytes: 10 }))).toBe('IO_FAILED');
      });

      it('replaces atomically and leaves no draft', async () => {
        await fs.writeFileAtomic(at('x'), Buffer.from('one'));
        await fs.writeFileAtomic(at('x'), Buffer.from('three'));
        expect(fs.readFile(at('x'), { maxBytes: 10 }).toString()).toBe('three');
        expect(fs.list(under.directory).map((entry) => entry.name)).toEqual(['x']);
      });

      it('says NOT_FOUND for what is missing', async () => {
        const missing = at('no/such');
        expect(await codeOf(() => fs.readFile(missing, { maxBytes: 1 }))).toBe('NOT_FOUND');
        expect(await codeOf(() => fs.writeFile(missing, Buffer.alloc(1)))).toBe('NOT_FOUND');
        expect(await codeOf(() => fs.writeFileAtomic(missing, Buffer.alloc(1)))).toBe('NOT_FOUND');
        expect(await codeOf(() => fs.list(missing))).toBe('NOT_FOUND');
        expect(await codeOf(() => fs.rename(missing, at('x')))).toBe('NOT_FOUND');
        expect(await codeOf(() => fs.syncDirectory(missing))).toBe('NOT_FOUND');
        expect(fs.stat(missing)).toBeNull();
      });
    });

    describe('directories', () => {
      it('makes parents, lists, renames and removes', async () => {
        fs.makeDirectory(at('d/e/f'));
        fs.makeDirectory(at('d/e/f'));
        await fs.writeFile(at('d/x'), Buffer.from('x'));
        await fs.syncDirectory(at('d'));
        const names = fs.list(at('d')).sort((a, b) => a.name.localeCompare(b.name));
        expect(names).toEqual([
          { name: 'e', isDirectory: true },
          { name: 'x', isDirectory: false },
        ]);
        expect(fs.stat(at('d'))?.isDirectory).toBe(true);
        fs.rename(at('d/x'), at('d/y'));
        expect(fs.stat(at('d/x'))).toBeNull();
        await fs.remove(at('d/y'));
        await fs.remove(at('d/y'));
        expect(fs.stat(at('d/y'))).toBeNull();
        await fs.removeDirectory(at('d'));
        await fs.removeDirectory(at('d'));
        expect(fs.stat(at('d'))).toBeNull();
      });

      it('renames over a file that is there', async () => {
        await fs.writeFile(at('a'), Buffer.from('a'));
        await fs.writeFile(at('b'), Buffer.from('b'));
        fs.rename(at('a'), at('b'));
        expect(fs.readFile(at('b'), { maxBytes: 1 }).toString()).toBe('a');
      });

      it('follows an open log into a renamed directory', async () => {
        fs.makeDirectory(at('t-0'));
        const log = create('t-0/a.log');
        fill(log, 100_000, { piece: 1000 });
        fs.rename(at('t-0'), at('t-0.gone'));
        fill(log, 100_000, { piece: 1000 });
        await log.flush();
        expectPattern(log.bytes(0, 200_000), 0);
        expect(log.path).toBe(at('t-0.gone/a.log'));
      });

      it('sets the modification time', async () => {
        await fs.writeFile(at('x'), Buffer.from('x'));
        fs.setModifiedTime(at('x'), 1_600_000_000_000);
        expect(fs.stat(at('x'))?.modifiedMs).toBe(1_600_000_000_000);
      });
    });

    describe('lock', () => {
      it('excludes a second holder, tells who the first is, and is free after release', () => {
        const first = fs.lock(at('.lock'));
        try {
          fs.lock(at('.lock'));
          expect.fail('locked twice');
        } catch (error) {
          if (!isVarveError(error, 'DIRECTORY_LOCKED')) throw error;
          expect(error.details.holder).toMatchObject({ pid: process.pid });
        }
        first.release();
        first.release();
        fs.lock(at('.lock')).release();
      });
    });

    it('has a clock that does not run backwards', () => {
      const before = fs.clock.monotonic();
      expect(fs.clock.monotonic()).toBeGreaterThanOrEqual(before);
      expect(Number.isFinite(fs.clock.now())).toBe(true);
    });
  });
}
