import {
  api,
  arrayOf,
  bool,
  bytes,
  type Decoded,
  type Input,
  int8,
  int16,
  int32,
  string,
  struct,
} from '../schema.js';

/* Members of classic consumer groups. */

export const Coordinator = struct({
  key: string('4+'),
  nodeId: int32('4+'),
  host: string('4+'),
  port: int32('4+'),
  errorCode: int16('4+'),
  errorMessage: string('4+', { nullable: '4+', default: null }),
});
export type Coordinator = Decoded<typeof Coordinator>;
export type CoordinatorInput = Input<typeof Coordinator>;

export const FindCoordinator = api(
  'FindCoordinator',
  10,
  { versions: '0-6', flexible: '3+', advertise: '0-6' },
  {
    request: {
      key: string('0-3'),
      keyType: int8('1+'),
      coordinatorKeys: arrayOf('4+', 'string'),
    },
    response: {
      throttleTimeMs: int32('1+'),
      errorCode: int16('0-3'),
      errorMessage: string('1-3', { nullable: '1-3', default: null }),
      nodeId: int32('0-3'),
      host: string('0-3'),
      port: int32('0-3'),
      coordinators: arrayOf('4+', Coordinator),
    },
  },
);
export type FindCoordinatorRequest = Decoded<typeof FindCoordinator.request.struct>;
export type FindCoordinatorRequestInput = Input<typeof FindCoordinator.request.struct>;
export type FindCoordinatorResponse = Decoded<typeof FindCoordinator.response.struct>;
export type FindCoordinatorResponseInput = Input<typeof FindCoordinator.response.struct>;

export const JoinGroupRequestProtocol = struct({
  name: string('0+'),
  metadata: bytes('0+'),
});
export type JoinGroupRequestProtocol = Decoded<typeof JoinGroupRequestProtocol>;
export type JoinGroupRequestProtocolInput = Input<typeof JoinGroupRequestProtocol>;

export const JoinGroupResponseMember = struct({
  memberId: string('0+'),
  groupInstanceId: string('5+', { nullable: '5+', default: null }),
  metadata: bytes('0+'),
});
export type JoinGroupResponseMember = Decoded<typeof JoinGroupResponseMember>;
export type JoinGroupResponseMemberInput = Input<typeof JoinGroupResponseMember>;

export const JoinGroup = api(
  'JoinGroup',
  11,
  { versions: '0-9', flexible: '6+', advertise: '0-9' },
  {
    request: {
      groupId: string('0+'),
      sessionTimeoutMs: int32('0+'),
      rebalanceTimeoutMs: int32('1+', { default: -1 }),
      memberId: string('0+'),
      groupInstanceId: string('5+', { nullable: '5+', default: null }),
      protocolType: string('0+'),
      protocols: arrayOf('0+', JoinGroupRequestProtocol),
      reason: string('8+', { nullable: '8+', default: null }),
    },
    response: {
      throttleTimeMs: int32('2+'),
      errorCode: int16('0+'),
      generationId: int32('0+', { default: -1 }),
      protocolType: string('7+', { nullable: '7+', default: null }),
      protocolName: string('0+', { nullable: '7+' }),
      leader: string('0+'),
      skipAssignment: bool('9+'),
      memberId: string('0+'),
      members: arrayOf('0+', JoinGroupResponseMember),
    },
  },
);
export type JoinGroupRequest = Decoded<typeof JoinGroup.request.struct>;
export type JoinGroupRequestInput = Input<typeof JoinGroup.request.struct>;
export type JoinGroupResponse = Decoded<typeof JoinGroup.response.struct>;
export type JoinGroupResponseInput = Input<typeof JoinGroup.response.struct>;

export const SyncGroupRequestAssignment = struct({
  memberId: string('0+'),
  assignment: bytes('0+'),
});
export type SyncGroupRequestAssignment = Decoded<typeof SyncGroupRequestAssignment>;
export type SyncGroupRequestAssignmentInput = Input<typeof SyncGroupRequestAssignment>;

export const SyncGroup = api(
  'SyncGroup',
  14,
  { versions: '0-5', flexible: '4+', advertise: '0-5' },
  {
    request: {
      groupId: string('0+'),
      generationId: int32('0+'),
      memberId: string('0+'),
      groupInstanceId: string('3+', { nullable: '3+', default: null }),
      protocolType: string('5+', { nullable: '5+', default: null }),
      protocolName: string('5+', { nullable: '5+', default: null }),
      assignments: arrayOf('0+', SyncGroupRequestAssignment),
    },
    response: {
      throttleTimeMs: int32('1+'),
      errorCode: int16('0+'),
      protocolType: string('5+', { nullable: '5+', default: null }),
      protocolName: string('5+', { nullable: '5+', default: null }),
      assignment: bytes('0+'),
    },
  },
);
export type SyncGroupRequest = Decoded<typeof SyncGroup.request.struct>;
export type SyncGroupRequestInput = Input<typeof SyncGroup.request.struct>;
export type SyncGroupResponse = Decoded<typeof SyncGroup.response.struct>;
export type SyncGroupResponseInput = Input<typeof SyncGroup.response.struct>;

export const Heartbeat = api(
  'Heartbeat',
  12,
  { versions: '0-4', flexible: '4+', advertise: '0-4' },
  {
    request: {
      groupId: string('0+'),
      generationId: int32('0+'),
      memberId: string('0+'),
      groupInstanceId: string('3+', { nullable: '3+', default: null }),
    },
    response: {
      throttleTimeMs: int32('1+'),
      errorCode: int16('0+'),
    },
  },
);
export type HeartbeatRequest = Decoded<typeof Heartbeat.request.struct>;
export type HeartbeatRequestInput = Input<typeof Heartbeat.request.struct>;
export type HeartbeatResponse = Decoded<typeof Heartbeat.response.struct>;
export type HeartbeatResponseInput = Input<typeof Heartbeat.response.struct>;

export const MemberIdentity = struct({
  memberId: string('3+'),
  groupInstanceId: string('3+', { nullable: '3+', default: null }),
  reason: string('5+', { nullable: '5+', default: null }),
});
export type MemberIdentity = Decoded<typeof MemberIdentity>;
export type MemberIdentityInput = Input<typeof MemberIdentity>;

export const MemberResponse = struct({
  memberId: string('3+'),
  groupInstanceId: string('3+', { nullable: '3+' }),
  errorCode: int16('3+'),
});
export type MemberResponse = Decoded<typeof MemberResponse>;
export type MemberResponseInput = Input<typeof MemberResponse>;

export const LeaveGroup = api(
  'LeaveGroup',
  13,
  { versions: '0-5', flexible: '4+', advertise: '0-5' },
  {
    request: {
      groupId: string('0+'),
      memberId: string('0-2'),
      members: arrayOf('3+', MemberIdentity),
    },
    response: {
      throttleTimeMs: int32('1+'),
      errorCode: int16('0+'),
      members: arrayOf('3+', MemberResponse),
    },
  },
);
export type LeaveGroupRequest = Decoded<typeof LeaveGroup.request.struct>;
export type LeaveGroupRequestInput = Input<typeof LeaveGroup.request.struct>;
export type LeaveGroupResponse = Decoded<typeof LeaveGroup.response.struct>;
export type LeaveGroupResponseInput = Input<typeof LeaveGroup.response.struct>;
