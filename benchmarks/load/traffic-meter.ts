import type { Driver } from './driver.js';
import { untilMs } from './process-usage.js';
import type { Window } from './window.js';

/** What a client library says that it sent within the window. */
export class TrafficMeter {
  readonly #driver: Driver;
  readonly #timers: NodeJS.Timeout[];
  #from: { readonly requests: number; readonly bytes: number } | null = null;
  #sent: { readonly requests: number; readonly wireBytes: number } | null = null;

  constructor(driver: Driver, window: Window) {
    this.#driver = driver;
    this.#timers = [
      setTimeout(() => {
        this.#from = driver.traffic === undefined ? null : { ...driver.traffic };
      }, untilMs(window.fromNs)),
      setTimeout(() => this.end(), untilMs(window.plannedToNs)),
    ];
  }

  /** The window is over, perhaps early. */
  end(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    const from = this.#from;
    const now = this.#driver.traffic;
    if (from === null || now === undefined) return;
    this.#sent ??= { requests: now.requests - from.requests, wireBytes: now.bytes - from.bytes };
  }

  /** Nothing where the driver does not say. */
  sent(): { readonly requests?: number; readonly wireBytes?: number } {
    return this.#sent ?? {};
  }
}
