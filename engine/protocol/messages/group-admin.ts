import {
  api,
  arrayOf,
  bool,
  bytes,
  type Decoded,
  type Input,
  int16,
  int32,
  string,
  struct,
} from '../schema.js';

/* Looking at and deleting groups. */

export const DescribedGroupMember = struct({
  memberId: string('0+'),
  groupInstanceId: string('4+', { nullable: '4+', default: null }),
  clientId: string('0+'),
  clientHost: string('0+'),
  memberMetadata: bytes('0+'),
  memberAssignment: bytes('0+'),
});
export type DescribedGroupMember = Decoded<typeof DescribedGroupMember>;
export type DescribedGroupMemberInput = Input<typeof DescribedGroupMember>;

export const DescribeGroupsDescribedGroup = struct({
  errorCode: int16('0+'),
  errorMessage: string('6+', { nullable: '6+', default: null }),
  groupId: string('0+'),
  groupState: string('0+'),
  protocolType: string('0+'),
  protocolData: string('0+'),
  members: arrayOf('0+', DescribedGroupMember),
  authorizedOperations: int32('3+', { default: -2147483648 }),
});
export type DescribeGroupsDescribedGroup = Decoded<typeof DescribeGroupsDescribedGroup>;
export type DescribeGroupsDescribedGroupInput = Input<typeof DescribeGroupsDescribedGroup>;

export const DescribeGroups = api(
  'DescribeGroups',
  15,
  { versions: '0-6', flexible: '5+', advertise: '0-6' },
  {
    request: {
      groups: arrayOf('0+', 'string'),
      includeAuthorizedOperations: bool('3+'),
    },
    response: {
      throttleTimeMs: int32('1+'),
      groups: arrayOf('0+', DescribeGroupsDescribedGroup),
    },
  },
);
export type DescribeGroupsRequest = Decoded<typeof DescribeGroups.request.struct>;
export type DescribeGroupsRequestInput = Input<typeof DescribeGroups.request.struct>;
export type DescribeGroupsResponse = Decoded<typeof DescribeGroups.response.struct>;
export type DescribeGroupsResponseInput = Input<typeof DescribeGroups.response.struct>;

export const ListedGroup = struct({
  groupId: string('0+'),
  protocolType: string('0+'),
  groupState: string('4+'),
  groupType: string('5+'),
});
export type ListedGroup = Decoded<typeof ListedGroup>;
export type ListedGroupInput = Input<typeof ListedGroup>;

export const ListGroups = api(
  'ListGroups',
  16,
  { versions: '0-5', flexible: '3+', advertise: '0-5' },
  {
    request: {
      statesFilter: arrayOf('4+', 'string'),
      typesFilter: arrayOf('5+', 'string'),
    },
    response: {
      throttleTimeMs: int32('1+'),
      errorCode: int16('0+'),
      groups: arrayOf('0+', ListedGroup),
    },
  },
);
export type ListGroupsRequest = Decoded<typeof ListGroups.request.struct>;
export type ListGroupsRequestInput = Input<typeof ListGroups.request.struct>;
export type ListGroupsResponse = Decoded<typeof ListGroups.response.struct>;
export type ListGroupsResponseInput = Input<typeof ListGroups.response.struct>;

export const DeletableGroupResult = struct({
  groupId: string('0+'),
  errorCode: int16('0+'),
});
export type DeletableGroupResult = Decoded<typeof DeletableGroupResult>;
export type DeletableGroupResultInput = Input<typeof DeletableGroupResult>;

export const DeleteGroups = api(
  'DeleteGroups',
  42,
  { versions: '0-2', flexible: '2+', advertise: '0-2' },
  {
    request: {
      groupsNames: arrayOf('0+', 'string'),
    },
    response: {
      throttleTimeMs: int32('0+'),
      results: arrayOf('0+', DeletableGroupResult),
    },
  },
);
export type DeleteGroupsRequest = Decoded<typeof DeleteGroups.request.struct>;
export type DeleteGroupsRequestInput = Input<typeof DeleteGroups.request.struct>;
export type DeleteGroupsResponse = Decoded<typeof DeleteGroups.response.struct>;
export type DeleteGroupsResponseInput = Input<typeof DeleteGroups.response.struct>;
