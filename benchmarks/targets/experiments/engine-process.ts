import { type ChildProcess, fork } from 'node:child_process';
import { diskFull } from '../../model/disk-full.js';
import { programPath } from '../../program-path.js';
import { withDeadline } from '../deadline.js';
import { LastWords } from '../last-words.js';
import { BenchError } from '../target.js';
import type { FromWriter, WriterOptions } from './engine-writer-messages.js';

const STOP_LIMIT_MS = 60_000;

/** The process that an experiment on the engine kills, or stops. */
export class EngineProcess {
  readonly #child: ChildProcess;
  readonly #words = new LastWords();
  readonly #exited: Promise<void>;
  #acknowledged: readonly number[];
  #failure: BenchError | null = null;

  constructor(options: WriterOptions) {
    this.#acknowledged = options.directories.map(() => 0);
    this.#child = fork(
      programPath('engine-writer', 'targets/experiments/engine-writer.js'),
      [JSON.stringify(options)],
      {
        execArgv: [],
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      },
    );
    this.#words.listenTo(this.#child.stderr);
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', () => resolve());
    });
    this.#child.on('message', (message: FromWriter) => {
      if (message.kind === 'acknowledged') this.#acknowledged = message.records;
      else if (message.code === 'DISK_FULL') this.#failure = diskFull(message.message);
      else this.#failure = new BenchError('TARGET_FAILED', message.message);
    });
  }

  /** By partition, as far as it has told. */
  get acknowledged(): readonly number[] {
    return this.#acknowledged;
  }

  /** @throws BenchError when it is not running any more. */
  requireAlive(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#child.exitCode === null && this.#child.signalCode === null) return;
    throw new BenchError('TARGET_FAILED', `the engine's process ended: ${this.#words.text}`);
  }

  /** SIGTERM: it closes its logs. Resolves when it has. @throws BenchError when it does not, or ends otherwise. */
  async stop(signal: AbortSignal): Promise<void> {
    const limit = { limitMs: STOP_LIMIT_MS, what: "the end of the engine's process", signal };
    this.#child.kill('SIGTERM');
    await withDeadline(this.#exited, limit);
    if (this.#failure !== null) throw this.#failure;
    if (this.#child.exitCode === 0) return;
    throw new BenchError('TARGET_FAILED', `the engine's process ended badly: ${this.#words.text}`);
  }

  /** SIGKILL. Resolves when it is gone and everything that it had told was heard. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
    if (this.#child.connected) {
      await new Promise<void>((resolve) => this.#child.once('disconnect', () => resolve()));
    }
  }
}
