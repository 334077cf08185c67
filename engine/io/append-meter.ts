const STRETCH_BYTES = 8 * 1024 * 1024;
/** A pause of the caller's says nothing about the cost of appending. */
const PAUSE_MS = 500;
const WEIGHT = 0.5;
const SHORTEST_REST_BYTES = 64 * 1024 * 1024;
const LONGEST_REST_BYTES = 1024 * 1024 * 1024;

/** What appending has cost lately, in milliseconds a byte, over all logs of a file system. */
export class AppendCosts {
  mapped = 0;
  written = 0;
  /** So much is written before mapping is tried again. */
  restBytes = 0;
  #lastRestBytes = 0;

  /** Judges the two; true when mapping is to be used. False until writing has been seen. */
  get mappingPays(): boolean {
    if (this.written === 0 || this.restBytes > 0) return false;
    if (this.mapped === 0) return true;
    if (this.mapped <= this.written) {
      this.#lastRestBytes = 0;
      return true;
    }
    this.#lastRestBytes = Math.min(
      Math.max(this.#lastRestBytes * 2, SHORTEST_REST_BYTES),
      LONGEST_REST_BYTES,
    );
    this.restBytes = this.#lastRestBytes;
    this.mapped = 0;
    return false;
  }
}

/**
 * Which way of appending is faster right now, by the clock: mapped or `pwrite`. With an idle
 * processor beside the appender prepared pages win; where all are busy, preparing them takes from the
 * appender what it should save. Costs the caller's own work too, the same in both.
 */
export class AppendMeter {
  #from = -1;
  #startedMs = 0;
  #mappedBytes = 0;
  readonly #costs: AppendCosts;

  constructor(costs: AppendCosts) {
    this.#costs = costs;
  }

  /** Notes that the log has grown to `size`, `mappedBytes` of it through the mapping since last time. */
  note(size: number, mappedBytes: number, nowMs: number): void {
    this.#mappedBytes += mappedBytes;
    const bytes = size - this.#from;
    if (this.#from < 0 || bytes < 0) {
      this.#begin(size, nowMs);
      return;
    }
    if (bytes < STRETCH_BYTES) return;
    const elapsedMs = nowMs - this.#startedMs;
    const share = this.#mappedBytes / bytes;
    if (elapsedMs < PAUSE_MS) {
      const cost = elapsedMs / bytes;
      const costs = this.#costs;
      if (share > 0.7) costs.mapped = average(costs.mapped, cost);
      else if (share < 0.3) costs.written = average(costs.written, cost);
    }
    this.#costs.restBytes = Math.max(0, this.#costs.restBytes - bytes);
    this.#begin(size, nowMs);
  }

  #begin(size: number, nowMs: number): void {
    this.#from = size;
    this.#startedMs = nowMs;
    this.#mappedBytes = 0;
  }
}

function average(before: number, cost: number): number {
  return before === 0 ? cost : before * (1 - WEIGHT) + cost * WEIGHT;
}
