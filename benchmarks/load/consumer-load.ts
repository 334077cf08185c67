import { nowNs } from './clock.js';
import type { LoadConsumer } from './consumer.js';
import { ConsumerMeter } from './consumer-meter.js';
import type { Load } from './load.js';
import { openConsumer } from './open-consumer.js';
import { isCatchUp, type LoadPlan, type LoadResult, type Schedule } from './plan.js';
import { isNetworkCounted, ProcessUsage, peakRssBytes, untilMs } from './process-usage.js';
import { Window } from './window.js';

/** After the window, producers wait for what is under way; a consumer that nobody stops ends by itself after so long. */
const UNTIL_STOPPED_MS = 60_000;
/** What is in the log when it is stopped is read for so long at most: a reader that lags has lost by then. */
const DRAIN_MS = 5000;

export class ConsumerLoad implements Load {
  readonly #plan: LoadPlan;
  readonly #consumer: LoadConsumer;
  #meter: ConsumerMeter | null = null;
  #endNow: () => void = () => {};
  readonly #stopped: Promise<void>;

  private constructor(plan: LoadPlan, consumer: LoadConsumer) {
    this.#plan = plan;
    this.#consumer = consumer;
    this.#stopped = new Promise((resolve) => {
      this.#endNow = resolve;
    });
  }

  static async open(plan: LoadPlan): Promise<ConsumerLoad> {
    return new ConsumerLoad(plan, await openConsumer(plan));
  }

  async run(schedule: Schedule): Promise<LoadResult> {
    const plan = this.#plan;
    const consumer = this.#consumer;
    const window = new Window(schedule);
    const meter = new ConsumerMeter({
      window,
      partitions: plan.cell.partitions,
      measuresLatency: !isCatchUp(plan),
      isExperiment: plan.isNumbered,
    });
    this.#meter = meter;
    const usage = new ProcessUsage(window);
    consumer.start(meter);
    const timeout = pause(untilMs(schedule.measureToNs) + UNTIL_STOPPED_MS);
    await Promise.race([timeout.over, this.#stopped, consumer.failed]);
    timeout.cancel();
    window.endAt(nowNs());
    usage.end();
    await Promise.race([consumer.drain(DRAIN_MS), consumer.failed]);
    return {
      role: 'consumer',
      index: plan.index,
      group: plan.group,
      pid: process.pid,
      ...meter.result(),
      userSeconds: usage.userSeconds,
      systemSeconds: usage.systemSeconds,
      network: isNetworkCounted(plan) ? usage.network : null,
      peakRssBytes: peakRssBytes(),
      readBack: null,
    };
  }

  stop(): void {
    this.#endNow();
  }

  progress(): ReturnType<Load['progress']> {
    return (
      this.#meter?.takeProgress() ?? {
        records: 0,
        bytes: 0,
        p50Us: null,
        p99Us: null,
        acknowledgedAtNs: [],
      }
    );
  }

  acknowledged(): ReturnType<Load['acknowledged']> {
    return { records: [] };
  }

  close(): Promise<void> {
    return this.#consumer.close();
  }
}

function pause(ms: number): { readonly over: Promise<void>; cancel(): void } {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return { over, cancel: () => clearTimeout(timer) };
}
