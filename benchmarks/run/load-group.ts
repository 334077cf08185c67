import type { LoadPlan, LoadResult, Schedule } from '../load/plan.js';
import type { LoadView } from '../targets/target.js';

/** What a load process said since the last quarter of a second. */
export interface LoadProgress {
  readonly records: number;
  readonly bytes: number;
  readonly p50Us: number | null;
  readonly p99Us: number | null;
  readonly acknowledgedAtNs: readonly number[];
}

/** One load process, as the runner needs it. */
export interface LoadHandle {
  /** Connected, everything encoded; rejects with what keeps it from that. */
  readonly ready: Promise<void>;
  /** Rejects when it failed or ended; nothing of it is left then. */
  readonly done: Promise<LoadResult>;
  onProgress: (progress: LoadProgress) => void;
  start(schedule: Schedule): void;
  /** Acknowledged records by partition, now. */
  count(): Promise<readonly number[]>;
  stop(): void;
  /** Ends it at once; resolves when it is gone. */
  kill(): Promise<void>;
}

export type StartLoad = (plan: LoadPlan) => LoadHandle;

export interface LiveFigures {
  readonly producedRecordsPerSecond: number;
  readonly producedBytesPerSecond: number;
  readonly consumedRecordsPerSecond: number;
  readonly p50Us: number | null;
  readonly p99Us: number | null;
}

const PROGRESS_EVERY_MS = 250;

/** The load processes of one run: consumers that are at their places before the producers are asked to send. */
export class LoadGroup {
  readonly #producers: LoadHandle[] = [];
  readonly #consumers: LoadHandle[] = [];
  readonly #acknowledgedAtNs: number[] = [];
  readonly #latest = new Map<LoadHandle, LoadProgress>();
  #timer: NodeJS.Timeout | null = null;
  #done: Promise<LoadResult[]> | null = null;

  /** Resolves when all are ready. On failure the caller calls `kill`. */
  async open(plans: readonly LoadPlan[], startLoad: StartLoad): Promise<void> {
    for (const role of ['consumer', 'producer'] as const) {
      const handles = plans.filter((plan) => plan.role === role).map((plan) => startLoad(plan));
      (role === 'producer' ? this.#producers : this.#consumers).push(...handles);
      for (const handle of handles) {
        // Failures are seen where `done` is awaited; until then they must not end the process.
        handle.done.catch(() => {});
        handle.onProgress = (progress) => {
          this.#latest.set(handle, progress);
          if (role === 'producer') this.#acknowledgedAtNs.push(...progress.acknowledgedAtNs);
        };
      }
    }
    await Promise.all(this.#all.map(({ ready }) => ready));
  }

  start(schedule: Schedule, onLive: (figures: LiveFigures) => void): void {
    for (const handle of this.#all) handle.start(schedule);
    this.#timer = setInterval(() => onLive(this.#figures()), PROGRESS_EVERY_MS);
  }

  /** Consumers read on until the producers are done. Rejects with the first failure. */
  done(): Promise<LoadResult[]> {
    this.#done ??= this.#untilDone();
    return this.#done;
  }

  async #untilDone(): Promise<LoadResult[]> {
    const all = Promise.all(this.#all.map(({ done }) => done));
    await Promise.race([Promise.all(this.#producers.map(({ done }) => done)), all]);
    for (const consumer of this.#consumers) consumer.stop();
    return all;
  }

  /** Ends the load before the window is over. */
  stop(): void {
    for (const producer of this.#producers) producer.stop();
  }

  async kill(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await Promise.all(this.#all.map((handle) => handle.kill()));
  }

  view(): LoadView {
    return {
      takeAcknowledgements: () => this.#acknowledgedAtNs.splice(0),
      acknowledgedRecords: async () => {
        const counts = await Promise.all(this.#producers.map((producer) => producer.count()));
        return counts.reduce((sum, one) => one.map((records, at) => records + (sum[at] ?? 0)), []);
      },
      stopLoad: async () => {
        this.stop();
        await Promise.allSettled(this.#producers.map(({ done }) => done));
      },
    };
  }

  get #all(): LoadHandle[] {
    return [...this.#consumers, ...this.#producers];
  }

  #figures(): LiveFigures {
    const latest = (handles: readonly LoadHandle[]): LoadProgress[] =>
      handles.map((handle) => this.#latest.get(handle)).filter((one) => one !== undefined);
    const perSecond = (total: number): number => (total * 1000) / PROGRESS_EVERY_MS;
    const produced = latest(this.#producers);
    const consumed = latest(this.#consumers);
    // The slowest speaks for all: percentiles of processes cannot be averaged.
    const worst = (values: readonly (number | null)[]): number | null =>
      values.reduce<number | null>(
        (most, value) => (value === null ? most : Math.max(most ?? 0, value)),
        null,
      );
    this.#latest.clear();
    return {
      producedRecordsPerSecond: perSecond(produced.reduce((sum, { records }) => sum + records, 0)),
      producedBytesPerSecond: perSecond(produced.reduce((sum, { bytes }) => sum + bytes, 0)),
      consumedRecordsPerSecond: perSecond(consumed.reduce((sum, { records }) => sum + records, 0)),
      p50Us: worst(produced.map(({ p50Us }) => p50Us)),
      p99Us: worst(produced.map(({ p99Us }) => p99Us)),
    };
  }
}
