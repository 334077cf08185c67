import { readFileSync } from 'node:fs';
import { NetworkMeter, type NetworkTotals } from '../network-meter.js';
import { NS_PER_MS, nowNs } from './clock.js';
import type { LoadPlan } from './plan.js';
import type { Window } from './window.js';

const US_PER_SECOND = 1e6;
const KIB = 1024;

let meter: NetworkMeter | null = null;

/** Before anything connects. */
export function startNetworkMeter(): void {
  meter ??= NetworkMeter.start();
}

/** Do all its bytes go over sockets that can be counted? Not those of a native client, and those below TLS. */
export function isNetworkCounted({ connection, cell }: LoadPlan): boolean {
  return connection.kind === 'brokers' && connection.tls === null && cell.client !== 'librdkafka';
}

/** Processor time and network of this process over the window, taken by timers at its ends. */
export class ProcessUsage {
  readonly #timers: NodeJS.Timeout[];
  #from: NodeJS.CpuUsage | null = null;
  #used: NodeJS.CpuUsage | null = null;
  #networkBefore: NetworkTotals | null = null;
  #networkAfter: NetworkTotals | null = null;

  constructor(window: Window) {
    this.#timers = [
      setTimeout(() => {
        this.#from = process.cpuUsage();
        this.#networkBefore = meter?.totals() ?? null;
      }, untilMs(window.fromNs)),
      setTimeout(() => this.end(), untilMs(window.plannedToNs)),
    ];
  }

  /** The window is over, perhaps early. */
  end(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    if (this.#from === null) return;
    this.#used ??= process.cpuUsage(this.#from);
    this.#networkAfter ??= meter?.totals() ?? null;
  }

  /** Null: not counted in this process. */
  get network(): NetworkTotals | null {
    const [before, after] = [this.#networkBefore, this.#networkAfter];
    if (before === null || after === null) return null;
    return {
      receivedBytes: after.receivedBytes - before.receivedBytes,
      sentBytes: after.sentBytes - before.sentBytes,
    };
  }

  get userSeconds(): number {
    return (this.#used?.user ?? 0) / US_PER_SECOND;
  }

  get systemSeconds(): number {
    return (this.#used?.system ?? 0) / US_PER_SECOND;
  }
}

/** The most memory that this process has had. */
export function peakRssBytes(): number {
  if (process.platform === 'linux') {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'));
    if (match !== null) return Number(match[1]) * KIB;
  }
  return process.resourceUsage().maxRSS * KIB;
}

export function untilMs(ns: number): number {
  return Math.max(0, (ns - nowNs()) / NS_PER_MS);
}
