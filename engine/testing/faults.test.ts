import { describe, expect, it } from 'vitest';
import { isVarveError } from '../errors.js';
import type { LogFile } from '../io/port.js';
import { appendRubbish, corrupt, cutFile, swapPages, tear } from './damage.js';
import { type Errno, type FaultPlan, OPERATIONS, SimulatedCrash } from './faults.js';
import { SimulatedFileSystem, type SimulationOptions } from './simulated-file-system.js';

const LOG = { create: true, size: 0, maxBytes: 1 << 20 };

function machine(
  faults: FaultPlan = {},
  options: Partial<SimulationOptions> = {},
): SimulatedFileSystem {
  return new SimulatedFileSystem({ seed: 1, writebackProbability: 0, faults, ...options });
}

function append(file: LogFile, bytes: Uint8Array | string): void {
  const data = Buffer.from(bytes);
  file.reserve(data.length);
  file.buffer.set(data, file.at);
  file.commit(data.length);
}

const code = (wanted: string) => expect.objectContaining({ code: wanted });

/** One call of each operation a fault can name. */
async function callEverything(fs: SimulatedFileSystem): Promise<Map<string, unknown>> {
  const results = new Map<string, unknown>();
  const attempt = async (name: string, call: () => unknown): Promise<void> => {
    try {
      await call();
      results.set(name, 'ok');
    } catch (error) {
      results.set(name, isVarveError(error) ? error.code : error);
    }
  };
  await attempt('makeDirectory', () => fs.makeDirectory('/new'));
  await attempt('openLog', () => fs.openLog('/new.log', LOG));
  await attempt('readFile', () => fs.readFile('/d/f', { maxBytes: 10 }));
  await attempt('writeFile', () => fs.writeFile('/d/w', Buffer.from('1')));
  await attempt('writeFileAtomic', () => fs.writeFileAtomic('/d/a', Buffer.from('1')));
  await attempt('list', () => fs.list('/d'));
  await attempt('stat', () => fs.stat('/d/f'));
  await attempt('setModifiedTime', () => fs.setModifiedTime('/d/f', 1));
  await attempt('rename', () => fs.rename('/d/f', '/d/g'));
  await attempt('remove', () => fs.remove('/d/g'));
  await attempt('removeDirectory', () => fs.removeDirectory('/gone'));
  await attempt('syncDirectory', () => fs.syncDirectory('/d'));
  await attempt('lock', () => fs.lock('/d/lock'));
  const file = fs.openLog('/d/1.log', { create: false, size: 3, maxBytes: 1 << 20 });
  await attempt('reserve', () => file.reserve(3));
  await attempt('commit', () => file.reserve(3) ?? file.commit(3));
  await attempt('window', () => file.window(0, 1));
  await attempt('bytes', () => file.bytes(0, 1));
  await attempt('flush', () => file.flush());
  await attempt('truncate', () => file.truncate(1));
  await attempt('seal', () => file.seal());
  await attempt('close', () => file.close());
  return results;
}

function furnished(faults: FaultPlan): SimulatedFileSystem {
  const fs = machine(faults);
  fs.install('/d/f', Buffer.from('1'));
  fs.install('/d/1.log', Buffer.from('abc'));
  return fs;
}

describe('planted errors', () => {
  it.each(OPERATIONS.map((operation) => [operation]))(
    'strike %s and nothing else',
    async (operation) => {
      const fail = [{ operation, path: /^\/(new|gone|d)/, errno: 'EIO' } as const];
      const method = operation.split(':')[0]!;
      if (operation === 'openLog') fail[0] = { ...fail[0]!, path: /new/ };
      const failed = [...(await callEverything(furnished({ fail })))].filter(
        ([, is]) => is !== 'ok',
      );
      expect(failed).toEqual([[method, 'IO_FAILED']]);
    },
  );

  it.each([
    ['ENOSPC', 'DISK_FULL', true],
    ['EDQUOT', 'DISK_FULL', true],
    ['EMFILE', 'TOO_MANY_OPEN_FILES', true],
    ['EROFS', 'READ_ONLY', false],
    ['EIO', 'IO_FAILED', false],
  ] as const)('%s is reported as the port says: %s', (errno: Errno, wanted, retriable) => {
    const fs = machine({ fail: [{ operation: 'list', errno }] });
    let error: unknown;
    try {
      fs.list('/');
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({
      code: wanted,
      retriable,
      cause: { code: errno },
      details: { path: '/', operation: 'list' },
    });
  });

  it('strike the nth call, once', () => {
    const fs = machine({ fail: [{ operation: 'list', nth: 3, errno: 'EIO' }] });
    const results = [1, 2, 3, 4].map(() => outcome(() => fs.list('/')));
    expect(results).toEqual(['ok', 'ok', 'IO_FAILED', 'ok']);
  });

  it('strike from the nth call on until cleared, and count their hits', () => {
    const fs = machine();
    const planted = fs.faults.plant({
      operation: 'list',
      nth: 2,
      persistent: true,
      errno: 'EROFS',
    });
    const list = () => outcome(() => fs.list('/'));
    expect([list(), list(), list()]).toEqual(['ok', 'READ_ONLY', 'READ_ONLY']);
    expect(planted.hits).toBe(2);
    planted.clear();
    expect(list()).toBe('ok');
  });

  it('strike with their probability, the same way for the same seed', () => {
    const run = (seed: number): string[] => {
      const fail = [{ operation: 'list', probability: 0.3, errno: 'EIO' }] as const;
      const fs = machine({ fail }, { seed });
      return Array.from({ length: 300 }, () => outcome(() => fs.list('/')));
    };
    const failures = run(1).filter((result) => result !== 'ok').length;
    expect(failures).toBeGreaterThan(60);
    expect(failures).toBeLessThan(120);
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  it('strike only the paths they name', () => {
    const fail = [{ operation: 'stat', path: 'a.log', persistent: true, errno: 'EIO' }] as const;
    const fs = machine({ fail });
    const stat = (path: string) => outcome(() => fs.stat(path));
    expect([stat('/t/a.log'), stat('/t/aa.log'), stat('/a.log.tmp')]).toEqual([
      'IO_FAILED',
      'ok',
      'ok',
    ]);
  });

  it('leave the old file whole and no temporary one when any step before the rename fails', async () => {
    for (const operation of [
      'writeFileAtomic',
      'writeFileAtomic:sync',
      'writeFileAtomic:rename',
    ] as const) {
      const fs = machine({ fail: [{ operation, errno: 'EIO' }] });
      fs.install('/c', Buffer.from('old'));
      await expect(fs.writeFileAtomic('/c', Buffer.from('new'))).rejects.toThrow(code('IO_FAILED'));
      expect([...fs.snapshot()].join()).toBe('/c,old');
      await fs.writeFileAtomic('/c', Buffer.from('new'));
      expect(fs.powerFail({ outcome: 'nothing' }).snapshot().get('/c')?.toString()).toBe('new');
    }
  });

  it('leave file and size as they were when a reservation or a commit fails', () => {
    const fs = machine({}, { reservationBytes: 0 });
    const file = fs.openLog('/a.log', LOG);
    append(file, 'abc');
    fs.faults.plant({ operation: 'reserve', errno: 'ENOSPC' });
    fs.faults.plant({ operation: 'commit', errno: 'EIO' });
    expect(() => file.reserve(5)).toThrow(code('DISK_FULL'));
    file.reserve(5);
    file.buffer.write('XXXXX', file.at);
    expect(() => file.commit(5)).toThrow(code('IO_FAILED'));
    expect(file.size).toBe(3);
    append(file, 'd');
    expect(file.bytes(0, 4).toString()).toBe('abcd');
    // The part that a failed write left behind is cut before the next append.
    expect(fs.snapshot().get('/a.log')?.toString()).toBe('abcd');
  });
});

describe('a failed flush', () => {
  it('loses its pages for good: a second flush succeeds without them', async () => {
    let lost = 0;
    for (let seed = 0; seed < 40; seed++) {
      const fs = machine({ fail: [{ operation: 'flush', errno: 'EIO' }] }, { seed });
      const file = fs.openLog('/a.log', LOG);
      await fs.syncDirectory('/');
      append(file, 'abc');
      await expect(file.flush()).rejects.toThrow(code('IO_FAILED'));
      await file.flush();
      expect(file.bytes(0, 3).toString()).toBe('abc');
      const after = fs.powerFail({ outcome: 'everything' }).snapshot().get('/a.log')!;
      if (!after.toString().startsWith('abc')) lost++;
    }
    expect(lost).toBeGreaterThan(20);
    expect(lost).toBeLessThan(40);
  });

  it('loses them for a flush that was under way at the same time, too', async () => {
    let lost = 0;
    for (let seed = 0; seed < 40; seed++) {
      const fs = machine({ fail: [{ operation: 'flush', errno: 'EIO' }] }, { seed, maxTicks: 0 });
      const file = fs.openLog('/a.log', LOG);
      await fs.syncDirectory('/');
      append(file, 'abc');
      const [first, second] = await Promise.allSettled([file.flush(), file.flush()]);
      expect([first.status, second.status]).toEqual(['rejected', 'fulfilled']);
      const after = fs.powerFail({ outcome: 'everything' }).snapshot().get('/a.log')!;
      if (!after.toString().startsWith('abc')) lost++;
    }
    expect(lost).toBeGreaterThan(20);
  });
});

describe('a disk with an end', () => {
  it('is full at reserve with a reservation, at commit without, and has room again after a removal', async () => {
    for (const [reservationBytes, failing] of [
      [4096, 'reserve'],
      [0, 'commit'],
    ] as const) {
      const fs = machine({ capacityBytes: 12_288 }, { reservationBytes });
      await fs.writeFile('/ballast', Buffer.alloc(8192));
      const file = fs.openLog('/a.log', LOG);
      append(file, Buffer.alloc(4096, 1));
      const call = () => append(file, 'x');
      expect(call).toThrow(code('DISK_FULL'));
      expect(call).toThrow(
        expect.objectContaining({ details: expect.objectContaining({ operation: failing }) }),
      );
      expect([file.size, fs.usedBytes]).toEqual([4096, 12_288]);
      await expect(fs.writeFile('/more', Buffer.alloc(1))).rejects.toThrow(code('DISK_FULL'));
      await fs.remove('/ballast');
      append(file, 'x');
      expect(file.size).toBe(4097);
    }
  });

  it('takes what fits when the whole reservation does not', () => {
    const fs = machine({ capacityBytes: 8192 }, { reservationBytes: 65_536 });
    const file = fs.openLog('/a.log', LOG);
    append(file, Buffer.alloc(5000));
    expect(file.size).toBe(5000);
    expect(fs.usedBytes).toBe(8192);
  });

  it('keeps its capacity through a crash and can grow', async () => {
    const fs = machine({ capacityBytes: 4096 }).kill();
    await expect(fs.writeFile('/f', Buffer.alloc(5000))).rejects.toThrow(code('DISK_FULL'));
    await fs.remove('/f');
    fs.capacityBytes = 8192;
    await fs.writeFile('/f', Buffer.alloc(5000));
  });
});

describe('a planned crash', () => {
  it('strikes every step once, and the run without one tells how many there are', async () => {
    const run = async (faults: FaultPlan): Promise<SimulatedFileSystem> => {
      const fs = furnished(faults);
      await callEverything(fs).catch((error) => expect(error).toBeInstanceOf(SimulatedCrash));
      return fs;
    };
    const { steps } = await run({});
    expect(steps).toBeGreaterThan(20);
    const reasons = new Set<string>();
    for (let step = 1; step <= steps; step++) {
      const fs = await run({ crashAtStep: step });
      expect([fs.steps, fs.down?.message.includes(`step ${step},`)]).toEqual([step, true]);
      reasons.add(/step \d+, (\S+)/.exec(fs.down!.message)![1]!);
      // Whatever was on the disk before is there in some form: the directory was durable.
      expect(fs.powerFail().stat('/d')?.isDirectory).toBe(true);
    }
    for (const operation of [
      'openLog',
      'commit',
      'flush',
      'writeFileAtomic',
      'rename',
      'truncate',
    ]) {
      expect(reasons).toContain(operation);
    }
    expect((await run({ crashAtStep: steps + 1 })).down).toBeNull();
  });
});

describe('damage', () => {
  const path = '/a.log';
  const damaged = (): SimulatedFileSystem => {
    const fs = machine();
    fs.install(path, Buffer.concat([Buffer.alloc(4096, 1), Buffer.alloc(4096, 2)]));
    return fs;
  };

  it('flips bits in memory, on disk, or both', () => {
    for (const [where, inMemory, onDisk] of [
      ['memory', 3, 2],
      ['disk', 2, 3],
      ['both', 3, 3],
    ] as const) {
      const fs = damaged();
      corrupt(fs, path, 5000, 1, where);
      expect(fs.snapshot().get(path)![5000]).toBe(inMemory);
      expect(fs.durableSnapshot().get(path)![5000]).toBe(onDisk);
    }
  });

  it('tears a sector from a position to its end', () => {
    const fs = damaged();
    tear(fs, path, 4096 + 500);
    const bytes = fs.snapshot().get(path)!;
    expect([...bytes.subarray(4595, 4609)]).toEqual([2, ...new Array(12).fill(0), 2]);
  });

  it('swaps two pages', () => {
    const fs = damaged();
    swapPages(fs, path, [0, 1]);
    const swapped = Buffer.concat([Buffer.alloc(4096, 2), Buffer.alloc(4096, 1)]);
    expect(fs.snapshot().get(path)).toEqual(swapped);
    expect(fs.durableSnapshot().get(path)).toEqual(swapped);
  });

  it('cuts a file and appends rubbish, durable at once', () => {
    const fs = damaged();
    cutFile(fs, path, 10);
    appendRubbish(fs, path, Buffer.from('rubbish'));
    const wanted = Buffer.concat([Buffer.alloc(10, 1), Buffer.from('rubbish')]);
    expect(fs.snapshot().get(path)).toEqual(wanted);
    expect(fs.powerFail({ outcome: 'nothing' }).snapshot().get(path)).toEqual(wanted);
  });

  it('lets reads of an open log fail once somebody has cut the file below them', () => {
    const fs = damaged();
    const file = fs.openLog(path, { create: false, size: 8192, maxBytes: 1 << 20 });
    cutFile(fs, path, 10);
    expect(() => file.bytes(0, 11)).toThrow(code('IO_FAILED'));
    expect(() => file.window(0, 11)).toThrow(code('IO_FAILED'));
    expect(file.bytes(0, 10)).toEqual(Buffer.alloc(10, 1));
  });

  it('refuses to damage what is not there', () => {
    const fs = damaged();
    expect(() => corrupt(fs, path, 8192)).toThrow(RangeError);
    expect(() => corrupt(fs, path, 0, 0)).toThrow(RangeError);
    expect(() => swapPages(fs, path, [1, 2])).toThrow(RangeError);
    expect(() => corrupt(fs, '/none', 0)).toThrow(code('NOT_FOUND'));
  });
});

function outcome(call: () => unknown): string {
  try {
    call();
    return 'ok';
  } catch (error) {
    if (!isVarveError(error)) throw error;
    return error.code;
  }
}
