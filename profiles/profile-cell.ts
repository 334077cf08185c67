import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { HeapProfiler, Profiler } from 'node:inspector';
import { join, relative } from 'node:path';
import { packageRoot } from '../benchmarks/environment.js';
import { BenchError } from '../benchmarks/model/bench-error.js';
import { cellId } from '../benchmarks/model/cell-name.js';
import type { Cell } from '../benchmarks/model/knobs.js';
import type { CellRun } from '../benchmarks/model/result.js';
import { createTempDirectory, removeTempDirectory } from '../benchmarks/temp-directory.js';
import { AGENT_FILES, type AgentPlan, agentFlags } from './agent-plan.js';
import type { AsyncReport } from './async-activity.js';
import { clinicSetup, findClinic } from './clinic.js';
import { flamePage } from './flame-page.js';
import { clinicProblem, type ProfileKind, type Tool, WHAT_IT_SHOWS } from './kinds.js';
import { loadWith } from './profiled-load.js';
import {
  type CpuReading,
  cpuTree,
  type FunctionCost,
  heapTree,
  readCpuProfile,
  readHeapProfile,
} from './read-profile.js';
import { recordCell } from './record.js';
import { renderWithClinic } from './render-with-clinic.js';
import { SourceNames } from './source-names.js';
import { asyncRows, type ProfileSummary, type RowUnit, type SummaryRow } from './summary.js';
import type { TicksReading } from './ticks.js';
import type { Timeline } from './timeline.js';
import { timelinePage } from './timeline-page.js';

export interface ProfileRequest {
  readonly kind: ProfileKind;
  readonly cell: Cell;
  /** `auto`: clinic where it is installed and was found to be right on this Node. */
  readonly tool: Tool | 'auto';
  readonly brokerId: number;
  readonly warmupSeconds: number;
  readonly measureSeconds: number;
  /** Heap: what is still reachable at the end, not all that was allocated. */
  readonly isLive: boolean;
  /** Where pages are written. */
  readonly out: string;
  /** Where the cell's data is written and deleted. */
  readonly directory: string;
}

export interface ProfileParts {
  readonly onDoing: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Where the scripts of pages are. */
export function profilesDirectory(): string {
  return join(packageRoot(), 'profiles');
}

/** Where clinic is installed, with a `package.json` of its own: its dependencies are not those of varve's sources. */
export function clinicDirectory(): string {
  return join(profilesDirectory(), 'clinic');
}

/** Runs a cell under a profiler, writes the page, and says in short what is on it. */
export async function profileCell(
  request: ProfileRequest,
  parts: ProfileParts,
): Promise<ProfileSummary> {
  const choice = chooseTool(request);
  mkdirSync(request.out, { recursive: true });
  if (choice.tool === 'node') return withTool('node', choice.note, request, parts, null);
  const summary = await withTool('clinic', null, request, parts, choice.modules);
  if (typeof summary !== 'string') return summary;
  if (request.tool === 'clinic') throw new BenchError('TARGET_FAILED', summary);
  const note = `${summary}: once more with Node's own profiler`;
  parts.onDoing(note);
  return withTool('node', note, request, parts, null);
}

type Choice =
  | { readonly tool: 'clinic'; readonly modules: string }
  | { readonly tool: 'node'; readonly note: string | null };

/** Never silently another than was asked for. */
export function chooseTool({ kind, tool }: Pick<ProfileRequest, 'kind' | 'tool'>): Choice {
  if (tool === 'node') return { tool, note: null };
  const modules = findClinic(clinicDirectory());
  if (modules === null) {
    const note =
      'clinic is not installed (`varve profile install`, or `npm ci --prefix profiles/clinic`)';
    if (tool === 'clinic') throw new BenchError('CLIENT_MISSING', note);
    return { tool: 'node', note: `${note}: Node's own profiler is used` };
  }
  const problem = tool === 'clinic' ? null : clinicProblem(kind, process.version);
  if (problem === null) return { tool: 'clinic', modules };
  return { tool: 'node', note: `${problem}: Node's own profiler is used` };
}

async function withTool(
  tool: 'node',
  note: string | null,
  request: ProfileRequest,
  parts: ProfileParts,
  modules: null,
): Promise<ProfileSummary>;
async function withTool(
  tool: 'clinic',
  note: null,
  request: ProfileRequest,
  parts: ProfileParts,
  modules: string,
): Promise<ProfileSummary | string>;
async function withTool(
  tool: Tool,
  note: string | null,
  request: ProfileRequest,
  parts: ProfileParts,
  modules: string | null,
): Promise<ProfileSummary | string> {
  const work = createTempDirectory(request.directory);
  try {
    const recorded = await record(tool, work, request, parts, modules);
    const pages = new Pages(tool, note, request, recorded);
    if (modules === null) return pages.own();
    parts.onDoing("making clinic's page");
    const order = {
      kind: request.kind,
      modules,
      directory: work,
      root: packageRoot(),
      html: pages.html,
    };
    const problem = await renderWithClinic(order, parts.signal);
    return problem ?? pages.clinics();
  } finally {
    removeTempDirectory(work);
  }
}

interface Recorded {
  readonly work: string;
  readonly run: CellRun;
  readonly timeline: Timeline;
}

async function record(
  tool: Tool,
  work: string,
  request: ProfileRequest,
  { onDoing, signal }: ProfileParts,
  modules: string | null,
): Promise<Recorded> {
  const { kind, isLive } = request;
  const setup = modules === null ? null : clinicSetup(kind, modules, work);
  const plan: AgentPlan = {
    directory: work,
    // One sampler of the CPU is enough: 0x's is V8's own log.
    cpu: kind === 'doctor' || (kind === 'flame' && tool === 'node'),
    heap: kind === 'heap' ? (isLive ? 'live' : 'allocated') : null,
    async: kind === 'bubbleprof',
    waitsForBeforeExit: setup?.hasCollector ?? false,
  };
  const run = await recordCell({
    ...request,
    nodeFlags: [...agentFlags(plan), ...(setup?.nodeFlags ?? [])],
    loadWith,
    onDoing,
    signal,
  });
  if (!existsSync(join(work, AGENT_FILES.timeline))) {
    throw new BenchError(
      'TARGET_FAILED',
      'the profiled process ended without writing its profile: it was killed, or took too long to end',
    );
  }
  return { work, run, timeline: readJson<Timeline>(work, 'timeline') };
}

function readJson<T>(work: string, name: keyof typeof AGENT_FILES): T {
  return JSON.parse(readFileSync(join(work, AGENT_FILES[name]), 'utf8')) as T;
}

/** What was recorded, as a page and as a summary. */
class Pages {
  readonly html: string;
  readonly #names = new SourceNames(packageRoot());
  readonly #tool: Tool;
  readonly #note: string | null;
  readonly #request: ProfileRequest;
  readonly #recorded: Recorded;
  readonly #base: string;

  constructor(tool: Tool, note: string | null, request: ProfileRequest, recorded: Recorded) {
    this.#tool = tool;
    this.#note = note;
    this.#request = request;
    this.#recorded = recorded;
    const time = recorded.run.startedAt.replaceAll(/[:.]/g, '-');
    const process = this.#process.replaceAll(' ', '-');
    this.#base = join(request.out, `${time}-${request.kind}-${process}`);
    this.html = `${this.#base}.html`;
  }

  /** A page of this folder, from what Node recorded. */
  own(): ProfileSummary {
    const { kind, isLive } = this.#request;
    const { work, timeline } = this.#recorded;
    const title = `${kind}: ${this.#process}, ${cellId(this.#request.cell)}`;
    const lead = [
      `${WHAT_IT_SHOWS[kind]}: Node ${timeline.nodeVersion}, ${timeline.seconds.toFixed(1)} s with start and end of the process.`,
      ...(this.#note === null ? [] : [this.#note]),
    ];
    const common = { title, lead, names: this.#names };
    const flame = { ...common, profilesDirectory: profilesDirectory() };
    switch (kind) {
      case 'flame': {
        const profile = readJson<Profiler.Profile>(work, 'cpu');
        const { tree } = cpuTree(profile, this.#names);
        return this.#finish(flamePage({ ...flame, unit: 'us', tree }), this.#cpu());
      }
      case 'heap': {
        const profile = readJson<HeapProfiler.SamplingHeapProfile>(work, 'heap');
        const what = isLive
          ? 'Still reachable at the end.'
          : 'Everything allocated, collected or not.';
        const tree = heapTree(profile, this.#names);
        const page = flamePage({ ...flame, lead: [...lead, what], unit: 'bytes', tree });
        return this.#finish(page, this.#heap());
      }
      case 'doctor': {
        const cpu = this.#cpuReading();
        const page = timelinePage({ ...common, timeline, cpu, async: null });
        return this.#finish(page, this.#cpu());
      }
      case 'bubbleprof': {
        const async = readJson<AsyncReport>(work, 'async');
        const page = timelinePage({ ...common, timeline, cpu: null, async });
        return this.#finish(page, this.#async());
      }
    }
  }

  /** Clinic's page is there already. */
  clinics(): ProfileSummary {
    switch (this.#request.kind) {
      case 'flame': {
        const path = join(this.#recorded.work, 'ticks-reading.json');
        const reading = JSON.parse(readFileSync(path, 'utf8')) as TicksReading;
        return this.#finish(null, {
          unit: 'busy time',
          rows: this.#rows(reading.functions, reading.busyUs),
          idleShare: reading.idleSamples / reading.samples,
        });
      }
      case 'doctor':
        return this.#finish(null, this.#cpu());
      case 'heap':
        return this.#finish(null, this.#heap());
      case 'bubbleprof':
        return this.#finish(null, this.#async());
    }
  }

  get #process(): string {
    const { cell, brokerId } = this.#request;
    return cell.target === 'engine' ? 'engine' : `broker ${brokerId}`;
  }

  #cpuReading(): CpuReading {
    return readCpuProfile(readJson<Profiler.Profile>(this.#recorded.work, 'cpu'), this.#names);
  }

  #cpu(): Found {
    const { functions, busyUs, idleUs, wallUs } = this.#cpuReading();
    return { unit: 'busy time', rows: this.#rows(functions, busyUs), idleShare: idleUs / wallUs };
  }

  #heap(): Found {
    const profile = readJson<HeapProfiler.SamplingHeapProfile>(this.#recorded.work, 'heap');
    const { functions, bytes } = readHeapProfile(profile, this.#names);
    const unit = this.#request.isLive ? 'bytes in use' : 'allocated bytes';
    return { unit, rows: this.#rows(functions, bytes), idleShare: null };
  }

  #async(): Found {
    const report = readJson<AsyncReport>(this.#recorded.work, 'async');
    const rows = asyncRows(report, ({ url, line, column }) =>
      this.#names.text(this.#names.placeOf(url, line, column)),
    );
    return { unit: 'asynchronous operations', rows, idleShare: null };
  }

  #rows(functions: readonly FunctionCost[], whole: number): SummaryRow[] {
    return functions.map(({ functionName, place, self, total }) => ({
      name: functionName,
      place: this.#names.text(place),
      selfShare: self / whole,
      totalShare: total / whole,
    }));
  }

  #finish(page: string | null, { unit, rows, idleShare }: Found): ProfileSummary {
    const { kind, cell } = this.#request;
    const { timeline, run } = this.#recorded;
    if (page !== null) writeFileSync(this.html, page);
    const shown = (path: string): string => relative(process.cwd(), path);
    const raw = this.#saveRaw();
    const summary: ProfileSummary = {
      kind,
      tool: this.#tool,
      note: this.#note,
      cell: cellId(cell),
      process: this.#process,
      nodeVersion: timeline.nodeVersion,
      seconds: timeline.seconds,
      cpuSeconds: timeline.cpuSeconds,
      peakRssBytes: timeline.peakRssBytes,
      recordsPerSecond: run.produced.recordsPerSecond,
      gc: {
        share: timeline.gc.seconds / timeline.seconds,
        count: timeline.gc.count,
        longestMs: timeline.gc.longestMs,
      },
      delay: timeline.delay,
      utilization: timeline.utilization,
      rows,
      unit,
      idleShare,
      files: { html: shown(this.html), raw: raw === null ? null : shown(raw) },
    };
    writeFileSync(`${this.#base}.json`, `${JSON.stringify(summary, null, 1)}\n`);
    return summary;
  }

  /** The profile itself: DevTools of Chromium, VS Code and speedscope open it. */
  #saveRaw(): string | null {
    for (const name of ['cpu', 'heap'] as const) {
      const from = join(this.#recorded.work, AGENT_FILES[name]);
      if (!existsSync(from)) continue;
      const to = `${this.#base}.${name}profile`;
      copyFileSync(from, to);
      return to;
    }
    return null;
  }
}

interface Found {
  readonly unit: RowUnit;
  readonly rows: readonly SummaryRow[];
  readonly idleShare: number | null;
}
