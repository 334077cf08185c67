import {
  arrayOf,
  bytes,
  type Decoded,
  type Input,
  int32,
  int64,
  stored,
  string,
  struct,
  uuid,
} from '../schema.js';

/*
 * Records of `__consumer_offsets`. The version in front of a key tells its kind: 0 and 1 a committed
 * offset, 2 a group; more belong to the newer protocol. A value has versions of its own, and null in its
 * place removes what the key stands for.
 */

export const OffsetCommitKey = stored(
  'OffsetCommitKey',
  { versions: '0-1', flexible: 'none' },
  {
    group: string('0+'),
    topic: string('0+'),
    partition: int32('0+'),
  },
);
export type OffsetCommitKey = Decoded<typeof OffsetCommitKey.struct>;
export type OffsetCommitKeyInput = Input<typeof OffsetCommitKey.struct>;

export const OffsetCommitValue = stored(
  'OffsetCommitValue',
  { versions: '0-4', flexible: '4+' },
  {
    offset: int64('0+'),
    leaderEpoch: int32('3+', { default: -1 }),
    metadata: string('0+'),
    commitTimestamp: int64('0+'),
    expireTimestamp: int64('1', { default: -1 }),
    topicId: uuid('4+', { tag: 0 }),
  },
);
export type OffsetCommitValue = Decoded<typeof OffsetCommitValue.struct>;
export type OffsetCommitValueInput = Input<typeof OffsetCommitValue.struct>;

export const GroupMetadataKey = stored(
  'GroupMetadataKey',
  { versions: '2', flexible: 'none' },
  {
    group: string('2+'),
  },
);
export type GroupMetadataKey = Decoded<typeof GroupMetadataKey.struct>;
export type GroupMetadataKeyInput = Input<typeof GroupMetadataKey.struct>;

export const MemberMetadata = struct({
  memberId: string('0+'),
  groupInstanceId: string('3+', { nullable: '3+', default: null }),
  clientId: string('0+'),
  clientHost: string('0+'),
  rebalanceTimeout: int32('1+', { default: -1 }),
  sessionTimeout: int32('0+'),
  subscription: bytes('0+'),
  assignment: bytes('0+'),
});
export type MemberMetadata = Decoded<typeof MemberMetadata>;
export type MemberMetadataInput = Input<typeof MemberMetadata>;

export const GroupMetadataValue = stored(
  'GroupMetadataValue',
  { versions: '0-4', flexible: '4+' },
  {
    protocolType: string('0+'),
    generation: int32('0+'),
    protocol: string('0+', { nullable: '0+' }),
    leader: string('0+', { nullable: '0+' }),
    currentStateTimestamp: int64('2+', { default: -1 }),
    members: arrayOf('0+', MemberMetadata),
  },
);
export type GroupMetadataValue = Decoded<typeof GroupMetadataValue.struct>;
export type GroupMetadataValueInput = Input<typeof GroupMetadataValue.struct>;
