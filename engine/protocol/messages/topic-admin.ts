import {
  api,
  arrayOf,
  bool,
  type Decoded,
  type Input,
  int8,
  int16,
  int32,
  int64,
  string,
  struct,
  uuid,
} from '../schema.js';

/* Creating and deleting topics, partitions and records. */

export const CreatableReplicaAssignment = struct({
  partitionIndex: int32('0+'),
  brokerIds: arrayOf('0+', 'int32'),
});
export type CreatableReplicaAssignment = Decoded<typeof CreatableReplicaAssignment>;
export type CreatableReplicaAssignmentInput = Input<typeof CreatableReplicaAssignment>;

export const CreatableTopicConfig = struct({
  name: string('0+'),
  value: string('0+', { nullable: '0+' }),
});
export type CreatableTopicConfig = Decoded<typeof CreatableTopicConfig>;
export type CreatableTopicConfigInput = Input<typeof CreatableTopicConfig>;

export const CreatableTopic = struct({
  name: string('0+'),
  numPartitions: int32('0+'),
  replicationFactor: int16('0+'),
  assignments: arrayOf('0+', CreatableReplicaAssignment),
  configs: arrayOf('0+', CreatableTopicConfig),
});
export type CreatableTopic = Decoded<typeof CreatableTopic>;
export type CreatableTopicInput = Input<typeof CreatableTopic>;

export const CreatableTopicConfigs = struct({
  name: string('5+'),
  value: string('5+', { nullable: '5+' }),
  readOnly: bool('5+'),
  configSource: int8('5+', { default: -1 }),
  isSensitive: bool('5+'),
});
export type CreatableTopicConfigs = Decoded<typeof CreatableTopicConfigs>;
export type CreatableTopicConfigsInput = Input<typeof CreatableTopicConfigs>;

export const CreatableTopicResult = struct({
  name: string('0+'),
  topicId: uuid('7+'),
  errorCode: int16('0+'),
  errorMessage: string('1+', { nullable: '0+', default: null }),
  topicConfigErrorCode: int16('5+', { tag: 0 }),
  numPartitions: int32('5+', { default: -1 }),
  replicationFactor: int16('5+', { default: -1 }),
  configs: arrayOf('5+', CreatableTopicConfigs, { nullable: '5+' }),
});
export type CreatableTopicResult = Decoded<typeof CreatableTopicResult>;
export type CreatableTopicResultInput = Input<typeof CreatableTopicResult>;

export const CreateTopics = api(
  'CreateTopics',
  19,
  { versions: '2-7', flexible: '5+', advertise: '2-7' },
  {
    request: {
      topics: arrayOf('0+', CreatableTopic),
      timeoutMs: int32('0+', { default: 60000 }),
      validateOnly: bool('1+'),
    },
    response: {
      throttleTimeMs: int32('2+'),
      topics: arrayOf('0+', CreatableTopicResult),
    },
  },
);
export type CreateTopicsRequest = Decoded<typeof CreateTopics.request.struct>;
export type CreateTopicsRequestInput = Input<typeof CreateTopics.request.struct>;
export type CreateTopicsResponse = Decoded<typeof CreateTopics.response.struct>;
export type CreateTopicsResponseInput = Input<typeof CreateTopics.response.struct>;

export const DeleteTopicState = struct({
  name: string('6+', { nullable: '6+', default: null }),
  topicId: uuid('6+'),
});
export type DeleteTopicState = Decoded<typeof DeleteTopicState>;
export type DeleteTopicStateInput = Input<typeof DeleteTopicState>;

export const DeletableTopicResult = struct({
  name: string('0+', { nullable: '6+' }),
  topicId: uuid('6+'),
  errorCode: int16('0+'),
  errorMessage: string('5+', { nullable: '5+', default: null }),
});
export type DeletableTopicResult = Decoded<typeof DeletableTopicResult>;
export type DeletableTopicResultInput = Input<typeof DeletableTopicResult>;

export const DeleteTopics = api(
  'DeleteTopics',
  20,
  { versions: '1-6', flexible: '4+', advertise: '1-6' },
  {
    request: {
      topics: arrayOf('6+', DeleteTopicState),
      topicNames: arrayOf('0-5', 'string'),
      timeoutMs: int32('0+'),
    },
    response: {
      throttleTimeMs: int32('1+'),
      responses: arrayOf('0+', DeletableTopicResult),
    },
  },
);
export type DeleteTopicsRequest = Decoded<typeof DeleteTopics.request.struct>;
export type DeleteTopicsRequestInput = Input<typeof DeleteTopics.request.struct>;
export type DeleteTopicsResponse = Decoded<typeof DeleteTopics.response.struct>;
export type DeleteTopicsResponseInput = Input<typeof DeleteTopics.response.struct>;

export const CreatePartitionsAssignment = struct({
  brokerIds: arrayOf('0+', 'int32'),
});
export type CreatePartitionsAssignment = Decoded<typeof CreatePartitionsAssignment>;
export type CreatePartitionsAssignmentInput = Input<typeof CreatePartitionsAssignment>;

export const CreatePartitionsTopic = struct({
  name: string('0+'),
  count: int32('0+'),
  assignments: arrayOf('0+', CreatePartitionsAssignment, { nullable: '0+' }),
});
export type CreatePartitionsTopic = Decoded<typeof CreatePartitionsTopic>;
export type CreatePartitionsTopicInput = Input<typeof CreatePartitionsTopic>;

export const CreatePartitionsTopicResult = struct({
  name: string('0+'),
  errorCode: int16('0+'),
  errorMessage: string('0+', { nullable: '0+', default: null }),
});
export type CreatePartitionsTopicResult = Decoded<typeof CreatePartitionsTopicResult>;
export type CreatePartitionsTopicResultInput = Input<typeof CreatePartitionsTopicResult>;

export const CreatePartitions = api(
  'CreatePartitions',
  37,
  { versions: '0-3', flexible: '2+', advertise: '0-3' },
  {
    request: {
      topics: arrayOf('0+', CreatePartitionsTopic),
      timeoutMs: int32('0+'),
      validateOnly: bool('0+'),
    },
    response: {
      throttleTimeMs: int32('0+'),
      results: arrayOf('0+', CreatePartitionsTopicResult),
    },
  },
);
export type CreatePartitionsRequest = Decoded<typeof CreatePartitions.request.struct>;
export type CreatePartitionsRequestInput = Input<typeof CreatePartitions.request.struct>;
export type CreatePartitionsResponse = Decoded<typeof CreatePartitions.response.struct>;
export type CreatePartitionsResponseInput = Input<typeof CreatePartitions.response.struct>;

export const DeleteRecordsPartition = struct({
  partitionIndex: int32('0+'),
  offset: int64('0+'),
});
export type DeleteRecordsPartition = Decoded<typeof DeleteRecordsPartition>;
export type DeleteRecordsPartitionInput = Input<typeof DeleteRecordsPartition>;

export const DeleteRecordsTopic = struct({
  name: string('0+'),
  partitions: arrayOf('0+', DeleteRecordsPartition),
});
export type DeleteRecordsTopic = Decoded<typeof DeleteRecordsTopic>;
export type DeleteRecordsTopicInput = Input<typeof DeleteRecordsTopic>;

export const DeleteRecordsPartitionResult = struct({
  partitionIndex: int32('0+'),
  lowWatermark: int64('0+'),
  errorCode: int16('0+'),
});
export type DeleteRecordsPartitionResult = Decoded<typeof DeleteRecordsPartitionResult>;
export type DeleteRecordsPartitionResultInput = Input<typeof DeleteRecordsPartitionResult>;

export const DeleteRecordsTopicResult = struct({
  name: string('0+'),
  partitions: arrayOf('0+', DeleteRecordsPartitionResult),
});
export type DeleteRecordsTopicResult = Decoded<typeof DeleteRecordsTopicResult>;
export type DeleteRecordsTopicResultInput = Input<typeof DeleteRecordsTopicResult>;

export const DeleteRecords = api(
  'DeleteRecords',
  21,
  { versions: '0-2', flexible: '2+', advertise: '0-2' },
  {
    request: {
      topics: arrayOf('0+', DeleteRecordsTopic),
      timeoutMs: int32('0+'),
    },
    response: {
      throttleTimeMs: int32('0+'),
      topics: arrayOf('0+', DeleteRecordsTopicResult),
    },
  },
);
export type DeleteRecordsRequest = Decoded<typeof DeleteRecords.request.struct>;
export type DeleteRecordsRequestInput = Input<typeof DeleteRecords.request.struct>;
export type DeleteRecordsResponse = Decoded<typeof DeleteRecords.response.struct>;
export type DeleteRecordsResponseInput = Input<typeof DeleteRecords.response.struct>;
