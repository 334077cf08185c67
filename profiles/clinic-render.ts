import {
  createReadStream,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import type { HeapProfiler } from 'node:inspector';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { AGENT_FILES } from './agent-plan.js';
import type { AsyncReport } from './async-activity.js';
import { CLINIC_NAME } from './clinic.js';
import { offlinePage, PAGE_ROOT, pagePath } from './clinic-page.js';
import type { ProfileKind } from './kinds.js';
import { type Place, SourceNames } from './source-names.js';
import { readTicks, renamedTicks, type Tick } from './ticks.js';
import type { Timeline } from './timeline.js';

/*
 * A process of its own that turns what was collected into clinic's page: clinic ends its process when it has no memory
 * left, and leaves timers behind. Looks at what it has before that: a page of nothing is not shown as a result.
 *
 * argv: RenderOrder as JSON. stdout: RenderAnswer as JSON.
 */

export interface RenderOrder {
  readonly kind: ProfileKind;
  /** The `node_modules` with clinic in it. */
  readonly modules: string;
  /** With what the agent and clinic's collector wrote. */
  readonly directory: string;
  readonly root: string;
  readonly html: string;
}

export interface RenderAnswer {
  /** What makes the output worthless, in words; null: the page is written. */
  readonly problem: string | null;
}

/** A clinic tool, as far as it is used. */
interface ClinicTool {
  on(event: 'warning', listener: (text: string) => void): void;
  on(event: 'truncate', listener: () => void): void;
  visualize(data: string, html: string, done: (error?: Error | null) => void): void;
}

/** Of what should be there, so much must be: a busy machine loses some. */
const LEAST_SHARE = 0.1;
/** Of the busy samples or bytes, so much must be in functions of the program, or their names were lost. */
const LEAST_OWN_SHARE = 0.2;
const DOCTOR_SAMPLES_PER_SECOND = 100;
/** Of the operations that async_hooks counted. */
const LEAST_TRACED_SHARE = 0.8;
/** The collector's own are counted, too, and rightly not shown: up to a third. */
const LEAST_SHOWN_SHARE = 0.5;
/** Each asynchronous operation in the data of bubbleprof's page. */
const OPERATION = '"asyncId":';
/** Bubbleprof holds all of it in memory, several times over. */
const MOST_TRACE_BYTES = 150 * 1024 * 1024;

const order = JSON.parse(process.argv[2] ?? '') as RenderOrder;
const { kind, modules, directory, html } = order;
const load = createRequire(join(modules, 'clinic', 'package.json'));
const names = new SourceNames(order.root);
const timeline = JSON.parse(
  readFileSync(join(directory, AGENT_FILES.timeline), 'utf8'),
) as Timeline;

const problem = await render();
process.stdout.write(JSON.stringify({ problem } satisfies RenderAnswer));
process.exit(0);

async function render(): Promise<string | null> {
  switch (kind) {
    case 'flame':
      return renderFlame();
    case 'heap':
      return renderHeap();
    case 'doctor':
      return (await doctorProblem()) ?? visualize('@clinic/doctor', dataDirectory());
    case 'bubbleprof':
      return (await bubbleprofProblem()) ?? visualize('@clinic/bubbleprof', dataDirectory());
  }
}

function dataDirectory(): string {
  return join(directory, `${CLINIC_NAME}.clinic-${kind}`);
}

async function renderFlame(): Promise<string | null> {
  const log = readdirSync(directory)
    .filter((name) => name.endsWith('v8.log'))
    .map((name) => join(directory, name))
    // One for each thread: the program's main thread has the most to say.
    .sort((a, b) => statSync(b).size - statSync(a).size)[0];
  if (log === undefined) return '--prof wrote no log';
  const toTicks = load('0x/lib/v8-log-to-ticks') as (
    log: string,
    options: { pathToNodeBinary: string; collectDelay: number },
  ) => Promise<Tick[]>;
  const raw = await toTicks(log, { pathToNodeBinary: process.execPath, collectDelay: 0 });
  const reading = readTicks(raw, timeline.seconds, names);
  writeFileSync(join(directory, 'ticks-reading.json'), JSON.stringify(reading));
  const wanted = Math.min(timeline.seconds, timeline.cpuSeconds) * 1000 * LEAST_SHARE;
  if (reading.samples < wanted) {
    return `--prof has ${reading.samples} samples of ${timeline.seconds.toFixed(1)} s`;
  }
  if (reading.ownShare < LEAST_OWN_SHARE) {
    return `only ${(100 * reading.ownShare).toFixed(0)} % of --prof's busy samples are in functions of the program: names were lost`;
  }
  const data = dataDirectory();
  mkdirSync(data);
  const write = (name: string, value: unknown): void =>
    writeFileSync(join(data, `${CLINIC_NAME}.clinic-flame-${name}`), JSON.stringify(value));
  const pathOf = (place: Place): string => pagePath(place, names);
  write('samples', renamedTicks(raw, names, pathOf));
  write('inlinedfunctions', {});
  write('systeminfo', {
    mainDirectory: PAGE_ROOT,
    pathSeparator: '/',
    nodeVersions: process.versions,
    toolVersion: (load('@clinic/flame/package.json') as { version: string }).version,
  });
  return visualize('@clinic/flame', data);
}

async function renderHeap(): Promise<string | null> {
  const profile = JSON.parse(
    readFileSync(join(directory, AGENT_FILES.heap), 'utf8'),
  ) as HeapProfiler.SamplingHeapProfile;
  const rename = (node: HeapProfiler.SamplingHeapProfileNode): void => {
    const { callFrame } = node;
    // Clinic takes what is no plain path for a part of Node.
    const place = names.placeOf(
      callFrame.url,
      callFrame.lineNumber + 1,
      callFrame.columnNumber + 1,
    );
    Object.assign(callFrame, {
      url: pagePath(place, names),
      lineNumber: place.line - 1,
      columnNumber: place.column - 1,
    });
    node.children.forEach(rename);
  };
  rename(profile.head);
  const data = join(directory, `${CLINIC_NAME}.clinic-heapprofiler`);
  writeFileSync(data, JSON.stringify(profile));
  return visualize('@clinic/heap-profiler', data);
}

async function doctorProblem(): Promise<string | null> {
  const trace = takeTrace('doctor');
  if (trace === null) return 'Node wrote no trace of V8';
  const Decoder = load(
    '@clinic/doctor/format/process-stat-decoder.js',
  ) as new () => NodeJS.ReadWriteStream;
  let samples = 0;
  let cpu = 0;
  const file = join(dataDirectory(), `${CLINIC_NAME}.clinic-doctor-processstat`);
  for await (const sample of createReadStream(file).pipe(new Decoder())) {
    samples += 1;
    cpu += (sample as unknown as { cpu: number }).cpu;
  }
  if (
    samples <
    timeline.seconds * DOCTOR_SAMPLES_PER_SECOND * LEAST_SHARE * (1 - timeline.utilization)
  ) {
    return `doctor has ${samples} samples of ${timeline.seconds.toFixed(1)} s`;
  }
  const collections = await countLines(trace, /"name":"V8\.GC/g);
  if (timeline.gc.count > 0 && collections === 0) {
    return `Node counted ${timeline.gc.count} garbage collections, doctor's trace has none`;
  }
  return samples > 0 && cpu === 0 ? 'doctor saw no CPU time at all' : null;
}

async function bubbleprofProblem(): Promise<string | null> {
  const trace = takeTrace('bubbleprof');
  if (trace === null) return 'Node wrote no trace of asynchronous operations';
  const stacks = join(dataDirectory(), `${CLINIC_NAME}.clinic-bubbleprof-stacktrace`);
  const bytes = statSync(trace).size + statSync(stacks).size;
  if (bytes > MOST_TRACE_BYTES) {
    return `bubbleprof collected ${(bytes / 1e6).toFixed(0)} MB, more than it can hold: measure for less time (--seconds)`;
  }
  const traced = await countLines(trace, /"ph":"b","cat":"[^"]*","name":"\w+(?<!_CALLBACK)"/g);
  const started = startedOperations();
  if (traced < started * LEAST_TRACED_SHARE) {
    return `Node's trace has ${traced} of ${started} asynchronous operations: it drops what comes faster than it can be written`;
  }
  await completeStacks(stacks);
  const own = await countLines(stacks, new RegExp(basename(order.root), 'g'));
  return own === 0 ? 'no stack of an asynchronous operation has a function of the program' : null;
}

function startedOperations(): number {
  const report = JSON.parse(
    readFileSync(join(directory, AGENT_FILES.async), 'utf8'),
  ) as AsyncReport;
  return report.kinds.reduce((sum, kind) => sum + kind.started, 0);
}

/**
 * Bubbleprof leaves out operations without a stack, and with them all that they led to. A process that was forked has
 * its channel from before any collector was loaded, and most of what it does follows from that: what came before the
 * first stack gets an empty one.
 */
async function completeStacks(file: string): Promise<void> {
  type Coder = new () => NodeJS.ReadWriteStream;
  const Decoder = load('@clinic/bubbleprof/format/stack-trace-decoder.js') as Coder;
  const Encoder = load('@clinic/bubbleprof/format/stack-trace-encoder.js') as Coder;
  const known = createReadStream(file).pipe(new Decoder());
  let first = Number.POSITIVE_INFINITY;
  for await (const stack of known) {
    first = Math.min(first, (stack as unknown as { asyncId: number }).asyncId);
  }
  if (first === Number.POSITIVE_INFINITY) return;
  const encoder = new Encoder();
  const early: Buffer[] = [];
  encoder.on('data', (bytes: Buffer) => early.push(bytes));
  for (let asyncId = 1; asyncId < first; asyncId += 1) {
    encoder.write({ asyncId, frames: [] } as unknown as string);
  }
  await new Promise<void>((resolve) => {
    encoder.on('end', () => resolve());
    encoder.end();
  });
  writeFileSync(file, Buffer.concat([...early, readFileSync(file)]));
}

/** Puts Node's trace where clinic looks for it. */
function takeTrace(tool: string): string | null {
  const traces = readdirSync(directory).filter((name) => /^node_trace\..*log$/.test(name));
  const [trace] = traces;
  if (trace === undefined) return null;
  const path = join(dataDirectory(), `${CLINIC_NAME}.clinic-${tool}-traceevent`);
  renameSync(join(directory, trace), path);
  return path;
}

async function countLines(file: string, pattern: RegExp): Promise<number> {
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(file, 'latin1') })) {
    count += line.match(pattern)?.length ?? 0;
  }
  return count;
}

async function visualize(module: string, data: string): Promise<string | null> {
  const Tool = load(module) as new (settings: object) => ClinicTool;
  const tool = new Tool({});
  let warning: string | null = null;
  tool.on('warning', (text) => {
    warning = text;
  });
  const draft = `${html}.draft`;
  await new Promise<void>((resolve, reject) => {
    tool.visualize(data, draft, (error) => (error ? reject(error) : resolve()));
  });
  if (warning !== null) return warning;
  const page = readFileSync(draft, 'utf8');
  if (kind === 'bubbleprof') {
    const shown = countOf(page, OPERATION);
    const started = startedOperations();
    if (shown < started * LEAST_SHOWN_SHARE) {
      rmSync(draft);
      return `bubbleprof's page has ${shown} of ${started} asynchronous operations`;
    }
  }
  writeFileSync(draft, offlinePage(page, kind));
  renameSync(draft, html);
  return null;
}

function countOf(text: string, part: string): number {
  return text.split(part).length - 1;
}
