import { expect, it } from 'vitest';
import { SimulatedProcess } from './simulated-process.js';
import { SimulatedWorld } from './simulated-world.js';

/** Runs `work` with a process and what it was told, in that order. */
function simulate(
  work: (world: SimulatedWorld, process: SimulatedProcess, told: string[]) => Promise<void>,
): Promise<string[]> {
  const world = new SimulatedWorld(1);
  const told: string[] = [];
  return world.run(() => work(world, new SimulatedProcess(world, 'p'), told)).then(() => told);
}

it('a stopped process is told when it goes on, before what comes then, and in order', async () => {
  const told = await simulate(async (world, process, told) => {
    process.pause();
    process.deliver(() => {
      told.push('first');
      // Meanwhile something else arrives.
      process.deliver(() => told.push('third'));
    });
    process.deliver(() => told.push('second'));
    await world.sleep(10);
    expect(told).toEqual([]);
    process.resume();
    await world.sleep(10);
    process.deliver(() => told.push('fourth'));
  });
  expect(told).toEqual(['first', 'second', 'third', 'fourth']);
});

it('a process that is stopped again keeps the rest for later', async () => {
  const told = await simulate(async (world, process, told) => {
    process.pause();
    process.deliver(() => {
      told.push('first');
      process.pause();
    });
    process.deliver(() => told.push('second'));
    process.resume();
    await world.sleep(10);
    expect(told).toEqual(['first']);
    expect(process.isPaused).toBe(true);
    process.deliver(() => told.push('third'));
    process.resume();
    await world.sleep(10);
  });
  expect(told).toEqual(['first', 'second', 'third']);
});

it('a timer that is due while its process is stopped fires after what was held before it', async () => {
  const told = await simulate(async (world, process, told) => {
    process.timers.after(20, () => told.push('timer'));
    process.pause();
    process.deliver(() => told.push('message'));
    await world.sleep(50);
    process.resume();
    await world.sleep(10);
  });
  expect(told).toEqual(['message', 'timer']);
});

it('a process killed while it is stopped is told nothing', async () => {
  const told = await simulate(async (world, process, told) => {
    process.pause();
    process.deliver(() => told.push('never'));
    process.resume();
    process.kill();
    await world.sleep(10);
    expect(process.timersSet).toBe(0);
  });
  expect(told).toEqual([]);
});
