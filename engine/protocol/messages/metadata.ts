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
  structOf,
  uuid,
} from '../schema.js';

/* What a broker can do, and who leads what. */

export const ApiVersion = struct({
  apiKey: int16('0+'),
  minVersion: int16('0+'),
  maxVersion: int16('0+'),
});
export type ApiVersion = Decoded<typeof ApiVersion>;
export type ApiVersionInput = Input<typeof ApiVersion>;

export const SupportedFeatureKey = struct({
  name: string('3+'),
  minVersion: int16('3+'),
  maxVersion: int16('3+'),
});
export type SupportedFeatureKey = Decoded<typeof SupportedFeatureKey>;
export type SupportedFeatureKeyInput = Input<typeof SupportedFeatureKey>;

export const FinalizedFeatureKey = struct({
  name: string('3+'),
  maxVersionLevel: int16('3+'),
  minVersionLevel: int16('3+'),
});
export type FinalizedFeatureKey = Decoded<typeof FinalizedFeatureKey>;
export type FinalizedFeatureKeyInput = Input<typeof FinalizedFeatureKey>;

export const ApiVersions = api(
  'ApiVersions',
  18,
  { versions: '0-4', flexible: '3+', advertise: '0-4' },
  {
    request: {
      clientSoftwareName: string('3+'),
      clientSoftwareVersion: string('3+'),
    },
    response: {
      errorCode: int16('0+'),
      apiKeys: arrayOf('0+', ApiVersion),
      throttleTimeMs: int32('1+'),
      supportedFeatures: arrayOf('3+', SupportedFeatureKey, { tag: 0 }),
      finalizedFeaturesEpoch: int64('3+', { tag: 1, default: -1 }),
      finalizedFeatures: arrayOf('3+', FinalizedFeatureKey, { tag: 2 }),
      zkMigrationReady: bool('3+', { tag: 3 }),
    },
  },
);
export type ApiVersionsRequest = Decoded<typeof ApiVersions.request.struct>;
export type ApiVersionsRequestInput = Input<typeof ApiVersions.request.struct>;
export type ApiVersionsResponse = Decoded<typeof ApiVersions.response.struct>;
export type ApiVersionsResponseInput = Input<typeof ApiVersions.response.struct>;

export const MetadataRequestTopic = struct({
  topicId: uuid('10+'),
  name: string('0+', { nullable: '10+' }),
});
export type MetadataRequestTopic = Decoded<typeof MetadataRequestTopic>;
export type MetadataRequestTopicInput = Input<typeof MetadataRequestTopic>;

export const MetadataResponseBroker = struct({
  nodeId: int32('0+'),
  host: string('0+'),
  port: int32('0+'),
  rack: string('1+', { nullable: '1+', default: null }),
});
export type MetadataResponseBroker = Decoded<typeof MetadataResponseBroker>;
export type MetadataResponseBrokerInput = Input<typeof MetadataResponseBroker>;

export const MetadataResponsePartition = struct({
  errorCode: int16('0+'),
  partitionIndex: int32('0+'),
  leaderId: int32('0+'),
  leaderEpoch: int32('7+', { default: -1 }),
  replicaNodes: arrayOf('0+', 'int32'),
  isrNodes: arrayOf('0+', 'int32'),
  offlineReplicas: arrayOf('5+', 'int32'),
});
export type MetadataResponsePartition = Decoded<typeof MetadataResponsePartition>;
export type MetadataResponsePartitionInput = Input<typeof MetadataResponsePartition>;

export const MetadataResponseTopic = struct({
  errorCode: int16('0+'),
  name: string('0+', { nullable: '12+' }),
  topicId: uuid('10+'),
  isInternal: bool('1+'),
  partitions: arrayOf('0+', MetadataResponsePartition),
  topicAuthorizedOperations: int32('8+', { default: -2147483648 }),
});
export type MetadataResponseTopic = Decoded<typeof MetadataResponseTopic>;
export type MetadataResponseTopicInput = Input<typeof MetadataResponseTopic>;

export const Metadata = api(
  'Metadata',
  3,
  { versions: '0-13', flexible: '9+', advertise: '0-13' },
  {
    request: {
      topics: arrayOf('0+', MetadataRequestTopic, { nullable: '1+' }),
      allowAutoTopicCreation: bool('4+', { default: true }),
      includeClusterAuthorizedOperations: bool('8-10'),
      includeTopicAuthorizedOperations: bool('8+'),
    },
    response: {
      throttleTimeMs: int32('3+'),
      brokers: arrayOf('0+', MetadataResponseBroker),
      clusterId: string('2+', { nullable: '2+', default: null }),
      controllerId: int32('1+', { default: -1 }),
      topics: arrayOf('0+', MetadataResponseTopic),
      clusterAuthorizedOperations: int32('8-10', { default: -2147483648 }),
      errorCode: int16('13+'),
    },
  },
);
export type MetadataRequest = Decoded<typeof Metadata.request.struct>;
export type MetadataRequestInput = Input<typeof Metadata.request.struct>;
export type MetadataResponse = Decoded<typeof Metadata.response.struct>;
export type MetadataResponseInput = Input<typeof Metadata.response.struct>;

export const DescribeClusterBroker = struct({
  brokerId: int32('0+'),
  host: string('0+'),
  port: int32('0+'),
  rack: string('0+', { nullable: '0+', default: null }),
  isFenced: bool('2+'),
});
export type DescribeClusterBroker = Decoded<typeof DescribeClusterBroker>;
export type DescribeClusterBrokerInput = Input<typeof DescribeClusterBroker>;

export const DescribeCluster = api(
  'DescribeCluster',
  60,
  { versions: '0-2', flexible: '0+', advertise: '0-1' },
  {
    request: {
      includeClusterAuthorizedOperations: bool('0+'),
      endpointType: int8('1+', { default: 1 }),
      includeFencedBrokers: bool('2+'),
    },
    response: {
      throttleTimeMs: int32('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+', default: null }),
      endpointType: int8('1+', { default: 1 }),
      clusterId: string('0+'),
      controllerId: int32('0+', { default: -1 }),
      brokers: arrayOf('0+', DescribeClusterBroker),
      clusterAuthorizedOperations: int32('0+', { default: -2147483648 }),
    },
  },
);
export type DescribeClusterRequest = Decoded<typeof DescribeCluster.request.struct>;
export type DescribeClusterRequestInput = Input<typeof DescribeCluster.request.struct>;
export type DescribeClusterResponse = Decoded<typeof DescribeCluster.response.struct>;
export type DescribeClusterResponseInput = Input<typeof DescribeCluster.response.struct>;

export const DescribeTopicPartitionsTopicRequest = struct({
  name: string('0+'),
});
export type DescribeTopicPartitionsTopicRequest = Decoded<
  typeof DescribeTopicPartitionsTopicRequest
>;
export type DescribeTopicPartitionsTopicRequestInput = Input<
  typeof DescribeTopicPartitionsTopicRequest
>;

export const Cursor = struct({
  topicName: string('0+'),
  partitionIndex: int32('0+'),
});
export type Cursor = Decoded<typeof Cursor>;
export type CursorInput = Input<typeof Cursor>;

export const DescribeTopicPartitionsResponsePartition = struct({
  errorCode: int16('0+'),
  partitionIndex: int32('0+'),
  leaderId: int32('0+'),
  leaderEpoch: int32('0+', { default: -1 }),
  replicaNodes: arrayOf('0+', 'int32'),
  isrNodes: arrayOf('0+', 'int32'),
  eligibleLeaderReplicas: arrayOf('0+', 'int32', { nullable: '0+', default: null }),
  lastKnownElr: arrayOf('0+', 'int32', { nullable: '0+', default: null }),
  offlineReplicas: arrayOf('0+', 'int32'),
});
export type DescribeTopicPartitionsResponsePartition = Decoded<
  typeof DescribeTopicPartitionsResponsePartition
>;
export type DescribeTopicPartitionsResponsePartitionInput = Input<
  typeof DescribeTopicPartitionsResponsePartition
>;

export const DescribeTopicPartitionsResponseTopic = struct({
  errorCode: int16('0+'),
  name: string('0+', { nullable: '0+' }),
  topicId: uuid('0+'),
  isInternal: bool('0+'),
  partitions: arrayOf('0+', DescribeTopicPartitionsResponsePartition),
  topicAuthorizedOperations: int32('0+', { default: -2147483648 }),
});
export type DescribeTopicPartitionsResponseTopic = Decoded<
  typeof DescribeTopicPartitionsResponseTopic
>;
export type DescribeTopicPartitionsResponseTopicInput = Input<
  typeof DescribeTopicPartitionsResponseTopic
>;

export const DescribeTopicPartitions = api(
  'DescribeTopicPartitions',
  75,
  { versions: '0', flexible: '0+', advertise: '0' },
  {
    request: {
      topics: arrayOf('0+', DescribeTopicPartitionsTopicRequest),
      responsePartitionLimit: int32('0+', { default: 2000 }),
      cursor: structOf('0+', Cursor, { nullable: '0+', default: null }),
    },
    response: {
      throttleTimeMs: int32('0+'),
      topics: arrayOf('0+', DescribeTopicPartitionsResponseTopic),
      nextCursor: structOf('0+', Cursor, { nullable: '0+', default: null }),
    },
  },
);
export type DescribeTopicPartitionsRequest = Decoded<typeof DescribeTopicPartitions.request.struct>;
export type DescribeTopicPartitionsRequestInput = Input<
  typeof DescribeTopicPartitions.request.struct
>;
export type DescribeTopicPartitionsResponse = Decoded<
  typeof DescribeTopicPartitions.response.struct
>;
export type DescribeTopicPartitionsResponseInput = Input<
  typeof DescribeTopicPartitions.response.struct
>;
