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

/* Replicas, their leaders and their disks. */

export const DescribableLogDirTopic = struct({
  topic: string('0+'),
  partitions: arrayOf('0+', 'int32'),
});
export type DescribableLogDirTopic = Decoded<typeof DescribableLogDirTopic>;
export type DescribableLogDirTopicInput = Input<typeof DescribableLogDirTopic>;

export const DescribeLogDirsPartition = struct({
  partitionIndex: int32('0+'),
  partitionSize: int64('0+'),
  offsetLag: int64('0+'),
  isFutureKey: bool('0+'),
});
export type DescribeLogDirsPartition = Decoded<typeof DescribeLogDirsPartition>;
export type DescribeLogDirsPartitionInput = Input<typeof DescribeLogDirsPartition>;

export const DescribeLogDirsTopic = struct({
  name: string('0+'),
  partitions: arrayOf('0+', DescribeLogDirsPartition),
});
export type DescribeLogDirsTopic = Decoded<typeof DescribeLogDirsTopic>;
export type DescribeLogDirsTopicInput = Input<typeof DescribeLogDirsTopic>;

export const DescribeLogDirsResult = struct({
  errorCode: int16('0+'),
  logDir: string('0+'),
  topics: arrayOf('0+', DescribeLogDirsTopic),
  totalBytes: int64('4+', { default: -1 }),
  usableBytes: int64('4+', { default: -1 }),
});
export type DescribeLogDirsResult = Decoded<typeof DescribeLogDirsResult>;
export type DescribeLogDirsResultInput = Input<typeof DescribeLogDirsResult>;

export const DescribeLogDirs = api(
  'DescribeLogDirs',
  35,
  { versions: '1-4', flexible: '2+', advertise: '1-4' },
  {
    request: {
      topics: arrayOf('0+', DescribableLogDirTopic, { nullable: '0+' }),
    },
    response: {
      throttleTimeMs: int32('0+'),
      errorCode: int16('3+'),
      results: arrayOf('0+', DescribeLogDirsResult),
    },
  },
);
export type DescribeLogDirsRequest = Decoded<typeof DescribeLogDirs.request.struct>;
export type DescribeLogDirsRequestInput = Input<typeof DescribeLogDirs.request.struct>;
export type DescribeLogDirsResponse = Decoded<typeof DescribeLogDirs.response.struct>;
export type DescribeLogDirsResponseInput = Input<typeof DescribeLogDirs.response.struct>;

export const DescribeProducersTopicRequest = struct({
  name: string('0+'),
  partitionIndexes: arrayOf('0+', 'int32'),
});
export type DescribeProducersTopicRequest = Decoded<typeof DescribeProducersTopicRequest>;
export type DescribeProducersTopicRequestInput = Input<typeof DescribeProducersTopicRequest>;

export const ProducerState = struct({
  producerId: int64('0+'),
  producerEpoch: int32('0+'),
  lastSequence: int32('0+', { default: -1 }),
  lastTimestamp: int64('0+', { default: -1 }),
  coordinatorEpoch: int32('0+'),
  currentTxnStartOffset: int64('0+', { default: -1 }),
});
export type ProducerState = Decoded<typeof ProducerState>;
export type ProducerStateInput = Input<typeof ProducerState>;

export const PartitionResponse = struct({
  partitionIndex: int32('0+'),
  errorCode: int16('0+'),
  errorMessage: string('0+', { nullable: '0+', default: null }),
  activeProducers: arrayOf('0+', ProducerState),
});
export type PartitionResponse = Decoded<typeof PartitionResponse>;
export type PartitionResponseInput = Input<typeof PartitionResponse>;

export const TopicResponse = struct({
  name: string('0+'),
  partitions: arrayOf('0+', PartitionResponse),
});
export type TopicResponse = Decoded<typeof TopicResponse>;
export type TopicResponseInput = Input<typeof TopicResponse>;

export const DescribeProducers = api(
  'DescribeProducers',
  61,
  { versions: '0', flexible: '0+', advertise: '0' },
  {
    request: {
      topics: arrayOf('0+', DescribeProducersTopicRequest),
    },
    response: {
      throttleTimeMs: int32('0+'),
      topics: arrayOf('0+', TopicResponse),
    },
  },
);
export type DescribeProducersRequest = Decoded<typeof DescribeProducers.request.struct>;
export type DescribeProducersRequestInput = Input<typeof DescribeProducers.request.struct>;
export type DescribeProducersResponse = Decoded<typeof DescribeProducers.response.struct>;
export type DescribeProducersResponseInput = Input<typeof DescribeProducers.response.struct>;

export const ElectLeadersTopicPartitions = struct({
  topic: string('0+'),
  partitions: arrayOf('0+', 'int32'),
});
export type ElectLeadersTopicPartitions = Decoded<typeof ElectLeadersTopicPartitions>;
export type ElectLeadersTopicPartitionsInput = Input<typeof ElectLeadersTopicPartitions>;

export const PartitionResult = struct({
  partitionId: int32('0+'),
  errorCode: int16('0+'),
  errorMessage: string('0+', { nullable: '0+', default: null }),
});
export type PartitionResult = Decoded<typeof PartitionResult>;
export type PartitionResultInput = Input<typeof PartitionResult>;

export const ReplicaElectionResult = struct({
  topic: string('0+'),
  partitionResult: arrayOf('0+', PartitionResult),
});
export type ReplicaElectionResult = Decoded<typeof ReplicaElectionResult>;
export type ReplicaElectionResultInput = Input<typeof ReplicaElectionResult>;

export const ElectLeaders = api(
  'ElectLeaders',
  43,
  { versions: '0-2', flexible: '2+', advertise: '0-2' },
  {
    request: {
      electionType: int8('1+'),
      topicPartitions: arrayOf('0+', ElectLeadersTopicPartitions, { nullable: '0+' }),
      timeoutMs: int32('0+', { default: 60000 }),
    },
    response: {
      throttleTimeMs: int32('0+'),
      errorCode: int16('1+'),
      replicaElectionResults: arrayOf('0+', ReplicaElectionResult),
    },
  },
);
export type ElectLeadersRequest = Decoded<typeof ElectLeaders.request.struct>;
export type ElectLeadersRequestInput = Input<typeof ElectLeaders.request.struct>;
export type ElectLeadersResponse = Decoded<typeof ElectLeaders.response.struct>;
export type ElectLeadersResponseInput = Input<typeof ElectLeaders.response.struct>;

export const BrokerState = struct({
  brokerId: int32('3+'),
  brokerEpoch: int64('3+', { default: -1 }),
});
export type BrokerState = Decoded<typeof BrokerState>;
export type BrokerStateInput = Input<typeof BrokerState>;

export const AlterPartitionRequestPartitionData = struct({
  partitionIndex: int32('0+'),
  leaderEpoch: int32('0+'),
  newIsr: arrayOf('0-2', 'int32'),
  newIsrWithEpochs: arrayOf('3+', BrokerState),
  leaderRecoveryState: int8('1+'),
  partitionEpoch: int32('0+'),
});
export type AlterPartitionRequestPartitionData = Decoded<typeof AlterPartitionRequestPartitionData>;
export type AlterPartitionRequestPartitionDataInput = Input<
  typeof AlterPartitionRequestPartitionData
>;

export const AlterPartitionRequestTopicData = struct({
  topicId: uuid('2+'),
  partitions: arrayOf('0+', AlterPartitionRequestPartitionData),
});
export type AlterPartitionRequestTopicData = Decoded<typeof AlterPartitionRequestTopicData>;
export type AlterPartitionRequestTopicDataInput = Input<typeof AlterPartitionRequestTopicData>;

export const AlterPartitionResponsePartitionData = struct({
  partitionIndex: int32('0+'),
  errorCode: int16('0+'),
  leaderId: int32('0+'),
  leaderEpoch: int32('0+'),
  isr: arrayOf('0+', 'int32'),
  leaderRecoveryState: int8('1+'),
  partitionEpoch: int32('0+'),
});
export type AlterPartitionResponsePartitionData = Decoded<
  typeof AlterPartitionResponsePartitionData
>;
export type AlterPartitionResponsePartitionDataInput = Input<
  typeof AlterPartitionResponsePartitionData
>;

export const AlterPartitionResponseTopicData = struct({
  topicId: uuid('2+'),
  partitions: arrayOf('0+', AlterPartitionResponsePartitionData),
});
export type AlterPartitionResponseTopicData = Decoded<typeof AlterPartitionResponseTopicData>;
export type AlterPartitionResponseTopicDataInput = Input<typeof AlterPartitionResponseTopicData>;

export const AlterPartition = api(
  'AlterPartition',
  56,
  { versions: '2-3', flexible: '0+' },
  {
    request: {
      brokerId: int32('0+'),
      brokerEpoch: int64('0+', { default: -1 }),
      topics: arrayOf('0+', AlterPartitionRequestTopicData),
    },
    response: {
      throttleTimeMs: int32('0+'),
      errorCode: int16('0+'),
      topics: arrayOf('0+', AlterPartitionResponseTopicData),
    },
  },
);
export type AlterPartitionRequest = Decoded<typeof AlterPartition.request.struct>;
export type AlterPartitionRequestInput = Input<typeof AlterPartition.request.struct>;
export type AlterPartitionResponse = Decoded<typeof AlterPartition.response.struct>;
export type AlterPartitionResponseInput = Input<typeof AlterPartition.response.struct>;

export const ReassignablePartition = struct({
  partitionIndex: int32('0+'),
  /** Null ends a reassignment that is under way. */
  replicas: arrayOf('0+', 'int32', { nullable: '0+', default: null }),
});
export type ReassignablePartition = Decoded<typeof ReassignablePartition>;
export type ReassignablePartitionInput = Input<typeof ReassignablePartition>;

export const ReassignableTopic = struct({
  name: string('0+'),
  partitions: arrayOf('0+', ReassignablePartition),
});
export type ReassignableTopic = Decoded<typeof ReassignableTopic>;
export type ReassignableTopicInput = Input<typeof ReassignableTopic>;

export const ReassignablePartitionResponse = struct({
  partitionIndex: int32('0+'),
  errorCode: int16('0+'),
  errorMessage: string('0+', { nullable: '0+', default: null }),
});
export type ReassignablePartitionResponse = Decoded<typeof ReassignablePartitionResponse>;
export type ReassignablePartitionResponseInput = Input<typeof ReassignablePartitionResponse>;

export const ReassignableTopicResponse = struct({
  name: string('0+'),
  partitions: arrayOf('0+', ReassignablePartitionResponse),
});
export type ReassignableTopicResponse = Decoded<typeof ReassignableTopicResponse>;
export type ReassignableTopicResponseInput = Input<typeof ReassignableTopicResponse>;

export const AlterPartitionReassignments = api(
  'AlterPartitionReassignments',
  45,
  { versions: '0', flexible: '0+', advertise: '0' },
  {
    request: {
      timeoutMs: int32('0+', { default: 60000 }),
      topics: arrayOf('0+', ReassignableTopic),
    },
    response: {
      throttleTimeMs: int32('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+', default: null }),
      responses: arrayOf('0+', ReassignableTopicResponse),
    },
  },
);
export type AlterPartitionReassignmentsRequest = Decoded<
  typeof AlterPartitionReassignments.request.struct
>;
export type AlterPartitionReassignmentsRequestInput = Input<
  typeof AlterPartitionReassignments.request.struct
>;
export type AlterPartitionReassignmentsResponse = Decoded<
  typeof AlterPartitionReassignments.response.struct
>;
export type AlterPartitionReassignmentsResponseInput = Input<
  typeof AlterPartitionReassignments.response.struct
>;

export const ListPartitionReassignmentsTopics = struct({
  name: string('0+'),
  partitionIndexes: arrayOf('0+', 'int32'),
});
export type ListPartitionReassignmentsTopics = Decoded<typeof ListPartitionReassignmentsTopics>;
export type ListPartitionReassignmentsTopicsInput = Input<typeof ListPartitionReassignmentsTopics>;

export const OngoingPartitionReassignment = struct({
  partitionIndex: int32('0+'),
  replicas: arrayOf('0+', 'int32'),
  addingReplicas: arrayOf('0+', 'int32'),
  removingReplicas: arrayOf('0+', 'int32'),
});
export type OngoingPartitionReassignment = Decoded<typeof OngoingPartitionReassignment>;
export type OngoingPartitionReassignmentInput = Input<typeof OngoingPartitionReassignment>;

export const OngoingTopicReassignment = struct({
  name: string('0+'),
  partitions: arrayOf('0+', OngoingPartitionReassignment),
});
export type OngoingTopicReassignment = Decoded<typeof OngoingTopicReassignment>;
export type OngoingTopicReassignmentInput = Input<typeof OngoingTopicReassignment>;

export const ListPartitionReassignments = api(
  'ListPartitionReassignments',
  46,
  { versions: '0', flexible: '0+', advertise: '0' },
  {
    request: {
      timeoutMs: int32('0+', { default: 60000 }),
      /** Null asks for all. */
      topics: arrayOf('0+', ListPartitionReassignmentsTopics, { nullable: '0+', default: null }),
    },
    response: {
      throttleTimeMs: int32('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+', default: null }),
      topics: arrayOf('0+', OngoingTopicReassignment),
    },
  },
);
export type ListPartitionReassignmentsRequest = Decoded<
  typeof ListPartitionReassignments.request.struct
>;
export type ListPartitionReassignmentsRequestInput = Input<
  typeof ListPartitionReassignments.request.struct
>;
export type ListPartitionReassignmentsResponse = Decoded<
  typeof ListPartitionReassignments.response.struct
>;
export type ListPartitionReassignmentsResponseInput = Input<
  typeof ListPartitionReassignments.response.struct
>;
