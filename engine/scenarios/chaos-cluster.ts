import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClusterOptions, ClusterStatus } from '../cluster/index.js';
import { type Fate, TcpProxy } from '../testing/tcp-proxy.js';
import type { Order, OrderMessage, PartitionPlace, SupervisorMessage } from './chaos-supervisor.js';

/** Connections that are cut: of one broker's followers, of every follower's or of all clients', to a broker. */
export interface Cut {
  readonly to: number;
  readonly from: number | 'clients' | 'all';
  readonly fate: Exclude<Fate, 'pass'>;
}

export interface ChaosClusterOptions {
  readonly directory: string;
  readonly brokers: number;
  readonly config: NonNullable<ClusterOptions['config']>;
  /** Between brokers and to them; without, nothing can be cut and time is not lost. Default true. */
  readonly hasRelays?: boolean;
}

const START_LIMIT_MS = 90_000;
const STOP_LIMIT_MS = 60_000;
/** Brokers whose supervisor died close by themselves, or end when that takes too long. */
const ORPHAN_LIMIT_MS = 30_000;
const ORDER_LIMIT_MS = 120_000;
const STORY_LINES = 400;
const HOST = '127.0.0.1';
const local = (port: number): string => `${HOST}:${port}`;
const PROBE = /^varve-probe-/;
const FETCHER = /^broker-(\d+)-fetcher$/;

/** A broker or supervisor with this id is running: one that has ended and not been waited for has no command line. */
export function isOurs(pid: number): boolean {
  try {
    return /chaos-supervisor\.js|broker-process\.js/.test(
      readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
    );
  } catch {
    return false;
  }
}

export const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** The cluster of a chaos run from outside: its processes, and the relays between them and to their clients. */
export class ChaosCluster {
  readonly #options: ChaosClusterOptions;
  readonly #proxies: readonly TcpProxy[];
  readonly #pids = new Map<number, number>();
  readonly #ports = new Map<number, number>();
  readonly #everyPid = new Set<number>();
  readonly #orders = new Map<number, (message: SupervisorMessage & { kind: 'done' }) => void>();
  readonly #startMs = performance.now();
  #supervisor: ChildProcess | null = null;
  #isUp = false;
  #nextOrder = 1;
  #cuts: readonly Cut[] = [];
  /** Processes that were killed on purpose. */
  #killed = 0;
  readonly #dead = new Set<string>();
  /** What happened, latest last: told when the run fails. */
  readonly story: string[] = [];

  private constructor(options: ChaosClusterOptions, proxies: readonly TcpProxy[]) {
    this.#options = options;
    this.#proxies = proxies;
  }

  static async open(options: ChaosClusterOptions): Promise<ChaosCluster> {
    mkdirSync(join(options.directory, 'tmp'));
    const proxies = await Promise.all(
      Array.from({ length: options.hasRelays === false ? 0 : options.brokers }, () =>
        TcpProxy.listen(),
      ),
    );
    const cluster = new ChaosCluster(options, proxies);
    await cluster.start();
    return cluster;
  }

  /** The relays', if there are some. */
  get addresses(): string[] {
    if (this.#proxies.length === 0) return [...this.#ports.values()].map(local);
    return this.#proxies.map(({ port }) => local(port));
  }

  /** Its orders are obeyed. */
  get isUp(): boolean {
    return this.#isUp;
  }

  note(text: string): void {
    this.story.push(`${Math.round(performance.now() - this.#startMs)} ms ${text}`);
    if (this.story.length > STORY_LINES) this.story.splice(0, STORY_LINES / 2);
  }

  /** Also after `stop`: on what is there. */
  async start(): Promise<void> {
    const { brokers, config, directory } = this.#options;
    const options: ClusterOptions = {
      directory: join(directory, 'cluster'),
      brokers,
      config,
      restartBackoffMs: 50,
      restartBackoffMaxMs: 1_000,
      ...(this.#proxies.length > 0 && {
        advertised: this.#proxies.map(({ port }) => ({ host: HOST, port })),
      }),
    };
    const program = fileURLToPath(new URL('./chaos-supervisor.js', import.meta.url));
    const child = fork(program, [JSON.stringify(options)], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, TMPDIR: join(directory, 'tmp') },
    });
    this.#supervisor = child;
    if (child.pid !== undefined) this.#everyPid.add(child.pid);
    child.stderr?.on('data', (data: Buffer) => this.note(`stderr: ${data.toString().trim()}`));
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => {
        child.kill('SIGKILL');
        reject(new Error(`the cluster did not start in ${START_LIMIT_MS} ms`));
      }, START_LIMIT_MS);
      child.on('message', (message: SupervisorMessage) => {
        if (message.kind === 'ready') {
          clearTimeout(late);
          this.#isUp = true;
          resolve();
        }
        if (message.kind === 'failed') {
          clearTimeout(late);
          reject(new Error(`the cluster did not start: ${message.message}`));
        }
        this.#heard(message);
      });
      child.on('exit', (code, signal) => {
        clearTimeout(late);
        if (this.#supervisor === child) this.#isUp = false;
        reject(new Error(`the supervisor ended with ${code ?? signal}`));
      });
    });
    this.note('supervisor is up');
  }

  /** Rejects with what the supervisor says against it. */
  order(
    order: Order,
  ): Promise<{ readonly status: ClusterStatus; readonly places: readonly PartitionPlace[] }> {
    const child = this.#supervisor;
    if (child === null || !this.#isUp) return Promise.reject(new Error('no supervisor'));
    const id = this.#nextOrder++;
    return new Promise((resolve, reject) => {
      const over = (error: Error): void => {
        clearTimeout(late);
        child.off('exit', onExit);
        this.#orders.delete(id);
        reject(error);
      };
      const onExit = (): void => over(new Error('the supervisor is gone'));
      const late = setTimeout(
        () => over(new Error(`${order.kind} was not done in ${ORDER_LIMIT_MS} ms`)),
        ORDER_LIMIT_MS,
      );
      child.on('exit', onExit);
      this.#orders.set(id, ({ problem, status, places }) => {
        if (problem !== null) return over(new Error(`${order.kind}: ${problem}`));
        clearTimeout(late);
        child.off('exit', onExit);
        this.#orders.delete(id);
        resolve({ status, places });
      });
      const message: OrderMessage = { id, order };
      child.send(message, (error) => {
        if (error !== null) over(error);
      });
    });
  }

  /** False: there is no such process just now. */
  signal(brokerId: number, signal: NodeJS.Signals): boolean {
    const pid = this.#pids.get(brokerId);
    if (pid === undefined) return false;
    try {
      process.kill(pid, signal);
      if (signal === 'SIGKILL') this.#killed += 1;
      return true;
    } catch {
      return false;
    }
  }

  cut(cut: Cut): void {
    this.#cuts = [...this.#cuts, cut];
    this.#applyCuts();
  }

  /** The connections of the client with this id break, and it gets no new ones: as if its process had been killed. */
  killClient(clientId: string): void {
    this.#dead.add(clientId);
    this.#applyCuts();
  }

  heal(cut: Cut): void {
    this.#cuts = this.#cuts.filter((other) => other !== cut);
    this.#applyCuts();
  }

  /** Ends the supervisor, and with it every broker. `SIGTERM`: they close cleanly. Fails when a process is left. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#supervisor;
    if (child === null) return;
    this.#isUp = false;
    this.#supervisor = null;
    const exited = new Promise<string>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve('before');
      else child.once('exit', (code, by) => resolve(String(code ?? by)));
    });
    if (signal === 'SIGKILL') this.#killed += 1;
    child.kill(signal);
    const how = await Promise.race([exited, pause(STOP_LIMIT_MS).then(() => null)]);
    if (how === null) {
      child.kill('SIGKILL');
      await this.#killLeft();
      throw new Error(`the supervisor did not stop in ${STOP_LIMIT_MS} ms`);
    }
    this.note(`supervisor ended: ${how}`);
    for (const proxy of this.#proxies) proxy.refuse();
    if (signal === 'SIGTERM' && how !== '0') throw new Error(`the supervisor ended with ${how}`);
    // Stopped on request, nothing of it may outlive it; killed, its brokers notice and close.
    const endMs = performance.now() + (signal === 'SIGTERM' ? 0 : ORPHAN_LIMIT_MS);
    while (this.#left().length > 0 && performance.now() < endMs) await pause(10);
    const left = this.#left();
    if (left.length === 0) return;
    await this.#killLeft();
    throw new Error(`processes ${left.join(', ')} outlived their supervisor`);
  }

  /**
   * What brokers left in their directory for temporary files. A process that starts tries there whether it can map files,
   * and one that is killed within that instant cannot clean up: that much is granted to each that was killed.
   */
  leftovers(): string[] {
    const names = readdirSync(join(this.#options.directory, 'tmp'));
    const probes = names.filter((name) => PROBE.test(name));
    return probes.length > this.#killed ? names : names.filter((name) => !PROBE.test(name));
  }

  /** How things stand when a run has failed. */
  async describe(): Promise<string[]> {
    const links = this.#proxies.flatMap((proxy, i) =>
      proxy.describe().map((line) => `connection to broker ${i + 1}: ${line}`),
    );
    try {
      const { status, places } = await this.order({ kind: 'status' });
      const lines = places.map(
        ({ topic, partition, leader, isr }) =>
          `${topic}-${partition}: leader ${leader}, in sync ${isr.join(', ')}`,
      );
      return [...links, ...status.brokers.map((broker) => JSON.stringify(broker)), ...lines];
    } catch (error) {
      return [...links, `no status: ${(error as Error).message}`];
    }
  }

  /** Whatever is left of it, by force. */
  async dispose(): Promise<void> {
    if (this.#supervisor !== null) {
      this.#supervisor.kill('SIGKILL');
      this.#supervisor = null;
      this.#isUp = false;
    }
    await this.#killLeft();
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
  }

  #left(): number[] {
    return [...this.#everyPid].filter(isOurs);
  }

  async #killLeft(): Promise<void> {
    for (const pid of this.#left()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It was faster.
      }
    }
    for (let i = 0; i < 100 && this.#left().length > 0; i += 1) await pause(10);
  }

  #heard(message: SupervisorMessage): void {
    switch (message.kind) {
      case 'started':
        this.#pids.set(message.brokerId, message.pid);
        this.#everyPid.add(message.pid);
        return;
      case 'exited':
        this.#everyPid.delete(message.pid);
        if (this.#pids.get(message.brokerId) === message.pid) this.#pids.delete(message.brokerId);
        this.#proxies[message.brokerId - 1]?.refuse();
        return;
      case 'listening':
        this.#ports.set(message.brokerId, message.port);
        this.#proxies[message.brokerId - 1]
          ?.forwardTo(HOST, message.port)
          .catch((error: Error) => this.note(`relay: ${error.message}`));
        return;
      case 'event':
        this.note(message.text);
        return;
      case 'done':
        this.#orders.get(message.id)?.(message);
        return;
      case 'ready':
      case 'failed':
    }
  }

  #applyCuts(): void {
    for (const [i, proxy] of this.#proxies.entries()) {
      const here = this.#cuts.filter(({ to }) => to === i + 1);
      proxy.setFates((clientId) => {
        if (this.#dead.has(clientId)) return 'reset';
        const follower = FETCHER.exec(clientId)?.[1];
        const isMet = ({ from }: Cut): boolean => {
          if (from === 'all') return true;
          return from === 'clients' ? follower === undefined : follower === String(from);
        };
        const met = here.filter(isMet);
        if (met.some(({ fate }) => fate === 'reset')) return 'reset';
        return met.length > 0 ? 'silent' : 'pass';
      });
    }
  }
}
