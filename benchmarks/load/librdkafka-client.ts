import { readFileSync } from 'node:fs';
import { BenchError } from '../model/bench-error.js';
import { authenticationFailed, unreachable } from './failures.js';
import type { BrokerConnection } from './plan.js';

/* librdkafka's binding is not a dependency: it is large, and installs only where its binary can be downloaded or built. */

const PACKAGE = '@confluentinc/kafka-javascript';
const CONNECT_MS = 10_000;

export type Settings = Readonly<Record<string, string | number | boolean>>;

export interface LibrdkafkaError extends Error {
  readonly code: number;
  readonly isFatal?: boolean;
}

export interface DeliveryReport {
  readonly opaque?: unknown;
}

/** What is used of the binding; its own types cannot be had where it is not installed. */
export interface RdProducer {
  connect(options: object, done: (error: LibrdkafkaError | null) => void): void;
  disconnect(done: () => void): void;
  setPollInterval(ms: number): void;
  produce(
    topic: string,
    partition: number,
    value: Uint8Array,
    key: Uint8Array | null,
    timestamp: number | null,
    opaque: unknown,
  ): unknown;
  on(
    event: 'delivery-report',
    listener: (error: LibrdkafkaError | null, report: DeliveryReport) => void,
  ): void;
  on(event: 'event.log', listener: (line: { readonly message: string }) => void): void;
}

export interface RdConsumer {
  connect(options: object, done: (error: LibrdkafkaError | null) => void): void;
  disconnect(done: () => void): void;
  subscribe(topics: readonly string[]): void;
  consume(): void;
  on(
    event: 'data',
    listener: (message: { readonly value: Buffer | null; readonly partition: number }) => void,
  ): void;
  on(event: 'rebalance' | 'event.error', listener: (error: LibrdkafkaError) => void): void;
}

interface Librdkafka {
  readonly Producer: new (settings: Settings, topic: Settings) => RdProducer;
  readonly KafkaConsumer: new (settings: Settings, topic: Settings) => RdConsumer;
}

/** @throws BenchError CLIENT_MISSING */
export async function loadLibrdkafka(): Promise<Librdkafka> {
  try {
    // Named at run time: it need not be there when this is compiled.
    const loaded = (await import(PACKAGE)) as Librdkafka & { readonly default?: Librdkafka };
    return loaded.default ?? loaded;
  } catch (cause) {
    throw new BenchError(
      'CLIENT_MISSING',
      `client librdkafka needs ${PACKAGE}, which cannot be loaded (${(cause as Error).message.split('\n')[0]}); run "npm install --no-save ${PACKAGE}", which downloads its binary from GitHub, or where that cannot be reached "CKJS_LINKING=dynamic npm install --no-save ${PACKAGE}", which builds it with a C++ compiler`,
      { cause },
    );
  }
}

export function librdkafkaSettings(connection: BrokerConnection, clientId: string): Settings {
  const { bootstrap, tls, sasl } = connection;
  const protocol = `${sasl === null ? '' : 'sasl_'}${tls === null ? 'plaintext' : 'ssl'}`;
  return {
    'client.id': clientId,
    'metadata.broker.list': bootstrap.join(','),
    'security.protocol': protocol,
    ...(tls !== null && { 'enable.ssl.certificate.verification': tls.verify }),
    ...(tls?.caFile && { 'ssl.ca.pem': readFileSync(tls.caFile, 'utf8') }),
    ...(tls?.certFile && { 'ssl.certificate.pem': readFileSync(tls.certFile, 'utf8') }),
    ...(tls?.keyFile && { 'ssl.key.pem': readFileSync(tls.keyFile, 'utf8') }),
    ...(sasl !== null && {
      'sasl.mechanisms': sasl.mechanism,
      'sasl.username': sasl.username,
      'sasl.password': sasl.password,
    }),
  };
}

/** librdkafka's ERR__AUTHENTICATION, ERR_SASL_AUTHENTICATION_FAILED. */
const AUTHENTICATION_CODES: ReadonlySet<number> = new Set([-169, 58]);
/** Until it is connected it says why it is not in its log only: the error is that no broker could be reached. */
const REFUSED_IN_LOG = 'SASL authentication error';

/** @throws BenchError TARGET_UNREACHABLE, AUTHENTICATION_FAILED */
export async function connectLibrdkafka(
  client: RdProducer | RdConsumer,
  connection: BrokerConnection,
): Promise<void> {
  let refusal: string | null = null;
  (client as RdProducer).on('event.log', ({ message }) => {
    if (message.includes(REFUSED_IN_LOG)) refusal = message;
  });
  try {
    await new Promise<void>((resolve, reject) => {
      client.connect({ timeout: CONNECT_MS }, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(error);
      });
    });
  } catch (error) {
    const { code, message } = error as LibrdkafkaError;
    if (refusal !== null || AUTHENTICATION_CODES.has(code)) {
      throw authenticationFailed(refusal ?? message, error);
    }
    throw unreachable(connection, error);
  }
}
