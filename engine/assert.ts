/** A broken promise inside varve itself. Never caused by input: input gets a `VarveError`. */
export class AssertionError extends Error {
  constructor(reason: string) {
    super(`varve bug: ${reason}`);
    this.name = 'AssertionError';
  }
}

/** Asserts what must hold if the code is right; `reason` says which promise broke. */
export function assert(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new AssertionError(reason);
}
