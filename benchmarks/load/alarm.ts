import { createRequire } from 'node:module';
import { NS_PER_MS, nowNs } from './clock.js';

/** A timer of Node counts whole milliseconds and is up to one late: it is set for so long before, and the rest is slept. */
const TIMER_EARLY_MS = 1.5;
/** Not shorter: each rest costs some 10 us of a processor, and what falls due meanwhile is sent together. */
const SHORTEST_US = 250;

type UsleepAsync = (microseconds: number, done: () => void) => void;

/**
 * Calls back at a moment on the monotonic clock, to about a tenth of a millisecond, without spinning: on two cores a
 * spinning generator would take one from the brokers. The rest of a wait is `usleep` on a thread of Node's pool.
 */
export class Alarm {
  readonly #ring: () => void;
  readonly #usleep: UsleepAsync;
  #timer: NodeJS.Timeout | null = null;
  #isSleeping = false;
  #atNs = Number.POSITIVE_INFINITY;

  constructor(ring: () => void) {
    this.#ring = ring;
    this.#usleep = usleepOf();
  }

  /** In place of what was set before. It may ring early if an earlier sleep could not be called off: look at the clock. */
  set(atNs: number): void {
    this.#atNs = atNs;
    this.#arm();
  }

  clear(): void {
    this.#atNs = Number.POSITIVE_INFINITY;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    // Whoever sleeps now looks again when it wakes.
    if (this.#isSleeping) return;
    const waitMs = (this.#atNs - nowNs()) / NS_PER_MS;
    if (waitMs > TIMER_EARLY_MS + 1) {
      const ms = Math.min(2 ** 30, Math.floor(waitMs - TIMER_EARLY_MS));
      this.#timer = setTimeout(() => this.#arm(), ms);
      return;
    }
    this.#isSleeping = true;
    this.#usleep(Math.max(SHORTEST_US, Math.floor(waitMs * 1000)), () => {
      this.#isSleeping = false;
      if (this.#atNs === Number.POSITIVE_INFINITY) return;
      if (nowNs() >= this.#atNs) this.#ring();
      else this.#arm();
    });
  }
}

let usleep: UsleepAsync | null = null;

function usleepOf(): UsleepAsync {
  if (usleep !== null) return usleep;
  if (process.platform === 'win32') {
    usleep = (microseconds, done) => setTimeout(done, microseconds / 1000);
    return usleep;
  }
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const library = process.platform === 'darwin' ? 'libSystem.dylib' : null;
  const sleep = koffi.load(library).func('int usleep(uint32_t microseconds)');
  usleep = (microseconds, done) => sleep.async(microseconds, done);
  return usleep;
}
