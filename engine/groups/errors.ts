import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';

/**
 * What a client of the coordinator is told when the group's log could not be written: it knows nothing of that
 * log [Kafka `GroupMetadataManager.appendGroupMetadataErrorToResponseError`].
 */
export function groupErrorOfAppend(errorCode: KafkaErrorCode): KafkaErrorCode {
  switch (errorCode) {
    case KafkaError.UNKNOWN_TOPIC_OR_PARTITION:
    case KafkaError.NOT_ENOUGH_REPLICAS:
    case KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case KafkaError.REQUEST_TIMED_OUT:
      return KafkaError.COORDINATOR_NOT_AVAILABLE;
    case KafkaError.NOT_LEADER_OR_FOLLOWER:
    case KafkaError.FENCED_LEADER_EPOCH:
    case KafkaError.KAFKA_STORAGE_ERROR:
      return KafkaError.NOT_COORDINATOR;
    case KafkaError.MESSAGE_TOO_LARGE:
    case KafkaError.RECORD_LIST_TOO_LARGE:
    case KafkaError.INVALID_FETCH_SIZE:
      return KafkaError.UNKNOWN_SERVER_ERROR;
    default:
      return errorCode;
  }
}
