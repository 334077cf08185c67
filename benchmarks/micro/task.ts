/** One hot part, ready to run: everything it needs was made before. */
export interface MicroTask {
  readonly name: string;
  /** What one call does, and how often: figures are printed as units a second. */
  readonly unit: 'bytes' | 'records' | 'lookups' | 'numbers';
  readonly unitsPerCall: number;
  /** A promise where the work needs turns of the event loop: then a call must be long beside one. */
  run(): void | Promise<void>;
  /** Throws unless the last `run` did its work: a benchmark of nothing is fast. */
  check(): void;
}

export interface MicroGroup {
  readonly name: string;
  /** Makes the tasks; `close` gives back what they hold. */
  open(): Promise<OpenGroup>;
}

export interface OpenGroup {
  readonly tasks: readonly MicroTask[];
  close(): Promise<void>;
}

/** A group whose tasks hold nothing but memory. */
export function memoryGroup(name: string, makeTasks: () => readonly MicroTask[]): MicroGroup {
  return {
    name,
    open: async () => ({ tasks: makeTasks(), close: async () => {} }),
  };
}

export function expectEqual(what: string, got: unknown, expected: unknown): void {
  if (!Object.is(got, expected)) throw new Error(`${what}: got ${got}, expected ${expected}`);
}
