import { type ErrorCode, VarveError } from '../errors.js';
import { KafkaError, kafkaErrorName } from '../protocol/error-codes.js';

/** What a group's member is told, by the coordinator's codes. Kafka's names, so that its documentation helps. */
const GROUP_CODES = {
  [KafkaError.INVALID_GROUP_ID]: ['INVALID_GROUP_ID', 'a group id is a text that is not empty'],
  [KafkaError.INVALID_SESSION_TIMEOUT]: [
    'INVALID_SESSION_TIMEOUT',
    'sessionTimeoutMs is outside the range allowed',
  ],
  [KafkaError.INCONSISTENT_GROUP_PROTOCOL]: [
    'INCONSISTENT_GROUP_PROTOCOL',
    'the members of a group need an assignor that all of them have',
  ],
  [KafkaError.GROUP_MAX_SIZE_REACHED]: ['GROUP_MAX_SIZE_REACHED', 'the group is full'],
  [KafkaError.FENCED_INSTANCE_ID]: [
    'FENCED_INSTANCE_ID',
    'another member with the same instanceId has taken its place',
  ],
  [KafkaError.REBALANCE_IN_PROGRESS]: ['REBALANCE_IN_PROGRESS', 'poll, and commit again'],
  [KafkaError.ILLEGAL_GENERATION]: [
    'ILLEGAL_GENERATION',
    'the partitions have been given to others; poll to join again',
  ],
  [KafkaError.UNKNOWN_MEMBER_ID]: [
    'UNKNOWN_MEMBER_ID',
    'the group has given this member up; poll to join again',
  ],
  [KafkaError.OFFSET_METADATA_TOO_LARGE]: ['OFFSET_METADATA_TOO_LARGE', 'its limit is 4,096 bytes'],
  [KafkaError.NON_EMPTY_GROUP]: ['NON_EMPTY_GROUP', 'close its consumers first'],
  [KafkaError.GROUP_ID_NOT_FOUND]: ['GROUP_ID_NOT_FOUND', 'there is no such group'],
  [KafkaError.COORDINATOR_NOT_AVAILABLE]: ['COORDINATOR_NOT_AVAILABLE', 'try again'],
  [KafkaError.COORDINATOR_LOAD_IN_PROGRESS]: ['COORDINATOR_NOT_AVAILABLE', 'try again'],
  [KafkaError.NOT_COORDINATOR]: ['COORDINATOR_NOT_AVAILABLE', 'the store is being closed'],
  [KafkaError.UNKNOWN_TOPIC_OR_PARTITION]: [
    'UNKNOWN_TOPIC_OR_PARTITION',
    'there is no such partition',
  ],
} as const satisfies Readonly<Record<number, readonly [ErrorCode, string]>>;

const RETRIABLE: ReadonlySet<number> = new Set([
  KafkaError.REBALANCE_IN_PROGRESS,
  KafkaError.COORDINATOR_NOT_AVAILABLE,
  KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
]);

export function groupError(kafkaCode: number, what: string): VarveError {
  const known: readonly [ErrorCode, string] | undefined = (
    GROUP_CODES as Readonly<Record<number, readonly [ErrorCode, string]>>
  )[kafkaCode];
  const [code, advice] = known ?? ['IO_FAILED' as const, 'the coordinator could not store it'];
  return new VarveError(code, `${what}: ${kafkaErrorName(kafkaCode)}: ${advice}`, {
    retriable: RETRIABLE.has(kafkaCode),
    details: { kafkaCode },
  });
}
