import { type AsyncHook, createHook, executionAsyncId } from 'node:async_hooks';
import { performance } from 'node:perf_hooks';

/** Operations of one kind, as Node names them: PROMISE, TCPWRAP, FSREQCALLBACK, Timeout. */
export interface AsyncKind {
  readonly kind: string;
  readonly started: number;
  /** Ended, where Node tells: a promise that is collected unsettled never does. */
  readonly ended: number;
  /** From its start to its end, of those that ended. */
  readonly meanMs: number;
  readonly maxMs: number;
  /** Time of the main thread in its callbacks, what they call included. */
  readonly callbackMs: number;
}

/** Operations by the first function outside Node that started them. A sample of all. */
export interface AsyncSite {
  readonly kind: string;
  readonly functionName: string;
  readonly url: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  readonly samples: number;
}

export interface AsyncReport {
  readonly kinds: readonly AsyncKind[];
  /** One in so many operations had its stack looked at. */
  readonly sampledOneIn: number;
  readonly sites: readonly AsyncSite[];
  /** Operations started in each interval of the timeline, by kind. */
  readonly intervals: readonly Readonly<Record<string, number>>[];
}

interface Sum {
  started: number;
  ended: number;
  totalMs: number;
  maxMs: number;
  callbackMs: number;
}

interface Running {
  readonly kind: string;
  readonly startMs: number;
  hasEnded: boolean;
}

const SAMPLED_ONE_IN = 101;
/** Operations that are followed to their end; more at a time are only counted. */
const MAX_FOLLOWED = 200_000;
const STACK_FRAMES = 30;
/** Who watches is not watched: this folder, and clinic's collectors. */
const OWN = new URL('.', import.meta.url).href;
const CLINIC = '/profiles/clinic/';

/** Watches asynchronous operations through async_hooks, which costs: figures of rates taken meanwhile mean nothing. */
export class AsyncActivity {
  readonly #hook: AsyncHook;
  readonly #sums = new Map<string, Sum>();
  readonly #running = new Map<number, Running>();
  readonly #callbacks: { readonly asyncId: number; readonly startMs: number }[] = [];
  readonly #sites = new Map<string, { -readonly [K in keyof AsyncSite]: AsyncSite[K] }>();
  readonly #intervals: Record<string, number>[] = [];
  #interval: Record<string, number> = {};
  #count = 0;

  constructor() {
    this.#hook = createHook({
      init: (asyncId, kind) => this.#init(asyncId, kind),
      before: (asyncId) => this.#callbacks.push({ asyncId, startMs: performance.now() }),
      after: (asyncId) => this.#after(asyncId),
      destroy: (asyncId) => this.#destroyed(asyncId),
      promiseResolve: (asyncId) => this.#ended(asyncId),
    });
    this.#hook.enable();
  }

  /** An interval of the timeline is over. */
  mark(): void {
    this.#intervals.push(this.#interval);
    this.#interval = {};
  }

  stop(): AsyncReport {
    this.#hook.disable();
    this.mark();
    const kinds = [...this.#sums].map(([kind, { started, ended, totalMs, maxMs, callbackMs }]) => ({
      kind,
      started,
      ended,
      meanMs: ended === 0 ? 0 : totalMs / ended,
      maxMs,
      callbackMs,
    }));
    return {
      kinds: kinds.sort((a, b) => b.started - a.started),
      sampledOneIn: SAMPLED_ONE_IN,
      sites: [...this.#sites.values()].sort((a, b) => b.samples - a.samples).slice(0, 200),
      intervals: this.#intervals,
    };
  }

  #init(asyncId: number, kind: string): void {
    const sum = this.#sum(kind);
    sum.started += 1;
    this.#interval[kind] = (this.#interval[kind] ?? 0) + 1;
    if (this.#running.size < MAX_FOLLOWED) {
      this.#running.set(asyncId, { kind, startMs: performance.now(), hasEnded: false });
    }
    this.#count += 1;
    if (this.#count % SAMPLED_ONE_IN === 0) this.#lookAtStack(kind);
  }

  #after(asyncId: number): void {
    const callback = this.#callbacks.pop();
    const its = this.#running.get(asyncId);
    if (callback === undefined || its === undefined) return;
    this.#sum(its.kind).callbackMs += performance.now() - callback.startMs;
    if (its.hasEnded) this.#running.delete(asyncId);
  }

  #ended(asyncId: number): void {
    const its = this.#running.get(asyncId);
    if (its === undefined || its.hasEnded) return;
    its.hasEnded = true;
    const sum = this.#sum(its.kind);
    const tookMs = performance.now() - its.startMs;
    sum.ended += 1;
    sum.totalMs += tookMs;
    sum.maxMs = Math.max(sum.maxMs, tookMs);
    // A promise is resolved inside its own continuation, whose time is still to be counted.
    if (executionAsyncId() !== asyncId) this.#running.delete(asyncId);
  }

  #destroyed(asyncId: number): void {
    this.#ended(asyncId);
    this.#running.delete(asyncId);
  }

  #sum(kind: string): Sum {
    let sum = this.#sums.get(kind);
    if (sum === undefined) {
      sum = { started: 0, ended: 0, totalMs: 0, maxMs: 0, callbackMs: 0 };
      this.#sums.set(kind, sum);
    }
    return sum;
  }

  #lookAtStack(kind: string): void {
    const frame = firstFrameOutsideNode();
    if (frame === null) return;
    const functionName = frame.getFunctionName() ?? '(anonymous)';
    const url = frame.getFileName() ?? '';
    const line = frame.getLineNumber() ?? 0;
    const key = `${kind} ${url}:${line}:${functionName}`;
    const site = this.#sites.get(key);
    if (site !== undefined) {
      site.samples += 1;
      return;
    }
    const column = frame.getColumnNumber() ?? 0;
    this.#sites.set(key, { kind, functionName, url, line, column, samples: 1 });
  }
}

function firstFrameOutsideNode(): NodeJS.CallSite | null {
  const { prepareStackTrace, stackTraceLimit } = Error;
  Error.stackTraceLimit = STACK_FRAMES;
  Error.prepareStackTrace = (_, frames) => frames;
  const holder: { stack?: NodeJS.CallSite[] } = {};
  Error.captureStackTrace(holder as object);
  const { stack } = holder;
  Error.prepareStackTrace = prepareStackTrace;
  Error.stackTraceLimit = stackTraceLimit;
  if (!Array.isArray(stack)) return null;
  const isOutside = (frame: NodeJS.CallSite): boolean => {
    const file = frame.getFileName() ?? '';
    if (file === '' || file.startsWith('node:')) return false;
    return !file.startsWith(OWN) && !file.includes(CLINIC);
  };
  return stack.find(isOutside) ?? null;
}
