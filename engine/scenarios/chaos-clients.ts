import {
  type Broker,
  type CallbackWithPromise,
  type Connection,
  ConnectionPool,
  NetworkError,
  Producer,
  stringSerializers,
} from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { letKafkaJsStop } from '../testing/kafkajs-stop.js';
import { type ClientKind, type ProducerPlan, TOPIC } from './chaos-plan.js';

const { CompressionTypes, Kafka, logLevel, Partitioners } = kafkajs;

export interface OutRecord {
  readonly key: string;
  readonly value: string;
}

/** An idempotent producer with acks=all, one of the clients that are on npm. */
export interface ChaosProducer {
  /** One batch to one partition. Resolves with the offset of its first record, -1 where the client does not say. */
  send(partition: number, records: readonly OutRecord[]): Promise<number>;
  close(): Promise<void>;
}

/*
 * @platformatic/kafka 1.35 throws out of a socket's callback, and so ends the process, when its cached metadata has no
 * leader for a partition or does not know the group's coordinator: with any cluster in which brokers come and go. Here
 * that becomes the error that it is.
 */
const poolGet = ConnectionPool.prototype.get as (
  this: ConnectionPool,
  broker: Broker,
  callback: CallbackWithPromise<Connection>,
) => void;
ConnectionPool.prototype.get = function get(
  this: ConnectionPool,
  broker: Broker | undefined,
  callback: CallbackWithPromise<Connection>,
) {
  if (broker !== undefined) return poolGet.call(this, broker, callback);
  callback(new NetworkError('the metadata does not know the broker'));
} as ConnectionPool['get'];

letKafkaJsStop();

/** Patient enough for a broker that is stopped for seconds, and not so patient that a run takes minutes. */
const REQUEST_TIMEOUT_MS = 3_000;
const CONNECT_TIMEOUT_MS = 1_000;
const RETRY = { initialRetryTime: 50, maxRetryTime: 500, retries: 4 };

export function kafkaOf(
  clientId: string,
  brokers: readonly string[],
  onLog?: (text: string) => void,
) {
  return new Kafka({
    clientId,
    brokers: [...brokers],
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    enforceRequestTimeout: true,
    retry: RETRY,
    logLevel: onLog === undefined ? logLevel.NOTHING : logLevel.WARN,
    logCreator:
      () =>
      ({ label, log: { message, error } }) =>
        onLog?.(`${label}: ${message}${error ? `: ${error}` : ''}`),
  });
}

export function platformaticOptions(clientId: string, brokers: readonly string[]) {
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    connectTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    retries: 3,
    retryDelay: 100,
    metadataMaxAge: 1_000,
  };
}

export function openProducer(
  kind: ClientKind,
  clientId: string,
  brokers: readonly string[],
  plan: ProducerPlan,
): Promise<ChaosProducer> {
  return kind === 'kafkajs'
    ? kafkaJsProducer(clientId, brokers, plan)
    : platformaticProducer(clientId, brokers, plan);
}

async function kafkaJsProducer(
  clientId: string,
  brokers: readonly string[],
  plan: ProducerPlan,
): Promise<ChaosProducer> {
  const producer = kafkaOf(clientId, brokers).producer({
    idempotent: true,
    maxInFlightRequests: 5,
    createPartitioner: Partitioners.DefaultPartitioner,
    retry: RETRY,
  });
  await producer.connect();
  const compression = plan.isCompressed ? CompressionTypes.GZIP : CompressionTypes.None;
  return {
    async send(partition, records) {
      const messages = records.map((record) => ({ ...record, partition }));
      const results = await producer.send({ topic: TOPIC, acks: -1, compression, messages });
      const its = results.find((result) => result.partition === partition);
      if (its === undefined || its.errorCode !== 0) {
        throw new Error(`an answer without partition ${partition}: ${JSON.stringify(results)}`);
      }
      return Number(its.baseOffset ?? -1);
    },
    close: () => producer.disconnect(),
  };
}

async function platformaticProducer(
  clientId: string,
  brokers: readonly string[],
  plan: ProducerPlan,
): Promise<ChaosProducer> {
  const producer = new Producer({
    ...platformaticOptions(clientId, brokers),
    idempotent: true,
    serializers: stringSerializers,
    compression: plan.isCompressed ? 'gzip' : 'none',
  });
  return {
    async send(partition, records) {
      const messages = records.map((record) => ({ ...record, topic: TOPIC, partition }));
      try {
        const { offsets } = await producer.send({ messages, acks: -1 });
        const its = offsets?.find((result) => result.partition === partition);
        if (its === undefined) throw new Error(`an answer without partition ${partition}`);
        return Number(its.offset);
      } catch (error) {
        // It looks for a new leader only after some errors.
        producer.clearMetadata();
        throw error;
      }
    },
    close: () => producer.close(),
  };
}
