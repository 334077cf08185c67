import type { RequestHandler } from '../broker/request-handler.js';
import type { MessageChannel } from '../cluster/message-channel.js';
import type { ApiName, RequestOf, ResponseOf } from '../protocol/messages/index.js';
import type { Random } from './random.js';
import type { SimulatedProcess } from './simulated-process.js';
import type { SimulatedWorld } from './simulated-world.js';

export interface NetworkOptions {
  /** Of every link, one way. */
  readonly latencyMs: readonly [low: number, high: number];
  /** Chance that a connection breaks with a request: before it arrives, or before its answer does. */
  readonly breakProbability: number;
  /** Chance that what was on its way when its sender gave up arrives all the same. */
  readonly lateProbability: number;
  /** Told of each answer at the moment the broker gives it. */
  readonly onAnswer?: (answered: Answered) => void;
}

export interface Answered<N extends ApiName = ApiName> {
  readonly host: string;
  readonly api: N;
  readonly request: RequestOf<N>;
  readonly answer: ResponseOf<N>;
}

interface Listener {
  readonly process: SimulatedProcess;
  readonly handler: RequestHandler;
}

/** A request that a server works on. */
export interface Execution {
  readonly api: string;
  readonly process: SimulatedProcess;
  readonly server: string;
  readonly client: string;
  readonly sinceMs: number;
  /** The client does not wait for it any more. */
  isAbandoned: boolean;
}

/**
 * Links between hosts. What one end sends the other on one connection arrives in order, after a while, or the
 * connection breaks; across a cut nothing arrives until it is healed, and nobody is told.
 */
export class SimulatedNetwork {
  readonly world: SimulatedWorld;
  readonly random: Random;
  readonly options: NetworkOptions;
  readonly #listeners = new Map<string, Listener>();
  /** Machines without power do not even refuse. */
  readonly #dark = new Set<string>();
  readonly #cuts = new Set<string>();
  readonly #slow = new Map<string, number>();
  #held: { readonly link: string; readonly run: () => void }[] = [];
  /** Messages on each link that were held and are about to arrive: what comes now comes behind them. */
  readonly #late = new Map<string, number>();
  /** Requests that servers work on now. */
  readonly executions = new Set<Execution>();
  /** From now on connections break only with their ends. */
  isCalm = false;
  /** Requests sent. */
  requests = 0;
  broken = 0;
  connections = 0;

  constructor(world: SimulatedWorld, random: Random, options: NetworkOptions) {
    this.world = world;
    this.random = random;
    this.options = options;
  }

  listen(host: string, process: SimulatedProcess, handler: RequestHandler): void {
    this.#dark.delete(host);
    this.#listeners.set(host, { process, handler });
  }

  listener(host: string): Listener | null {
    const listener = this.#listeners.get(host);
    return listener?.process.isAlive ? listener : null;
  }

  /** The machine is off until it listens again. */
  darken(host: string): void {
    this.#dark.add(host);
  }

  isDark(host: string): boolean {
    return this.#dark.has(host);
  }

  cut(a: string, b: string): void {
    this.world.trace(`cut ${a} ${b}`);
    this.#cuts.add(linkOf(a, b));
  }

  heal(a: string, b: string): void {
    if (!this.#cuts.delete(linkOf(a, b))) return;
    this.world.trace(`heal ${a} ${b}`);
    this.#release();
  }

  healAll(): void {
    this.#cuts.clear();
    this.#slow.clear();
    this.#release();
  }

  isCut(a: string, b: string): boolean {
    return this.#cuts.has(linkOf(a, b));
  }

  /** Each message takes up to `ms` longer; 0: as the others. */
  slow(a: string, b: string, ms: number): void {
    this.#slow.set(linkOf(a, b), ms);
  }

  latencyMs(from: string, to: string): number {
    const [low, high] = this.options.latencyMs;
    const extraMs = this.#slow.get(linkOf(from, to)) ?? 0;
    return this.random.between(low, high) + (extraMs > 0 ? this.random.below(extraMs + 1) : 0);
  }

  /** Runs `run` when something sent now, not before `notBeforeMs`, arrives. Returns when that is, without cuts. */
  send(from: string, to: string, notBeforeMs: number, run: () => void): number {
    const { nowMs, timers } = this.world;
    const dueMs = Math.max(notBeforeMs, nowMs + this.latencyMs(from, to));
    timers.after(dueMs - nowMs, () => this.#arrive(from, to, run));
    return dueMs;
  }

  #arrive(from: string, to: string, run: () => void): void {
    const link = linkOf(from, to);
    if (this.#cuts.has(link)) this.#held.push({ link, run });
    else if (this.#late.has(link)) this.#arriveLate(link, run);
    else run();
  }

  #release(): void {
    const held = this.#held;
    this.#held = held.filter(({ link }) => this.#cuts.has(link));
    for (const { link, run } of held) {
      // All at once and in order: each before whatever is sent from now on.
      if (!this.#cuts.has(link)) this.#arriveLate(link, run);
    }
  }

  #arriveLate(link: string, run: () => void): void {
    this.#late.set(link, (this.#late.get(link) ?? 0) + 1);
    this.world.timers.after(0, () => {
      const left = this.#late.get(link)! - 1;
      if (left === 0) this.#late.delete(link);
      else this.#late.set(link, left);
      if (this.#cuts.has(link)) this.#held.push({ link, run });
      else run();
    });
  }

  /** A channel as between a process and its child: whole messages, in order, until one of the two is gone. */
  channel(
    a: { readonly host: string; readonly process: SimulatedProcess },
    b: { readonly host: string; readonly process: SimulatedProcess },
  ): { readonly ends: readonly [MessageChannel, MessageChannel]; close(): void } {
    const ends = [new ChannelEnd(this, a, b), new ChannelEnd(this, b, a)] as const;
    ends[0].peer = ends[1];
    ends[1].peer = ends[0];
    const close = (): void => {
      for (const end of ends) end.closeAfter(this.latencyMs(a.host, b.host));
    };
    a.process.onDeath(close);
    b.process.onDeath(close);
    return { ends, close };
  }
}

interface Place {
  readonly host: string;
  readonly process: SimulatedProcess;
}

class ChannelEnd implements MessageChannel {
  readonly #network: SimulatedNetwork;
  readonly #own: Place;
  readonly #other: Place;
  readonly #messages = new Set<(message: unknown) => void>();
  readonly #closes = new Set<() => void>();
  peer: ChannelEnd | null = null;
  #isClosed = false;
  #lastDueMs = 0;

  constructor(network: SimulatedNetwork, own: Place, other: Place) {
    this.#network = network;
    this.#own = own;
    this.#other = other;
  }

  send(message: unknown): void {
    if (this.#isClosed) return;
    const text = JSON.stringify(message);
    const { peer } = this;
    this.#lastDueMs = this.#network.send(this.#own.host, this.#other.host, this.#lastDueMs, () =>
      this.#other.process.deliver(() => peer?.receive(text)),
    );
  }

  receive(text: string): void {
    if (this.#isClosed) return;
    for (const listener of [...this.#messages]) listener(JSON.parse(text));
  }

  onMessage(listener: (message: unknown) => void): () => void {
    this.#messages.add(listener);
    return () => this.#messages.delete(listener);
  }

  onClose(listener: () => void): () => void {
    if (this.#isClosed) {
      queueMicrotask(listener);
      return () => undefined;
    }
    this.#closes.add(listener);
    return () => this.#closes.delete(listener);
  }

  closeAfter(ms: number): void {
    const close = (): void => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      for (const listener of [...this.#closes]) listener();
    };
    this.#network.world.timers.after(ms, () => this.#own.process.deliver(close));
  }
}

function linkOf(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
