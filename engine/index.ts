/**
 * varve: a Kafka-format partition log for Node.js. This is the whole public surface.
 */
export {
  describeTopicConfig,
  parseTopicConfig,
  type TopicConfig,
  type TopicConfigDescription,
  type TopicConfigInput,
} from './config.js';
export { type ErrorCode, isVarveError, VarveError } from './errors.js';
export { type FileSystemOptions, openFileSystem } from './io/index.js';
export type { FileSystem, FileSystemUsage } from './io/port.js';
export type { LogRead, ReadIsolation, ReadOptions, TimestampAndOffset } from './log/log-reader.js';
export {
  type AppendBatchesOptions,
  type AppendOptions,
  AppendResult,
  type LogEvent,
  type OpenLogOptions,
  PartitionLog,
  type TopicSettings,
} from './log/partition-log.js';
export type {
  BytesOrText,
  CompressionType,
  HeaderInput,
  LogRecord,
  RecordHeader,
  RecordInput,
} from './types.js';
