import type { VarveError } from '../errors.js';
import { ioError } from '../io/io-error.js';
import type { Random } from './random.js';

/**
 * The operations a fault can name: the methods of the port, and the steps inside the two that have
 * several. `writeFile:sync` is the sync inside `writeFile`; a fault in a step happens after the steps
 * before it have had their effect.
 */
export const OPERATIONS = [
  'openLog',
  'readFile',
  'writeFile',
  'writeFile:sync',
  'writeFileAtomic',
  'writeFileAtomic:sync',
  'writeFileAtomic:rename',
  'writeFileAtomic:syncDirectory',
  'list',
  'stat',
  'makeDirectory',
  'rename',
  'remove',
  'removeDirectory',
  'syncDirectory',
  'setModifiedTime',
  'lock',
  'reserve',
  'commit',
  'window',
  'bytes',
  'flush',
  'truncate',
  'truncate:sync',
  'seal',
  'close',
] as const;
export type Operation = (typeof OPERATIONS)[number];

export type Errno =
  | 'ENOSPC'
  | 'EDQUOT'
  | 'EIO'
  | 'EMFILE'
  | 'ENFILE'
  | 'EROFS'
  | 'EACCES'
  | 'EPERM'
  | 'ENOENT'
  | 'EEXIST'
  | 'ENOTDIR'
  | 'EISDIR'
  | 'ENOTEMPTY'
  | 'EINVAL';

/** One thing that shall go wrong. Without `nth` and `probability`: the next matching call. */
export interface Fault {
  /** `'*'`: any operation. */
  readonly operation: Operation | '*';
  /** Only calls on this path (text: equal or its end after a `/`) or one that matches. Default: any. */
  readonly path?: string | RegExp;
  /** Fails the nth matching call from now, counted from 1. */
  readonly nth?: number;
  /** Fails each matching call with this probability, drawn from the simulation's seed. */
  readonly probability?: number;
  readonly errno: Errno;
  /** With `nth`: that call and all later ones fail, until `clear`. Default false: once. */
  readonly persistent?: boolean;
}

/** A fault that was planted: `hits` says how often it struck. */
export interface PlantedFault {
  readonly hits: number;
  /** Takes the fault away. */
  clear(): void;
}

/** What a simulation starts with; more can be planted while it runs. */
export interface FaultPlan {
  readonly fail?: readonly Fault[];
  /** Size of the disk in bytes, counted in pages of 4096. Default: without end. */
  readonly capacityBytes?: number;
  /** The machine dies in the nth step that changes something, counted from 1, before its effect. */
  readonly crashAtStep?: number;
}

/**
 * Thrown by the step a crash was planned for, and by everything on a machine that is down. Not a
 * `VarveError`: code under test must not take it for an operating error it can handle.
 */
export class SimulatedCrash extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SimulatedCrash';
  }
}

/** The error a system call would have given, as the port reports it. */
export function systemError(errno: Errno, method: string, path: string): VarveError {
  const operation = method === 'openLog' ? 'open' : method;
  const cause = Object.assign(new Error(`${errno}: simulated, ${operation} '${path}'`), {
    code: errno,
    syscall: operation,
    path,
  });
  return ioError(cause, operation, path);
}

class Planted implements PlantedFault {
  readonly fault: Fault;
  hits = 0;
  cleared = false;
  #calls = 0;

  constructor(fault: Fault) {
    if (fault.nth !== undefined && !(Number.isSafeInteger(fault.nth) && fault.nth >= 1)) {
      throw new RangeError(`nth counts from 1: ${fault.nth}`);
    }
    if (fault.nth !== undefined && fault.probability !== undefined) {
      throw new RangeError('a fault has nth or probability, not both');
    }
    this.fault = fault;
  }

  clear(): void {
    this.cleared = true;
  }

  strikes(operation: Operation, path: string, random: Random): boolean {
    const { fault } = this;
    if (this.cleared || (fault.operation !== '*' && fault.operation !== operation)) return false;
    if (fault.path !== undefined && !matches(fault.path, path)) return false;
    this.#calls++;
    const struck =
      fault.probability !== undefined
        ? random.chance(fault.probability)
        : fault.persistent === true
          ? this.#calls >= (fault.nth ?? 1)
          : this.#calls === (fault.nth ?? 1);
    if (struck) this.hits++;
    return struck;
  }
}

function matches(wanted: string | RegExp, path: string): boolean {
  if (typeof wanted === 'string') return path === wanted || path.endsWith(`/${wanted}`);
  wanted.lastIndex = 0;
  return wanted.test(path);
}

/** The faults planted in one simulated machine. */
export class Faults {
  readonly #random: Random;
  #planted: Planted[] = [];

  constructor(random: Random, faults: readonly Fault[] = []) {
    this.#random = random;
    for (const fault of faults) this.plant(fault);
  }

  /** Plants one more fault; its calls are counted from now. */
  plant(fault: Fault): PlantedFault {
    const planted = new Planted(fault);
    this.#planted.push(planted);
    return planted;
  }

  /** Takes all faults away. */
  clear(): void {
    for (const planted of this.#planted) planted.clear();
    this.#planted = [];
  }

  /** The error this call shall fail with, or null. Every planted fault counts the call. */
  strike(operation: Operation, path: string): VarveError | null {
    let errno: Errno | null = null;
    for (const planted of this.#planted) {
      if (planted.strikes(operation, path, this.#random)) errno ??= planted.fault.errno;
    }
    return errno === null ? null : systemError(errno, operation, path);
  }
}
