import { BenchError } from '../model/bench-error.js';
import { authenticationFailed, unreachable } from './failures.js';
import type { BrokerConnection } from './plan.js';
import { tlsOptions } from './topic-routes.js';

export function platformaticOptions(connection: BrokerConnection, clientId: string) {
  const { bootstrap, tls, sasl } = connection;
  return {
    clientId,
    bootstrapBrokers: [...bootstrap],
    ...(tls !== null && { tls: tlsOptions(tls, null), tlsServerName: true }),
    ...(sasl !== null && {
      sasl: { mechanism: sasl.mechanism, username: sasl.username, password: sasl.password },
    }),
  };
}

interface PlatformaticError extends Error {
  readonly code?: string;
  readonly apiId?: string;
  readonly canRetry?: boolean;
  readonly errors?: readonly unknown[];
}

/** An error, its causes, and those of which it is made. */
function* withCauses(error: unknown): Generator<PlatformaticError> {
  if (!(error instanceof Error)) return;
  const own = error as PlatformaticError;
  yield own;
  yield* withCauses(own.cause);
  for (const each of own.errors ?? []) yield* withCauses(each);
}

export function platformaticConnectError(connection: BrokerConnection, error: unknown): BenchError {
  for (const each of withCauses(error)) {
    if (each.code === 'PLT_KFK_AUTHENTICATION' || each.apiId === 'SASL_AUTHENTICATION_FAILED') {
      return authenticationFailed(each.message, error);
    }
  }
  return unreachable(connection, error);
}

/** Null: it can be tried again. */
export function platformaticFatal(error: unknown): BenchError | null {
  for (const { apiId, canRetry, message } of withCauses(error)) {
    if (apiId !== undefined && canRetry === false) {
      const text = `the brokers refuse a batch with ${apiId}: ${message}`;
      return new BenchError('LOAD_FAILED', text, { cause: error });
    }
  }
  return null;
}
