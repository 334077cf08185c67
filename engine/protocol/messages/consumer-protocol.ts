import {
  arrayOf,
  bytes,
  type Decoded,
  type Input,
  int32,
  stored,
  string,
  struct,
} from '../schema.js';

/* What consumers of a classic group tell each other through the coordinator, which does not look inside. Each begins with its version. */

export const ConsumerProtocolTopicPartition = struct({
  topic: string('0+'),
  partitions: arrayOf('0+', 'int32'),
});
export type ConsumerProtocolTopicPartition = Decoded<typeof ConsumerProtocolTopicPartition>;
export type TopicPartitionInput = Input<typeof ConsumerProtocolTopicPartition>;

export const ConsumerProtocolSubscription = stored(
  'ConsumerProtocolSubscription',
  { versions: '0-3', flexible: 'none' },
  {
    topics: arrayOf('0+', 'string'),
    userData: bytes('0+', { nullable: '0+', default: null }),
    ownedPartitions: arrayOf('1+', ConsumerProtocolTopicPartition),
    generationId: int32('2+', { default: -1 }),
    rackId: string('3+', { nullable: '3+', default: null }),
  },
);
export type ConsumerProtocolSubscription = Decoded<typeof ConsumerProtocolSubscription.struct>;
export type ConsumerProtocolSubscriptionInput = Input<typeof ConsumerProtocolSubscription.struct>;

export const ConsumerProtocolAssignment = stored(
  'ConsumerProtocolAssignment',
  { versions: '0-3', flexible: 'none' },
  {
    assignedPartitions: arrayOf('0+', ConsumerProtocolTopicPartition),
    userData: bytes('0+', { nullable: '0+', default: null }),
  },
);
export type ConsumerProtocolAssignment = Decoded<typeof ConsumerProtocolAssignment.struct>;
export type ConsumerProtocolAssignmentInput = Input<typeof ConsumerProtocolAssignment.struct>;

/**
 * What the sticky assignor adds as user data: the partitions that the member had, and when. It has no
 * version in front: a reader tries 1, then 0.
 */
export const StickyAssignorUserData = stored(
  'StickyAssignorUserData',
  { versions: '0-1', flexible: 'none' },
  {
    previousAssignment: arrayOf('0+', ConsumerProtocolTopicPartition),
    generation: int32('1+', { default: -1 }),
  },
);
export type StickyAssignorUserData = Decoded<typeof StickyAssignorUserData.struct>;
export type StickyAssignorUserDataInput = Input<typeof StickyAssignorUserData.struct>;

/** The same of the cooperative sticky assignor: what a member owns is in its subscription. */
export const CooperativeStickyAssignorUserData = stored(
  'CooperativeStickyAssignorUserData',
  { versions: '0', flexible: 'none' },
  { generation: int32('0+', { default: -1 }) },
);
export type CooperativeStickyAssignorUserData = Decoded<
  typeof CooperativeStickyAssignorUserData.struct
>;
export type CooperativeStickyAssignorUserDataInput = Input<
  typeof CooperativeStickyAssignorUserData.struct
>;
