import {
  api,
  arrayOf,
  type Decoded,
  type Input,
  int8,
  int16,
  int32,
  int64,
  records,
  string,
  struct,
  structOf,
  uuid,
} from '../schema.js';

/* Writing and reading records. */

export const PartitionProduceData = struct({
  index: int32('0+'),
  records: records('0+'),
});
export type PartitionProduceData = Decoded<typeof PartitionProduceData>;
export type PartitionProduceDataInput = Input<typeof PartitionProduceData>;

export const TopicProduceData = struct({
  name: string('0-12'),
  topicId: uuid('13+'),
  partitionData: arrayOf('0+', PartitionProduceData),
});
export type TopicProduceData = Decoded<typeof TopicProduceData>;
export type TopicProduceDataInput = Input<typeof TopicProduceData>;

export const BatchIndexAndErrorMessage = struct({
  batchIndex: int32('8+'),
  batchIndexErrorMessage: string('8+', { nullable: '8+', default: null }),
});
export type BatchIndexAndErrorMessage = Decoded<typeof BatchIndexAndErrorMessage>;
export type BatchIndexAndErrorMessageInput = Input<typeof BatchIndexAndErrorMessage>;

export const LeaderIdAndEpoch = struct({
  leaderId: int32('0+', { default: -1 }),
  leaderEpoch: int32('0+', { default: -1 }),
});
export type LeaderIdAndEpoch = Decoded<typeof LeaderIdAndEpoch>;
export type LeaderIdAndEpochInput = Input<typeof LeaderIdAndEpoch>;

export const PartitionProduceResponse = struct({
  index: int32('0+'),
  errorCode: int16('0+'),
  baseOffset: int64('0+'),
  logAppendTimeMs: int64('2+', { default: -1 }),
  logStartOffset: int64('5+', { default: -1 }),
  recordErrors: arrayOf('8+', BatchIndexAndErrorMessage),
  errorMessage: string('8+', { nullable: '8+', default: null }),
  currentLeader: structOf('10+', LeaderIdAndEpoch, { tag: 0 }),
});
export type PartitionProduceResponse = Decoded<typeof PartitionProduceResponse>;
export type PartitionProduceResponseInput = Input<typeof PartitionProduceResponse>;

export const TopicProduceResponse = struct({
  name: string('0-12'),
  topicId: uuid('13+'),
  partitionResponses: arrayOf('0+', PartitionProduceResponse),
});
export type TopicProduceResponse = Decoded<typeof TopicProduceResponse>;
export type TopicProduceResponseInput = Input<typeof TopicProduceResponse>;

export const NodeEndpoint = struct({
  nodeId: int32('0+'),
  host: string('0+'),
  port: int32('0+'),
  rack: string('0+', { nullable: '0+', default: null }),
});
export type NodeEndpoint = Decoded<typeof NodeEndpoint>;
export type NodeEndpointInput = Input<typeof NodeEndpoint>;

export const Produce = api(
  'Produce',
  0,
  { versions: '3-13', flexible: '9+', advertise: '0-12' },
  {
    request: {
      transactionalId: string('3+', { nullable: '3+', default: null }),
      acks: int16('0+'),
      timeoutMs: int32('0+'),
      topicData: arrayOf('0+', TopicProduceData),
    },
    response: {
      responses: arrayOf('0+', TopicProduceResponse),
      throttleTimeMs: int32('1+'),
      nodeEndpoints: arrayOf('10+', NodeEndpoint, { tag: 0 }),
    },
  },
);
export type ProduceRequest = Decoded<typeof Produce.request.struct>;
export type ProduceRequestInput = Input<typeof Produce.request.struct>;
export type ProduceResponse = Decoded<typeof Produce.response.struct>;
export type ProduceResponseInput = Input<typeof Produce.response.struct>;

export const ReplicaState = struct({
  replicaId: int32('15+', { default: -1 }),
  replicaEpoch: int64('15+', { default: -1 }),
});
export type ReplicaState = Decoded<typeof ReplicaState>;
export type ReplicaStateInput = Input<typeof ReplicaState>;

export const FetchPartition = struct({
  partition: int32('0+'),
  currentLeaderEpoch: int32('9+', { default: -1 }),
  fetchOffset: int64('0+'),
  lastFetchedEpoch: int32('12+', { default: -1 }),
  logStartOffset: int64('5+', { default: -1 }),
  partitionMaxBytes: int32('0+'),
  replicaDirectoryId: uuid('17+', { tag: 0 }),
  highWatermark: int64('18+', { tag: 1, default: 2 ** 63 }),
});
export type FetchPartition = Decoded<typeof FetchPartition>;
export type FetchPartitionInput = Input<typeof FetchPartition>;

export const FetchTopic = struct({
  topic: string('0-12'),
  topicId: uuid('13+'),
  partitions: arrayOf('0+', FetchPartition),
});
export type FetchTopic = Decoded<typeof FetchTopic>;
export type FetchTopicInput = Input<typeof FetchTopic>;

export const ForgottenTopic = struct({
  topic: string('7-12'),
  topicId: uuid('13+'),
  partitions: arrayOf('7+', 'int32'),
});
export type ForgottenTopic = Decoded<typeof ForgottenTopic>;
export type ForgottenTopicInput = Input<typeof ForgottenTopic>;

export const FetchEpochEndOffset = struct({
  epoch: int32('12+', { default: -1 }),
  endOffset: int64('12+', { default: -1 }),
});
export type FetchEpochEndOffset = Decoded<typeof FetchEpochEndOffset>;
export type FetchEpochEndOffsetInput = Input<typeof FetchEpochEndOffset>;

export const SnapshotId = struct({
  endOffset: int64('0+', { default: -1 }),
  epoch: int32('0+', { default: -1 }),
});
export type SnapshotId = Decoded<typeof SnapshotId>;
export type SnapshotIdInput = Input<typeof SnapshotId>;

export const AbortedTransaction = struct({
  producerId: int64('4+'),
  firstOffset: int64('4+'),
});
export type AbortedTransaction = Decoded<typeof AbortedTransaction>;
export type AbortedTransactionInput = Input<typeof AbortedTransaction>;

export const FetchPartitionData = struct({
  partitionIndex: int32('0+'),
  errorCode: int16('0+'),
  highWatermark: int64('0+'),
  lastStableOffset: int64('4+', { default: -1 }),
  logStartOffset: int64('5+', { default: -1 }),
  divergingEpoch: structOf('12+', FetchEpochEndOffset, { tag: 0 }),
  currentLeader: structOf('12+', LeaderIdAndEpoch, { tag: 1 }),
  snapshotId: structOf('12+', SnapshotId, { tag: 2 }),
  abortedTransactions: arrayOf('4+', AbortedTransaction, { nullable: '4+' }),
  preferredReadReplica: int32('11+', { default: -1 }),
  records: records('0+'),
});
export type FetchPartitionData = Decoded<typeof FetchPartitionData>;
export type FetchPartitionDataInput = Input<typeof FetchPartitionData>;

export const FetchableTopicResponse = struct({
  topic: string('0-12'),
  topicId: uuid('13+'),
  partitions: arrayOf('0+', FetchPartitionData),
});
export type FetchableTopicResponse = Decoded<typeof FetchableTopicResponse>;
export type FetchableTopicResponseInput = Input<typeof FetchableTopicResponse>;

export const Fetch = api(
  'Fetch',
  1,
  { versions: '4-18', flexible: '12+', advertise: '4-17' },
  {
    request: {
      clusterId: string('12+', { nullable: '12+', tag: 0, default: null }),
      replicaId: int32('0-14', { default: -1 }),
      replicaState: structOf('15+', ReplicaState, { tag: 1 }),
      maxWaitMs: int32('0+'),
      minBytes: int32('0+'),
      maxBytes: int32('3+', { default: 0x7fffffff }),
      isolationLevel: int8('4+'),
      sessionId: int32('7+'),
      sessionEpoch: int32('7+', { default: -1 }),
      topics: arrayOf('0+', FetchTopic),
      forgottenTopicsData: arrayOf('7+', ForgottenTopic),
      rackId: string('11+'),
    },
    response: {
      throttleTimeMs: int32('1+'),
      errorCode: int16('7+'),
      sessionId: int32('7+'),
      responses: arrayOf('0+', FetchableTopicResponse),
      nodeEndpoints: arrayOf('16+', NodeEndpoint, { tag: 0 }),
    },
  },
);
export type FetchRequest = Decoded<typeof Fetch.request.struct>;
export type FetchRequestInput = Input<typeof Fetch.request.struct>;
export type FetchResponse = Decoded<typeof Fetch.response.struct>;
export type FetchResponseInput = Input<typeof Fetch.response.struct>;

export const ListOffsetsPartition = struct({
  partitionIndex: int32('0+'),
  currentLeaderEpoch: int32('4+', { default: -1 }),
  timestamp: int64('0+'),
});
export type ListOffsetsPartition = Decoded<typeof ListOffsetsPartition>;
export type ListOffsetsPartitionInput = Input<typeof ListOffsetsPartition>;

export const ListOffsetsTopic = struct({
  name: string('0+'),
  partitions: arrayOf('0+', ListOffsetsPartition),
});
export type ListOffsetsTopic = Decoded<typeof ListOffsetsTopic>;
export type ListOffsetsTopicInput = Input<typeof ListOffsetsTopic>;

export const ListOffsetsPartitionResponse = struct({
  partitionIndex: int32('0+'),
  errorCode: int16('0+'),
  timestamp: int64('1+', { default: -1 }),
  offset: int64('1+', { default: -1 }),
  leaderEpoch: int32('4+', { default: -1 }),
});
export type ListOffsetsPartitionResponse = Decoded<typeof ListOffsetsPartitionResponse>;
export type ListOffsetsPartitionResponseInput = Input<typeof ListOffsetsPartitionResponse>;

export const ListOffsetsTopicResponse = struct({
  name: string('0+'),
  partitions: arrayOf('0+', ListOffsetsPartitionResponse),
});
export type ListOffsetsTopicResponse = Decoded<typeof ListOffsetsTopicResponse>;
export type ListOffsetsTopicResponseInput = Input<typeof ListOffsetsTopicResponse>;

export const ListOffsets = api(
  'ListOffsets',
  2,
  { versions: '1-11', flexible: '6+', advertise: '1-9' },
  {
    request: {
      replicaId: int32('0+'),
      isolationLevel: int8('2+'),
      topics: arrayOf('0+', ListOffsetsTopic),
      timeoutMs: int32('10+'),
    },
    response: {
      throttleTimeMs: int32('2+'),
      topics: arrayOf('0+', ListOffsetsTopicResponse),
    },
  },
);
export type ListOffsetsRequest = Decoded<typeof ListOffsets.request.struct>;
export type ListOffsetsRequestInput = Input<typeof ListOffsets.request.struct>;
export type ListOffsetsResponse = Decoded<typeof ListOffsets.response.struct>;
export type ListOffsetsResponseInput = Input<typeof ListOffsets.response.struct>;

export const OffsetForLeaderPartition = struct({
  partition: int32('0+'),
  currentLeaderEpoch: int32('2+', { default: -1 }),
  leaderEpoch: int32('0+'),
});
export type OffsetForLeaderPartition = Decoded<typeof OffsetForLeaderPartition>;
export type OffsetForLeaderPartitionInput = Input<typeof OffsetForLeaderPartition>;

export const OffsetForLeaderTopic = struct({
  topic: string('0+'),
  partitions: arrayOf('0+', OffsetForLeaderPartition),
});
export type OffsetForLeaderTopic = Decoded<typeof OffsetForLeaderTopic>;
export type OffsetForLeaderTopicInput = Input<typeof OffsetForLeaderTopic>;

export const OffsetForLeaderEpochEpochEndOffset = struct({
  errorCode: int16('0+'),
  partition: int32('0+'),
  leaderEpoch: int32('1+', { default: -1 }),
  endOffset: int64('0+', { default: -1 }),
});
export type OffsetForLeaderEpochEpochEndOffset = Decoded<typeof OffsetForLeaderEpochEpochEndOffset>;
export type OffsetForLeaderEpochEpochEndOffsetInput = Input<
  typeof OffsetForLeaderEpochEpochEndOffset
>;

export const OffsetForLeaderTopicResult = struct({
  topic: string('0+'),
  partitions: arrayOf('0+', OffsetForLeaderEpochEpochEndOffset),
});
export type OffsetForLeaderTopicResult = Decoded<typeof OffsetForLeaderTopicResult>;
export type OffsetForLeaderTopicResultInput = Input<typeof OffsetForLeaderTopicResult>;

export const OffsetForLeaderEpoch = api(
  'OffsetForLeaderEpoch',
  23,
  { versions: '2-4', flexible: '4+', advertise: '2-4' },
  {
    request: {
      replicaId: int32('3+', { default: -2 }),
      topics: arrayOf('0+', OffsetForLeaderTopic),
    },
    response: {
      throttleTimeMs: int32('2+'),
      topics: arrayOf('0+', OffsetForLeaderTopicResult),
    },
  },
);
export type OffsetForLeaderEpochRequest = Decoded<typeof OffsetForLeaderEpoch.request.struct>;
export type OffsetForLeaderEpochRequestInput = Input<typeof OffsetForLeaderEpoch.request.struct>;
export type OffsetForLeaderEpochResponse = Decoded<typeof OffsetForLeaderEpoch.response.struct>;
export type OffsetForLeaderEpochResponseInput = Input<typeof OffsetForLeaderEpoch.response.struct>;
