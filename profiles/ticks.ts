import type { CallTree, FunctionCost } from './read-profile.js';
import { costsOf, ownCost } from './read-profile.js';
import type { Place, SourceNames } from './source-names.js';

/** A frame of V8's sampling log, as 0x reads it. */
export interface TickFrame {
  /** `append file:///.../segment.js:12:3`, or the name of a native function. */
  readonly name: string;
  /** JS, CPP, SHARED_LIB, CODE */
  readonly type: string;
}

/** A sample: its frames from the outermost to the innermost. Empty: V8 could not say. */
export type Tick = readonly TickFrame[];

export interface TicksReading {
  readonly samples: number;
  readonly idleSamples: number;
  /** Busy samples that ended in native code. */
  readonly nativeSamples: number;
  readonly busyUs: number;
  /** By self time in microseconds, native functions included. */
  readonly functions: readonly FunctionCost[];
  readonly ownShare: number;
}

const JS_NAME = /^(.*?) ?((?:file:\/\/|node:|\/)[^ ]*):(\d+):(\d+)$/;
/** Where a thread of Node waits for events. */
const IDLE = /^(?:__|__GI_)?(?:epoll_p?wait|kevent)\b/;
const MOST_FUNCTIONS = 500;

/** The same samples, with the places of the sources, as `pathOf` gives them, in place of the compiled files'. */
export function renamedTicks(
  ticks: readonly Tick[],
  names: SourceNames,
  pathOf: (place: Place) => string,
): TickFrame[][] {
  const known = new Map<string, string>();
  const rename = (frame: TickFrame): TickFrame => {
    if (frame.type !== 'JS') return frame;
    let name = known.get(frame.name);
    if (name === undefined) {
      const { functionName, place } = parse(frame, names);
      const where = `${pathOf(place)}:${place.line}:${place.column}`;
      name = place.file === '' ? frame.name : `${functionName} ${where}`.trimStart();
      known.set(frame.name, name);
    }
    return { ...frame, name };
  };
  return ticks.map((tick) => tick.map(rename));
}

/** `seconds`: how long the samples were taken for. */
export function readTicks(
  ticks: readonly Tick[],
  seconds: number,
  names: SourceNames,
): TicksReading {
  const root = newNode('(root)', NOWHERE);
  const parsed = new Map<string, Parsed>();
  let idleSamples = 0;
  let nativeSamples = 0;
  for (const tick of ticks) {
    const innermost = tick.at(-1);
    if (innermost !== undefined && IDLE.test(innermost.name)) {
      idleSamples += 1;
      continue;
    }
    if (innermost?.type === 'CPP' || innermost?.type === 'SHARED_LIB') nativeSamples += 1;
    let node = root;
    for (const frame of tick) {
      let its = parsed.get(frame.name);
      if (its === undefined) {
        its = parse(frame, names);
        parsed.set(frame.name, its);
      }
      node = childOf(node, its);
    }
    node.self += 1;
  }
  const usPerSample = (seconds * 1e6) / Math.max(1, ticks.length);
  const busySamples = ticks.length - idleSamples;
  const functions = costsOf(root)
    .slice(0, MOST_FUNCTIONS)
    .map((cost) => ({
      ...cost,
      self: cost.self * usPerSample,
      total: cost.total * usPerSample,
    }));
  return {
    samples: ticks.length,
    idleSamples,
    nativeSamples,
    busyUs: busySamples * usPerSample,
    functions,
    ownShare: busySamples === 0 ? 0 : ownCost(root, names) / busySamples,
  };
}

interface Parsed {
  readonly key: string;
  readonly functionName: string;
  readonly place: Place;
}

interface Node extends CallTree {
  self: number;
  readonly children: Node[];
  readonly byKey: Map<string, Node>;
}

const NOWHERE: Place = { file: '', line: 0, column: 0 };

function newNode(functionName: string, place: Place): Node {
  return { functionName, place, self: 0, children: [], byKey: new Map() };
}

function childOf(parent: Node, { key, functionName, place }: Parsed): Node {
  let child = parent.byKey.get(key);
  if (child === undefined) {
    child = newNode(functionName, place);
    parent.byKey.set(key, child);
    parent.children.push(child);
  }
  return child;
}

function parse({ name, type }: TickFrame, names: SourceNames): Parsed {
  const match = type === 'JS' ? JS_NAME.exec(name) : null;
  if (match === null) return { key: name, functionName: name, place: NOWHERE };
  const [, functionName = '', url = '', line = '0', column = '0'] = match;
  return {
    key: name,
    functionName: functionName === '' ? '(anonymous)' : functionName,
    place: names.placeOf(url, Number(line), Number(column)),
  };
}
