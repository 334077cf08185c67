import type { Random } from './random.js';
import type { SimulatedClock } from './simulated-clock.js';
import type { SimulatedTimers } from './simulated-timers.js';

/**
 * The engine takes clock, timers and chance through ports, but for a few places where it lets the event loop breathe
 * or draws a hash seed. While a simulation runs, these too obey it, or one seed would have several traces. Returns
 * what puts the real ones back; simulations in one process run one after another.
 */
export function simulateGlobals(
  clock: SimulatedClock,
  timers: SimulatedTimers,
  random: Random,
): () => void {
  const real = {
    setImmediate: globalThis.setImmediate,
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    now: performance.now,
    random: Math.random,
  };
  const handle = (cancel: () => void) => ({ cancel, unref: () => undefined, ref: () => undefined });
  const setTimeoutNow = (run: () => void, delayMs = 0) => handle(timers.after(delayMs, run));
  const clearTimeoutNow = (timer: { cancel?: () => void } | null | undefined) => timer?.cancel?.();
  Object.assign(globalThis, {
    setImmediate: (run: () => void) => handle(timers.after(0, run)),
    setTimeout: setTimeoutNow,
    clearTimeout: clearTimeoutNow,
  });
  performance.now = () => clock.monotonic();
  Math.random = () => random.float();
  return () => {
    const { setImmediate, setTimeout, clearTimeout } = real;
    Object.assign(globalThis, { setImmediate, setTimeout, clearTimeout });
    performance.now = real.now;
    Math.random = real.random;
  };
}
