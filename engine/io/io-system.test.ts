import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isVarveError } from '../errors.js';
import { expectPattern, fill } from '../testing/io-conformance.js';
import { openFileSystem } from './index.js';
import { lockByExistence } from './lock.js';

const LINUX = process.platform === 'linux';
const ROOT = process.getuid?.() === 0;
const MIB = 1024 * 1024;

/** This folder as JavaScript, for other processes and threads, which cannot load TypeScript. */
let bundle: string;
let scratch: string;
let directory: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  // Inside the tree, so that the bundle finds koffi.
  scratch = fs.mkdtempSync(resolve('node_modules', '.varve-io-'));
  await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      ssr: resolve('engine/io/index.ts'),
      outDir: scratch,
      target: 'node20',
      rollupOptions: { output: { entryFileNames: 'io.mjs' } },
    },
  });
  bundle = join(scratch, 'io.mjs');
});
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));
beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'varve-io-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  fs.rmSync(directory, { recursive: true, force: true });
});

/** Runs code with `fs` (a file system), `directory` and `say` in another process. */
function child(code: string, options: { readonly limits?: string } = {}): ChildProcess {
  const file = join(scratch, `child-${Math.random().toString(36).slice(2)}.mjs`);
  fs.writeFileSync(
    file,
    `import { openFileSystem } from ${JSON.stringify(bundle)};
     const directory = ${JSON.stringify(directory)};
     const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
     ${code}`,
  );
  const command = `${options.limits ?? ''} exec ${process.execPath} --expose-gc ${file}`;
  const started = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(started);
  return started;
}

/** What the child says first. */
function said(from: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let text = '';
    from.stdout!.on('data', (data: Buffer) => {
      text += data.toString();
      const end = text.indexOf('\n');
      if (end >= 0) resolve(JSON.parse(text.slice(0, end)));
    });
    from.once('exit', (code, signal) => reject(new Error(`ended with ${code ?? signal}: ${text}`)));
  });
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isVarveError(error)) return error.code;
    throw error;
  }
  return 'no error';
}

/** Mappings and descriptors of this process below a directory. */
function held(below: string): { mappings: number; descriptors: number } {
  const maps = fs.readFileSync('/proc/self/maps', 'utf8').split('\n');
  const descriptors = fs.readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(below);
    } catch {
      return false;
    }
  });
  return {
    mappings: maps.filter((line) => line.includes(below)).length,
    descriptors: descriptors.length,
  };
}

async function collectGarbage(until: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !until(); i++) {
    globalThis.gc!();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('openFileSystem', () => {
  it('refuses a kind and limits that are none', () => {
    expect(codeOf(() => openFileSystem({ kind: 'fast' as 'auto' }))).toBe('INVALID_CONFIG');
    expect(codeOf(() => openFileSystem({ maxMappings: 0 }))).toBe('INVALID_CONFIG');
    expect(codeOf(() => openFileSystem({ maxOpenFiles: 1.5 }))).toBe('INVALID_CONFIG');
  });

  it.runIf(LINUX)('maps by itself on Linux', () => {
    expect(openFileSystem().kind).toBe('mmap');
  });
});

describe.runIf(LINUX)('what the kernel says is held', () => {
  it('maps only while views are held, and leaves nothing behind', async () => {
    const io = openFileSystem({ kind: 'mmap' });
    let view: Buffer | null = null;
    for (let i = 0; i < 10; i++) {
      const log = io.openLog(join(directory, `${i}`), {
        create: true,
        size: 0,
        maxBytes: 64 * MIB,
      });
      fill(log, 12 * MIB, { piece: 64 * 1024 });
      if (i === 3) view = log.bytes(MIB, 2 * MIB);
      else log.bytes(MIB, 2 * MIB);
      await log.close();
      await io.remove(join(directory, `${i}`));
    }
    await collectGarbage(() => held(directory).mappings === 1);
    expect(held(directory)).toEqual({ mappings: 1, descriptors: 0 });
    expectPattern(view!, MIB);
    view = null;
    await collectGarbage(() => held(directory).mappings === 0);
    expect(held(directory)).toEqual({ mappings: 0, descriptors: 0 });
  });

  it('holds ten thousand partitions with few descriptors and mappings', async () => {
    const io = openFileSystem({ kind: 'mmap', maxOpenFiles: 50 });
    const logs = Array.from({ length: 10_000 }, (_, i) =>
      io.openLog(join(directory, `${i}.log`), { create: true, size: 0, maxBytes: 64 * MIB }),
    );
    for (const [i, log] of logs.entries()) fill(log, 500, { salt: i });
    for (const [i, log] of logs.entries()) fill(log, 500, { salt: i });
    for (const [i, log] of logs.entries()) expectPattern(log.bytes(0, 1000), 0, i);
    const usage = io.usage();
    expect(usage.openFiles).toBeLessThanOrEqual(50);
    expect(usage.mappings).toBeLessThanOrEqual(10_000);
    expect(usage.reservedBytes).toBeLessThan(64 * MIB);
    await Promise.all(logs.map((log) => log.close()));
    await collectGarbage(() => held(directory).mappings === 0);
    expect(held(directory)).toEqual({ mappings: 0, descriptors: 0 });
  });

  it('opens more files than the process may, told or not', async () => {
    const result = await said(
      child(
        `const io = openFileSystem({ maxOpenFiles: 100000 });
         const logs = [];
         for (let i = 0; i < 300; i++) {
           const log = io.openLog(directory + '/' + i, { create: true, size: 0, maxBytes: 1e6 });
           log.reserve(4);
           log.buffer.writeUInt32LE(i, log.at);
           log.commit(4);
           logs.push(log);
         }
         await Promise.all(logs.slice(0, 20).map((log) => log.flush()));
         say(logs.every((log, i) => log.bytes(0, 4).readUInt32LE(0) === i));`,
        { limits: 'ulimit -n 64;' },
      ),
    );
    expect(result).toBe(true);
  });
});

describe('lock', () => {
  it('names the process that holds it, and is free once that was killed', async () => {
    const holder = child(
      `openFileSystem().lock(directory + '/.lock');
       say(process.pid);
       setInterval(() => {}, 1000);`,
    );
    const pid = await said(holder);
    const io = openFileSystem();
    try {
      io.lock(join(directory, '.lock'));
      expect.fail('locked twice');
    } catch (error) {
      if (!isVarveError(error, 'DIRECTORY_LOCKED')) throw error;
      expect(error.details).toMatchObject({ holder: { pid } });
      expect(error.message).toContain(String(pid));
    }
    const gone = new Promise((resolve) => holder.once('exit', resolve));
    holder.kill('SIGKILL');
    await gone;
    io.lock(join(directory, '.lock')).release();
  });

  it('excludes another thread', async () => {
    const lock = openFileSystem().lock(join(directory, '.lock'));
    const attempt = () =>
      new Promise((resolve, reject) => {
        const worker = new Worker(
          `const { workerData, parentPort } = require('node:worker_threads');
           import(workerData.bundle).then(({ openFileSystem }) => {
             try {
               openFileSystem().lock(workerData.path).release();
               parentPort.postMessage('locked');
             } catch (error) {
               parentPort.postMessage(error.code);
             }
           });`,
          { eval: true, workerData: { bundle, path: join(directory, '.lock') } },
        );
        worker.once('message', resolve);
        worker.once('error', reject);
      });
    expect(await attempt()).toBe('DIRECTORY_LOCKED');
    lock.release();
    expect(await attempt()).toBe('locked');
  });

  describe('by existence, where the kernel has no better', () => {
    it('excludes a living holder and takes over from a dead one', () => {
      const path = join(directory, '.lock');
      const lock = lockByExistence(path);
      expect(codeOf(() => lockByExistence(path))).toBe('DIRECTORY_LOCKED');
      lock.release();
      expect(fs.existsSync(path)).toBe(false);
      const dead = Number(execFileSync('/bin/sh', ['-c', 'echo $$']).toString());
      const stale = JSON.parse(JSON.stringify({ pid: dead, host: '', since: '', title: '' }));
      stale.host = execFileSync('hostname').toString().trim();
      fs.writeFileSync(path, JSON.stringify(stale));
      lockByExistence(path).release();
      expect(fs.readdirSync(directory)).toEqual([]);
    });

    it('takes over a file that names nobody, as Kafka leaves it', () => {
      fs.writeFileSync(join(directory, '.lock'), '');
      lockByExistence(join(directory, '.lock')).release();
    });

    it('does not judge the processes of another host', () => {
      const holder = { pid: 1, host: 'elsewhere.invalid', since: 'x', title: 'y' };
      fs.writeFileSync(join(directory, '.lock'), JSON.stringify(holder));
      expect(codeOf(() => lockByExistence(join(directory, '.lock')))).toBe('DIRECTORY_LOCKED');
    });
  });
});

describe.runIf(LINUX && ROOT)('a small disk', () => {
  let mount: string;
  beforeEach(() => {
    mount = join(directory, 'small');
    fs.mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', mount]);
  });
  afterEach(() => {
    execFileSync('umount', ['-l', mount]);
  });

  for (const kind of ['portable', 'mmap'] as const) {
    for (const piece of [100, 5000, 100_000]) {
      it(`${kind}: is full for appends of ${piece} bytes, keeps all that was committed, goes on with room`, async () => {
        const io = openFileSystem({ kind });
        fs.writeFileSync(join(mount, 'ballast'), Buffer.alloc(MIB));
        const log = io.openLog(join(mount, 'a'), { create: true, size: 0, maxBytes: 64 * MIB });
        const code = codeOf(() => {
          for (;;) fill(log, piece);
        });
        expect(code).toBe('DISK_FULL');
        const { size } = log;
        expect(size % piece).toBe(0);
        expect(size).toBeGreaterThan(2.5 * MIB);
        expectPattern(log.bytes(0, size), 0);
        expect(codeOf(() => fill(log, 2 * MIB))).toBe('DISK_FULL');
        expect(log.size).toBe(size);
        fs.rmSync(join(mount, 'ballast'));
        fill(log, 500_000, { piece });
        expectPattern(log.bytes(0, size + 500_000), 0);
        await log.flush();
        await log.close();
        expect(fs.statSync(join(mount, 'a')).size).toBe(size + 500_000);
      });
    }
  }

  it('says READ_ONLY once it is mounted so', async () => {
    const io = openFileSystem();
    await io.writeFile(join(mount, 'a'), Buffer.from('a'));
    execFileSync('mount', ['-o', 'remount,ro', mount]);
    const options = { create: true, size: 0, maxBytes: MIB };
    expect(codeOf(() => io.openLog(join(mount, 'b'), options))).toBe('READ_ONLY');
    expect(codeOf(() => io.lock(join(mount, '.lock')))).toBe('READ_ONLY');
    expect(codeOf(() => io.makeDirectory(join(mount, 'd')))).toBe('READ_ONLY');
    await expect(io.writeFile(join(mount, 'a'), Buffer.alloc(1))).rejects.toThrow(/EROFS/);
    const log = io.openLog(join(mount, 'a'), {
      create: false,
      size: 1,
      maxBytes: MIB,
      readOnly: true,
    });
    expect(log.bytes(0, 1).toString()).toBe('a');
    await log.close();
  });
});
if (!ROOT) console.warn('skipped: a full disk and a read-only one need root to be mounted');

describe('worker threads', () => {
  it('append and read in several at once, and leave nothing mapped when they end', async () => {
    const run = (n: number) =>
      new Promise((resolve, reject) => {
        const worker = new Worker(
          `const { workerData, parentPort } = require('node:worker_threads');
           import(workerData.bundle).then(async ({ openFileSystem }) => {
             const io = openFileSystem();
             const options = { create: true, size: 0, maxBytes: 64e6 };
             const log = io.openLog(workerData.path, options);
             for (let i = 0; i < 20000; i++) {
               log.reserve(1000);
               log.buffer.writeUInt32LE(i, log.at);
               log.commit(1000);
             }
             await log.flush();
             let ok = true;
             for (let i = 0; i < 20000; i++) {
               const { buffer, start } = log.window(i * 1000, 1000);
               ok &&= buffer.readUInt32LE(i * 1000 - start) === i;
             }
             await log.close();
             parentPort.postMessage(ok);
           });`,
          { eval: true, workerData: { bundle, path: join(directory, String(n)) } },
        );
        let answer: unknown;
        worker.once('message', (message) => {
          answer = message;
        });
        worker.once('error', reject);
        worker.once('exit', () => resolve(answer));
      });
    expect(await Promise.all([run(1), run(2), run(3)])).toEqual([true, true, true]);
    if (LINUX) expect(held(directory)).toEqual({ mappings: 0, descriptors: 0 });
  });
});
