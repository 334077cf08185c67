/** Work of the suite that cannot go on: a code for machines; a message with the value, the limit and what to do. */
export class BenchError extends Error {
  readonly code: BenchErrorCode;

  constructor(code: BenchErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BenchError';
    this.code = code;
  }
}

export type BenchErrorCode =
  | 'INVALID_KNOB'
  | 'INVALID_SUITE'
  | 'INVALID_PAYLOAD'
  | 'INVALID_RESULT'
  | 'TARGET_UNREACHABLE'
  | 'AUTHENTICATION_FAILED'
  | 'TARGET_FAILED'
  | 'DISK_FULL'
  | 'CLIENT_MISSING'
  | 'LOAD_FAILED'
  | 'TIMED_OUT'
  | 'INTERRUPTED';

export function isBenchError(error: unknown): error is BenchError {
  return error instanceof BenchError;
}
