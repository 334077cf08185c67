import type { ApiName, RequestOf } from '../protocol/messages/index.js';
import { alterConfigs, incrementalAlterConfigs } from './handlers/alter-configs.js';
import type { Handler } from './handlers/answers.js';
import { apiVersions } from './handlers/api-versions.js';
import { describeCluster, describeTopicPartitions } from './handlers/cluster.js';
import { createTopics } from './handlers/create-topics.js';
import { deleteTopics } from './handlers/delete-topics.js';
import { describeConfigs } from './handlers/describe-configs.js';
import { fetch } from './handlers/fetch.js';
import * as groups from './handlers/groups.js';
import { initProducerId } from './handlers/init-producer-id.js';
import { metadata } from './handlers/metadata.js';
import { listOffsets, offsetForLeaderEpoch } from './handlers/offsets.js';
import { createPartitions, deleteRecords } from './handlers/partitions.js';
import { produce } from './handlers/produce.js';
import { describeLogDirs, describeProducers, electLeaders } from './handlers/replicas.js';
import type { Answer, RequestContext, RequestHandler } from './request-handler.js';
import type { BrokerServices } from './services.js';

/** Who serves what. */
const HANDLERS: { readonly [N in ApiName]?: Handler<N> } = {
  ApiVersions: apiVersions,
  Metadata: metadata,
  Produce: produce,
  Fetch: fetch,
  ListOffsets: listOffsets,
  OffsetForLeaderEpoch: offsetForLeaderEpoch,
  InitProducerId: initProducerId,
  FindCoordinator: groups.findCoordinator,
  JoinGroup: groups.joinGroup,
  SyncGroup: groups.syncGroup,
  Heartbeat: groups.heartbeat,
  LeaveGroup: groups.leaveGroup,
  OffsetCommit: groups.offsetCommit,
  OffsetFetch: groups.offsetFetch,
  OffsetDelete: groups.offsetDelete,
  DescribeGroups: groups.describeGroups,
  ListGroups: groups.listGroups,
  DeleteGroups: groups.deleteGroups,
  CreateTopics: createTopics,
  DeleteTopics: deleteTopics,
  CreatePartitions: createPartitions,
  DeleteRecords: deleteRecords,
  DescribeConfigs: describeConfigs,
  AlterConfigs: alterConfigs,
  IncrementalAlterConfigs: incrementalAlterConfigs,
  DescribeCluster: describeCluster,
  DescribeTopicPartitions: describeTopicPartitions,
  DescribeLogDirs: describeLogDirs,
  DescribeProducers: describeProducers,
  ElectLeaders: electLeaders,
};

/** The APIs that {@link Dispatcher} serves. */
export const SERVED_APIS: readonly ApiName[] = Object.keys(HANDLERS) as ApiName[];

/** Gives each request to its handler: the one {@link RequestHandler} of a broker. */
export class Dispatcher implements RequestHandler {
  readonly #services: BrokerServices;

  constructor(services: BrokerServices) {
    this.#services = services;
  }

  handle<N extends ApiName>(
    api: N,
    _version: number,
    request: RequestOf<N>,
    context: RequestContext,
  ): Answer<N> | Promise<Answer<N>> {
    const handler: Handler<N> | undefined = HANDLERS[api];
    if (handler === undefined) {
      context.closeConnection(`${api} is not served by this broker`);
      return null;
    }
    return handler(this.#services, request, context);
  }
}
