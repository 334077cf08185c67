import { type ChildProcess, fork } from 'node:child_process';
import { type ErrorCode, VarveError } from '../errors.js';
import type { Clock } from '../io/port.js';
import type { ControllerPort } from '../metadata/controller-port.js';
import type { Timers } from '../timers.js';
import { type FromChild, readFromChild, type StartBroker, type ToChild } from './child-messages.js';
import { serveController } from './controller-rpc.js';
import { ipcChannel } from './message-channel.js';

export type BrokerProcessState =
  /** Its process is loading, or opening its logs. */
  | 'starting'
  | 'running'
  /** Asked to end. */
  | 'stopping'
  /** It died, and is started again in a moment. */
  | 'restarting'
  | 'stopped';

export type BrokerProcessEvent =
  | { readonly kind: 'broker-started'; readonly brokerId: number; readonly pid: number }
  | { readonly kind: 'broker-ready'; readonly brokerId: number; readonly port: number }
  | {
      readonly kind: 'broker-exited';
      readonly brokerId: number;
      readonly code: number | null;
      readonly signal: string | null;
      readonly wasAsked: boolean;
    }
  | { readonly kind: 'broker-restarting'; readonly brokerId: number; readonly afterMs: number }
  | {
      readonly kind: 'broker-event';
      readonly brokerId: number;
      readonly event: Record<string, unknown>;
    }
  | { readonly kind: 'broker-problem'; readonly brokerId: number; readonly cause: unknown };

export interface BrokerChildOptions {
  readonly brokerId: number;
  /** The compiled program of a broker's process. */
  readonly entry: string;
  /** Flags of Node for the process. */
  readonly nodeFlags: readonly string[];
  /** Asked for when the broker starts. */
  readonly controller: () => ControllerPort;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly timers: Timers;
  /** Its first message. */
  readonly startMessage: () => StartBroker;
  /** Listening; resolves when the port is remembered. */
  readonly onReady: (port: number) => Promise<void>;
  /** The process has ended, whatever for. */
  readonly onExit: () => Promise<void>;
  readonly onEvent: (event: BrokerProcessEvent) => void;
  /** How long an asked one may take to end before it is killed. */
  readonly stopTimeoutMs: number;
  readonly restartBackoffMs: number;
  readonly restartBackoffMaxMs: number;
}

/** One broker, over the lives of its process: started, watched, started again when it dies, stopped when asked. */
export class BrokerChild {
  readonly brokerId: number;
  readonly #options: BrokerChildOptions;
  #state: BrokerProcessState = 'stopped';
  #child: ChildProcess | null = null;
  #startedAtMs = 0;
  #failures = 0;
  #restarts = 0;
  #cancelRestart: () => void = () => undefined;
  /** Its process has been told what it is. */
  #hasBegun = false;
  /** Settles when the process is ready or has ended before that. */
  #ready: { resolve: () => void; reject: (error: Error) => void } | null = null;
  #exited: Promise<void> = Promise.resolve();

  constructor(options: BrokerChildOptions) {
    this.brokerId = options.brokerId;
    this.#options = options;
  }

  get state(): BrokerProcessState {
    return this.#state;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Times it was started again after it died. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Lets its process load the program while others still prepare what `start` needs. */
  prepare(): void {
    if (this.#child === null) this.#fork();
  }

  /**
   * Resolves when it takes connections and has registered; rejects with what kept it from that. From then on it is
   * started again whenever it dies.
   */
  start(): Promise<void> {
    if (this.#child !== null && this.#hasBegun) {
      const running = new VarveError(
        'ALREADY_EXISTS',
        `broker ${this.brokerId} is running already`,
      );
      return Promise.reject(running);
    }
    this.#cancelRestart();
    return new Promise((resolve, reject) => {
      this.#ready = { resolve, reject };
      this.#begin(this.#child ?? this.#fork());
    });
  }

  /**
   * Ends the process and keeps it ended. With `isControlled` what it leads is led elsewhere first. Resolves when it
   * is gone; one that does not end in time is killed.
   */
  async stop(options: { readonly isControlled: boolean }): Promise<void> {
    const child = this.#leave();
    if (child === null) return;
    this.#send(child, { type: 'stop-broker', isControlled: options.isControlled });
    const cancel = this.#options.timers.after(this.#options.stopTimeoutMs, () => {
      child.kill('SIGKILL');
    });
    await this.#exited;
    cancel();
  }

  /** Ends the process by a signal, and keeps it ended. Resolves when it is gone. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#leave();
    if (child === null) return;
    child.kill(signal);
    const cancel = this.#options.timers.after(this.#options.stopTimeoutMs, () => {
      child.kill('SIGKILL');
    });
    await this.#exited;
    cancel();
  }

  /** A signal to the process as it runs, which is started again if it dies of it. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  #leave(): ChildProcess | null {
    this.#cancelRestart();
    const child = this.#child;
    this.#state = child === null ? 'stopped' : 'stopping';
    return child;
  }

  #fork(): ChildProcess {
    const { brokerId, entry, nodeFlags, onEvent, onExit, clock } = this.#options;
    this.#state = 'starting';
    this.#hasBegun = false;
    this.#startedAtMs = clock.monotonic();
    // Nothing of this process's own flags, such as a debugger's port, is for its brokers.
    const child = fork(entry, [], {
      execArgv: [...nodeFlags],
      env: brokerEnvironment(),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child = child;
    const onError = (cause: unknown): void => onEvent({ kind: 'broker-problem', brokerId, cause });
    child.on('error', onError);
    this.#exited = new Promise((resolve) => {
      let isOver = false;
      const over = (code: number | null, signal: string | null): void => {
        if (isOver) return;
        isOver = true;
        this.#ended(code, signal);
        onExit().catch(onError).finally(resolve);
      };
      child.on('exit', over);
      // A process that could not even be made has no exit.
      child.on('error', () => child.pid === undefined && over(null, null));
    });
    if (child.pid !== undefined) onEvent({ kind: 'broker-started', brokerId, pid: child.pid });
    return child;
  }

  #begin(child: ChildProcess): void {
    const { brokerId, onEvent } = this.#options;
    this.#hasBegun = true;
    const channel = ipcChannel(child);
    const onError = (cause: unknown): void => onEvent({ kind: 'broker-problem', brokerId, cause });
    serveController({ controller: this.#options.controller(), channel, brokerId, onError });
    channel.onMessage((message) => {
      try {
        const its = readFromChild(message);
        if (its !== null) this.#heard(its);
      } catch (cause) {
        onError(cause);
      }
    });
    this.#send(child, this.#options.startMessage());
  }

  #heard(message: FromChild): void {
    const { brokerId, onEvent } = this.#options;
    switch (message.type) {
      case 'broker-event':
        onEvent({ kind: 'broker-event', brokerId, event: message.event });
        return;
      case 'broker-failed':
        this.#failed(
          new VarveError(message.code as ErrorCode, `broker ${brokerId}: ${message.message}`),
        );
        return;
      case 'broker-ready':
        if (this.#state === 'starting') this.#becameReady(message.port);
        return;
    }
  }

  #becameReady(port: number): void {
    const { brokerId, onEvent, onReady } = this.#options;
    this.#state = 'running';
    onEvent({ kind: 'broker-ready', brokerId, port });
    const ready = this.#ready;
    this.#ready = null;
    onReady(port).then(
      () => ready?.resolve(),
      (cause: Error) => {
        onEvent({ kind: 'broker-problem', brokerId, cause });
        ready?.reject(cause);
      },
    );
  }

  #failed(cause: VarveError): void {
    this.#options.onEvent({ kind: 'broker-problem', brokerId: this.brokerId, cause });
    this.#ready?.reject(cause);
    this.#ready = null;
  }

  #ended(code: number | null, signal: string | null): void {
    const { brokerId, onEvent, clock, timers, restartBackoffMs, restartBackoffMaxMs } =
      this.#options;
    const wasAsked = this.#state === 'stopping';
    const hadStarted = this.#state === 'running';
    this.#child = null;
    onEvent({ kind: 'broker-exited', brokerId, code, signal, wasAsked });
    const how = signal === null ? `with code ${code}` : `by ${signal}`;
    const early = new VarveError('CLOSED', `broker ${brokerId} ended ${how} before it was ready`);
    // One whose first start fails is not started again: whoever asked for it decides.
    const isFirst = !this.#hasBegun || (this.#ready !== null && !hadStarted);
    this.#ready?.reject(early);
    this.#ready = null;
    if (wasAsked || isFirst) {
      this.#state = 'stopped';
      return;
    }
    this.#state = 'restarting';
    // One that ran for long and then died is not in a loop of dying.
    if (clock.monotonic() - this.#startedAtMs > restartBackoffMaxMs) this.#failures = 0;
    const afterMs = Math.min(restartBackoffMs * 2 ** this.#failures, restartBackoffMaxMs);
    this.#failures += 1;
    onEvent({ kind: 'broker-restarting', brokerId, afterMs });
    this.#cancelRestart = timers.after(afterMs, () => {
      this.#restarts += 1;
      this.#begin(this.#fork());
    });
  }

  #send(child: ChildProcess, message: ToChild): void {
    if (child.connected) child.send(message, () => undefined);
  }
}

/** Node reads extra certificates as it starts, which takes it as long as a broker's program, which has no use for them. */
function brokerEnvironment(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env;
  return environment;
}
