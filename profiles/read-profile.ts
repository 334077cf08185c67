import type { HeapProfiler, Profiler } from 'node:inspector';
import type { Place, SourceNames } from './source-names.js';

/** A function and what it cost. */
export interface FunctionCost {
  readonly functionName: string;
  readonly place: Place;
  /** In it, without what it calls: microseconds of a CPU profile, bytes of a heap profile. */
  readonly self: number;
  /** With what it calls. */
  readonly total: number;
}

export interface CpuReading {
  readonly samples: number;
  /** Microseconds from the first sample to the last. */
  readonly wallUs: number;
  /** The thread had nothing to do. */
  readonly idleUs: number;
  readonly gcUs: number;
  /** In Node and V8 themselves, outside any function of JavaScript: system calls, native code. */
  readonly nativeUs: number;
  /** `wallUs - idleUs` */
  readonly busyUs: number;
  /** By self time, the most first; garbage collection and native code are not among them. */
  readonly functions: readonly FunctionCost[];
  /** Share of the busy samples that were in, or below, a function of the program itself. */
  readonly ownShare: number;
}

export interface HeapReading {
  readonly bytes: number;
  /** By bytes, the most first. */
  readonly functions: readonly FunctionCost[];
  /** Share of the bytes that were allocated in, or below, a function of the program itself. */
  readonly ownShare: number;
}

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  /** From 0; -1: unknown. */
  readonly lineNumber: number;
  readonly columnNumber: number;
}

/** A call tree with what each node cost by itself: both kinds of profiles, and the pictures of them. */
export interface CallTree {
  readonly functionName: string;
  readonly place: Place;
  readonly self: number;
  readonly children: readonly CallTree[];
}

/** @throws RangeError when it is no profile: nothing was sampled. */
export function readCpuProfile(profile: Profiler.Profile, names: SourceNames): CpuReading {
  const { idleUs, wallUs, samples, tree } = cpuTree(profile, names);
  const named = (name: string): number =>
    tree.children
      .filter(({ functionName }) => functionName === name)
      .reduce((sum, { self }) => sum + self, 0);
  const busyUs = wallUs - idleUs;
  return {
    samples,
    wallUs,
    idleUs,
    gcUs: named('(garbage collector)'),
    nativeUs: named('(program)'),
    busyUs,
    functions: costsOf(tree),
    ownShare: busyUs === 0 ? 0 : ownCost(tree, names) / busyUs,
  };
}

/** The call tree of the busy time, in microseconds. */
export function cpuTree(
  profile: Profiler.Profile,
  names: SourceNames,
): { tree: CallTree; wallUs: number; idleUs: number; samples: number } {
  const { nodes, samples = [], timeDeltas = [], startTime, endTime } = profile;
  if (nodes.length === 0 || samples.length < 2) {
    throw new RangeError(
      `a CPU profile of ${samples.length} samples: at least 2 are needed; run for longer`,
    );
  }
  const self = new Map<number, number>();
  let wallUs = 0;
  for (let i = 0; i < samples.length; i += 1) {
    // A sample stands for the time until the next one. Threads of a busy machine give deltas out of order.
    const untilNext = timeDeltas[i + 1] ?? Math.max(0, endTime - startTime - sum(timeDeltas));
    const us = Math.max(0, untilNext);
    const id = samples[i] as number;
    self.set(id, (self.get(id) ?? 0) + us);
    wallUs += us;
  }
  const byId = new Map(nodes.map((node) => [node.id, node]));
  let idleUs = 0;
  const build = (id: number): CallTree | null => {
    const node = byId.get(id);
    if (node === undefined) throw new RangeError(`a CPU profile without its node ${id}`);
    const us = self.get(id) ?? 0;
    if (node.callFrame.functionName === '(idle)') {
      idleUs += us;
      return null;
    }
    const children = (node.children ?? []).map(build).filter((child) => child !== null);
    return { ...describe(node.callFrame, names), self: us, children };
  };
  const [root] = nodes;
  const tree = build((root as Profiler.ProfileNode).id);
  if (tree === null) throw new RangeError('a CPU profile whose root is idle time');
  return { tree, wallUs, idleUs, samples: samples.length };
}

export function readHeapProfile(
  profile: HeapProfiler.SamplingHeapProfile,
  names: SourceNames,
): HeapReading {
  const tree = heapTree(profile, names);
  const bytes = totalOf(tree);
  if (bytes === 0) {
    throw new RangeError('a heap profile without an allocation in it: run for longer');
  }
  return { bytes, functions: costsOf(tree), ownShare: ownCost(tree, names) / bytes };
}

/** The call tree of allocations, in bytes. */
export function heapTree(profile: HeapProfiler.SamplingHeapProfile, names: SourceNames): CallTree {
  const build = (node: HeapProfiler.SamplingHeapProfileNode): CallTree => ({
    ...describe(node.callFrame, names),
    self: node.selfSize,
    children: node.children.map(build),
  });
  return build(profile.head);
}

/** Every function once, whoever called it. Recursion counts once in `total`. */
export function costsOf(tree: CallTree): FunctionCost[] {
  const costs = new Map<
    string,
    { functionName: string; place: Place; self: number; total: number }
  >();
  const above = new Set<string>();
  const walk = (node: CallTree): number => {
    const key = keyOf(node);
    const isOutermost = !above.has(key);
    if (isOutermost) above.add(key);
    let total = node.self;
    for (const child of node.children) total += walk(child);
    if (isOutermost) above.delete(key);
    if (isFunction(node)) {
      let cost = costs.get(key);
      if (cost === undefined) {
        cost = { functionName: node.functionName, place: node.place, self: 0, total: 0 };
        costs.set(key, cost);
      }
      cost.self += node.self;
      if (isOutermost) cost.total += total;
    }
    return total;
  };
  walk(tree);
  return [...costs.values()].sort((a, b) => b.self - a.self);
}

export function totalOf({ self, children }: CallTree): number {
  return children.reduce((all, child) => all + totalOf(child), self);
}

/** What the program's own functions cost, with what they call. */
export function ownCost(tree: CallTree, names: SourceNames): number {
  if (names.isOwn(tree.place)) return totalOf(tree);
  return tree.children.reduce((all, child) => all + ownCost(child, names), 0);
}

function describe(frame: CallFrame, names: SourceNames): { functionName: string; place: Place } {
  const { functionName, url, lineNumber, columnNumber } = frame;
  return {
    functionName: functionName === '' ? '(anonymous)' : functionName,
    place: names.placeOf(url, lineNumber + 1, columnNumber + 1),
  };
}

/** Not one of V8's names for what is no function: (root), (program), (garbage collector). */
function isFunction({ functionName, place }: CallTree): boolean {
  return place.file !== '' || !/^\(.+\)$/.test(functionName) || functionName === '(anonymous)';
}

const keyOf = ({ functionName, place }: CallTree): string =>
  `${functionName} ${place.file}:${place.line}:${place.column}`;

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
