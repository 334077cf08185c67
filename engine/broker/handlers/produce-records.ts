import {
  ATTRIBUTES_AT,
  BATCH_LENGTH_AT,
  COMPRESSION_MASK,
  COMPRESSION_ZSTD,
  LOG_OVERHEAD,
  MAGIC_AT,
  MAGIC_V2,
  MIN_LEGACY_LENGTH,
} from '../../format/layout.js';
import { KafkaError } from '../../protocol/error-codes.js';
import { type RefusedWith, refusal } from './answers.js';

const TRANSACTIONAL = 0x10;

/**
 * The one batch that a Produce request carries for a partition, or why it is refused: what the request's version
 * and Kafka's reader of batches say, before the log looks at the batch itself. An incomplete batch behind the first
 * is cut off, as Kafka does. [Kafka: ProduceRequest.validateRecords, ByteBufferLogInputStream]
 */
export function onlyBatch(records: Buffer | null, apiVersion: number): Buffer | RefusedWith {
  if (records === null) return NO_BATCH;
  const size = batchSize(records, 0);
  if (typeof size !== 'number') return size;
  if (size === 0) return NO_BATCH;
  if (records[MAGIC_AT] !== MAGIC_V2) {
    return refusal(
      KafkaError.INVALID_RECORD,
      `the batch has magic ${records[MAGIC_AT]}: Produce version ${apiVersion} takes only 2`,
    );
  }
  const attributes = records.readInt16BE(ATTRIBUTES_AT);
  if ((attributes & COMPRESSION_MASK) === COMPRESSION_ZSTD && apiVersion < 7) {
    return refusal(
      KafkaError.UNSUPPORTED_COMPRESSION_TYPE,
      `zstd needs Produce version 7, the request has ${apiVersion}`,
    );
  }
  if ((attributes & TRANSACTIONAL) !== 0) {
    return refusal(
      KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
      'the batch is transactional: this broker has no transactions',
    );
  }
  if (size === records.length) return records;
  const second = batchSize(records, size);
  if (typeof second !== 'number') return second;
  return second === 0 ? records.subarray(0, size) : TWO_BATCHES;
}

const NO_BATCH = refusal(
  KafkaError.INVALID_RECORD,
  'a Produce request has one record batch for each partition, here is none',
);
const TWO_BATCHES = refusal(
  KafkaError.INVALID_RECORD,
  'a Produce request has one record batch for each partition, here are several',
);

/** Up to which byte the header must be there for its magic to be read. */
const HEADER_UP_TO_MAGIC = MAGIC_AT + 1;
/** The shortest header of magic 2 that is looked at here. */
const HEADER_UP_TO_ATTRIBUTES = ATTRIBUTES_AT + 2;

/** 0: there is no whole batch at `at`. */
function batchSize(records: Buffer, at: number): number | RefusedWith {
  const remaining = records.length - at;
  if (remaining < LOG_OVERHEAD) return 0;
  const length = records.readInt32BE(at + BATCH_LENGTH_AT);
  if (length < MIN_LEGACY_LENGTH) {
    return refusal(
      KafkaError.CORRUPT_MESSAGE,
      `the batch says that it has ${length} bytes: at least ${MIN_LEGACY_LENGTH} are needed`,
    );
  }
  if (remaining < HEADER_UP_TO_MAGIC) return 0;
  const magic = records.readInt8(at + MAGIC_AT);
  if (magic < 0 || magic > MAGIC_V2) {
    return refusal(KafkaError.CORRUPT_MESSAGE, `the batch has magic ${magic}`);
  }
  if (magic === MAGIC_V2 && length + LOG_OVERHEAD < HEADER_UP_TO_ATTRIBUTES) {
    return refusal(
      KafkaError.CORRUPT_MESSAGE,
      `the batch says that it has ${length} bytes: less than its header`,
    );
  }
  return remaining < length + LOG_OVERHEAD ? 0 : length + LOG_OVERHEAD;
}
