import type { PayloadPlan } from '../benchmarks/load/plan.js';
import { BenchError } from '../benchmarks/model/bench-error.js';
import type { Cell } from '../benchmarks/model/knobs.js';
import type { CellRun } from '../benchmarks/model/result.js';
import type { StartLoad } from '../benchmarks/run/load-group.js';
import { runCell } from '../benchmarks/run/run-cell.js';
import { findTarget } from '../benchmarks/targets/index.js';
import type { OpenTarget } from '../benchmarks/targets/target.js';
import { createTempDirectory, removeTempDirectory } from '../benchmarks/temp-directory.js';

export interface RecordRequest {
  readonly cell: Cell;
  /** Of a cluster: which of its brokers is profiled. */
  readonly brokerId: number;
  /** What makes the process a profiled one. */
  readonly nodeFlags: readonly string[];
  readonly warmupSeconds: number;
  readonly measureSeconds: number;
  /** Where the cell's data is written and deleted. */
  readonly directory: string;
  /** Load processes that are started with these flags of Node, and that end by themselves, not killed. */
  readonly loadWith: (nodeFlags: readonly string[]) => StartLoad;
  readonly onDoing: (text: string) => void;
  readonly signal: AbortSignal;
}

const PAYLOAD: PayloadPlan = { file: null, seed: 1, spread: 'exact', compressibility: null };
const SEED_ATTEMPTS = 40;

/** Runs a cell with one of its processes under a profiler. Resolves when that process has ended and written. */
export async function recordCell(request: RecordRequest): Promise<CellRun> {
  const { cell, brokerId, nodeFlags, signal, loadWith, onDoing } = request;
  const isEngine = cell.target === 'engine';
  const target = findTarget(cell.target);
  const directory = createTempDirectory(request.directory);
  try {
    onDoing(isEngine ? 'opening the engine' : `starting ${cell.brokers} brokers`);
    const open = await target.open({
      cell,
      directory,
      signal,
      ...(!isEngine && { nodeFlags: { [brokerId]: nodeFlags } }),
    });
    try {
      onDoing('load is on');
      return await runCell(
        isEngine ? open : new LedBy(open, brokerId),
        {
          cell,
          topic: `varve-profile-${process.pid}`,
          payload: PAYLOAD,
          warmupSeconds: request.warmupSeconds,
          measureSeconds: request.measureSeconds,
          rateBytesPerSecond: cell.rate === 'max' ? null : Number(cell.rate),
          repeat: 0,
          order: 0,
        },
        { startLoad: loadWith(isEngine ? nodeFlags : []), onLive: () => undefined, signal },
      );
    } finally {
      // A broker writes its profile as it ends.
      await open.close();
    }
  } finally {
    removeTempDirectory(directory);
  }
}

/** A cluster whose topics are led, in part at least, by the broker that is looked at. */
class LedBy implements OpenTarget {
  readonly info;
  readonly #target: OpenTarget;
  readonly #brokerId: number;

  constructor(target: OpenTarget, brokerId: number) {
    this.info = target.info;
    this.#target = target;
    this.#brokerId = brokerId;
  }

  /** Where a topic's partitions go is for the controller to choose: it is made until it has chosen this broker, too. */
  async prepare(cell: Cell, topic: string): ReturnType<OpenTarget['prepare']> {
    for (let attempt = 1; attempt <= SEED_ATTEMPTS; attempt += 1) {
      const prepared = await this.#target.prepare(cell, `${topic}-${attempt}`);
      const { processes } = await (await prepared.startUsage()).stop();
      const its = processes.find(({ id }) => id === `broker ${this.#brokerId}`);
      if ((its?.leaders ?? 0) > 0) return prepared;
      await prepared.remove();
    }
    throw new BenchError(
      'TARGET_FAILED',
      `broker ${this.#brokerId} was given no partition to lead in ${SEED_ATTEMPTS} topics`,
    );
  }

  isUsable(): Promise<boolean> {
    return this.#target.isUsable();
  }

  close(): Promise<void> {
    return this.#target.close();
  }
}
