/**
 * Everything that can go wrong while operating a log, as one hierarchy with a stable `code`.
 * Bugs are assertions (`assert.ts`), not these.
 */
export type ErrorCode =
  /** An argument or a setting is outside its range; nothing was done. */
  | 'INVALID_ARGUMENT'
  | 'INVALID_CONFIG'
  | 'INVALID_TOPIC'
  /** A record or batch breaks a rule of the format or of the topic; nothing was appended. */
  | 'INVALID_RECORD'
  | 'INVALID_TIMESTAMP'
  | 'MESSAGE_TOO_LARGE'
  | 'RECORD_LIST_TOO_LARGE'
  | 'UNSUPPORTED_COMPRESSION_TYPE'
  | 'UNSUPPORTED_FORMAT'
  /** Bytes that do not match their checksum or their own structure. */
  | 'CORRUPT_MESSAGE'
  | 'CORRUPT_INDEX'
  | 'CORRUPT_CHECKPOINT'
  | 'DECOMPRESSION_LIMIT'
  /** A message of Kafka's protocol that does not have the form of its version. */
  | 'INVALID_REQUEST'
  /** A version of an API or of a stored structure that there is no schema for. */
  | 'UNSUPPORTED_VERSION'
  /** The connection to a peer could not be made, or broke. */
  | 'NETWORK_EXCEPTION'
  /** A peer did not answer in time. What it was asked may still be done. */
  | 'REQUEST_TIMED_OUT'
  | 'SASL_AUTHENTICATION_FAILED'
  /** The offset is below the log start or above the log end. */
  | 'OFFSET_OUT_OF_RANGE'
  | 'OUT_OF_ORDER_SEQUENCE_NUMBER'
  | 'INVALID_PRODUCER_EPOCH'
  | 'FENCED_LEADER_EPOCH'
  | 'POLICY_VIOLATION'
  | 'UNKNOWN_TOPIC_OR_PARTITION'
  | 'TOPIC_ALREADY_EXISTS'
  | 'INVALID_PARTITIONS'
  /** The partition is set aside because its files are damaged or its disk failed. */
  | 'PARTITION_OFFLINE'
  /** Another process or thread has the directory open. */
  | 'DIRECTORY_LOCKED'
  /** A sync or write failed: the log is read-only until it is opened again. */
  | 'LOG_POISONED'
  /** The log is being truncated; the same append works when that is done. */
  | 'LOG_BUSY'
  /** Consumer groups, as Kafka names them. */
  | 'INVALID_GROUP_ID'
  | 'INVALID_SESSION_TIMEOUT'
  | 'INCONSISTENT_GROUP_PROTOCOL'
  | 'GROUP_MAX_SIZE_REACHED'
  | 'GROUP_ID_NOT_FOUND'
  | 'NON_EMPTY_GROUP'
  /** Another member with the same instance id has taken this one's place. */
  | 'FENCED_INSTANCE_ID'
  /** The group is being divided anew; what was asked can be asked again after it. */
  | 'REBALANCE_IN_PROGRESS'
  /** The group has gone on without this member. */
  | 'ILLEGAL_GENERATION'
  | 'UNKNOWN_MEMBER_ID'
  | 'OFFSET_METADATA_TOO_LARGE'
  | 'COORDINATOR_NOT_AVAILABLE'
  /** The controller cannot be reached, or is stopping. */
  | 'NOT_CONTROLLER'
  | 'CLOSED'
  | 'ABORTED'
  | 'DISK_FULL'
  | 'TOO_MANY_OPEN_FILES'
  | 'READ_ONLY'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'IO_FAILED';

export interface ErrorOptions {
  readonly cause?: unknown;
  /** True where the same call may succeed later with nothing changed by the caller. */
  readonly retriable?: boolean;
  /** The values behind the message, for programs. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** An operating error. `code` is stable across versions; the message is for people. */
export class VarveError extends Error {
  readonly code: ErrorCode;
  readonly retriable: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'VarveError';
    this.code = code;
    this.retriable = options.retriable ?? false;
    this.details = options.details ?? {};
  }
}

export function isVarveError(error: unknown, code?: ErrorCode): error is VarveError {
  return error instanceof VarveError && (code === undefined || error.code === code);
}
