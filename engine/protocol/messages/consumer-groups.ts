import {
  api,
  arrayOf,
  bool,
  type Decoded,
  type Input,
  int8,
  int16,
  int32,
  string,
  struct,
  structOf,
  uuid,
} from '../schema.js';

/* Groups of the newer protocol, whose assignment the broker makes (KIP-848). */

export const ConsumerGroupHeartbeatTopicPartitions = struct({
  topicId: uuid('0+'),
  partitions: arrayOf('0+', 'int32'),
});
export type ConsumerGroupHeartbeatTopicPartitions = Decoded<
  typeof ConsumerGroupHeartbeatTopicPartitions
>;
export type ConsumerGroupHeartbeatTopicPartitionsInput = Input<
  typeof ConsumerGroupHeartbeatTopicPartitions
>;

export const ConsumerGroupHeartbeatAssignment = struct({
  topicPartitions: arrayOf('0+', ConsumerGroupHeartbeatTopicPartitions),
});
export type ConsumerGroupHeartbeatAssignment = Decoded<typeof ConsumerGroupHeartbeatAssignment>;
export type ConsumerGroupHeartbeatAssignmentInput = Input<typeof ConsumerGroupHeartbeatAssignment>;

export const ConsumerGroupHeartbeat = api(
  'ConsumerGroupHeartbeat',
  68,
  { versions: '0-1', flexible: '0+' },
  {
    request: {
      groupId: string('0+'),
      memberId: string('0+'),
      memberEpoch: int32('0+'),
      instanceId: string('0+', { nullable: '0+', default: null }),
      rackId: string('0+', { nullable: '0+', default: null }),
      rebalanceTimeoutMs: int32('0+', { default: -1 }),
      subscribedTopicNames: arrayOf('0+', 'string', { nullable: '0+', default: null }),
      subscribedTopicRegex: string('1+', { nullable: '1+', default: null }),
      serverAssignor: string('0+', { nullable: '0+', default: null }),
      topicPartitions: arrayOf('0+', ConsumerGroupHeartbeatTopicPartitions, {
        nullable: '0+',
        default: null,
      }),
    },
    response: {
      throttleTimeMs: int32('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+', default: null }),
      memberId: string('0+', { nullable: '0+', default: null }),
      memberEpoch: int32('0+'),
      heartbeatIntervalMs: int32('0+'),
      assignment: structOf('0+', ConsumerGroupHeartbeatAssignment, {
        nullable: '0+',
        default: null,
      }),
    },
  },
);
export type ConsumerGroupHeartbeatRequest = Decoded<typeof ConsumerGroupHeartbeat.request.struct>;
export type ConsumerGroupHeartbeatRequestInput = Input<
  typeof ConsumerGroupHeartbeat.request.struct
>;
export type ConsumerGroupHeartbeatResponse = Decoded<typeof ConsumerGroupHeartbeat.response.struct>;
export type ConsumerGroupHeartbeatResponseInput = Input<
  typeof ConsumerGroupHeartbeat.response.struct
>;

export const ConsumerGroupDescribeTopicPartitions = struct({
  topicId: uuid('0+'),
  topicName: string('0+'),
  partitions: arrayOf('0+', 'int32'),
});
export type ConsumerGroupDescribeTopicPartitions = Decoded<
  typeof ConsumerGroupDescribeTopicPartitions
>;
export type ConsumerGroupDescribeTopicPartitionsInput = Input<
  typeof ConsumerGroupDescribeTopicPartitions
>;

export const ConsumerGroupDescribeAssignment = struct({
  topicPartitions: arrayOf('0+', ConsumerGroupDescribeTopicPartitions),
});
export type ConsumerGroupDescribeAssignment = Decoded<typeof ConsumerGroupDescribeAssignment>;
export type ConsumerGroupDescribeAssignmentInput = Input<typeof ConsumerGroupDescribeAssignment>;

export const Member = struct({
  memberId: string('0+'),
  instanceId: string('0+', { nullable: '0+', default: null }),
  rackId: string('0+', { nullable: '0+', default: null }),
  memberEpoch: int32('0+'),
  clientId: string('0+'),
  clientHost: string('0+'),
  subscribedTopicNames: arrayOf('0+', 'string'),
  subscribedTopicRegex: string('0+', { nullable: '0+', default: null }),
  assignment: structOf('0+', ConsumerGroupDescribeAssignment),
  targetAssignment: structOf('0+', ConsumerGroupDescribeAssignment),
  memberType: int8('1+', { default: -1 }),
});
export type Member = Decoded<typeof Member>;
export type MemberInput = Input<typeof Member>;

export const ConsumerGroupDescribeDescribedGroup = struct({
  errorCode: int16('0+'),
  errorMessage: string('0+', { nullable: '0+', default: null }),
  groupId: string('0+'),
  groupState: string('0+'),
  groupEpoch: int32('0+'),
  assignmentEpoch: int32('0+'),
  assignorName: string('0+'),
  members: arrayOf('0+', Member),
  authorizedOperations: int32('0+', { default: -2147483648 }),
});
export type ConsumerGroupDescribeDescribedGroup = Decoded<
  typeof ConsumerGroupDescribeDescribedGroup
>;
export type ConsumerGroupDescribeDescribedGroupInput = Input<
  typeof ConsumerGroupDescribeDescribedGroup
>;

export const ConsumerGroupDescribe = api(
  'ConsumerGroupDescribe',
  69,
  { versions: '0-1', flexible: '0+' },
  {
    request: {
      groupIds: arrayOf('0+', 'string'),
      includeAuthorizedOperations: bool('0+'),
    },
    response: {
      throttleTimeMs: int32('0+'),
      groups: arrayOf('0+', ConsumerGroupDescribeDescribedGroup),
    },
  },
);
export type ConsumerGroupDescribeRequest = Decoded<typeof ConsumerGroupDescribe.request.struct>;
export type ConsumerGroupDescribeRequestInput = Input<typeof ConsumerGroupDescribe.request.struct>;
export type ConsumerGroupDescribeResponse = Decoded<typeof ConsumerGroupDescribe.response.struct>;
export type ConsumerGroupDescribeResponseInput = Input<
  typeof ConsumerGroupDescribe.response.struct
>;
