import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { HeapProfiler, Profiler } from 'node:inspector';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cpuTree, heapTree, readCpuProfile, readHeapProfile, totalOf } from './read-profile.js';
import { SourceNames } from './source-names.js';

/** `hot` and `cool` do the same work, three to one; between rounds it sleeps. `hoard` allocates what is kept. */
const PROGRAM = `
function hot(n) { let x = 1; for (let i = 0; i < n; i++) x = (x * 31 + i) % 1000003; return x; }
function cool(n) { let x = 1; for (let i = 0; i < n; i++) x = (x * 31 + i) % 1000003; return x; }
function hoard() { const list = []; for (let i = 0; i < 8000; i++) list.push({ i, text: 'v' + i }); return list; }
globalThis.kept = [];
function round(left) {
  hot(9e6); cool(3e6);
  kept.push(hoard());
  if (left > 0) setTimeout(round, 60, left - 1);
}
round(20);
`;

let directory: string;
let cpu: Profiler.Profile;
let heap: HeapProfiler.SamplingHeapProfile;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-profile-'));
  const program = join(directory, 'program.mjs');
  writeFileSync(program, PROGRAM);
  const flags = ['--cpu-prof', '--heap-prof', '--heap-prof-interval=4096'];
  const directories = [`--cpu-prof-dir=${directory}`, `--heap-prof-dir=${directory}`];
  execFileSync(process.execPath, [...flags, ...directories, program]);
  cpu = read('.cpuprofile') as Profiler.Profile;
  heap = read('.heapprofile') as HeapProfiler.SamplingHeapProfile;
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function read(ending: string): unknown {
  const [file] = readdirSync(directory).filter((name) => name.endsWith(ending));
  return JSON.parse(readFileSync(join(directory, file as string), 'utf8'));
}

describe('a CPU profile of a program whose hot function is known', () => {
  it('has the two functions on top, three to one, with their places', () => {
    const names = new SourceNames(directory);
    const { functions, busyUs, ownShare } = readCpuProfile(cpu, names);
    expect(functions.slice(0, 2).map(({ functionName }) => functionName)).toEqual(['hot', 'cool']);
    const [hot, cool] = functions as [(typeof functions)[number], (typeof functions)[number]];
    expect(names.text(hot.place)).toBe('program.mjs:2');
    expect(hot.self / cool.self).toBeGreaterThan(2);
    expect(hot.self / cool.self).toBeLessThan(4.5);
    expect((hot.self + cool.self) / busyUs).toBeGreaterThan(0.5);
    expect(ownShare).toBeGreaterThan(0.5);
  });

  it('counts what a function calls in its total, and idle time in neither', () => {
    const { functions, idleUs, wallUs, busyUs } = readCpuProfile(cpu, new SourceNames(directory));
    const round = functions.find(({ functionName }) => functionName === 'round');
    const hot = functions.find(({ functionName }) => functionName === 'hot');
    expect(round?.total).toBeGreaterThanOrEqual((hot?.total ?? 0) + (round?.self ?? 0));
    expect(idleUs / wallUs).toBeGreaterThan(0.05);
    expect(idleUs + busyUs).toBeCloseTo(wallUs, 0);
  });

  it('as a tree holds exactly its busy time', () => {
    const { tree, wallUs, idleUs } = cpuTree(cpu, new SourceNames(directory));
    expect(totalOf(tree)).toBeCloseTo(wallUs - idleUs, 0);
  });

  it('without samples is refused', () => {
    const empty = { ...cpu, samples: [], timeDeltas: [] };
    expect(() => readCpuProfile(empty, new SourceNames(directory))).toThrow(
      /0 samples: at least 2/,
    );
  });
});

describe('a heap profile of a program that hoards', () => {
  it('has the hoarder on top', () => {
    const { functions, bytes, ownShare } = readHeapProfile(heap, new SourceNames(directory));
    expect(functions[0]?.functionName).toBe('hoard');
    expect((functions[0]?.self ?? 0) / bytes).toBeGreaterThan(0.5);
    expect(ownShare).toBeGreaterThan(0.5);
  });

  it('as a tree holds exactly its bytes', () => {
    const names = new SourceNames(directory);
    expect(totalOf(heapTree(heap, names))).toBe(readHeapProfile(heap, names).bytes);
  });

  it('without an allocation is refused', () => {
    const empty = { ...heap, head: { ...heap.head, selfSize: 0, children: [] } };
    expect(() => readHeapProfile(empty, new SourceNames(directory))).toThrow(/run for longer/);
  });
});

describe('recursion', () => {
  const node = (id: number, functionName: string, children: number[]): Profiler.ProfileNode => ({
    id,
    callFrame: {
      functionName,
      scriptId: '1',
      url: '/a/b.js',
      lineNumber: id === 1 ? -1 : 4,
      columnNumber: 0,
    },
    children,
  });

  it('counts once in the total of a function that calls itself', () => {
    const profile: Profiler.Profile = {
      nodes: [node(1, '(root)', [2]), node(2, 'down', [3]), node(3, 'down', [])],
      startTime: 0,
      endTime: 40,
      samples: [2, 3, 3, 3],
      timeDeltas: [10, 10, 10, 10],
    };
    const { functions } = readCpuProfile(profile, new SourceNames('/a'));
    const [down] = functions.filter(({ functionName }) => functionName === 'down');
    expect(down).toMatchObject({ self: 30, total: 30 });
  });
});
