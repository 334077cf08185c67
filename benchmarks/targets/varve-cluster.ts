import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { diskFull, isDiskFull } from '../model/disk-full.js';
import { programPath } from '../program-path.js';
import { Breakage, endedByItself, endingOf } from './breakage.js';
import type {
  FromSupervisor,
  SupervisorOptions,
  SupervisorOrder,
  ToSupervisor,
} from './cluster-messages.js';
import { withDeadline } from './deadline.js';
import { LastWords } from './last-words.js';
import type { LocalBrokers, TargetProcess } from './local-brokers.js';
import { NETWORK_VARIABLE, networkFile } from './network-counts.js';
import { varveVersion } from './software.js';
import { SYNCS_VARIABLE, syncsIn } from './sync-counts.js';
import { BenchError } from './target.js';

export interface StartClusterOptions {
  readonly brokers: number;
  readonly directory: string;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** Of the processes of brokers, by their ids. */
  readonly nodeFlags: Readonly<Record<number, readonly string[]>>;
  readonly signal: AbortSignal;
  /** A varve that is built, other than the one that measures: another commit's. */
  readonly root?: string;
}

const START_LIMIT_MS = 60_000;
const ORDER_LIMIT_MS = 90_000;
/** Closing a cluster may wait 30 s for a broker before it is killed. */
const CLOSE_LIMIT_MS = 45_000;
/** Until brokers without a supervisor have ended. Where nobody waits for orphans, they seem to be there for ever. */
const ORPHANS_LIMIT_MS = 5_000;

/** A varve cluster of its own: a supervisor's process and one for each broker. */
export class VarveCluster implements LocalBrokers {
  readonly software: string;
  readonly settings: StartClusterOptions['settings'];
  #addresses: readonly string[] = [];
  readonly #directory: string;
  readonly #syncs: string;
  readonly #network: string;
  readonly #child: ChildProcess;
  readonly #pids = new Map<number, number>();
  readonly #orders = new Map<number, (problem: string | null) => void>();
  readonly #words = new LastWords();
  readonly #breakage = new Breakage();
  /** Brokers that were told to end, until they were told to start. */
  readonly #asked = new Set<number>();
  readonly #exited: Promise<void>;
  #hasExited = false;
  #nextOrder = 1;
  #closing: Promise<void> | null = null;

  private constructor({ brokers, directory, settings, nodeFlags, root }: StartClusterOptions) {
    this.software = `varve ${varveVersion(root)}`;
    this.settings = settings;
    this.#directory = join(directory, 'cluster');
    this.#syncs = join(directory, 'syncs');
    mkdirSync(this.#syncs);
    this.#network = join(directory, 'network');
    mkdirSync(this.#network);
    const options: SupervisorOptions = {
      brokers,
      directory: this.#directory,
      config: settings,
      nodeFlags,
    };
    this.#child = fork(
      programPath('cluster-supervisor', 'targets/cluster-supervisor.js', root),
      [JSON.stringify(options)],
      {
        execArgv: [],
        env: {
          ...process.env,
          [SYNCS_VARIABLE]: this.#syncs,
          [NETWORK_VARIABLE]: this.#network,
        },
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      },
    );
    this.#words.listenTo(this.#child.stderr);
    this.#exited = new Promise((resolve) => {
      const over = (how: string): void => {
        this.#hasExited = true;
        this.#ended(`the supervisor (process ${this.#child.pid})`, how);
        for (const settle of this.#orders.values()) settle('the supervisor is gone');
        resolve();
      };
      this.#child.once('exit', (code, signal) => over(endingOf(code, signal)));
      this.#child.once('error', ({ message }) => over(`with ${message}`));
    });
    this.#child.on('message', (message: FromSupervisor) => {
      if (message.kind === 'process') {
        this.#heardOf(message);
      } else if (message.kind === 'log-failed') {
        const full = isDiskFull(new Error(message.message));
        const why = full
          ? diskFull(message.message)
          : new BenchError('TARGET_FAILED', message.message);
        this.#breakage.report(why);
      } else if (message.kind === 'done') {
        this.#orders.get(message.id)?.(message.problem);
      }
    });
  }

  /** @throws BenchError TARGET_FAILED with what keeps it from starting, DISK_FULL, INTERRUPTED; nothing is left running. */
  static async start(options: StartClusterOptions): Promise<VarveCluster> {
    const cluster = new VarveCluster(options);
    try {
      const limit = { limitMs: START_LIMIT_MS, what: 'the cluster', signal: options.signal };
      await withDeadline(cluster.#ready(), limit);
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  get addresses(): readonly string[] {
    return this.#addresses;
  }

  processes(): TargetProcess[] {
    const { pid } = this.#child;
    const brokers = [...this.#pids].map(([brokerId, pid]) => ({
      role: 'broker' as const,
      id: `broker ${brokerId}`,
      pid,
      brokerId,
      networkFile: networkFile(this.#network, pid),
    }));
    brokers.sort((a, b) => a.brokerId - b.brokerId);
    if (pid === undefined || this.#hasExited) return brokers;
    return [
      ...brokers,
      { role: 'supervisor', id: 'supervisor', pid, brokerId: null, networkFile: null },
    ];
  }

  dataDirectory(brokerId: number): string {
    return join(this.#directory, `broker-${brokerId}`);
  }

  kill(brokerIds: readonly number[]): Promise<void> {
    for (const id of brokerIds) this.#asked.add(id);
    return this.#order({ kind: 'kill', brokerIds });
  }

  stop(brokerId: number): Promise<void> {
    this.#asked.add(brokerId);
    return this.#order({ kind: 'stop', brokerId });
  }

  async start(brokerIds: readonly number[]): Promise<void> {
    await this.#order({ kind: 'start', brokerIds });
    for (const id of brokerIds) this.#asked.delete(id);
  }

  get broken(): Promise<BenchError> {
    return this.#breakage.first;
  }

  syncs(): number {
    return syncsIn(this.#syncs);
  }

  lastWords(): string {
    return this.#words.text;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #heardOf({
    brokerId,
    pid,
    how = 'by itself',
  }: Extract<FromSupervisor, { kind: 'process' }>): void {
    if (pid !== null) {
      this.#pids.set(brokerId, pid);
      return;
    }
    const before = this.#pids.get(brokerId);
    this.#pids.delete(brokerId);
    if (!this.#asked.has(brokerId)) this.#ended(`broker ${brokerId} (process ${before})`, how);
  }

  /** A cluster that is not up yet says itself why it does not come. */
  #ended(who: string, how: string): void {
    const isUp = this.#addresses.length > 0;
    if (!isUp || this.#closing !== null) return;
    this.#breakage.report(endedByItself(who, how, this.#words.text));
  }

  #ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#child.on('message', (message: FromSupervisor) => {
        if (message.kind === 'ready') {
          this.#addresses = message.addresses;
          resolve();
        } else if (message.kind === 'failed') {
          const text = `the cluster did not start: ${message.message}`;
          if (message.code === 'DISK_FULL') reject(diskFull(text));
          else reject(new BenchError('TARGET_FAILED', `${text} [${message.code}]`));
        }
      });
      this.#exited.then(() => {
        reject(new BenchError('TARGET_FAILED', `the cluster did not start: ${this.#words.text}`));
      });
    });
  }

  async #order(order: SupervisorOrder): Promise<void> {
    if (this.#hasExited) throw new BenchError('TARGET_FAILED', 'the supervisor is gone');
    const id = this.#nextOrder;
    this.#nextOrder += 1;
    const message: ToSupervisor = { id, order };
    const done = new Promise<string | null>((resolve) => {
      this.#orders.set(id, resolve);
      this.#child.send(message, (error) => {
        if (error !== null) resolve(error.message);
      });
    });
    const limit = { limitMs: ORDER_LIMIT_MS, what: `${order.kind} of a broker`, signal: null };
    const problem = await withDeadline(done, limit).finally(() => this.#orders.delete(id));
    if (problem === null) return;
    if (isDiskFull(new Error(problem))) throw diskFull(problem);
    throw new BenchError('TARGET_FAILED', `${order.kind} of a broker: ${problem}`);
  }

  async #close(): Promise<void> {
    const isOrphaned = this.#hasExited;
    if (!isOrphaned) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#killAll(), CLOSE_LIMIT_MS);
    await this.#exited;
    clearTimeout(timer);
    if (!isOrphaned) return;
    // They end by themselves without a supervisor, but would write while their directory is being removed.
    const endMs = performance.now() + ORPHANS_LIMIT_MS;
    while ([...this.#pids.values()].some(isRunning)) {
      if (performance.now() > endMs) return this.#killAll();
      await sleep(10);
    }
  }

  /** Brokers end with their supervisor, but one that hangs would not. */
  #killAll(): void {
    for (const pid of this.#pids.values()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended meanwhile.
      }
    }
    this.#child.kill('SIGKILL');
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
