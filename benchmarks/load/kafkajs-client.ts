import kafkajs, { type Kafka as KafkaType, type SASLOptions } from 'kafkajs';
import { letKafkaJsStop } from '../../engine/testing/kafkajs-stop.js';
import { BenchError } from '../model/bench-error.js';
import type { Codec } from '../model/knobs.js';
import { authenticationFailed, unreachable } from './failures.js';
import type { BrokerConnection } from './plan.js';
import { tlsOptions } from './topic-routes.js';
import { compress, decompress } from './varve.js';

// In experiments brokers come and go.
letKafkaJsStop();

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;

const TYPES: Readonly<Record<Codec, number>> = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};
const MAX_DECOMPRESSED_BYTES = 256 * 1024 * 1024;

/** KafkaJS has gzip only, and asks its users for the others: here they are varve's. Its types know less than it does. */
const codecs: Record<number, () => unknown> = CompressionCodecs;
for (const codec of ['snappy', 'lz4', 'zstd'] as const) {
  codecs[TYPES[codec]] = () => ({
    compress: async (encoder: { buffer: Buffer }) => compress(codec, encoder.buffer),
    decompress: async (bytes: Buffer) =>
      decompress(codec, bytes, { maxBytes: MAX_DECOMPRESSED_BYTES }),
  });
}

export function kafkaJsCompression(codec: Codec): number {
  return TYPES[codec];
}

/** With KafkaJS's own defaults, but without its log and its notes on partitioners. */
export function kafkaJsOf(connection: BrokerConnection, clientId: string): KafkaType {
  process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1';
  const { bootstrap, tls, sasl } = connection;
  return new Kafka({
    clientId,
    brokers: [...bootstrap],
    logLevel: logLevel.NOTHING,
    ...(tls !== null && { ssl: tlsOptions(tls, null) }),
    ...(sasl !== null && {
      sasl: {
        mechanism: sasl.mechanism.toLowerCase(),
        username: sasl.username,
        password: sasl.password,
      } as SASLOptions,
    }),
  });
}

/** What connecting failed with. */
export function kafkaJsConnectError(connection: BrokerConnection, error: unknown): BenchError {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at.name === 'KafkaJSSASLAuthenticationError')
      return authenticationFailed(at.message, error);
  }
  return unreachable(connection, error);
}

/** Null: it can be tried again. */
export function kafkaJsFatal(error: unknown): BenchError | null {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { retriable, type } = at as Error & { retriable?: boolean; type?: string };
    if (type !== undefined && retriable === false) {
      return new BenchError(
        'LOAD_FAILED',
        `the brokers refuse a batch with ${type}: ${at.message}`,
        {
          cause: error,
        },
      );
    }
  }
  return null;
}
