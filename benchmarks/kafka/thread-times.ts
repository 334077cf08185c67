import { readdirSync, readFileSync } from 'node:fs';

/** What Linux has counted of one thread since it began. */
export interface ThreadTimes {
  readonly name: string;
  /** Nanoseconds on a processor. */
  readonly ranNs: number;
  /** Nanoseconds ready to run while others had the processors. */
  readonly waitedNs: number;
}

/** Threads of a process at one moment, by their ids. */
export interface ThreadSample {
  readonly atMs: number;
  readonly threads: ReadonlyMap<number, ThreadTimes>;
}

/** How a thread spent the time between the first and the last sample that has it. */
export interface ThreadShare {
  readonly name: string;
  readonly elapsedMs: number;
  /** Shares of `elapsedMs`. What neither ran nor waited slept: for a client, mostly for its broker. */
  readonly ran: number;
  readonly waited: number;
}

/** Reads `/proc/PID/task/TID/schedstat`: time run, time waited, turns. */
export function parseSchedstat(text: string): { ranNs: number; waitedNs: number } {
  const [ranNs = Number.NaN, waitedNs = Number.NaN] = text.trim().split(/\s+/).map(Number);
  if (!Number.isFinite(ranNs) || !Number.isFinite(waitedNs)) {
    throw new Error(`not a schedstat of Linux: ${JSON.stringify(text)}`);
  }
  return { ranNs, waitedNs };
}

/** The threads of a process now. Those that end meanwhile are left out. */
export function sampleThreads(pid: number): ThreadSample {
  const threads = new Map<number, ThreadTimes>();
  for (const id of readdirSync(`/proc/${pid}/task`)) {
    const directory = `/proc/${pid}/task/${id}`;
    try {
      const name = readFileSync(`${directory}/comm`, 'utf8').trim();
      threads.set(Number(id), {
        name,
        ...parseSchedstat(readFileSync(`${directory}/schedstat`, 'utf8')),
      });
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
  return { atMs: performance.now(), threads };
}

/** Whether a process or thread ended before it could be read. */
export function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH';
}

/** The samples from the first on that has a thread whose name begins with `prefix`. */
export function samplesSince(samples: readonly ThreadSample[], prefix: string): ThreadSample[] {
  const first = samples.findIndex(({ threads }) =>
    [...threads.values()].some(({ name }) => name.startsWith(prefix)),
  );
  return first < 0 ? [] : samples.slice(first);
}

/** Seconds of processor time of all threads that a sample has seen, up to the last sample of each. */
export function ranSeconds(samples: readonly ThreadSample[]): number {
  const last = new Map<number, number>();
  for (const { threads } of samples) {
    for (const [id, { ranNs }] of threads) last.set(id, ranNs);
  }
  let sum = 0;
  for (const ranNs of last.values()) sum += ranNs;
  return sum / 1e9;
}

interface Moment {
  readonly atMs: number;
  readonly times: ThreadTimes;
}

/** The thread that ran most among those whose name begins with `prefix`. Null: there is none with two samples. */
export function busiestThread(
  samples: readonly ThreadSample[],
  prefix: string,
): ThreadShare | null {
  const spans = new Map<number, { from: Moment; to: Moment }>();
  for (const { atMs, threads } of samples) {
    for (const [id, times] of threads) {
      if (!times.name.startsWith(prefix)) continue;
      const moment = { atMs, times };
      const span = spans.get(id);
      if (span === undefined) spans.set(id, { from: moment, to: moment });
      else span.to = moment;
    }
  }
  let best: ThreadShare | null = null;
  let mostNs = -1;
  for (const { from, to } of spans.values()) {
    const elapsedMs = to.atMs - from.atMs;
    const ranNs = to.times.ranNs - from.times.ranNs;
    if (elapsedMs <= 0 || ranNs <= mostNs) continue;
    mostNs = ranNs;
    best = {
      name: to.times.name,
      elapsedMs,
      ran: ranNs / 1e6 / elapsedMs,
      waited: (to.times.waitedNs - from.times.waitedNs) / 1e6 / elapsedMs,
    };
  }
  return best;
}

/** Samples a process until it is stopped or the process ends. */
export class ThreadWatch {
  readonly samples: ThreadSample[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number, everyMs = 200) {
    this.#timer = setInterval(() => {
      try {
        this.samples.push(sampleThreads(pid));
      } catch (error) {
        if (!isGone(error)) throw error;
        this.stop();
      }
    }, everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
