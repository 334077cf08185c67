import { type Calibration, calibrate } from './calibration.js';
import { LOST_IN_A_CRASH, type Target } from './embedded/target.js';
import { describeEnvironment, type Environment } from './environment.js';
import { Latencies, type LatencySummary } from './latency.js';
import { type Limits, limitsOf } from './limits.js';
import { type Cell, cellName, crossAxes } from './matrix.js';
import type { Progress } from './progress.js';
import { createRandom, shuffled } from './random.js';
import { type RunFigures, runCell } from './runner.js';
import type { Settings } from './settings.js';
import { type Estimate, estimate } from './stats.js';
import { createTempDirectory, removeTempDirectory } from './temp-directory.js';
import { meanBatchBytes, prepareWorkload, type Workload } from './workload.js';

/** Everything one run of the suite found out. Written as it is into the result file. */
export interface SuiteResult {
  readonly schemaVersion: 1;
  readonly name: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly settings: Settings;
  readonly environment: Environment;
  readonly calibration: Calibration;
  readonly cells: readonly CellResult[];
}

export interface CellResult {
  readonly cell: Cell;
  readonly payload: string;
  readonly batchBytes: number;
  readonly lostInACrash: string;
  readonly targetSettings: Readonly<Record<string, string | number | boolean>>;
  readonly limits: Limits;
  readonly summary: CellSummary;
  /** Every repeat, in the order it ran: none is dropped. */
  readonly repeats: readonly RunFigures[];
}

export interface CellSummary {
  readonly appendRecordsPerSecond: Estimate;
  readonly appendBytesPerSecond: Estimate;
  /** Median append speed over the machine's limit for the same work. */
  readonly appendOfLimit: number;
  /** All repeats' samples in one histogram. */
  readonly appendLatency: LatencySummary | null;
  readonly readRecordsPerSecond: Estimate;
  readonly readBytesPerSecond: Estimate;
  readonly readOfLimit: number;
}

interface PreparedCell {
  readonly cell: Cell;
  readonly workload: Workload;
  readonly repeats: RunFigures[];
  readonly latencies: Latencies;
  targetSettings: Readonly<Record<string, string | number | boolean>>;
}

/** Calibrates, warms every cell up once, then runs all repeats of all cells in shuffled order. */
export async function runSuite(
  target: Target,
  settings: Settings,
  progress: Progress,
): Promise<SuiteResult> {
  const startedAt = new Date().toISOString();
  const environment = describeEnvironment(settings.directory);
  // Cells of one shape append the very same records, so that only the other knobs differ.
  const workloads = new Map<string, Workload>();
  const workloadOf = (cell: Cell): Workload => {
    const shape = `${cell.recordBytes} x ${cell.batchRecords}`;
    const workload = workloads.get(shape) ?? prepareWorkload(cell, settings);
    workloads.set(shape, workload);
    return workload;
  };
  const cells = crossAxes(settings.axes).map(
    (cell): PreparedCell => ({
      cell,
      workload: workloadOf(cell),
      repeats: [],
      latencies: new Latencies(),
      targetSettings: {},
    }),
  );
  progress.begin(cells.length * (settings.repeats + 1) + 1);

  progress.step('calibrating the machine');
  const calibration = await calibrateFor(cells, settings);

  for (const prepared of cells) {
    progress.step(`warm-up: ${cellName(prepared.cell)}`);
    await runCell(target, prepared.cell, prepared.workload, {
      dataDirectory: settings.directory,
      bounds: { seconds: settings.warmupSeconds, bytes: settings.cellBytes },
    });
  }

  const runs = cells.flatMap((cell) => Array.from({ length: settings.repeats }, () => cell));
  for (const prepared of shuffled(runs, createRandom(settings.seed))) {
    progress.step(cellName(prepared.cell));
    const run = await runCell(target, prepared.cell, prepared.workload, {
      dataDirectory: settings.directory,
      bounds: { seconds: settings.cellSeconds, bytes: settings.cellBytes },
    });
    prepared.repeats.push(run.figures);
    prepared.latencies.merge(run.latencies);
    prepared.targetSettings = run.targetSettings;
  }
  progress.end();

  return {
    schemaVersion: 1,
    name: settings.name,
    startedAt,
    finishedAt: new Date().toISOString(),
    settings,
    environment,
    calibration,
    cells: cells.map((prepared) => summarize(prepared, calibration)),
  };
}

async function calibrateFor(
  cells: readonly PreparedCell[],
  settings: Settings,
): Promise<Calibration> {
  const directory = createTempDirectory(settings.directory);
  try {
    return await calibrate({
      directory,
      batchBytes: cells.map(({ workload }) => meanBatchBytes(workload)),
      durable: settings.axes.durability.includes('batch'),
      effort: settings.calibrationEffort,
    });
  } finally {
    removeTempDirectory(directory);
  }
}

function summarize(prepared: PreparedCell, calibration: Calibration): CellResult {
  const { cell, workload, repeats } = prepared;
  const batchBytes = meanBatchBytes(workload);
  const limits = limitsOf(cell, batchBytes, calibration);
  const of = (figure: (run: RunFigures) => number): Estimate => estimate(repeats.map(figure));
  const appendBytesPerSecond = of((run) => run.appendBytesPerSecond);
  const readBytesPerSecond = of((run) => run.readBytesPerSecond);
  return {
    cell,
    payload: workload.description,
    batchBytes,
    lostInACrash: LOST_IN_A_CRASH[cell.durability],
    targetSettings: prepared.targetSettings,
    limits,
    summary: {
      appendRecordsPerSecond: of((run) => run.appendRecordsPerSecond),
      appendBytesPerSecond,
      appendOfLimit: appendBytesPerSecond.median / limits.appendBytesPerSecond,
      appendLatency: prepared.latencies.summary(),
      readRecordsPerSecond: of((run) => run.readRecordsPerSecond),
      readBytesPerSecond,
      readOfLimit: readBytesPerSecond.median / limits.readBytesPerSecond,
    },
    repeats,
  };
}
