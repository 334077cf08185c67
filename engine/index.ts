/**
 * varve: a Kafka-format partition log for Node.js. This is the whole public surface.
 */
export {
  Cluster,
  type ClusterEvent,
  type ClusterOptions,
  type ClusterStatus,
} from './cluster/cluster.js';
export { Broker, type BrokerOptions, type LocalBrokerEvent } from './cluster/local-broker.js';
export {
  describeTopicConfig,
  parseTopicConfig,
  type TopicConfig,
  type TopicConfigDescription,
  type TopicConfigInput,
} from './config.js';
export {
  Consumer,
  type ConsumerOptions,
  type PollOptions,
  type SeekTarget,
} from './embedded/consumer.js';
export type { ConsumedRecord, ConsumerIsolation } from './embedded/fetch-state.js';
export { GroupConsumer, type GroupConsumerOptions } from './embedded/group-consumer.js';
export type { CommittedOffset } from './embedded/group-member.js';
export type { PartitionSource, TopicPartition } from './embedded/partition-source.js';
export {
  type PartitionedRecord,
  type Partitioner,
  roundRobinPartitioner,
  stickyPartitioner,
} from './embedded/partitioner.js';
export {
  type Durability,
  Producer,
  type ProducerOptions,
  type ProducerRecord,
  type RecordMetadata,
} from './embedded/producer.js';
export { Store } from './embedded/store.js';
export type { GroupDescription, GroupMemberDescription } from './embedded/store-groups.js';
export { type ErrorCode, isVarveError, VarveError } from './errors.js';
export type { AssignorName } from './groups/assignors/index.js';
export type {
  Assignor,
  AssignorMember,
  GroupAssignment,
  Subscription,
  TopicPartitions,
} from './groups/assignors/types.js';
export type { PartitionLag } from './groups/lag.js';
export { type FileSystemOptions, openFileSystem } from './io/index.js';
export type { FileSystem, FileSystemUsage } from './io/port.js';
export type { CompactionOptions, CompactionReport } from './log/cleaner.js';
export type { LoadProgress, RecoveryReport } from './log/log-loader.js';
export {
  type AppendBatchesOptions,
  type AppendOptions,
  AppendResult,
  type LogEvent,
  type OpenLogOptions,
  type TopicSettings,
} from './log/log-options.js';
export type { LogRead, ReadIsolation, ReadOptions, TimestampAndOffset } from './log/log-reader.js';
export { PartitionLog } from './log/partition-log.js';
export type { RecordsOptions } from './log/record-iterator.js';
export type {
  DataDirectoryUsage,
  OfflinePartition,
  PartitionDescription,
  TopicDescription,
} from './topics/data-directory.js';
export type { DataDirectoryEvent } from './topics/events.js';
export type { OpenDataDirectoryOptions, OpenProgress } from './topics/options.js';
export type { CreateTopicOptions, TopicSettingChanges } from './topics/topic-admin.js';
export type {
  BytesOrText,
  CompressionType,
  HeaderInput,
  LogRecord,
  RecordHeader,
  RecordInput,
} from './types.js';
export { Credentials, formatCredential, parseCredentials } from './wire/sasl/credentials.js';
export { type ScramCredential, type ScramMechanism, scramCredential } from './wire/sasl/scram.js';
