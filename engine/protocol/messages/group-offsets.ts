import {
  api,
  arrayOf,
  bool,
  type Decoded,
  type Input,
  int16,
  int32,
  int64,
  string,
  struct,
  uuid,
} from '../schema.js';

/* Committed offsets. */

export const OffsetCommitRequestPartition = struct({
  partitionIndex: int32('0+'),
  committedOffset: int64('0+'),
  committedLeaderEpoch: int32('6+', { default: -1 }),
  committedMetadata: string('0+', { nullable: '0+' }),
});
export type OffsetCommitRequestPartition = Decoded<typeof OffsetCommitRequestPartition>;
export type OffsetCommitRequestPartitionInput = Input<typeof OffsetCommitRequestPartition>;

export const OffsetCommitRequestTopic = struct({
  name: string('0-9'),
  topicId: uuid('10+'),
  partitions: arrayOf('0+', OffsetCommitRequestPartition),
});
export type OffsetCommitRequestTopic = Decoded<typeof OffsetCommitRequestTopic>;
export type OffsetCommitRequestTopicInput = Input<typeof OffsetCommitRequestTopic>;

export const OffsetCommitResponsePartition = struct({
  partitionIndex: int32('0+'),
  errorCode: int16('0+'),
});
export type OffsetCommitResponsePartition = Decoded<typeof OffsetCommitResponsePartition>;
export type OffsetCommitResponsePartitionInput = Input<typeof OffsetCommitResponsePartition>;

export const OffsetCommitResponseTopic = struct({
  name: string('0-9'),
  topicId: uuid('10+'),
  partitions: arrayOf('0+', OffsetCommitResponsePartition),
});
export type OffsetCommitResponseTopic = Decoded<typeof OffsetCommitResponseTopic>;
export type OffsetCommitResponseTopicInput = Input<typeof OffsetCommitResponseTopic>;

export const OffsetCommit = api(
  'OffsetCommit',
  8,
  { versions: '2-10', flexible: '8+', advertise: '2-9' },
  {
    request: {
      groupId: string('0+'),
      generationIdOrMemberEpoch: int32('1+', { default: -1 }),
      memberId: string('1+'),
      groupInstanceId: string('7+', { nullable: '7+', default: null }),
      retentionTimeMs: int64('2-4', { default: -1 }),
      topics: arrayOf('0+', OffsetCommitRequestTopic),
    },
    response: {
      throttleTimeMs: int32('3+'),
      topics: arrayOf('0+', OffsetCommitResponseTopic),
    },
  },
);
export type OffsetCommitRequest = Decoded<typeof OffsetCommit.request.struct>;
export type OffsetCommitRequestInput = Input<typeof OffsetCommit.request.struct>;
export type OffsetCommitResponse = Decoded<typeof OffsetCommit.response.struct>;
export type OffsetCommitResponseInput = Input<typeof OffsetCommit.response.struct>;

export const OffsetFetchRequestTopic = struct({
  name: string('0-7'),
  partitionIndexes: arrayOf('0-7', 'int32'),
});
export type OffsetFetchRequestTopic = Decoded<typeof OffsetFetchRequestTopic>;
export type OffsetFetchRequestTopicInput = Input<typeof OffsetFetchRequestTopic>;

export const OffsetFetchRequestTopics = struct({
  name: string('8-9'),
  topicId: uuid('10+'),
  partitionIndexes: arrayOf('8+', 'int32'),
});
export type OffsetFetchRequestTopics = Decoded<typeof OffsetFetchRequestTopics>;
export type OffsetFetchRequestTopicsInput = Input<typeof OffsetFetchRequestTopics>;

export const OffsetFetchRequestGroup = struct({
  groupId: string('8+'),
  memberId: string('9+', { nullable: '9+', default: null }),
  memberEpoch: int32('9+', { default: -1 }),
  topics: arrayOf('8+', OffsetFetchRequestTopics, { nullable: '8+' }),
});
export type OffsetFetchRequestGroup = Decoded<typeof OffsetFetchRequestGroup>;
export type OffsetFetchRequestGroupInput = Input<typeof OffsetFetchRequestGroup>;

export const OffsetFetchResponsePartition = struct({
  partitionIndex: int32('0-7'),
  committedOffset: int64('0-7'),
  committedLeaderEpoch: int32('5-7', { default: -1 }),
  metadata: string('0-7', { nullable: '0-7' }),
  errorCode: int16('0-7'),
});
export type OffsetFetchResponsePartition = Decoded<typeof OffsetFetchResponsePartition>;
export type OffsetFetchResponsePartitionInput = Input<typeof OffsetFetchResponsePartition>;

export const OffsetFetchResponseTopic = struct({
  name: string('0-7'),
  partitions: arrayOf('0-7', OffsetFetchResponsePartition),
});
export type OffsetFetchResponseTopic = Decoded<typeof OffsetFetchResponseTopic>;
export type OffsetFetchResponseTopicInput = Input<typeof OffsetFetchResponseTopic>;

export const OffsetFetchResponsePartitions = struct({
  partitionIndex: int32('8+'),
  committedOffset: int64('8+'),
  committedLeaderEpoch: int32('8+', { default: -1 }),
  metadata: string('8+', { nullable: '8+' }),
  errorCode: int16('8+'),
});
export type OffsetFetchResponsePartitions = Decoded<typeof OffsetFetchResponsePartitions>;
export type OffsetFetchResponsePartitionsInput = Input<typeof OffsetFetchResponsePartitions>;

export const OffsetFetchResponseTopics = struct({
  name: string('8-9'),
  topicId: uuid('10+'),
  partitions: arrayOf('8+', OffsetFetchResponsePartitions),
});
export type OffsetFetchResponseTopics = Decoded<typeof OffsetFetchResponseTopics>;
export type OffsetFetchResponseTopicsInput = Input<typeof OffsetFetchResponseTopics>;

export const OffsetFetchResponseGroup = struct({
  groupId: string('8+'),
  topics: arrayOf('8+', OffsetFetchResponseTopics),
  errorCode: int16('8+'),
});
export type OffsetFetchResponseGroup = Decoded<typeof OffsetFetchResponseGroup>;
export type OffsetFetchResponseGroupInput = Input<typeof OffsetFetchResponseGroup>;

export const OffsetFetch = api(
  'OffsetFetch',
  9,
  { versions: '1-10', flexible: '6+', advertise: '1-9' },
  {
    request: {
      groupId: string('0-7'),
      topics: arrayOf('0-7', OffsetFetchRequestTopic, { nullable: '2-7' }),
      groups: arrayOf('8+', OffsetFetchRequestGroup),
      requireStable: bool('7+'),
    },
    response: {
      throttleTimeMs: int32('3+'),
      topics: arrayOf('0-7', OffsetFetchResponseTopic),
      errorCode: int16('2-7'),
      groups: arrayOf('8+', OffsetFetchResponseGroup),
    },
  },
);
export type OffsetFetchRequest = Decoded<typeof OffsetFetch.request.struct>;
export type OffsetFetchRequestInput = Input<typeof OffsetFetch.request.struct>;
export type OffsetFetchResponse = Decoded<typeof OffsetFetch.response.struct>;
export type OffsetFetchResponseInput = Input<typeof OffsetFetch.response.struct>;

export const OffsetDeleteRequestPartition = struct({
  partitionIndex: int32('0+'),
});
export type OffsetDeleteRequestPartition = Decoded<typeof OffsetDeleteRequestPartition>;
export type OffsetDeleteRequestPartitionInput = Input<typeof OffsetDeleteRequestPartition>;

export const OffsetDeleteRequestTopic = struct({
  name: string('0+'),
  partitions: arrayOf('0+', OffsetDeleteRequestPartition),
});
export type OffsetDeleteRequestTopic = Decoded<typeof OffsetDeleteRequestTopic>;
export type OffsetDeleteRequestTopicInput = Input<typeof OffsetDeleteRequestTopic>;

export const OffsetDeleteResponsePartition = struct({
  partitionIndex: int32('0+'),
  errorCode: int16('0+'),
});
export type OffsetDeleteResponsePartition = Decoded<typeof OffsetDeleteResponsePartition>;
export type OffsetDeleteResponsePartitionInput = Input<typeof OffsetDeleteResponsePartition>;

export const OffsetDeleteResponseTopic = struct({
  name: string('0+'),
  partitions: arrayOf('0+', OffsetDeleteResponsePartition),
});
export type OffsetDeleteResponseTopic = Decoded<typeof OffsetDeleteResponseTopic>;
export type OffsetDeleteResponseTopicInput = Input<typeof OffsetDeleteResponseTopic>;

export const OffsetDelete = api(
  'OffsetDelete',
  47,
  { versions: '0', flexible: 'none', advertise: '0' },
  {
    request: {
      groupId: string('0+'),
      topics: arrayOf('0+', OffsetDeleteRequestTopic),
    },
    response: {
      errorCode: int16('0+'),
      throttleTimeMs: int32('0+'),
      topics: arrayOf('0+', OffsetDeleteResponseTopic),
    },
  },
);
export type OffsetDeleteRequest = Decoded<typeof OffsetDelete.request.struct>;
export type OffsetDeleteRequestInput = Input<typeof OffsetDelete.request.struct>;
export type OffsetDeleteResponse = Decoded<typeof OffsetDelete.response.struct>;
export type OffsetDeleteResponseInput = Input<typeof OffsetDelete.response.struct>;
