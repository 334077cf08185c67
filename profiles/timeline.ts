import {
  constants,
  type EventLoopUtilization,
  monitorEventLoopDelay,
  type PerformanceEntry,
  PerformanceObserver,
  performance,
} from 'node:perf_hooks';

/** One interval of a process's life. */
export interface TimelineSample {
  /** End of the interval, since the recording began. */
  readonly atMs: number;
  readonly lengthMs: number;
  /** How much later than due timers ran: the longest and the mean of the interval. */
  readonly delayMaxMs: number;
  readonly delayMeanMs: number;
  /** Share of the interval that the event loop was not waiting for events, 0 to 1. */
  readonly utilization: number;
  /** Of all its threads: 1 is one core. */
  readonly userCores: number;
  readonly systemCores: number;
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  readonly externalBytes: number;
  /** Garbage collections that ended in the interval: time of the main thread. */
  readonly gcMs: number;
  readonly gcCount: number;
  /** Sockets, timers, files that keep the process alive. */
  readonly resources: number;
}

export interface Timeline {
  readonly pid: number;
  readonly nodeVersion: string;
  readonly program: string;
  readonly seconds: number;
  /** User and system, all threads. */
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
  readonly gc: {
    readonly seconds: number;
    readonly count: number;
    readonly byKind: Readonly<
      Record<string, { readonly count: number; readonly milliseconds: number }>
    >;
    readonly longestMs: number;
  };
  /** How much later than due timers ran, over the whole recording. */
  readonly delay: {
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly maxMs: number;
    readonly meanMs: number;
  };
  readonly utilization: number;
  readonly samples: readonly TimelineSample[];
}

const SAMPLE_MS = 100;
/** The delay monitor's own timer: what it reports includes it. */
const RESOLUTION_MS = 5;
const GC_KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'scavenge',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'mark-compact',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental marking',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weak callbacks',
};

type Histogram = ReturnType<typeof monitorEventLoopDelay>;

/** Records how a process fares, ten times a second, at a cost of well under a hundredth of a core. */
export class TimelineRecorder {
  onSample: () => void = () => undefined;
  readonly #startMs = performance.now();
  readonly #startCpu = process.cpuUsage();
  readonly #startLoop = performance.eventLoopUtilization();
  readonly #whole = startedHistogram();
  readonly #interval = startedHistogram();
  readonly #samples: TimelineSample[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #observer: PerformanceObserver;
  readonly #byKind: Record<string, { count: number; milliseconds: number }> = {};
  #longestMs = 0;
  #gcMs = 0;
  #gcCount = 0;
  #lastMs = this.#startMs;
  #lastCpu = this.#startCpu;
  #lastLoop: EventLoopUtilization = this.#startLoop;

  constructor() {
    this.#observer = new PerformanceObserver((list) => this.#collected(list.getEntries()));
    this.#observer.observe({ entryTypes: ['gc'] });
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
    this.#timer.unref();
  }

  stop(): Timeline {
    clearInterval(this.#timer);
    this.#collected(this.#observer.takeRecords());
    this.#sample();
    this.#observer.disconnect();
    const { user, system } = process.cpuUsage(this.#startCpu);
    const kinds = Object.values(this.#byKind);
    return {
      pid: process.pid,
      nodeVersion: process.version,
      program: process.argv[1] ?? '',
      seconds: (performance.now() - this.#startMs) / 1000,
      cpuSeconds: (user + system) / 1e6,
      // Kilobytes on Linux and macOS alike, since libuv makes them so.
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
      gc: {
        seconds: kinds.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000,
        count: kinds.reduce((sum, { count }) => sum + count, 0),
        byKind: this.#byKind,
        longestMs: this.#longestMs,
      },
      delay: {
        p50Ms: lateness(this.#whole.percentile(50)),
        p99Ms: lateness(this.#whole.percentile(99)),
        maxMs: lateness(this.#whole.max),
        meanMs: lateness(this.#whole.mean),
      },
      utilization: performance.eventLoopUtilization(this.#startLoop).utilization,
      samples: this.#samples,
    };
  }

  #collected(entries: readonly PerformanceEntry[]): void {
    for (const entry of entries) {
      const { duration, detail } = entry as PerformanceEntry & { detail?: { kind?: number } };
      const kind = GC_KINDS[detail?.kind ?? -1] ?? 'other';
      const sum = this.#byKind[kind] ?? { count: 0, milliseconds: 0 };
      this.#byKind[kind] = sum;
      sum.count += 1;
      sum.milliseconds += duration;
      this.#longestMs = Math.max(this.#longestMs, duration);
      this.#gcMs += duration;
      this.#gcCount += 1;
    }
  }

  #sample(): void {
    const nowMs = performance.now();
    const lengthMs = nowMs - this.#lastMs;
    if (lengthMs <= 0) return;
    const cpu = process.cpuUsage(this.#lastCpu);
    const loop = performance.eventLoopUtilization();
    const memory = process.memoryUsage();
    this.#samples.push({
      atMs: round(nowMs - this.#startMs),
      lengthMs: round(lengthMs),
      delayMaxMs: lateness(this.#interval.max),
      delayMeanMs: lateness(this.#interval.mean),
      utilization: round(performance.eventLoopUtilization(loop, this.#lastLoop).utilization),
      userCores: round(cpu.user / 1000 / lengthMs),
      systemCores: round(cpu.system / 1000 / lengthMs),
      rssBytes: memory.rss,
      heapUsedBytes: memory.heapUsed,
      externalBytes: memory.external,
      gcMs: round(this.#gcMs),
      gcCount: this.#gcCount,
      resources: process.getActiveResourcesInfo().length,
    });
    this.#interval.reset();
    this.#gcMs = 0;
    this.#gcCount = 0;
    this.#lastMs = nowMs;
    this.#lastCpu = process.cpuUsage();
    this.#lastLoop = loop;
    this.onSample();
  }
}

function startedHistogram(): Histogram {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  return histogram;
}

/** Nanoseconds between two runs of the monitor's timer, less what they should have been. Nothing seen is no delay. */
function lateness(ns: number): number {
  const ms = ns / 1e6 - RESOLUTION_MS;
  return Number.isFinite(ms) && ns > 0 && ns < 1e15 ? round(Math.max(0, ms)) : 0;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
