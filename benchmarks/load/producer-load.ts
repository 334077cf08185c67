import { usesBatchStamps } from './batch.js';
import { BatchPool, MAX_REQUEST_BYTES } from './batch-pool.js';
import { nowNs } from './clock.js';
import { ClosedLoop, KeyedClosedLoop } from './closed-loop.js';
import type { Driver } from './driver.js';
import { Keys } from './keys.js';
import type { Load } from './load.js';
import { openDriver } from './open-driver.js';
import { OpenLoop } from './open-loop.js';
import { openPayload } from './payloads.js';
import type { LoadPlan, LoadResult, Schedule } from './plan.js';
import { isNetworkCounted, ProcessUsage, peakRssBytes, untilMs } from './process-usage.js';
import { Producer } from './producer.js';
import { ProducerMeter } from './producer-meter.js';
import { TrafficMeter } from './traffic-meter.js';
import { Window } from './window.js';

/** What is under way when the window ends is awaited for so long. */
const DRAIN_MS = 30_000;
/** Open loop: how long the schedule's last moments may be late. */
const SCHEDULE_LATE_MS = 1000;
/** Open loop: batches that are ready when the schedule is done wait for a free request, but not longer than this. */
const LAST_BATCHES_MS = 20;
const LAST_BATCHES_SHARE = 0.01;
const CHECK_MS = 2;
/** Apart from the seeds of values. */
const KEYS_SEED = 104_729;
const ARRIVALS_SEED = 15_485_863;

export class ProducerLoad implements Load {
  readonly #plan: LoadPlan;
  readonly #driver: Driver;
  readonly #pool: BatchPool;
  readonly #keys: Keys | null;
  #producer: Producer | null = null;
  #meter: ProducerMeter | null = null;
  #isStopped = false;
  #endNow: () => void = () => {};
  readonly #stopped: Promise<void>;

  private constructor(plan: LoadPlan, driver: Driver, pool: BatchPool, keys: Keys | null) {
    this.#plan = plan;
    this.#driver = driver;
    this.#pool = pool;
    this.#keys = keys;
    this.#stopped = new Promise((resolve) => {
      this.#endNow = resolve;
    });
  }

  static async open(plan: LoadPlan): Promise<ProducerLoad> {
    const { cell, index } = plan;
    const payload = openPayload(plan.payload, cell, index);
    const keys =
      cell.keys === 'none'
        ? null
        : new Keys(cell.keys, cell.partitions, plan.payload.seed + KEYS_SEED * (index + 1));
    const pool = new BatchPool({ payload, cell, keys, isPacked: usesBatchStamps(plan) });
    const driver = await openDriver(plan);
    const perRequest = Math.max(1, Math.floor(MAX_REQUEST_BYTES / cell.batchBytes));
    pool.prefill(cell.inFlight * Math.min(cell.partitions, perRequest));
    return new ProducerLoad(plan, driver, pool, keys);
  }

  async run(schedule: Schedule): Promise<LoadResult> {
    const plan = this.#plan;
    const { cell, index } = plan;
    const window = new Window(schedule);
    const isOpenLoop = plan.rateBytesPerSecond !== null;
    const meter = new ProducerMeter({
      window,
      isOpenLoop,
      keepsAcknowledgements: plan.isNumbered,
    });
    this.#meter = meter;
    const producer = new Producer({
      driver: this.#driver,
      pool: this.#pool,
      meter,
      partitions: cell.partitions,
      // The engine has no requests: so many writers append at once.
      inFlight: plan.connection.kind === 'engine' ? cell.producers : cell.inFlight,
    });
    this.#producer = producer;
    const usage = new ProcessUsage(window);
    const traffic = new TrafficMeter(this.#driver, window);
    await Promise.race([pause(untilMs(schedule.startNs)), this.#stopped]);
    const source = this.#source(producer, window, meter, schedule.startNs);
    producer.start(source);
    await Promise.race([pause(untilMs(schedule.measureToNs)), this.#stopped, producer.failed]);
    // A timer may be a moment early: only what was stopped is shorter.
    if (this.#isStopped) window.endAt(nowNs());
    usage.end();
    traffic.end();
    if (source instanceof OpenLoop) {
      await Promise.race([this.#lastBatches(source, window), producer.failed]);
      source.close();
    }
    await Promise.race([producer.drain(DRAIN_MS), producer.failed]);
    producer.abandon();
    const readBack = (await this.#driver.readBack?.()) ?? null;
    return {
      role: 'producer',
      index,
      group: plan.group,
      pid: process.pid,
      ...meter.result(),
      ...traffic.sent(),
      userSeconds: usage.userSeconds,
      systemSeconds: usage.systemSeconds,
      network: isNetworkCounted(plan) ? usage.network : null,
      peakRssBytes: peakRssBytes(),
      readBack,
      byPartition: producer.queues.map(({ acknowledgedInAll }) => acknowledgedInAll),
    };
  }

  stop(): void {
    this.#isStopped = true;
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
    return { records: (this.#producer?.queues ?? []).map(({ acknowledged }) => acknowledged) };
  }

  close(): Promise<void> {
    return this.#driver.close();
  }

  /**
   * Batches that are not full yet leave when their time has come. Whatever then waits because requests are not answered
   * as fast as records are due is left behind, as otherwise a rate that is too high would look as if it were kept.
   */
  async #lastBatches(source: OpenLoop, window: Window): Promise<void> {
    const { lingerMs } = this.#plan.cell;
    const givenUpMs = performance.now() + lingerMs + SCHEDULE_LATE_MS;
    while (!source.isScheduleOver && performance.now() < givenUpMs) await pause(CHECK_MS);
    const graceMs = Math.max(LAST_BATCHES_MS, window.seconds * 1000 * LAST_BATCHES_SHARE);
    const endMs = performance.now() + graceMs;
    while (source.isWaiting && performance.now() < endMs) await pause(CHECK_MS);
  }

  #source(
    producer: Producer,
    window: Window,
    meter: ProducerMeter,
    startNs: number,
  ): OpenLoop | ClosedLoop | KeyedClosedLoop {
    const { cell, index, isNumbered, rateBytesPerSecond, payload, of } = this.#plan;
    const untilNs = (): number => window.toNs;
    const making = {
      pool: this.#pool,
      producer: index,
      isNumbered,
      isEncoded: this.#driver.isEncoded,
    };
    const keys = this.#keys;
    if (rateBytesPerSecond !== null) {
      return new OpenLoop({
        making,
        producer,
        meter,
        keys,
        startNs,
        untilNs,
        bytesPerSecond: rateBytesPerSecond / of,
        phase: index / of,
        arrivals: cell.arrivals,
        lingerMs: cell.lingerMs,
        seed: payload.seed + ARRIVALS_SEED * (index + 1),
      });
    }
    if (keys === null) return new ClosedLoop(making, untilNs);
    const { batchBytes } = cell;
    return new KeyedClosedLoop({ making, producer, keys, untilNs, batchBytes });
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
