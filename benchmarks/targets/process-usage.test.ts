import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { type WatchedProcess, watchUsage } from './process-usage.js';

const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A child that runs a program, has said something, and so has started. */
async function child(program: string): Promise<ChildProcess & { pid: number }> {
  const one = spawn(
    process.execPath,
    ['--expose-gc', '-e', `${program};process.stdout.write('on');`],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  children.push(one);
  await once(one.stdout, 'data');
  return one as ChildProcess & { pid: number };
}

const watched = (pid: number, id = 'broker 1'): WatchedProcess => ({
  role: 'broker',
  id,
  pid,
  brokerId: 1,
  networkFile: null,
  leaders: 2,
  replicas: 3,
});

describe.skipIf(process.platform !== 'linux')('watchUsage', () => {
  it('measures processor time within 10 % of what the process itself says', async () => {
    const burner = await child(`
      process.stdin.once('data', () => {
        const before = process.cpuUsage();
        const endMs = performance.now() + 2000;
        while (performance.now() < endMs);
        const { user, system } = process.cpuUsage(before);
        process.stdout.write(String((user + system) / 1e6));
      });
      process.stdin.resume();`);
    const watch = watchUsage(() => [watched(burner.pid)]);
    burner.stdin?.write('go');
    const [said] = (await once(burner.stdout!, 'data')) as [Buffer];
    const { processes, machine } = watch.stop();
    const seconds = (processes[0]?.userSeconds ?? 0) + (processes[0]?.systemSeconds ?? 0);
    expect(seconds / Number(said.toString())).toBeGreaterThan(0.9);
    expect(seconds / Number(said.toString())).toBeLessThan(1.1);
    expect(machine?.busySeconds).toBeGreaterThanOrEqual(seconds * 0.9);
    expect(processes[0]).toMatchObject({ role: 'broker', id: 'broker 1', leaders: 2, replicas: 3 });
    expect(processes[0]?.descriptors).toBeGreaterThan(3);
    expect(processes[0]?.mappings).toBeGreaterThan(10);
  });

  it('counts bytes written to disk, and the largest memory of the window', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'varve-usage-'));
    const writer = await child(`
      const fs = require('node:fs');
      let earlier = Buffer.alloc(300e6, 1);
      earlier = null;
      gc();
      process.stdin.once('data', () => {
        global.kept = Buffer.alloc(100e6, 1);
        fs.writeFileSync(${JSON.stringify(join(directory, 'file'))}, Buffer.alloc(20e6, 1));
        global.kept = null;
        process.stdout.write('done');
      });`);
    const watch = watchUsage(() => [watched(writer.pid)]);
    writer.stdin?.write('go');
    await once(writer.stdout!, 'data');
    const [usage] = watch.stop().processes;
    rmSync(directory, { recursive: true });
    expect(usage?.peakRssBytes).toBeGreaterThan(100e6);
    // What was freed before the window does not count.
    expect(usage?.peakRssBytes).toBeLessThan(300e6);
    if (usage?.diskWrittenBytes !== null) {
      expect(usage?.diskWrittenBytes).toBeGreaterThanOrEqual(20e6);
      expect(usage?.diskWrittenBytes).toBeLessThan(30e6);
    }
  });

  it('keeps what a process used that was killed, and counts all of one that came instead', async () => {
    const first = await child('setTimeout(() => { for (;;); }, 10);');
    let running = [watched(first.pid)];
    const watch = watchUsage(() => running);
    await sleep(800);
    running = [];
    first.kill('SIGKILL');
    await once(first, 'exit');
    const second = await child('setTimeout(() => { for (;;); }, 10);');
    running = [watched(second.pid, 'broker 1 again')];
    await sleep(600);
    const { processes } = watch.stop();
    expect(processes.map(({ id }) => id)).toEqual(['broker 1', 'broker 1 again']);
    for (const { userSeconds } of processes) expect(userSeconds).toBeGreaterThan(0.05);
  });

  it('a process that is not there is left out', () => {
    expect(watchUsage(() => [watched(2 ** 22 + 1)]).stop().processes).toEqual([]);
  });
});
