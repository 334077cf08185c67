import { OFFSETS_TOPIC } from '../../groups/ports.js';
import { KafkaError, type KafkaErrorCode } from '../../protocol/error-codes.js';
import type { FindCoordinatorRequest } from '../../protocol/messages/index.js';
import type { RequestContext } from '../request-handler.js';
import type { BrokerServices } from '../services.js';
import { AUTHORIZED_GROUP_OPERATIONS, type Handler } from './answers.js';
import { aliveBroker } from './topic-description.js';

const GROUP_KEY = 0;
const KEY_TYPES = ['group', 'transaction', 'share'];

interface Found {
  readonly errorCode: KafkaErrorCode;
  readonly errorMessage: string | null;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

/** Kafka: KafkaApis.handleFindCoordinatorRequest. */
export const findCoordinator: Handler<'FindCoordinator'> = (services, request, context) => {
  const { metadata, autoCreation } = services;
  if (request.keyType !== GROUP_KEY || metadata.image.topics.has(OFFSETS_TOPIC)) {
    return coordinators(services, request, context);
  }
  return autoCreation
    .create([OFFSETS_TOPIC], context.clientId)
    .then(() => coordinators(services, request, context));
};

function coordinators(
  services: BrokerServices,
  request: FindCoordinatorRequest,
  { apiVersion }: RequestContext,
) {
  if (apiVersion < 4) return find(services, request.keyType, request.key);
  return {
    coordinators: request.coordinatorKeys.map((key) => ({
      key,
      ...find(services, request.keyType, key),
    })),
  };
}

function find({ groups, metadata }: BrokerServices, keyType: number, key: string): Found {
  if (keyType !== GROUP_KEY) {
    const name = KEY_TYPES[keyType] ?? `type ${keyType}`;
    return none(KafkaError.INVALID_REQUEST, `this broker has no coordinator of ${name} keys`);
  }
  const { image } = metadata;
  const partition = image.partition(OFFSETS_TOPIC, groups.partitionFor(key));
  const leader = partition === undefined ? null : aliveBroker(image, partition.leader);
  if (leader === null) return none(KafkaError.COORDINATOR_NOT_AVAILABLE, null);
  const { brokerId, host, port } = leader;
  return { errorCode: KafkaError.NONE, errorMessage: null, nodeId: brokerId, host, port };
}

function none(errorCode: KafkaErrorCode, errorMessage: string | null): Found {
  return { errorCode, errorMessage, nodeId: -1, host: '', port: -1 };
}

/** What the coordinator records of a member. Kafka keeps the address with a slash before it. */
function member({ clientId, clientHost, apiVersion }: RequestContext) {
  return { clientId: clientId ?? '', clientHost: `/${clientHost}`, apiVersion };
}

export const joinGroup: Handler<'JoinGroup'> = ({ groups }, request, context) =>
  groups.joinGroup(request, member(context));
export const syncGroup: Handler<'SyncGroup'> = ({ groups }, request, context) =>
  groups.syncGroup(request, member(context));
export const heartbeat: Handler<'Heartbeat'> = ({ groups }, request, context) =>
  groups.heartbeat(request, member(context));
export const leaveGroup: Handler<'LeaveGroup'> = ({ groups }, request, context) =>
  groups.leaveGroup(request, member(context));
export const offsetCommit: Handler<'OffsetCommit'> = ({ groups }, request, context) =>
  groups.offsetCommit(request, member(context));
export const offsetFetch: Handler<'OffsetFetch'> = ({ groups }, request, context) =>
  groups.offsetFetch(request, member(context));
export const offsetDelete: Handler<'OffsetDelete'> = ({ groups }, request, context) =>
  groups.offsetDelete(request, member(context));
export const listGroups: Handler<'ListGroups'> = ({ groups }, request, context) =>
  groups.listGroups(request, member(context));
export const deleteGroups: Handler<'DeleteGroups'> = ({ groups }, request, context) =>
  groups.deleteGroups(request, member(context));

export const describeGroups: Handler<'DescribeGroups'> = async ({ groups }, request, context) => {
  const answer = await groups.describeGroups(request, member(context));
  if (!request.includeAuthorizedOperations) return answer;
  const described = (answer.groups ?? []).map((group) =>
    (group.errorCode ?? KafkaError.NONE) === KafkaError.NONE
      ? { ...group, authorizedOperations: AUTHORIZED_GROUP_OPERATIONS }
      : group,
  );
  return { ...answer, groups: described };
};
