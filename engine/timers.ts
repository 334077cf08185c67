/**
 * Starts things later. Product code takes it as a port, so that a simulation can move time by hand.
 * `run` must not throw.
 */
export interface Timers {
  /** Calls `run` once, after `delayMs` milliseconds or more, unless the returned function is called before. */
  after(delayMs: number, run: () => void): () => void;
}

const MAX_TIMER_MS = 0x7fffffff;

/** Node's timers. They do not keep the process alive: sockets and the owner do. */
export const systemTimers: Timers = {
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(Math.max(0, delayMs), MAX_TIMER_MS)).unref();
    return () => clearTimeout(timer);
  },
};
