import { NS_PER_MS, nowNs } from './clock.js';
import { LoadProcess, type Progress } from './load-process.js';
import type { LoadPlan, LoadResult, Schedule } from './plan.js';

/** Between telling processes to start and their start: enough for the message to arrive on a busy machine. */
const START_AHEAD_MS = 100;

export interface LoadGroupOptions {
  readonly onProgress?: (plan: LoadPlan, progress: Progress) => void;
}

/** The load processes of one run of one cell: all of them, or none. */
export class LoadGroup {
  readonly processes: readonly LoadProcess[];
  #acknowledgedAtNs: number[];

  private constructor(processes: readonly LoadProcess[], acknowledgedAtNs: number[]) {
    this.processes = processes;
    this.#acknowledgedAtNs = acknowledgedAtNs;
  }

  /** Resolves when all are ready, consumers before producers. @throws BenchError of the first that is not; the others are ended */
  static async open(
    plans: readonly LoadPlan[],
    options: LoadGroupOptions = {},
  ): Promise<LoadGroup> {
    const acknowledgedAtNs: number[] = [];
    const opened: LoadProcess[] = [];
    const open = async (plan: LoadPlan): Promise<void> => {
      const load = await LoadProcess.open(plan, {
        onProgress: (progress) => {
          for (const ns of progress.acknowledgedAtNs) acknowledgedAtNs.push(ns);
          options.onProgress?.(plan, progress);
        },
      });
      opened.push(load);
    };
    const settled = await Promise.allSettled(plans.map(open));
    const failure = settled.find((each) => each.status === 'rejected');
    if (failure !== undefined) {
      await Promise.all(opened.map((load) => load.close()));
      throw failure.reason;
    }
    return new LoadGroup(opened, acknowledgedAtNs);
  }

  /** A schedule that begins now. */
  static schedule(warmupSeconds: number, measureSeconds: number): Schedule {
    const startNs = nowNs() + START_AHEAD_MS * NS_PER_MS;
    const measureFromNs = startNs + warmupSeconds * 1e9;
    return { startNs, measureFromNs, measureToNs: measureFromNs + measureSeconds * 1e9 };
  }

  /** Resolves when all are done and gone. @throws BenchError of the first that failed; then all are ended */
  async run(schedule: Schedule): Promise<LoadResult[]> {
    try {
      for (const load of this.processes) load.start(schedule);
      const consumers = this.processes.filter(({ plan }) => plan.role === 'consumer');
      const producers = this.processes.filter(({ plan }) => plan.role === 'producer');
      const produced = Promise.all(producers.map(({ result }) => result));
      const all = Promise.all(this.processes.map(({ result }) => result));
      await Promise.race([produced, all]);
      for (const load of consumers) load.stop();
      return await all;
    } finally {
      await this.close();
    }
  }

  /** Ends the load before the window is over; `run` resolves with what was measured. */
  stop(): void {
    for (const load of this.processes) if (load.plan.role === 'producer') load.stop();
  }

  /** Numbered loads: monotonic nanoseconds of acknowledgements of partition 0 since the last call, in order. */
  takeAcknowledgements(): readonly number[] {
    return this.#acknowledgedAtNs.splice(0).sort((a, b) => a - b);
  }

  /** By producer, by partition: acknowledged without a gap, up to now. */
  acknowledgedByProducer(): Promise<(readonly number[])[]> {
    const producers = this.processes.filter(({ plan }) => plan.role === 'producer');
    return Promise.all(producers.map((load) => load.acknowledged()));
  }

  /** Ends what still runs. Idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.processes.map((load) => load.close()));
  }
}
