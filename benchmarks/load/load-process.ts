import { type ChildProcess, fork } from 'node:child_process';
import { BenchError, type BenchErrorCode } from '../model/bench-error.js';
import { programPath } from '../program-path.js';
import { nowNs } from './clock.js';
import type { FromLoad, LoadPlan, LoadResult, Schedule, ToLoad } from './plan.js';
import { untilMs } from './process-usage.js';

/** Connecting and making batches ahead. */
const READY_MS = 60_000;
/** After the window: what is under way, and the consumers' way to the end. */
const DONE_MS = 90_000;
const STOP_MS = 60_000;
const COUNT_MS = 10_000;
const STDERR_CHARACTERS = 2000;

export type Progress = Extract<FromLoad, { type: 'progress' }>;

export interface LoadProcessOptions {
  readonly onProgress?: (progress: Progress) => void;
  readonly readyMs?: number;
  readonly doneMs?: number;
  /** Flags of Node for the process: a profiler. */
  readonly nodeFlags?: readonly string[];
  /** How long one that is done may take to end by itself before it is killed: a profiler writes then. Default 0. */
  readonly endMs?: number;
}

/** The suite's side of one load process. Whatever goes wrong with it, it is gone afterwards and `result` rejects. */
export class LoadProcess {
  readonly plan: LoadPlan;
  /** What it measured. @throws BenchError the child's own, LOAD_FAILED if it died, TIMED_OUT if it hung */
  readonly result: Promise<LoadResult>;
  readonly #child: ChildProcess;
  readonly #options: LoadProcessOptions;
  readonly #exited: Promise<void>;
  #settle: { resolve(result: LoadResult): void; reject(error: BenchError): void };
  #whenReady: () => void = () => {};
  #counts: ((records: readonly number[]) => void)[] = [];
  #stderr = '';
  #timer: NodeJS.Timeout | undefined;
  #isSettled = false;
  #isDone = false;

  private constructor(plan: LoadPlan, options: LoadProcessOptions) {
    this.plan = plan;
    this.#options = options;
    this.#settle = { resolve: () => {}, reject: () => {} };
    this.result = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.result.catch(() => {});
    this.#child = fork(programPath('load-process', 'load/process.js'), [], {
      execArgv: [...(options.nodeFlags ?? [])],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.#died(code, signal);
        resolve();
      });
      this.#child.once('error', (cause) => {
        this.#fail(
          new BenchError('LOAD_FAILED', `${this.name} could not be started: ${cause.message}`),
        );
        if (this.#child.pid === undefined) resolve();
      });
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARACTERS);
    });
    this.#child.on('message', (message: FromLoad) => this.#take(message));
  }

  /** Resolves when it is connected and has made its batches. @throws BenchError */
  static async open(plan: LoadPlan, options: LoadProcessOptions = {}): Promise<LoadProcess> {
    const load = new LoadProcess(plan, options);
    const ready = new Promise<void>((resolve) => {
      load.#whenReady = resolve;
    });
    load.#limit(options.readyMs ?? READY_MS, 'did not get ready');
    load.#tell({ type: 'plan', plan });
    try {
      await Promise.race([ready, load.result]);
      return load;
    } catch (error) {
      // One that says why it cannot go on may still hang.
      await load.close();
      throw error;
    }
  }

  get name(): string {
    const { role, index, group } = this.plan;
    return role === 'producer' ? `producer ${index}` : `consumer ${index} of group ${group}`;
  }

  /** Null: it could not be started. Never a number that would stand for other processes. */
  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  start(schedule: Schedule): void {
    const doneMs = this.#options.doneMs ?? DONE_MS;
    this.#limit(untilMs(schedule.measureToNs) + doneMs, 'did not end');
    this.#tell({ type: 'start', schedule });
  }

  /** Ends the load early; `result` follows. */
  stop(): void {
    if (this.#isSettled) return;
    this.#limit(this.#options.doneMs ?? STOP_MS, 'did not end when it was told to');
    this.#tell({ type: 'stop' });
  }

  /** By partition: acknowledged without a gap, up to now. */
  async acknowledged(): Promise<readonly number[]> {
    let timer: NodeJS.Timeout | undefined;
    const answer = new Promise<readonly number[]>((resolve, reject) => {
      this.#counts.push(resolve);
      timer = setTimeout(() => {
        reject(new BenchError('TIMED_OUT', `${this.name} did not count within ${COUNT_MS} ms`));
      }, COUNT_MS);
      this.#tell({ type: 'count' });
    });
    try {
      return await Promise.race([answer, this.result.then(({ byPartition }) => byPartition)]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the process, whatever it is doing. Resolves when it is gone. Idempotent. */
  async close(): Promise<void> {
    const { endMs = 0 } = this.#options;
    if (endMs > 0 && this.#isDone) await this.#exitedWithin(endMs);
    this.#fail(new BenchError('INTERRUPTED', `${this.name} was ended`));
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
    }
    await this.#exited;
  }

  async #exitedWithin(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([this.#exited, late]);
    clearTimeout(timer);
  }

  #tell(message: ToLoad): void {
    if (!this.#child.connected) return;
    // An error here is a child that is dying: its exit says more.
    this.#child.send(message, () => {});
  }

  #take(message: FromLoad): void {
    switch (message.type) {
      case 'ready':
        clearTimeout(this.#timer);
        this.#whenReady();
        return;
      case 'progress':
        this.#options.onProgress?.(message);
        return;
      case 'acknowledged':
        this.#counts.shift()?.(message.records);
        return;
      case 'done':
        this.#isDone = true;
        this.#end();
        this.#settle.resolve(message.result);
        return;
      case 'failed':
        this.#fail(
          new BenchError(message.code as BenchErrorCode, `${this.name}: ${message.message}`),
        );
        return;
    }
  }

  #died(code: number | null, signal: NodeJS.Signals | null): void {
    const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
    const why = this.#stderr.trim() === '' ? '' : `; it said: ${this.#stderr.trim()}`;
    this.#fail(new BenchError('LOAD_FAILED', `${this.name} ${how} before it was done${why}`));
  }

  #fail(error: BenchError): void {
    if (this.#isSettled) return;
    this.#end();
    this.#settle.reject(error);
  }

  #end(): void {
    this.#isSettled = true;
    clearTimeout(this.#timer);
  }

  #limit(ms: number, what: string): void {
    clearTimeout(this.#timer);
    const since = nowNs();
    this.#timer = setTimeout(() => {
      const tookMs = Math.round((nowNs() - since) / 1e6);
      this.#fail(new BenchError('TIMED_OUT', `${this.name} ${what} within ${tookMs} ms`));
      void this.close();
    }, ms);
  }
}
