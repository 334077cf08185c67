import type { RequestHandler } from '../../engine/broker/request-handler.js';
import {
  ADVERTISED,
  type ApiName,
  type RequestOf,
  type ResponseOf,
} from '../../engine/protocol/messages/index.js';
import { WireServer } from '../../engine/wire/index.js';

/*
 * A process that speaks the Kafka protocol, acknowledges everything at once and keeps nothing: what a load process can
 * send to it is what it can send at all. Its one argument is the number of partitions of every topic that is asked
 * for. Tells its port to its parent, and ends with it.
 */

const NODE_ID = 1;
const UNKNOWN_SERVER_ERROR = -1;
const partitions = Number(process.argv[2]);

const answers: {
  readonly [N in ApiName]?: (request: RequestOf<N>) => ResponseOf<N> | null;
} = {
  ApiVersions: () => ({ apiKeys: ADVERTISED }),
  Metadata: ({ topics }) => ({
    clusterId: 'null-sink',
    controllerId: NODE_ID,
    brokers: [{ nodeId: NODE_ID, host: '127.0.0.1', port: server.address().port }],
    topics: (topics ?? []).map(({ name }) => ({
      name,
      topicId: TOPIC_ID,
      partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({
        partitionIndex,
        leaderId: NODE_ID,
        leaderEpoch: 0,
        replicaNodes: [NODE_ID],
        isrNodes: [NODE_ID],
      })),
    })),
  }),
  Produce: ({ acks, topicData }) =>
    acks === 0
      ? null
      : {
          responses: topicData.map(({ name, topicId, partitionData }) => ({
            name,
            topicId,
            partitionResponses: partitionData.map(({ index }) => ({
              index,
              errorCode: 0,
              baseOffset: 0,
            })),
          })),
        },
};
/** Kafka writes UUIDs so. */
const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';

const handler: RequestHandler = {
  handle: (api, _version, request) => {
    const answer = answers[api] as ((body: unknown) => never) | undefined;
    return answer === undefined ? ({ errorCode: UNKNOWN_SERVER_ERROR } as never) : answer(request);
  },
};

const server = await WireServer.listen({ handler, listeners: [{ name: 'PLAINTEXT' }] });
process.send?.(server.address().port);
process.on('disconnect', () => process.exit(0));
