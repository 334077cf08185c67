/**
 * Where the fields of a record batch (magic 2) are, and the limits that follow from them.
 * Source of the rules: Kafka's `DefaultRecordBatch`, `DefaultRecord`, `Records`. All integers are
 * big-endian.
 *
 * ```
 *  0        8      12      16  17    21    23      27        35        43        51  53      57      61
 *  |baseOff |length|leader |mag|crc  |attr |lastOff|baseTime |maxTime  |producer |ep |baseSeq|count  | records
 *  |ins     |      |epoch  |ic |     |     |Delta  |stamp    |stamp    |Id       |och|uence  |       |
 * ```
 */

export const BASE_OFFSET_AT = 0;
export const BATCH_LENGTH_AT = 8;
export const PARTITION_LEADER_EPOCH_AT = 12;
export const MAGIC_AT = 16;
export const CRC_AT = 17;
export const ATTRIBUTES_AT = 21;
export const LAST_OFFSET_DELTA_AT = 23;
export const BASE_TIMESTAMP_AT = 27;
export const MAX_TIMESTAMP_AT = 35;
export const PRODUCER_ID_AT = 43;
export const PRODUCER_EPOCH_AT = 51;
export const BASE_SEQUENCE_AT = 53;
export const RECORDS_COUNT_AT = 57;

/** Bytes before the part that `batchLength` counts: base offset and the length itself. */
export const LOG_OVERHEAD = 12;
/** Bytes of a batch before its records; also the size of an emptied batch. */
export const BATCH_OVERHEAD = 61;
/** Smallest `batchLength` of a magic 2 batch. */
export const MIN_BATCH_LENGTH = BATCH_OVERHEAD - LOG_OVERHEAD;
/** Smallest `batchLength` in any format: a magic 0 message without key and value. */
export const MIN_LEGACY_LENGTH = 14;
/** First byte the checksum covers; base offset, length, leader epoch and magic lie before it. */
export const CRC_START = ATTRIBUTES_AT;

export const MAGIC_V2 = 2;

/** Largest `batchLength` an int32 holds. */
export const MAX_BATCH_LENGTH = 0x7fff_ffff;
/** Largest size in bytes of a whole batch. */
export const MAX_BATCH_BYTES = MAX_BATCH_LENGTH;
/** Kafka's `max.message.bytes` default: 1 MiB of records and the log overhead. */
export const DEFAULT_MAX_MESSAGE_BYTES = 1_048_576 + LOG_OVERHEAD;
/** Default limit of one batch's decompressed records, in bytes. */
export const DEFAULT_MAX_DECOMPRESSED_BYTES = 256 * 1024 * 1024;

/** A record body at its smallest: attributes, two deltas, two lengths and a header count. */
export const MIN_RECORD_BODY_BYTES = 6;
/** A record at its smallest: the length and the smallest body. */
export const MIN_RECORD_BYTES = MIN_RECORD_BODY_BYTES + 1;
/**
 * Most bytes a record takes beyond its key, value and headers: length 5, attributes 1, timestamp
 * delta 10, offset delta 5, key length 5, value length 5, headers count 5.
 */
export const MAX_RECORD_OVERHEAD = 36;
/** Most bytes a header takes beyond its key and value. */
export const MAX_HEADER_OVERHEAD = 10;

/** Low three bits of the attributes. The order is that of `COMPRESSION_TYPES`. */
export const COMPRESSION_MASK = 0x07;
export const COMPRESSION_NONE = 0;
export const COMPRESSION_GZIP = 1;
export const COMPRESSION_SNAPPY = 2;
export const COMPRESSION_LZ4 = 3;
export const COMPRESSION_ZSTD = 4;

/** Set: every record's timestamp reads as the batch's max timestamp (LogAppendTime). */
export const TIMESTAMP_TYPE_BIT = 0x08;
export const TRANSACTIONAL_BIT = 0x10;
export const CONTROL_BIT = 0x20;
/** Set by compaction: `baseTimestamp` is the time from which tombstones may be removed. */
export const DELETE_HORIZON_BIT = 0x40;

export const NO_TIMESTAMP = -1;
export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
export const NO_SEQUENCE = -1;
export const NO_LEADER_EPOCH = -1;
export const MAX_SEQUENCE = 0x7fff_ffff;
