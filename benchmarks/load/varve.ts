/** What load processes use of varve: the format, to make batches ahead and to walk them, and its Kafka client. */
export { BatchProblem, checkBatch, describeProblem } from '../../engine/format/batch-check.js';
export {
  lastOffset,
  recordsCount,
  sizeInBytes,
  writeCrc,
} from '../../engine/format/batch-header.js';
export { RecordCursor } from '../../engine/format/batch-reader.js';
export {
  BatchOptions,
  batchSizeBound,
  compressRecords,
  writeBatch,
} from '../../engine/format/batch-writer.js';
export { compress, decompress } from '../../engine/format/compression/index.js';
export { writeInt64 } from '../../engine/format/int64.js';
export {
  ATTRIBUTES_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_LENGTH_AT,
  BATCH_OVERHEAD,
  COMPRESSION_MASK,
  LAST_OFFSET_DELTA_AT,
  LOG_OVERHEAD,
  MAX_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  RECORDS_COUNT_AT,
} from '../../engine/format/layout.js';
export { partitionForKey } from '../../engine/format/murmur2.js';
export { isVarveError, PartitionLog, type RecordInput } from '../../engine/index.js';
export {
  isRetriableKafkaError,
  KafkaError,
  kafkaErrorName,
} from '../../engine/protocol/error-codes.js';
export { WireClient, type WireClientOptions } from '../../engine/wire/index.js';
