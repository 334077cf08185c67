import { describe, expect, it } from 'vitest';
import { SourceNames } from './source-names.js';
import { readTicks, renamedTicks, type TickFrame } from './ticks.js';

const js = (name: string): TickFrame => ({ name, type: 'JS' });
const native = (name: string): TickFrame => ({ name, type: 'CPP' });
const names = new SourceNames('/app');

describe('samples of V8’s log', () => {
  const ticks = [
    [js('run file:///app/main.js:1:1'), js('hot file:///app/main.js:9:3')],
    [js('run file:///app/main.js:1:1'), js('hot file:///app/main.js:9:3')],
    [js('run file:///app/main.js:1:1'), native('memcpy')],
    [native('epoll_pwait@@GLIBC_2.6')],
  ];

  it('are self and total time by function, without the idle ones', () => {
    const reading = readTicks(ticks, 4, names);
    expect(reading).toMatchObject({ samples: 4, idleSamples: 1, nativeSamples: 1, busyUs: 3e6 });
    expect(
      reading.functions.map(({ functionName, self, total }) => [functionName, self, total]),
    ).toEqual([
      ['hot', 2e6, 2e6],
      ['memcpy', 1e6, 1e6],
      ['run', 0, 3e6],
    ]);
    expect(reading.ownShare).toBe(1);
  });

  it('of which no name is known have no share of the program', () => {
    const lost = ticks.map(() => [{ name: '', type: 'JS' }]);
    expect(readTicks(lost, 4, names).ownShare).toBe(0);
  });

  it('get plain paths, which clinic does not take for a part of Node', () => {
    expect(renamedTicks(ticks, names, ({ file }) => file)[0]?.map(({ name }) => name)).toEqual([
      'run /app/main.js:1:1',
      'hot /app/main.js:9:3',
    ]);
  });
});
