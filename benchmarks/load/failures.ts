import { BenchError } from '../model/bench-error.js';
import type { LoadConnection } from './plan.js';
import { isVarveError } from './varve.js';

/** Anything that ended a load, with a code that stays and a message that says what to do. */
export function asBenchError(error: unknown): BenchError {
  if (error instanceof BenchError) return error;
  if (isVarveError(error, 'SASL_AUTHENTICATION_FAILED')) {
    return authenticationFailed(error.message, error);
  }
  const message = error instanceof Error ? error.message : String(error);
  return new BenchError('LOAD_FAILED', `the load failed: ${message}`, { cause: error });
}

export function authenticationFailed(reason: string, cause?: unknown): BenchError {
  return new BenchError(
    'AUTHENTICATION_FAILED',
    `the brokers refuse to let us in (${reason}); check user name, password and mechanism`,
    { cause },
  );
}

export function unreachable(connection: LoadConnection, cause: unknown): BenchError {
  const where = connection.kind === 'brokers' ? connection.bootstrap.join(', ') : connection.kind;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new BenchError(
    'TARGET_UNREACHABLE',
    `no broker answers at ${where} (${reason}); check the address, and that it is up and takes this kind of connection`,
    { cause },
  );
}
