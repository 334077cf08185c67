import { type ErrorCode, isVarveError } from '../errors.js';
import { KafkaError, type KafkaErrorCode, type KafkaErrorName } from './error-codes.js';

/** varve's errors that Kafka has no name for, and what it answers where they happen. */
const UNNAMED_IN_KAFKA: Readonly<Record<Exclude<ErrorCode, KafkaErrorName>, KafkaErrorCode>> = {
  // Only a broker's own mistake: what clients send is checked before.
  INVALID_ARGUMENT: KafkaError.UNKNOWN_SERVER_ERROR,
  INVALID_TOPIC: KafkaError.INVALID_TOPIC_EXCEPTION,
  UNSUPPORTED_FORMAT: KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
  // Files of the broker, not bytes of the client.
  CORRUPT_INDEX: KafkaError.KAFKA_STORAGE_ERROR,
  CORRUPT_CHECKPOINT: KafkaError.KAFKA_STORAGE_ERROR,
  // A client's batch that unpacks to more than allowed.
  DECOMPRESSION_LIMIT: KafkaError.CORRUPT_MESSAGE,
  PARTITION_OFFLINE: KafkaError.KAFKA_STORAGE_ERROR,
  DIRECTORY_LOCKED: KafkaError.KAFKA_STORAGE_ERROR,
  LOG_POISONED: KafkaError.KAFKA_STORAGE_ERROR,
  // Only a follower's log is truncated: the client looks for the leader and tries again.
  LOG_BUSY: KafkaError.NOT_LEADER_OR_FOLLOWER,
  CLOSED: KafkaError.KAFKA_STORAGE_ERROR,
  ABORTED: KafkaError.REQUEST_TIMED_OUT,
  DISK_FULL: KafkaError.KAFKA_STORAGE_ERROR,
  TOO_MANY_OPEN_FILES: KafkaError.KAFKA_STORAGE_ERROR,
  READ_ONLY: KafkaError.KAFKA_STORAGE_ERROR,
  NOT_FOUND: KafkaError.KAFKA_STORAGE_ERROR,
  ALREADY_EXISTS: KafkaError.KAFKA_STORAGE_ERROR,
  IO_FAILED: KafkaError.KAFKA_STORAGE_ERROR,
};

/**
 * The code to answer a request with that ended with `error`. What is no `VarveError` is a bug:
 * UNKNOWN_SERVER_ERROR, and the caller should log it.
 */
export function kafkaErrorOf(error: unknown): KafkaErrorCode {
  if (!isVarveError(error)) return KafkaError.UNKNOWN_SERVER_ERROR;
  const { code } = error;
  return isNamedInKafka(code) ? KafkaError[code] : UNNAMED_IN_KAFKA[code];
}

function isNamedInKafka(code: ErrorCode): code is Extract<ErrorCode, KafkaErrorName> {
  return Object.hasOwn(KafkaError, code);
}
