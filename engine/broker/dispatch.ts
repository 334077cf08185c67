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
import {
  alterPartitionReassignments,
  listPartitionReassignments,
} from './handlers/reassignments.js';
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
  AlterPartitionReassignments: alterPartitionReassignments,
  ListPartitionReassignments: listPartitionReassignments,
};

/** The APIs that {@link Dispatcher} serves. */
export const SERVED_APIS: readonly ApiName[] = Object.keys(HANDLERS) as ApiName[];

/**
 * Told of each request when its answer is there, or has failed. `recordBytesIn` and `recordBytesOut` count record
 * batches alone, as taken from a producer and given to a consumer or follower.
 */
export type RequestObserver = (
  api: ApiName,
  version: number,
  durationMs: number,
  recordBytesIn: number,
  recordBytesOut: number,
) => void;

/** Gives each request to its handler: the one {@link RequestHandler} of a broker. */
export class Dispatcher implements RequestHandler {
  readonly #services: BrokerServices;
  readonly #observe: RequestObserver | undefined;

  constructor(services: BrokerServices, observe?: RequestObserver) {
    this.#services = services;
    this.#observe = observe;
  }

  handle<N extends ApiName>(
    api: N,
    version: number,
    request: RequestOf<N>,
    context: RequestContext,
  ): Answer<N> | Promise<Answer<N>> {
    const handler: Handler<N> | undefined = HANDLERS[api];
    if (handler === undefined) {
      context.closeConnection(`${api} is not served by this broker`);
      return null;
    }
    if (this.#observe === undefined) return handler(this.#services, request, context);
    return this.#observed(handler, api, version, request, context);
  }

  #observed<N extends ApiName>(
    handler: Handler<N>,
    api: N,
    version: number,
    request: RequestOf<N>,
    context: RequestContext,
  ): Answer<N> | Promise<Answer<N>> {
    const { clock } = this.#services;
    const startMs = clock.monotonic();
    const bytesIn = api === 'Produce' ? producedBytes(request as RequestOf<'Produce'>) : 0;
    const done = (answer: Answer<N>): Answer<N> => {
      const bytesOut = api === 'Fetch' ? fetchedBytes(answer as Answer<'Fetch'>) : 0;
      this.#observe?.(api, version, clock.monotonic() - startMs, bytesIn, bytesOut);
      return answer;
    };
    const answer = handler(this.#services, request, context);
    if (!(answer instanceof Promise)) return done(answer);
    return answer.then(done, (error: unknown) => {
      done(null);
      throw error;
    });
  }
}

function producedBytes({ topicData }: RequestOf<'Produce'>): number {
  let bytes = 0;
  for (const { partitionData } of topicData) {
    for (const { records } of partitionData) bytes += records?.length ?? 0;
  }
  return bytes;
}

function fetchedBytes(answer: Answer<'Fetch'>): number {
  let bytes = 0;
  for (const { partitions = [] } of answer?.responses ?? []) {
    for (const { records } of partitions) {
      if (records instanceof Uint8Array) bytes += records.length;
    }
  }
  return bytes;
}
