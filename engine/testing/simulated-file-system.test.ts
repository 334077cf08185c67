import { describe, expect, it } from 'vitest';
import { AssertionError } from '../assert.js';
import { isVarveError } from '../errors.js';
import type { LogFile } from '../io/port.js';
import { SimulatedCrash } from './faults.js';
import { SimulatedFileSystem, type SimulationOptions } from './simulated-file-system.js';
import { POISON } from './simulated-log-file.js';
import { HeldScheduler } from './simulated-scheduler.js';

const QUIET = { seed: 1, writebackProbability: 0 };
const LOG = { create: true, size: 0, maxBytes: 1 << 20 };

function machine(options: Partial<SimulationOptions> = {}): SimulatedFileSystem {
  return new SimulatedFileSystem({ ...QUIET, ...options });
}

function append(file: LogFile, bytes: Uint8Array | string): void {
  const data = Buffer.from(bytes);
  file.reserve(data.length);
  file.buffer.set(data, file.at);
  file.commit(data.length);
}

async function durableLog(fs: SimulatedFileSystem, path = '/a.log'): Promise<LogFile> {
  const file = fs.openLog(path, LOG);
  await fs.syncDirectory('/');
  return file;
}

const text = (fs: SimulatedFileSystem, path: string): string | undefined =>
  fs.snapshot().get(path)?.toString('latin1').replace(/\0+$/, '');

describe('log data', () => {
  it('keeps committed bytes through a kill without any sync', () => {
    const fs = machine();
    append(fs.openLog('/a.log', LOG), 'one');
    expect(text(fs.kill(), '/a.log')).toBe('one');
  });

  it('loses them in a power failure when nothing was synced and nothing was lucky', async () => {
    const fs = machine();
    append(await durableLog(fs), 'one');
    expect(text(fs.powerFail({ outcome: 'nothing' }), '/a.log')).toBe('');
  });

  it('keeps flushed bytes in every outcome, and with luck the later ones', async () => {
    const fs = machine();
    const file = await durableLog(fs);
    append(file, 'one');
    await file.flush();
    append(file, 'two');
    const seen = new Set<string | undefined>();
    for (let i = 0; i < 60; i++) seen.add(text(fs.powerFail(), '/a.log'));
    expect([...seen].sort()).toEqual(['one', 'onetwo']);
  });

  it('covers with a flush exactly what was committed before its call', async () => {
    const scheduler = new HeldScheduler('flush');
    const fs = machine({ scheduler });
    const file = await durableLog(fs);
    append(file, 'one');
    const flush = file.flush();
    append(file, 'two');
    scheduler.release();
    await flush;
    expect(fs.durableSnapshot().get('/a.log')?.toString('latin1', 0, 6)).toBe('one\0\0\0');
    const after = fs.powerFail({ outcome: 'nothing' });
    expect(text(after, '/a.log')).toBe('one');
  });

  it('does not let an older flush that ends later take back what a newer one wrote', async () => {
    const scheduler = new HeldScheduler('flush');
    const fs = machine({ scheduler, reservationBytes: 0 });
    const file = await durableLog(fs);
    append(file, 'one');
    const older = file.flush();
    append(file, 'two');
    const newer = file.flush();
    scheduler.release(1);
    await newer;
    scheduler.release();
    await Promise.all([older, newer]);
    expect(fs.durableSnapshot().get('/a.log')?.toString()).toBe('onetwo');
  });

  it('tears a page only between sectors and mixes pages freely', async () => {
    const fs = machine({ reservationBytes: 0 });
    const file = await durableLog(fs);
    append(file, Buffer.alloc(3 * 4096, 1));
    await file.flush();
    await file.truncate(0);
    append(file, Buffer.alloc(3 * 4096, 2));
    let [torn, mixed] = [0, 0];
    for (let seed = 0; seed < 200; seed++) {
      const bytes = fs.powerFail({ seed }).snapshot().get('/a.log')!;
      const sectors = new Set<number>();
      const pages = new Set<string>();
      for (let at = 0; at < bytes.length; at += 4096) {
        const page = new Set<number>();
        for (let sector = at; sector < at + 4096; sector += 512) {
          const [value] = new Set(bytes.subarray(sector, sector + 512));
          if (!bytes.subarray(sector, sector + 512).equals(Buffer.alloc(512, value)))
            torn = Number.NaN;
          page.add(value!);
          sectors.add(value!);
        }
        if (page.size > 1) torn++;
        pages.add([...page].join());
      }
      if (pages.size > 1) mixed++;
      // What truncate cut never comes back.
      expect(sectors.has(1)).toBe(false);
    }
    expect(torn).toBeGreaterThan(10);
    expect(mixed).toBeGreaterThan(10);
  });

  it('leaves any of the lengths the file had since its last sync', async () => {
    const fs = machine({ reservationBytes: 8192 });
    const file = await durableLog(fs);
    append(file, 'one');
    await file.seal();
    const lengths = new Set<number>();
    for (let i = 0; i < 200; i++) lengths.add(fs.powerFail().stat('/a.log')!.size);
    expect([...lengths].sort((a, b) => a - b)).toEqual([0, 3, 8192]);
  });

  it('reads reserved space that was never written as zeros', async () => {
    const fs = machine({ reservationBytes: 8192 });
    const file = await durableLog(fs);
    append(file, 'one');
    await file.flush();
    const bytes = fs.powerFail({ outcome: 'nothing' }).snapshot().get('/a.log')!;
    expect(bytes.length).toBe(8192);
    expect(bytes.subarray(3)).toEqual(Buffer.alloc(8189));
  });

  it('may leave uncommitted bytes behind the data at a kill: none, all, or a torn part', () => {
    const fs = machine();
    const file = fs.openLog('/a.log', LOG);
    append(file, 'one');
    file.reserve(4);
    file.buffer.write('XXXX', file.at);
    const seen = new Set<string | undefined>();
    for (let i = 0; i < 200; i++) seen.add(text(fs.kill(), '/a.log'));
    expect(seen).toContain('one');
    expect(seen).toContain('oneXXXX');
    expect(seen).toContain('oneXX');
    expect(seen).toContain('one\0\0XX');
    for (const each of seen) expect(each).toMatch(/^one\0*X*$/);
  });

  it('writes back pages of its own accord, so that an intermediate version can be what survives', async () => {
    const seen = new Set<string | undefined>();
    for (let seed = 0; seed < 40; seed++) {
      const fs = machine({ seed, writebackProbability: 0.5, reservationBytes: 0 });
      const file = await durableLog(fs);
      for (const part of ['a', 'b', 'c', 'd', 'e', 'f']) append(file, part);
      seen.add(text(fs.powerFail({ outcome: 'nothing' }), '/a.log'));
    }
    for (const each of seen) expect('abcdef'.startsWith(each!)).toBe(true);
    expect(seen.size).toBeGreaterThan(3);
  });

  it('keeps the cut of a truncation through every power failure once it resolved', async () => {
    const fs = machine({ reservationBytes: 4096 });
    const file = await durableLog(fs);
    append(file, 'keepcut');
    await file.flush();
    await file.truncate(4);
    for (let i = 0; i < 60; i++) expect(text(fs.powerFail(), '/a.log')).toBe('keep');
  });

  it('may have cut or not when the power fails during a truncation', async () => {
    const fs = machine({ scheduler: new HeldScheduler('truncate'), reservationBytes: 0 });
    const file = await durableLog(fs);
    append(file, 'keepcut');
    await file.flush();
    const truncation = file.truncate(4);
    const seen = new Set<string | undefined>();
    for (let i = 0; i < 60; i++) seen.add(text(fs.powerFail(), '/a.log'));
    await expect(truncation).rejects.toThrow(SimulatedCrash);
    expect([...seen].sort()).toEqual(['keep', 'keepcut']);
  });

  it('brings nothing back when a flush from before a truncation ends after it', async () => {
    const scheduler = new HeldScheduler('flush');
    const fs = machine({ scheduler });
    const file = await durableLog(fs);
    append(file, 'keepcut');
    const flush = file.flush();
    await file.truncate(4);
    scheduler.release();
    await flush;
    expect(text(fs.powerFail({ outcome: 'nothing' }), '/a.log')).toBe('keep');
  });

  it.each([
    ['cut-durably', ['new']],
    ['cut', ['new', 'newSTALE']],
    ['overwrite', ['new', 'newSTALE']],
  ] as const)('treats a stale tail at the first append as told: %s', async (staleTail, tails) => {
    const fs = machine({ staleTail, reservationBytes: 16_384 });
    // The stale bytes lie in a page of their own: a page is written whole.
    const old = Buffer.alloc(4096 + 5);
    old.write('STALE', 4096);
    fs.install('/a.log', old);
    const file = fs.openLog('/a.log', { create: false, size: 0, maxBytes: 1 << 20 });
    append(file, 'new');
    expect(text(fs, '/a.log')).toBe('new');
    const seen = new Set<string>();
    for (let seed = 0; seed < 300; seed++) {
      const bytes = fs.powerFail({ seed }).snapshot().get('/a.log')!.toString('latin1');
      if (bytes.startsWith('new')) seen.add(bytes.replaceAll('\0', ''));
    }
    expect([...seen].sort()).toEqual(tails);
  });
});

describe('names', () => {
  it('loses a created file whose directory was not synced, though its data was', async () => {
    const fs = machine();
    const file = fs.openLog('/a.log', LOG);
    append(file, 'one');
    await file.flush();
    expect([...fs.powerFail({ outcome: 'nothing' }).snapshot().keys()]).toEqual([]);
  });

  it('loses everything below a directory whose own entry was not synced', async () => {
    const fs = machine();
    fs.makeDirectory('/t/p');
    await fs.writeFile('/t/p/f', Buffer.from('x'));
    await fs.syncDirectory('/t/p');
    expect(fs.powerFail({ outcome: 'nothing' }).snapshot().size).toBe(0);
  });

  it('keeps a directory tree synced from the root down', async () => {
    const fs = machine();
    fs.makeDirectory('/t/p');
    await fs.writeFile('/t/p/f', Buffer.from('x'));
    for (const directory of ['/', '/t', '/t/p']) await fs.syncDirectory(directory);
    expect(text(fs.powerFail({ outcome: 'nothing' }), '/t/p/f')).toBe('x');
  });

  it('may point a surviving name at a file whose data did not survive', () => {
    const fs = machine({ reservationBytes: 0 });
    append(fs.openLog('/a.log', LOG), 'one');
    const seen = new Set<string | undefined>();
    for (let i = 0; i < 100; i++) seen.add(text(fs.powerFail(), '/a.log'));
    expect(seen).toEqual(new Set(['', 'one', undefined]));
  });

  it('undoes or keeps each unsynced change by itself', async () => {
    const fs = machine();
    fs.install('/old1', Buffer.from('1'));
    fs.install('/old2', Buffer.from('2'));
    await fs.remove('/old1');
    fs.rename('/old2', '/new2');
    const seen = new Set<string>();
    for (let i = 0; i < 200; i++) seen.add([...fs.powerFail().snapshot().keys()].sort().join());
    expect(seen).toEqual(new Set(['/old1,/old2', '/old2', '/new2,/old1', '/new2']));
  });

  it('keeps the order of changes of one name', async () => {
    const fs = machine();
    fs.install('/f', Buffer.from('1'));
    await fs.remove('/f');
    fs.openLog('/f', LOG);
    fs.rename('/f', '/g');
    const seen = new Set<string>();
    for (let i = 0; i < 300; i++) {
      const files = [...fs.powerFail().snapshot()].map(([path, data]) => `${path}=${data}`);
      seen.add(files.sort().join());
    }
    expect(seen).toEqual(new Set(['/f=1', '', '/f=', '/g=']));
  });

  it('never keeps a rename without the one before it: a file has one name', () => {
    const fs = machine();
    fs.install('/a', Buffer.from('1'));
    fs.rename('/a', '/b');
    fs.rename('/b', '/c');
    const seen = new Set<string>();
    for (let i = 0; i < 200; i++) seen.add([...fs.powerFail().snapshot().keys()].join());
    expect(seen).toEqual(new Set(['/a', '/b', '/c']));
  });

  it('syncs with a rename what it rests on in another directory', async () => {
    const fs = machine();
    fs.install('/a/x', Buffer.alloc(1));
    fs.install('/b/x', Buffer.alloc(1));
    fs.openLog('/a/f', LOG);
    fs.rename('/a/f', '/b/f');
    await fs.syncDirectory('/b');
    for (const outcome of ['nothing', 'everything'] as const) {
      const names = [...fs.powerFail({ outcome }).snapshot().keys()].sort();
      expect(names).toEqual(['/a/x', '/b/f', '/b/x']);
    }
  });

  it('renames between directories wholly or not at all, and syncing one side keeps it', async () => {
    const fs = machine();
    fs.install('/a/f', Buffer.from('1'));
    fs.install('/b/other', Buffer.from('2'));
    fs.rename('/a/f', '/b/f');
    const keys = (after: SimulatedFileSystem) => [...after.snapshot().keys()].sort().join();
    const seen = new Set<string>();
    for (let i = 0; i < 60; i++) seen.add(keys(fs.powerFail()));
    expect(seen).toEqual(new Set(['/a/f,/b/other', '/b/f,/b/other']));
    const again = machine();
    again.install('/a/f', Buffer.from('1'));
    again.install('/b/other', Buffer.from('2'));
    again.rename('/a/f', '/b/f');
    await again.syncDirectory('/b');
    expect(keys(again.powerFail({ outcome: 'nothing' }))).toBe('/b/f,/b/other');
  });

  it('syncs only changes made before the call of syncDirectory', async () => {
    const scheduler = new HeldScheduler('syncDirectory');
    const fs = machine({ scheduler });
    fs.openLog('/before', LOG);
    const sync = fs.syncDirectory('/');
    fs.openLog('/after', LOG);
    scheduler.release();
    await sync;
    expect([...fs.durableSnapshot().keys()]).toEqual(['/before']);
  });

  it('keeps a removed file readable for who has it open, and gives its space back at close', async () => {
    const fs = machine({ reservationBytes: 0 });
    const file = fs.openLog('/a.log', LOG);
    append(file, Buffer.alloc(5000, 7));
    await fs.remove('/a.log');
    expect(fs.stat('/a.log')).toBeNull();
    expect(file.bytes(4999, 1)[0]).toBe(7);
    expect(fs.usedBytes).toBe(8192);
    await file.close();
    expect(fs.usedBytes).toBe(0);
  });

  it('moves the path of an open log with its file and with its directory', () => {
    const fs = machine();
    fs.makeDirectory('/t-0');
    const file = fs.openLog('/t-0/1.log', LOG);
    fs.rename('/t-0/1.log', '/t-0/2.log');
    expect(file.path).toBe('/t-0/2.log');
    fs.rename('/t-0', '/t-0.x-delete');
    expect(file.path).toBe('/t-0.x-delete/2.log');
  });

  it.each([
    ['a file that is not there', '/no', '/x', 'NOT_FOUND'],
    ['a directory into itself', '/d', '/d/e', 'IO_FAILED'],
    ['a directory over one with content', '/e', '/d', 'IO_FAILED'],
    ['a file over a directory', '/d/f', '/e', 'IO_FAILED'],
  ])('refuses to rename %s', (_, from, to, code) => {
    const fs = machine();
    fs.install('/d/f', Buffer.from('1'));
    fs.makeDirectory('/e');
    expect(() => fs.rename(from, to)).toThrow(expect.objectContaining({ code }));
    expect(text(fs, '/d/f')).toBe('1');
  });

  it('lists in an order that is not the order of creation', () => {
    const fs = machine();
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const name of names) fs.openLog(`/${name}`, LOG);
    const orders = new Set<string>();
    for (let i = 0; i < 10; i++)
      orders.add(
        fs
          .list('/')
          .map(({ name }) => name)
          .join(''),
      );
    expect(orders.size).toBeGreaterThan(5);
    for (const order of orders) expect([...order].sort()).toEqual(names);
  });
});

describe('whole files', () => {
  it('holds the old or the new content, whole, wherever a writeFileAtomic is cut off', async () => {
    const points = new Map<string, number>();
    for (let step = 1; step < 30; step++) {
      for (let seed = 0; seed < 10; seed++) {
        const fs = machine({ seed, faults: { crashAtStep: step } });
        fs.install('/d/c', Buffer.alloc(6000, 'o'));
        const error = await fs.writeFileAtomic('/d/c', Buffer.alloc(9000, 'n')).catch((e) => e);
        const after = fs.powerFail();
        const content = after.readFile('/d/c', { maxBytes: 10_000 });
        const isOld = content.equals(Buffer.alloc(6000, 'o'));
        expect(isOld || content.equals(Buffer.alloc(9000, 'n'))).toBe(true);
        if (error === undefined) expect(isOld).toBe(false);
        else expect(error).toBeInstanceOf(SimulatedCrash);
        const state = `${isOld ? 'old' : 'new'}${after.stat('/d/c.tmp') === null ? '' : '+tmp'}`;
        points.set(state, (points.get(state) ?? 0) + 1);
      }
    }
    expect([...points.keys()].sort()).toEqual(['new', 'old', 'old+tmp']);
  });

  it('can be found half written, empty or absent when writeFile is cut off', async () => {
    const seen = new Set<string>();
    for (let step = 1; step < 8; step++) {
      for (let seed = 0; seed < 20; seed++) {
        const fs = machine({ seed, faults: { crashAtStep: step } });
        await fs.writeFile('/c', Buffer.alloc(6000, 'n')).catch(() => undefined);
        const content = fs.powerFail().snapshot().get('/c');
        const whole = content?.equals(Buffer.alloc(6000, 'n'));
        seen.add(content === undefined ? 'absent' : content.length === 0 ? 'empty' : `${whole}`);
      }
    }
    expect([...seen].sort()).toEqual(['absent', 'empty', 'false', 'true']);
  });

  it('makes the new content of a durable name durable, and of a new name only with its directory', async () => {
    const fs = machine();
    fs.install('/old', Buffer.from('1'));
    await fs.writeFile('/old', Buffer.from('2'));
    await fs.writeFile('/new', Buffer.from('3'));
    const after = fs.powerFail({ outcome: 'nothing' });
    expect([...after.snapshot()].join()).toBe('/old,2');
  });

  it('takes the data at the call: later changes of the caller do not show', async () => {
    const fs = machine();
    const data = Buffer.from('before');
    const [plain, atomic] = [fs.writeFile('/p', data), fs.writeFileAtomic('/q', data)];
    data.fill('x');
    await Promise.all([plain, atomic]);
    expect([text(fs, '/p'), text(fs, '/q')]).toEqual(['before', 'before']);
  });

  it('calls overlapping replacements of one path a bug', async () => {
    const fs = machine();
    const first = fs.writeFileAtomic('/c', Buffer.from('1'));
    await expect(fs.writeFileAtomic('/c', Buffer.from('2'))).rejects.toThrow(AssertionError);
    await first;
    await fs.writeFileAtomic('/c', Buffer.from('3'));
    expect(text(fs, '/c')).toBe('3');
  });

  it('refuses to read a file longer than it may be', () => {
    const fs = machine();
    fs.install('/f', Buffer.alloc(11));
    expect(() => fs.readFile('/f', { maxBytes: 10 })).toThrow(
      expect.objectContaining({ code: 'IO_FAILED' }),
    );
    expect(fs.readFile('/f', { maxBytes: 11 }).length).toBe(11);
  });
});

describe('memory that is no longer valid', () => {
  it('poisons a window at the next call of its file', () => {
    const file = machine().openLog('/a.log', LOG);
    append(file, 'abcdef');
    const window = file.window(1, 3);
    expect(window.buffer.toString('latin1', 1 - window.start, 4 - window.start)).toBe('bcd');
    expect(window.view.getUint8(1 - window.start)).toBe('b'.charCodeAt(0));
    file.bytes(0, 1);
    expect(window.buffer.every((byte) => byte === POISON)).toBe(true);
  });

  it('poisons a window at the next await', async () => {
    const file = machine().openLog('/a.log', LOG);
    append(file, 'abcdef');
    const window = file.window(0, 6);
    await null;
    expect(window.buffer.every((byte) => byte === POISON)).toBe(true);
  });

  it('gives windows edges of their own that hold what the file holds', () => {
    const file = machine().openLog('/a.log', LOG);
    const data = Buffer.from(Array.from({ length: 500 }, (_, i) => i & 0xff));
    append(file, data);
    const starts = new Set<number>();
    for (let i = 0; i < 50; i++) {
      const { buffer, start, end } = file.window(200, 50);
      starts.add(start);
      expect(start <= 200 && end >= 250 && end <= 500).toBe(true);
      expect(buffer.subarray(0, end - start)).toEqual(data.subarray(start, end));
    }
    expect(starts.size).toBeGreaterThan(10);
  });

  it('poisons the append buffer once it is committed', () => {
    const file = machine().openLog('/a.log', LOG);
    file.reserve(3);
    const { buffer, at, view } = file;
    buffer.write('abc', at);
    expect(view.getUint8(at)).toBe('a'.charCodeAt(0));
    file.commit(3);
    expect(buffer.every((byte) => byte === POISON)).toBe(true);
    expect(file.bytes(0, 3).toString()).toBe('abc');
  });

  it('reuses window and buffer when poison is off', () => {
    const file = machine({ poisonReleased: false }).openLog('/a.log', LOG);
    append(file, 'abcdef');
    expect(file.window(0, 3)).toBe(file.window(2, 4));
    file.reserve(10);
    const { buffer } = file;
    file.commit(1);
    file.reserve(10);
    expect(file.buffer).toBe(buffer);
  });

  it('leaves views of bytes() unchanged by truncate, new appends, close, remove and power failure', async () => {
    const fs = machine();
    const file = fs.openLog('/a.log', LOG);
    append(file, 'abcdef');
    const view = file.bytes(1, 4);
    await file.truncate(0);
    append(file, 'XXXXXX');
    await file.close();
    await fs.remove('/a.log');
    fs.powerFail();
    expect(view.toString()).toBe('bcde');
  });
});

describe('a log file', () => {
  it('calls a commit beyond its reservation, and a second one in it, a bug', () => {
    const file = machine().openLog('/a.log', LOG);
    file.reserve(4);
    expect(() => file.commit(5)).toThrow(AssertionError);
    file.commit(4);
    expect(() => file.commit(1)).toThrow(AssertionError);
    expect(file.size).toBe(4);
  });

  it('calls a read beyond the committed bytes a bug', () => {
    const file = machine().openLog('/a.log', LOG);
    append(file, 'abc');
    expect(() => file.window(1, 3)).toThrow(AssertionError);
    expect(() => file.bytes(4, 0)).toThrow(AssertionError);
  });

  it('reserves in steps up to maxBytes, beyond it only for one larger batch', () => {
    const fs = machine({ reservationBytes: 4096 });
    const file = fs.openLog('/a.log', { create: true, size: 0, maxBytes: 6000 });
    expect(fs.stat('/a.log')?.size).toBe(0);
    append(file, 'abc');
    expect(fs.stat('/a.log')?.size).toBe(4096);
    append(file, Buffer.alloc(4096));
    expect(fs.stat('/a.log')?.size).toBe(6000);
    expect(fs.usage().reservedBytes).toBe(6000 - 4099);
    append(file, Buffer.alloc(5000));
    expect(fs.stat('/a.log')?.size).toBe(9099);
  });

  it.each([
    ['trims at close', {}, 3],
    ['keeps what is reserved if asked to', { keepReserved: true }, 4096],
  ])('%s', async (_, options, length) => {
    const fs = machine({ reservationBytes: 4096 });
    const file = fs.openLog('/a.log', LOG);
    append(file, 'abc');
    await file.close(options);
    expect(fs.stat('/a.log')?.size).toBe(length);
  });

  it('refuses everything once closed, closes twice, and shows no leak', async () => {
    const fs = machine();
    const file = fs.openLog('/a.log', LOG);
    append(file, 'abc');
    file.window(0, 3);
    file.reserve(1);
    expect(fs.usage()).toMatchObject({ openFiles: 1, mappings: 1 });
    await Promise.all([file.close(), file.close()]);
    const closed = expect.objectContaining({ code: 'CLOSED' });
    expect(() => file.reserve(1)).toThrow(closed);
    expect(() => file.window(0, 1)).toThrow(closed);
    expect(() => file.bytes(0, 1)).toThrow(closed);
    await expect(file.flush()).rejects.toThrow(closed);
    await expect(file.truncate(0)).rejects.toThrow(closed);
    await expect(file.seal()).rejects.toThrow(closed);
    const nothing = { openFiles: 0, mappings: 0, mappedBytes: 0, reservedBytes: 0 };
    expect(fs.usage()).toEqual(nothing);
  });

  it('waits at close for the flush under way', async () => {
    const scheduler = new HeldScheduler('flush');
    const file = machine({ scheduler }).openLog('/a.log', LOG);
    append(file, 'abc');
    const events: string[] = [];
    const flush = file.flush().then(() => events.push('flushed'));
    const close = file.close().then(() => events.push('closed'));
    for (let i = 0; i < 20; i++) await null;
    expect(events).toEqual([]);
    scheduler.release();
    await Promise.all([flush, close]);
    expect(events).toEqual(['flushed', 'closed']);
  });

  it('opens only what is there, only to where it ends, and creates only what is not', () => {
    const fs = machine();
    fs.install('/a.log', Buffer.from('abc'));
    const open = { create: false, size: 4, maxBytes: 100 };
    const failsWith = (code: string, call: () => unknown): void =>
      expect(call).toThrow(expect.objectContaining({ code }));
    failsWith('IO_FAILED', () => fs.openLog('/a.log', open));
    failsWith('NOT_FOUND', () => fs.openLog('/b.log', open));
    failsWith('NOT_FOUND', () => fs.openLog('/none/b.log', LOG));
    failsWith('ALREADY_EXISTS', () => fs.openLog('/a.log', LOG));
    const reader = fs.openLog('/a.log', { ...open, size: 3, readOnly: true });
    failsWith('READ_ONLY', () => reader.reserve(1));
    expect(reader.bytes(0, 3).toString()).toBe('abc');
  });

  it('ignores what lies beyond the size it was opened at, and leaves it if nothing is appended', async () => {
    const fs = machine({ reservationBytes: 4096 });
    fs.install('/a.log', Buffer.from('abcSTALE'));
    const open = { create: false, size: 3, maxBytes: 1 << 20 };
    const reader = fs.openLog('/a.log', { ...open, readOnly: true });
    await reader.close();
    expect(text(fs, '/a.log')).toBe('abcSTALE');
    const file = fs.openLog('/a.log', open);
    append(file, 'd');
    expect(file.bytes(0, 4).toString()).toBe('abcd');
    expect(text(fs, '/a.log')).toBe('abcd');
  });
});

describe('the machine', () => {
  it('throws on everything once it is down', async () => {
    const fs = machine();
    const file = fs.openLog('/a.log', LOG);
    append(file, 'abc');
    const flush = file.flush();
    const after = fs.powerFail();
    await expect(flush).rejects.toThrow(SimulatedCrash);
    expect(() => file.reserve(1)).toThrow(SimulatedCrash);
    expect(() => file.bytes(0, 1)).toThrow(SimulatedCrash);
    await expect(file.close()).rejects.toThrow(SimulatedCrash);
    expect(() => fs.list('/')).toThrow(SimulatedCrash);
    expect(() => fs.stat('/')).toThrow(SimulatedCrash);
    expect(() => fs.lock('/lock')).toThrow(SimulatedCrash);
    await expect(fs.writeFile('/f', Buffer.alloc(1))).rejects.toThrow(SimulatedCrash);
    await expect(fs.syncDirectory('/')).rejects.toThrow(SimulatedCrash);
    expect(isVarveError(fs.down)).toBe(false);
    expect(after.list('/').length).toBeLessThanOrEqual(1);
    expect(after.usage().openFiles).toBe(0);
  });

  it('can lose after a kill what was never synced before it', async () => {
    const fs = machine();
    append(await durableLog(fs), 'one');
    const next = fs.kill();
    expect(text(next, '/a.log')).toBe('one');
    expect(text(next.powerFail({ outcome: 'nothing' }), '/a.log')).toBe('');
  });

  it('gives the same outcome for the same seed and others for others', async () => {
    const run = async (): Promise<string> => {
      const fs = new SimulatedFileSystem({ seed: 5 });
      const file = fs.openLog('/a.log', LOG);
      for (let i = 0; i < 50; i++) {
        append(file, Buffer.alloc(700, i));
        if (i % 9 === 0) await file.flush();
        if (i % 20 === 0) await fs.syncDirectory('/');
      }
      const outcomes = Array.from({ length: 8 }, () => fs.powerFail());
      return outcomes.map((after) => JSON.stringify([after.seed, [...after.snapshot()]])).join();
    };
    expect(await run()).toBe(await run());
    const fs = machine();
    append(await durableLog(fs), Buffer.alloc(40_000, 1));
    const lengths = new Set<string>();
    for (let i = 0; i < 20; i++) lengths.add(String(fs.powerFail().snapshot().get('/a.log')));
    expect(lengths.size).toBeGreaterThan(5);
  });

  it('locks a path once, tells who holds it, and forgets the lock with the process', () => {
    const fs = machine();
    const lock = fs.lock('/.lock');
    expect(() => fs.lock('/x/../.lock')).toThrow(
      expect.objectContaining({
        code: 'DIRECTORY_LOCKED',
        details: expect.objectContaining({ holder: expect.objectContaining({ pid: process.pid }) }),
      }),
    );
    lock.release();
    const second = fs.lock('/.lock');
    lock.release();
    expect(() => fs.lock('/.lock')).toThrow(expect.objectContaining({ code: 'DIRECTORY_LOCKED' }));
    second.release();
    fs.lock('/.lock');
    fs.kill().lock('/.lock');
  });

  it('varies how long operations take, by the seed', async () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 30; seed++) {
      const fs = machine({ seed });
      const done: string[] = [];
      const files = ['a', 'b', 'c'].map((name) => fs.openLog(`/${name}`, LOG));
      await Promise.all(files.map((file) => file.flush().then(() => done.push(file.path))));
      orders.add(done.join());
    }
    expect(orders.size).toBeGreaterThan(3);
  });

  it('keeps a file time that was set through a kill', () => {
    const fs = machine();
    fs.install('/f', Buffer.from('1'));
    fs.setModifiedTime('/f', 42);
    expect(fs.stat('/f')).toEqual({ size: 1, modifiedMs: 42, isDirectory: false });
    expect(fs.kill().stat('/f')?.modifiedMs).toBe(42);
  });
});
