import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PartitionLog } from '../log/partition-log.js';

/** The package as it is published: a worker cannot load TypeScript. */
const VARVE = resolve('dist/engine/index.js');
let root: string;
const workers: Worker[] = [];

beforeAll(() => {
  if (!existsSync(VARVE)) throw new Error(`${VARVE} is missing: run \`npm run build\` first`);
});
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'varve-workers-'));
});
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.terminate();
  rmSync(root, { recursive: true, force: true });
});

/** Runs code with `varve`, `data` and `say` in a thread; `said` resolves with what it says, in turn. */
function start(code: string, data: object = {}) {
  const worker = new Worker(
    `const { workerData: data, parentPort } = require('node:worker_threads');
     const say = (value) => parentPort.postMessage(value);
     const heard = () => new Promise((resolve) => parentPort.once('message', resolve));
     import(data.varve).then(async (varve) => { ${code} }).catch((error) =>
       say({ error: String(error?.message ?? error), code: error?.code, details: error?.details }));`,
    { eval: true, workerData: { varve: pathToFileURL(VARVE).href, ...data } },
  );
  workers.push(worker);
  const queue: unknown[] = [];
  let wake: (() => void) | null = null;
  worker.on('message', (value) => {
    queue.push(value);
    wake?.();
  });
  const failed = new Promise<never>((_, reject) => worker.once('error', reject));
  failed.catch(() => undefined);
  return {
    worker,
    async said(): Promise<unknown> {
      while (queue.length === 0) {
        const next = new Promise<void>((go) => {
          wake = go;
        });
        await Promise.race([next, failed]);
      }
      return queue.shift();
    },
    ended: new Promise<number>((go) => worker.once('exit', go)),
  };
}

const directoryOf = (name: string) => join(root, `${name}-0`);

const WRITE = `
  const fs = varve.openFileSystem({ kind: data.kind });
  const config = { 'internal.segment.bytes': 65536 };
  const log = await varve.PartitionLog.open({ directory: data.directory, fs, config });
  for (let i = 0; i < data.records; i++) {
    log.append([{ key: 'k' + i, value: data.name + '-' + i }]);
    if (i % 500 === 0) await log.flush();
  }
  let right = 0;
  for (let i = 0; i < data.records; i++) {
    if (Buffer.from(log.readRecord(i, { checkCrcs: true }).value).toString() === data.name + '-' + i) right++;
  }
  await log.close();
  say({ right, segments: log.segmentCount, openFiles: fs.usage().openFiles });`;

describe('worker threads', () => {
  it.each(['mmap', 'portable'])(
    'write and read several directories at once (%s), and the main thread reads what they wrote',
    async (kind) => {
      const names = ['a', 'b', 'c', 'd'];
      const records = 3000;
      const threads = names.map((name) =>
        start(WRITE, { kind, name, records, directory: directoryOf(name) }),
      );
      for (const thread of threads) {
        const result = (await thread.said()) as { segments: number };
        expect(result).toMatchObject({ right: records, openFiles: 0 });
        expect(result.segments).toBeGreaterThan(1);
        expect(await thread.ended).toBe(0);
      }
      for (const name of names) {
        const log = await PartitionLog.open({ directory: directoryOf(name) });
        expect(log.recovery.wasClean).toBe(true);
        expect(log.logEndOffset).toBe(records);
        const { value } = log.readRecord(records - 1, { checkCrcs: true })!;
        expect(Buffer.from(value!).toString()).toBe(`${name}-${records - 1}`);
        await log.close();
      }
    },
  );

  it('a second thread on the same directory is refused, whichever came first, until the first has closed', async () => {
    const directory = directoryOf('one');
    const first = start(
      `const log = await varve.PartitionLog.open({ directory: data.directory });
       log.append([{ value: 'mine' }]);
       say('open');
       await heard();
       await log.close();
       say('closed');`,
      { directory },
    );
    expect(await first.said()).toBe('open');
    const second = start('await varve.PartitionLog.open(data.open);', { open: { directory } });
    expect(await second.said()).toMatchObject({
      code: 'DIRECTORY_LOCKED',
      details: { holder: { pid: process.pid } },
    });
    await expect(PartitionLog.open({ directory })).rejects.toMatchObject({
      code: 'DIRECTORY_LOCKED',
    });
    first.worker.postMessage('go on');
    expect(await first.said()).toBe('closed');
    const third = start(
      `const log = await varve.PartitionLog.open({ directory: data.directory });
       say(log.logEndOffset);
       await log.close();`,
      { directory },
    );
    expect(await third.said()).toBe(1);
    expect(await third.ended).toBe(0);
  });

  it('a thread that is terminated leaves its directory free, and all it had acknowledged in it', async () => {
    const directory = directoryOf('gone');
    const thread = start(
      `const log = await varve.PartitionLog.open({ directory: data.directory });
       for (let i = 0; i < 1000; i++) log.append([{ value: 'value-' + i }]);
       say('written');
       setInterval(() => {}, 1000);`,
      { directory },
    );
    expect(await thread.said()).toBe('written');
    await thread.worker.terminate();
    const log = await PartitionLog.open({ directory });
    expect(log.recovery.wasClean).toBe(false);
    expect(log.logEndOffset).toBe(1000);
    expect(Buffer.from(log.readRecord(999)!.value!).toString()).toBe('value-999');
    await log.close();
  });

  it('several stores, each with a producer and a consumer in its own thread', async () => {
    const code = `
      const store = await varve.Store.open({ directory: data.directory });
      await store.createTopic('events', { partitions: 2 });
      const producer = store.producer({ durability: 'disk' });
      const sent = [];
      for (let i = 0; i < 500; i++) sent.push(producer.send({ topic: 'events', key: 'k' + i, value: data.name + i }));
      await Promise.all(sent);
      const consumer = store.consumer();
      consumer.assignTopics('events');
      const seen = new Set();
      while (seen.size < 500) {
        for (const { value } of await consumer.poll({ timeoutMs: 5000 })) seen.add(Buffer.from(value).toString());
      }
      await store.close();
      say({ seen: seen.size, foreign: [...seen].filter((value) => !value.startsWith(data.name)).length });`;
    const threads = ['x', 'y', 'z'].map((name) =>
      start(code, { name, directory: join(root, name) }),
    );
    for (const thread of threads) {
      expect(await thread.said()).toEqual({ seen: 500, foreign: 0 });
      expect(await thread.ended).toBe(0);
    }
  });

  const linux = it.skipIf(process.platform !== 'linux');
  linux('nothing is left behind by threads that came and went', async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const mappings = () =>
      readFileSync('/proc/self/maps', 'utf8')
        .split('\n')
        .filter((line) => line.includes(root)).length;
    const round = async (name: string) => {
      const threads = [0, 1].map((i) =>
        start(WRITE, { kind: 'mmap', name, records: 500, directory: directoryOf(`${name}${i}`) }),
      );
      for (const thread of threads) {
        expect(await thread.said()).toMatchObject({ right: 500 });
        expect(await thread.ended).toBe(0);
      }
    };
    await round('warm');
    const before = descriptors();
    for (let i = 0; i < 5; i += 1) await round(`round${i}`);
    await expect.poll(descriptors).toBeLessThanOrEqual(before);
    await expect.poll(mappings).toBe(0);
  });
});
