import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { MachineUsage, ProcessUsage } from '../model/result.js';
import { ticksPerSecond } from './clock-ticks.js';
import type { TargetProcess } from './local-brokers.js';
import { toldNetwork } from './network-counts.js';

/*
 * What processes and the machine use, from Linux's /proc: counters at the start and the end, and one timer between for
 * what would be lost with a process that is killed. Elsewhere everything that cannot be had is null.
 */

export interface WatchedProcess extends TargetProcess {
  /** Of the topic; null: it is not a broker. */
  readonly leaders: number | null;
  readonly replicas: number | null;
}

export interface UsageWatch {
  stop(): { readonly processes: ProcessUsage[]; readonly machine: MachineUsage | null };
}

/** How much of a killed process's use may be missed at most. */
const SAMPLE_MS = 500;
const BYTES_PER_KIB = 1024;

interface Sample {
  readonly userSeconds: number;
  readonly systemSeconds: number;
  readonly rssBytes: number;
  /** The largest since it was set back; null: it could not be. */
  readonly peakRssBytes: number | null;
  readonly diskWrittenBytes: number | null;
  readonly networkReceivedBytes: number | null;
  readonly networkSentBytes: number | null;
}

/** One process over the window, from its first look on. */
class Watched {
  readonly about: WatchedProcess;
  readonly #isPeakFresh: boolean;
  readonly #first: Sample;
  #last: Sample;
  #peakRssBytes = 0;
  #descriptors: number | null = null;
  #mappings: number | null = null;

  /** @param startsAtZero It was born within the window: all that it has used counts. */
  constructor(about: WatchedProcess, sample: Sample, startsAtZero: boolean) {
    this.about = about;
    this.#isPeakFresh = startsAtZero || resetPeak(about.pid);
    this.#first = startsAtZero
      ? {
          ...sample,
          userSeconds: 0,
          systemSeconds: 0,
          diskWrittenBytes: 0,
          networkReceivedBytes: 0,
          networkSentBytes: 0,
        }
      : sample;
    this.#last = sample;
    // Its peak is of before the window.
    if (startsAtZero) this.#take(sample);
    else this.#peakRssBytes = sample.rssBytes;
  }

  look(): void {
    const sample = sampleOf(this.about);
    if (sample !== null) this.#take(sample);
  }

  /** What costs more to read: once, at the end. */
  lookClosely(): void {
    this.look();
    this.#descriptors = countOf(() => readdirSync(`/proc/${this.about.pid}/fd`).length);
    this.#mappings = countOf(() => newlines(readFileSync(`/proc/${this.about.pid}/maps`)));
  }

  usage(): ProcessUsage {
    const { role, id, pid, leaders, replicas } = this.about;
    return {
      role,
      id,
      pid,
      userSeconds: this.#last.userSeconds - this.#first.userSeconds,
      systemSeconds: this.#last.systemSeconds - this.#first.systemSeconds,
      peakRssBytes: this.#peakRssBytes,
      diskWrittenBytes: this.#grown('diskWrittenBytes'),
      networkReceivedBytes: this.#grown('networkReceivedBytes'),
      networkSentBytes: this.#grown('networkSentBytes'),
      descriptors: this.#descriptors,
      mappings: this.#mappings,
      leaders,
      replicas,
    };
  }

  #grown(name: 'diskWrittenBytes' | 'networkReceivedBytes' | 'networkSentBytes'): number | null {
    const [before, after] = [this.#first[name], this.#last[name]];
    return before === null || after === null ? null : after - before;
  }

  #take(sample: Sample): void {
    this.#last = sample;
    const peak = this.#isPeakFresh ? (sample.peakRssBytes ?? sample.rssBytes) : sample.rssBytes;
    this.#peakRssBytes = Math.max(this.#peakRssBytes, peak);
  }
}

/** @param list Who runs just now: asked at the start and at the end, as processes may have been killed and started again. */
export function watchUsage(list: () => readonly WatchedProcess[]): UsageWatch {
  const watched = new Map<number, Watched>();
  const add = (startsAtZero: boolean): void => {
    for (const about of list()) {
      if (watched.has(about.pid)) continue;
      const sample = sampleOf(about);
      if (sample !== null) watched.set(about.pid, new Watched(about, sample, startsAtZero));
    }
  };
  add(false);
  const machineBefore = machineTimes();
  const timer = setInterval(() => {
    add(true);
    for (const each of watched.values()) each.look();
  }, SAMPLE_MS);
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      const machineAfter = machineTimes();
      add(true);
      for (const each of watched.values()) each.lookClosely();
      return {
        processes: [...watched.values()].map((each) => each.usage()),
        machine: machineBetween(machineBefore, machineAfter),
      };
    },
  };
}

/** Of the caller's own process too: what it has used so far; null: there is no such process, or no /proc. */
function sampleOf({ pid, networkFile }: WatchedProcess): Sample | null {
  let stat: string;
  let status: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    status = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return null;
  }
  // The name of the program, which may have blanks, is in parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = ticksPerSecond();
  const rss = kibOf(status, 'VmRSS');
  // One that has ended and was not waited for has no memory.
  if (rss === null) return null;
  const network = networkFile === null ? null : toldNetwork(networkFile);
  return {
    userSeconds: Number(fields[11]) / ticks,
    systemSeconds: Number(fields[12]) / ticks,
    rssBytes: rss,
    peakRssBytes: kibOf(status, 'VmHWM'),
    diskWrittenBytes: writtenBy(pid),
    networkReceivedBytes: network?.receivedBytes ?? null,
    networkSentBytes: network?.sentBytes ?? null,
  };
}

function kibOf(status: string, name: string): number | null {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status);
  return found === null ? null : Number(found[1]) * BYTES_PER_KIB;
}

/** Bytes that the process has caused to be written to disk; null where that may not be read. */
function writtenBy(pid: number): number | null {
  try {
    const found = /^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'));
    return found === null ? null : Number(found[1]);
  } catch {
    return null;
  }
}

/** Sets VmHWM back to what is in memory now. False where that is not allowed. */
function resetPeak(pid: number): boolean {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return true;
  } catch {
    return false;
  }
}

function countOf(count: () => number): number | null {
  try {
    return count();
  } catch {
    return null;
  }
}

function newlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count += 1;
  return count;
}

interface MachineTimes {
  readonly cores: number;
  /** user, nice, system, idle, iowait, irq, softirq, steal, in ticks of all processors together. */
  readonly ticks: readonly number[];
}

function machineTimes(): MachineTimes | null {
  let text: string;
  try {
    text = readFileSync('/proc/stat', 'latin1');
  } catch {
    return null;
  }
  const all = /^cpu +(.+)$/m.exec(text)?.[1];
  if (all === undefined) return null;
  return {
    cores: text.match(/^cpu\d+ /gm)?.length ?? 0,
    ticks: all.split(' ').map(Number),
  };
}

function machineBetween(
  before: MachineTimes | null,
  after: MachineTimes | null,
): MachineUsage | null {
  if (before === null || after === null) return null;
  const [user, nice, system, idle, ioWait, irq, softIrq, steal] = after.ticks.map(
    // iowait may go back a little: it is an estimate of the kernel's.
    (ticks, i) => Math.max(0, ticks - (before.ticks[i] ?? 0)) / ticksPerSecond(),
  );
  const sum = (...parts: (number | undefined)[]): number =>
    parts.reduce<number>((total, part) => total + (part ?? 0), 0);
  return {
    cores: after.cores,
    busySeconds: sum(user, nice, system, irq, softIrq),
    idleSeconds: idle ?? 0,
    ioWaitSeconds: ioWait ?? 0,
    stealSeconds: steal ?? 0,
  };
}
