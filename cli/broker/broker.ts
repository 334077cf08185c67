import { readFileSync } from 'node:fs';
import { Broker, type BrokerOptions } from '../../engine/cluster/local-broker.js';
import { VarveError } from '../../engine/errors.js';
import type { BrokerMetrics } from '../operations/broker-metrics.js';
import type { OperationsServer } from '../operations/http-server.js';
import { printJson } from '../print-json.js';
import { interruptSignal, UsageError } from '../run-program.js';
import type { BrokerFlags } from './flags.js';
import { serverLog } from './server-log.js';

/** Runs one broker until it is told to stop. */
export async function runBroker(flags: BrokerFlags): Promise<void> {
  const security = await securityOf(flags);
  const signal = interruptSignal();
  const log = serverLog(flags);
  const failed = new Failure();
  let broker: Broker | null = null;
  let operations: OperationsServer | null = null;
  let metrics: BrokerMetrics | null = null;
  try {
    if (flags.metricsPort !== undefined) {
      const { BrokerMetrics: Metrics } = await import('../operations/broker-metrics.js');
      metrics = new Metrics(() => broker);
    }
    broker = await Broker.start({
      directory: flags.directory,
      host: flags.host,
      port: flags.port,
      ...security,
      ...(flags.advertisedHost !== undefined && { advertisedHost: flags.advertisedHost }),
      ...(flags.config && { config: flags.config }),
      ...(metrics && { onRequest: metrics.onRequest }),
      onEvent: ({ source, event }) => {
        log.event(source, event);
        metrics?.onEvent(event as { kind?: string });
        if (source === 'controller' && event.kind === 'failed') failed.with(event.cause);
      },
    });
    if (metrics !== null && flags.metricsPort !== undefined) {
      const { OperationsServer: Server } = await import('../operations/http-server.js');
      const { node } = broker;
      operations = await Server.listen({
        host: flags.metricsHost,
        port: flags.metricsPort,
        registry: metrics.registry,
        health: () => failed.message,
        readiness: () => (node.isReady ? null : 'not in service with the controller'),
      });
    }
    const { address, directory } = broker;
    if (flags.json) {
      const brokers = [{ id: 1, address, pid: process.pid }];
      printJson({
        event: 'ready',
        brokers,
        ...(operations && { metricsPort: operations.port }),
      });
    }
    log.event('broker', {
      kind: 'ready',
      address,
      directory,
      ...(operations && { metricsPort: operations.port }),
      startMs: Math.round(performance.now()),
    });
    log.openSoon();
    await Promise.race([stopped(signal), failed.happened]);
  } finally {
    await operations?.close();
    try {
      await broker?.close();
    } finally {
      await log.open();
    }
  }
  failed.throwIfAny();
}

/** Something happened that a broker cannot go on after. */
export class Failure {
  readonly happened: Promise<void>;
  #cause: unknown = null;
  #resolve: () => void = () => undefined;

  constructor() {
    this.happened = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get message(): string | null {
    if (this.#cause === null) return null;
    return this.#cause instanceof Error ? this.#cause.message : String(this.#cause);
  }

  with(cause: unknown): void {
    this.#cause ??= cause ?? new Error('it failed');
    this.#resolve();
  }

  throwIfAny(): void {
    if (this.#cause !== null) throw this.#cause;
  }
}

/** Resolves when the program is told to stop. */
export function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function securityOf(
  flags: BrokerFlags,
): Promise<Pick<BrokerOptions, 'tls' | 'sasl' | 'allowInsecure'>> {
  const { tlsCert, tlsKey, tlsClientCa, saslCredentials, allowInsecure } = flags;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new UsageError('--tls-cert and --tls-key go together');
  }
  if (tlsClientCa !== undefined && tlsCert === undefined) {
    throw new UsageError('--tls-client-ca goes with --tls-cert');
  }
  return {
    ...(allowInsecure && { allowInsecure }),
    ...(tlsCert !== undefined &&
      tlsKey !== undefined && {
        tls: {
          cert: contentOf('--tls-cert', tlsCert),
          key: contentOf('--tls-key', tlsKey),
          ...(tlsClientCa !== undefined && {
            ca: contentOf('--tls-client-ca', tlsClientCa),
            requestClientCert: true,
          }),
        },
      }),
    ...(saslCredentials !== undefined && { sasl: await saslOf(saslCredentials) }),
  };
}

async function saslOf(path: string): Promise<NonNullable<BrokerOptions['sasl']>> {
  const { parseCredentials } = await import('../../engine/wire/sasl/credentials.js');
  const credentials = parseCredentials(contentOf('--sasl-credentials', path).toString());
  return { mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'], credentials };
}

function contentOf(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new VarveError('INVALID_ARGUMENT', `cannot read ${flag} ${path}: ${why}`, { cause });
  }
}
