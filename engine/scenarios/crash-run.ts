import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openFileSystem } from '../io/index.js';
import { Random } from '../testing/random.js';
import { PartitionModel } from './crash-model.js';
import { type CrashPlan, planOf } from './crash-plan.js';
import { openStore } from './crash-store.js';
import type { WriterOptions } from './crash-writer.js';

export interface CrashVerdict {
  readonly seed: number;
  /** Null: every promise was kept. */
  readonly problem: string | null;
  /** Kept where there is a problem. */
  readonly directory: string | null;
  readonly store: CrashPlan['store'];
  readonly files: CrashPlan['files'];
  readonly kills: number;
  /** Of them while the writer was opening or recovering. */
  readonly killsWhileOpening: number;
  /** Processes that came to their end and closed. */
  readonly cleanEnds: number;
  readonly recordsAcknowledged: number;
  readonly recordsChecked: number;
  /** Times the log was opened after a kill, by the next writer or to check it. */
  readonly recoveries: number;
  readonly durationMs: number;
}

type Moment =
  | { readonly kind: 'opening'; readonly delayMs: number }
  | { readonly kind: 'acknowledgements'; readonly count: number }
  | { readonly kind: 'running'; readonly delayMs: number };

const MAX_RUN_MS = 120_000;

/**
 * One directory's lives: a writer process is started, killed at a random moment, started again on what it left,
 * and now and then the log is opened here and compared, record by record, with what the writers said.
 * What happens is drawn from the seed; the exact instruction a kill hits is the machine's choice.
 */
export async function runCrashes(seed: number, base = tmpdir()): Promise<CrashVerdict> {
  const directory = mkdtempSync(join(base, `varve-crash-${seed}-`));
  const run = new Run(seed, directory);
  let problem: string | null = null;
  const start = performance.now();
  try {
    await run.run();
    rmSync(directory, { recursive: true, force: true });
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
    if (error instanceof Error && error.cause instanceof Error) problem += `\n${error.cause.stack}`;
  }
  return {
    seed,
    problem,
    directory: problem === null ? null : directory,
    store: run.plan.store,
    files: run.plan.files,
    ...run.counts,
    recordsAcknowledged: run.models.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
    durationMs: performance.now() - start,
  };
}

class Run {
  readonly plan: CrashPlan;
  readonly models: readonly PartitionModel[];
  readonly counts = {
    kills: 0,
    killsWhileOpening: 0,
    cleanEnds: 0,
    recordsChecked: 0,
    recoveries: 0,
  };
  readonly #directory: string;
  readonly #startMs = Date.now();
  readonly #random: Random;
  /** What the next opening must say of the last stop: null when the writer was killed before it had opened. */
  #endedCleanly: boolean | null = true;

  constructor(seed: number, directory: string) {
    this.plan = planOf(seed, this.#startMs);
    this.models = Array.from(
      { length: this.plan.partitions },
      (_, p) => new PartitionModel(this.plan, p),
    );
    this.#directory = directory;
    this.#random = new Random(seed * 7 + 3);
  }

  async run(): Promise<void> {
    for (let life = 0; life < this.plan.lives; life += 1) {
      await new Life(this, life, this.#moment()).run();
      // Otherwise the next writer recovers what this one left, and may be killed in that.
      if (this.#random.chance(0.5)) await this.#check(life);
    }
    await this.#check(this.plan.lives);
  }

  #moment(): Moment {
    const random = this.#random;
    const dice = random.float();
    if (dice < 0.25) return { kind: 'opening', delayMs: random.between(0, 25) };
    if (dice < 0.8) {
      const most = random.pick([5, 50, 500, 2000]);
      return { kind: 'acknowledgements', count: random.between(1, most) };
    }
    return { kind: 'running', delayMs: random.between(0, 200) };
  }

  writerOptions(life: number): WriterOptions {
    return {
      directory: this.#directory,
      seed: this.plan.seed,
      startMs: this.#startMs,
      life,
      lastBatches: this.models.map(({ lastBatch }) => lastBatch),
    };
  }

  /** A line of the writer's. */
  said(line: string): void {
    const [letter = '', ...rest] = line.split(' ');
    if (letter === 'S') {
      if (this.#endedCleanly === false) this.counts.recoveries += 1;
      if (this.#endedCleanly === true) this.#endedCleanly = null;
      return;
    }
    if (letter === 'X') {
      this.#endedCleanly = null;
      return;
    }
    if (letter === 'Z') {
      this.#endedCleanly = true;
      return;
    }
    const [partition = -1, ...args] = rest.map(Number);
    const model = this.models[partition];
    if (model === undefined) throw new Error(`the writer said: ${line}`);
    if (letter === 'O') this.#endedCleanly = false;
    model.said(letter, args);
  }

  async #check(life: number): Promise<void> {
    const fs = openFileSystem({ kind: this.plan.files });
    const store = await openStore(this.plan, this.#directory, fs, { create: false });
    try {
      if (this.#endedCleanly !== null && store.wasClean !== this.#endedCleanly) {
        throw new Error(`opened as ${store.wasClean ? '' : 'un'}clean, which it was not`);
      }
      if (this.#endedCleanly === false) this.counts.recoveries += 1;
      for (const model of this.models) {
        const log = store.logs[model.partition];
        if (log !== undefined) this.#checkLog(model, log);
        else if (model.end > 0) throw new Error(`partition ${model.partition} is gone`);
      }
    } catch (error) {
      await store.close().catch(() => undefined);
      const found = store.logs.map(({ recovery }) => recovery);
      throw new Error(
        `check after life ${life}: ${(error as Error).message}; recovery: ${JSON.stringify(found)}`,
        { cause: error },
      );
    }
    // A log that was only looked at is closed like any other, and the next writer finds it clean.
    await store.close();
    this.#endedCleanly = true;
    const { openFiles } = fs.usage();
    if (openFiles !== 0) throw new Error(`${openFiles} files are left open after closing`);
  }

  #checkLog(model: PartitionModel, log: Parameters<PartitionModel['check']>[0]): void {
    const { segments } = log.recovery;
    for (const { path, validBytes, cutBytes, nextOffset, problem } of segments) {
      if (nextOffset > log.logEndOffset) throw new Error(`${path} ends at ${nextOffset}`);
      // At most the one append that was under way, and only at the end of the log.
      if (problem !== null && cutBytes > this.#largestAppend) {
        throw new Error(`${cutBytes} bytes were cut of ${path} behind ${validBytes}: ${problem}`);
      }
    }
    this.counts.recordsChecked += model.check(log);
    if (log.recoveryPoint > log.logEndOffset) throw new Error('the recovery point passed the end');
    if (log.poisoned !== null) throw log.poisoned;
  }

  get #largestAppend(): number {
    return 300 + this.plan.maxBatchRecords * (this.plan.maxValueBytes + 100);
  }
}

class Life {
  readonly #run: Run;
  readonly #life: number;
  readonly #moment: Moment;
  readonly #child: ChildProcess;
  #acknowledgements = 0;
  #wasKilled = false;
  #isOpen = false;
  #problem: unknown = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(run: Run, life: number, moment: Moment) {
    this.#run = run;
    this.#life = life;
    this.#moment = moment;
    const writer = fileURLToPath(new URL('./crash-writer.js', import.meta.url));
    this.#child = spawn(process.execPath, [writer, JSON.stringify(run.writerOptions(life))], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async run(): Promise<void> {
    const child = this.#child;
    const watchdog = setTimeout(() => {
      this.#problem = new Error(`the writer did not get on for ${MAX_RUN_MS} ms`);
      child.kill('SIGKILL');
    }, MAX_RUN_MS);
    let complaint = '';
    child.stderr!.on('data', (data: Buffer) => {
      complaint += data.toString();
    });
    let rest = '';
    child.stdout!.on('data', (data: Buffer) => {
      const lines = (rest + data.toString()).split('\n');
      rest = lines.pop()!;
      for (const line of lines) this.#said(line);
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      // `close`, not `exit`: everything it said has been read.
      child.once('close', (exitCode) => resolve(exitCode));
    });
    clearTimeout(watchdog);
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#problem !== null) throw this.#problem;
    if (code !== null && code !== 0) {
      throw new Error(`life ${this.#life}: the writer left with ${code}:\n${complaint}`);
    }
    const { counts } = this.#run;
    if (code === 0) counts.cleanEnds += 1;
    else if (!this.#wasKilled) throw new Error(`life ${this.#life}: the writer died by itself`);
    else {
      counts.kills += 1;
      if (!this.#isOpen) counts.killsWhileOpening += 1;
    }
  }

  #said(line: string): void {
    if (this.#problem !== null) return;
    try {
      this.#run.said(line);
    } catch (error) {
      this.#problem = new Error(`life ${this.#life}: ${(error as Error).message} (${line})`);
      this.#child.kill('SIGKILL');
      return;
    }
    this.#isOpen = line[0] !== 'S' && (this.#isOpen || line[0] === 'O');
    const moment = this.#moment;
    if (moment.kind === 'opening' && line[0] === 'S') this.#killIn(moment.delayMs);
    else if (moment.kind === 'running' && line[0] === 'O') this.#killIn(moment.delayMs);
    else if (moment.kind === 'acknowledgements' && line[0] === 'A') {
      this.#acknowledgements += 1;
      if (this.#acknowledgements >= moment.count) this.#kill();
    }
  }

  #killIn(ms: number): void {
    if (ms === 0) this.#kill();
    else this.#timer ??= setTimeout(() => this.#kill(), ms);
  }

  #kill(): void {
    this.#wasKilled = true;
    this.#child.kill('SIGKILL');
  }
}
