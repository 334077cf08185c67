import { createRandom } from '../random.js';
import { Alarm } from './alarm.js';
import type { Batch } from './batch.js';
import { NS_PER_MS, NS_PER_SECOND, nowNs } from './clock.js';
import { type Driver, Outcome } from './driver.js';
import type { LoadPlan, SimulatedConnection } from './plan.js';

/**
 * A service whose properties are known. Each request takes `serviceMs`; bytes pass one after the other at a rate that grows
 * with partitions by the Universal Scalability Law; while it stalls nothing is answered. `stallAtMs` counts from the first
 * request. Times are computed ahead, so that what it does is exact; only when an answer is seen depends on timers.
 */
export class SimulatedDriver implements Driver {
  readonly isEncoded = true;
  readonly #connection: SimulatedConnection;
  readonly #nsPerByte: number;
  readonly #answers: { readonly ns: number; answer(): void }[] = [];
  readonly #alarm = new Alarm(() => this.#answer());
  #freeNs = 0;
  #firstNs: number | null = null;

  constructor(plan: LoadPlan, connection: SimulatedConnection) {
    this.#connection = connection;
    const rate = simulatedBytesPerSecond(connection, plan.cell.partitions) / plan.of;
    this.#nsPerByte = NS_PER_SECOND / rate;
  }

  laneOf(): number {
    return 0;
  }

  onLanesChanged(): void {}

  send(_lane: number, batches: readonly Batch[]): Promise<readonly Outcome[]> {
    const { serviceMs } = this.#connection;
    const ns = nowNs();
    this.#firstNs ??= ns;
    const bytes = batches.reduce((sum, { valueBytes }) => sum + valueBytes, 0);
    const startNs = this.#afterStall(Math.max(ns, this.#freeNs));
    this.#freeNs = this.#afterStall(startNs + bytes * this.#nsPerByte);
    const doneNs = this.#afterStall(Math.max(this.#freeNs, startNs + serviceMs * NS_PER_MS));
    return new Promise((resolve) => {
      const answer = (): void => resolve(batches.map(() => Outcome.ACKNOWLEDGED));
      let at = this.#answers.length;
      while (at > 0 && this.#answers[at - 1]!.ns > doneNs) at -= 1;
      this.#answers.splice(at, 0, { ns: doneNs, answer });
      if (at === 0) this.#alarm.set(doneNs);
    });
  }

  async close(): Promise<void> {
    this.#alarm.clear();
  }

  #answer(): void {
    const ns = nowNs();
    while (this.#answers.length > 0 && this.#answers[0]!.ns <= ns) this.#answers.shift()?.answer();
    const next = this.#answers[0];
    if (next !== undefined) this.#alarm.set(next.ns);
  }

  /** `ns`, or the stall's end if it lies within the stall. */
  #afterStall(ns: number): number {
    const { stallAtMs, stallMs } = this.#connection;
    if (stallAtMs === null || this.#firstNs === null) return ns;
    const fromNs = this.#firstNs + stallAtMs * NS_PER_MS;
    const toNs = fromNs + stallMs * NS_PER_MS;
    return ns >= fromNs && ns < toNs ? toNs : ns;
  }
}

/** What a simulated service takes with so many partitions in this run, all producers together. */
export function simulatedBytesPerSecond(
  { bytesPerSecond, sigma, kappa, spread, seed }: SimulatedConnection,
  partitions: number,
): number {
  const scale = partitions / (1 + sigma * (partitions - 1) + kappa * partitions * (partitions - 1));
  return bytesPerSecond * scale * Math.max(0.01, 1 + spread * normal(seed));
}

/** A normally distributed number from a seed (Box and Muller). */
function normal(seed: number): number {
  const random = createRandom(seed);
  const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
  return radius * Math.cos(2 * Math.PI * random.next());
}
