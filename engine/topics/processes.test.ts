import { type ChildProcess, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openFileSystem } from '../io/index.js';
import { DataDirectory } from './data-directory.js';

/** The data directory as JavaScript, for other processes and threads, which cannot load TypeScript. */
let bundle: string;
let scratch: string;
let directory: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  // Inside the tree, so that the bundle finds its packages.
  scratch = mkdtempSync(resolve('node_modules', '.varve-topics-'));
  await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      ssr: resolve('engine/topics/data-directory.ts'),
      outDir: scratch,
      target: 'node20',
      rollupOptions: { output: { entryFileNames: 'topics.mjs' } },
    },
  });
  bundle = join(scratch, 'topics.mjs');
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-processes-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

/** Runs code with `DataDirectory`, `directory` and `say` in another process. */
function child(code: string): ChildProcess {
  const file = join(scratch, `child-${Math.random().toString(36).slice(2)}.mjs`);
  writeFileSync(
    file,
    `import { DataDirectory } from ${JSON.stringify(bundle)};
     const directory = ${JSON.stringify(directory)};
     const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
     ${code}`,
  );
  const started = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(started);
  return started;
}

/** The first line the child says that `accepts`. */
function said(from: ChildProcess, accepts: (value: unknown) => boolean = () => true) {
  return new Promise<unknown>((resolve, reject) => {
    let text = '';
    from.stdout!.on('data', (data: Buffer) => {
      text += data.toString();
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const value: unknown = JSON.parse(text.slice(0, end));
        text = text.slice(end + 1);
        if (accepts(value)) resolve(value);
      }
    });
    from.once('exit', (code) => reject(new Error(`the child left with ${code}`)));
  });
}

const ended = (process: ChildProcess) =>
  new Promise((resolve) => {
    if (process.exitCode !== null || process.signalCode !== null) resolve(null);
    else process.once('exit', resolve);
  });

const WRITER = `
  const data = await DataDirectory.open({ directory, topicDefaults: { 'internal.segment.bytes': 16384 } });
  if (!data.hasTopic('t')) await data.createTopic('t', { partitions: 2 });
  // The kill may have come between the two: the one behind goes first.
  let n = Math.min(data.partition('t', 0).logEndOffset, data.partition('t', 1).logEndOffset);
  for (;;) {
    for (let i = 0; i < 50; i++, n++) {
      for (let p = 0; p < 2; p++) {
        if (data.partition('t', p).logEndOffset <= n) data.partition('t', p).append([{ value: 'value-' + n }]);
      }
    }
    say(n);
    await new Promise((resolve) => setImmediate(resolve));
  }`;

describe('a data directory and other processes', () => {
  it('tells a second process who has it, and is free once that one is killed', async () => {
    const holder = child(
      'await DataDirectory.open({ directory }); say(process.pid); setInterval(() => {}, 1000);',
    );
    const pid = await said(holder);
    const refused = await DataDirectory.open({ directory }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'DIRECTORY_LOCKED', details: { holder: { pid } } });
    expect((refused as Error).message).toContain(`process ${pid}`);
    holder.kill('SIGKILL');
    await ended(holder);
    const data = await DataDirectory.open({ directory });
    await data.close();
  });

  it('has every acknowledged record after kill -9, again and again', async () => {
    let acknowledged = 0;
    for (let round = 0; round < 4; round += 1) {
      const writer = child(WRITER);
      acknowledged = (await said(writer, (n) => Number(n) >= acknowledged + 500)) as number;
      writer.kill('SIGKILL');
      await ended(writer);
      const data = await DataDirectory.open({ directory });
      expect(data.wasClean).toBe(false);
      expect(data.offline).toEqual([]);
      for (let p = 0; p < 2; p += 1) {
        const log = data.partition('t', p);
        expect(log.logEndOffset).toBeGreaterThanOrEqual(acknowledged);
        for (let offset = 0; offset < log.logEndOffset; offset += 1) {
          const { value } = log.readRecord(offset, { checkCrcs: true })!;
          expect(Buffer.from(value!).toString()).toBe(`value-${offset}`);
        }
      }
      await data.close();
      const again = await DataDirectory.open({ directory });
      expect(again.wasClean).toBe(true);
      await again.close();
    }
  });

  it('works in several worker threads at once, each its own, none the other’s', async () => {
    const run = (n: number, at: number) =>
      new Promise<unknown>((resolve, reject) => {
        const worker = new Worker(
          `const { workerData, parentPort } = require('node:worker_threads');
           import(workerData.bundle).then(async ({ DataDirectory }) => {
             const data = await DataDirectory.open({ directory: workerData.directory });
             await data.createTopic('t', { partitions: 4 });
             for (let i = 0; i < 2000; i++) {
               data.partition('t', i % 4).append([{ value: workerData.n + '-' + i }]);
             }
             const ends = data.describeTopic('t').partitions.map((p) => p.logEndOffset);
             const mine = Buffer.from(data.partition('t', 3).readRecord(499).value).toString();
             await new Promise((go) => setTimeout(go, 300));
             await data.close();
             parentPort.postMessage({ ends, mine, files: data.usage().files.openFiles });
           }).catch((error) => parentPort.postMessage(error.code ?? String(error)));`,
          {
            eval: true,
            workerData: { bundle, n, directory: join(directory, String(at)) },
          },
        );
        worker.once('message', resolve);
        worker.once('error', reject);
      });
    const whole = (n: number) => ({ ends: [500, 500, 500, 500], mine: `${n}-1999`, files: 0 });
    expect(await Promise.all([run(1, 1), run(2, 2), run(3, 3)])).toEqual([1, 2, 3].map(whole));
    const both = await Promise.all([run(4, 9), run(5, 9)]);
    expect(both).toContain('DIRECTORY_LOCKED');
    expect(both.filter((result) => result !== 'DIRECTORY_LOCKED')).toHaveLength(1);
  });
});

describe('a data directory leaves nothing behind', () => {
  const linux = it.skipIf(process.platform !== 'linux');
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const mapped = () =>
    readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter((line) => line.includes(directory)).length;

  linux(
    'no descriptor and no mapping, opened and closed many times, with topics deleted',
    async () => {
      const fs = openFileSystem();
      const round = async () => {
        const data = await DataDirectory.open({
          directory,
          fs,
          topicDefaults: { 'internal.segment.bytes': 4096 },
        });
        await data.createTopic('t', { partitions: 8 });
        for (let i = 0; i < 400; i += 1) {
          data.partition('t', i % 8).append([{ value: 'x'.repeat(200) }]);
          data.partition('t', i % 8).readRecord(0);
        }
        await data.deleteTopic('t');
        await data.close();
      };
      await round();
      const before = descriptors();
      for (let i = 0; i < 5; i += 1) await round();
      expect(fs.usage()).toMatchObject({ openFiles: 0, reservedBytes: 0 });
      expect(descriptors()).toBeLessThanOrEqual(before);
      await expect
        .poll(() => {
          global.gc?.();
          return mapped() + fs.usage().mappings;
        })
        .toBe(0);
    },
  );

  it('opens 1,000 partitions of 4 segments', { timeout: 120_000 }, async () => {
    const partitions = 1000;
    // Removing twenty thousand synced files from a disk takes longer than the test.
    if (existsSync('/dev/shm')) {
      rmSync(directory, { recursive: true });
      directory = mkdtempSync('/dev/shm/varve-processes-');
    }
    const data = await DataDirectory.open({ directory });
    await data.createTopic('t');
    for (let segment = 0; segment < 4; segment += 1) {
      data.partition('t', 0).roll();
      data.partition('t', 0).append([{ value: `value-${segment}` }]);
    }
    await data.close();
    // Copied without the catalog, as a Kafka directory comes: making a thousand costs thousands of syncs.
    for (let p = 1; p < partitions; p += 1) {
      cpSync(join(directory, 't-0'), join(directory, `t-${p}`), { recursive: true });
    }
    rmSync(join(directory, 'varve-topics'));
    const seen: number[] = [];
    const start = performance.now();
    const again = await DataDirectory.open({
      directory,
      onProgress: ({ partitionsOpened }) => seen.push(partitionsOpened),
    });
    const openMs = performance.now() - start;
    const usage = again.usage();
    console.log(`1,000 partitions x 4 segments opened in ${openMs.toFixed(0)} ms`, usage.files);
    expect(again.wasClean).toBe(true);
    expect(usage).toMatchObject({ topics: 1, partitions, offlinePartitions: 0, segments: 4000 });
    expect(seen).toEqual(Array.from({ length: partitions }, (_, i) => i + 1));
    expect(again.partition('t', 999).logEndOffset).toBe(4);
    // A guard against the wrong order of growth, not a measurement: the machine may be busy.
    expect(openMs).toBeLessThan(20_000);
    await again.close();
    expect(again.usage().files).toMatchObject({ openFiles: 0 });
  });
});
