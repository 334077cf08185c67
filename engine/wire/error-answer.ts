import { kafkaErrorOf } from '../protocol/from-varve-error.js';
import { APIS, type ApiName, type RequestOf, type ResponseOf } from '../protocol/messages/index.js';
import { type Fields, includesVersion } from '../protocol/schema.js';

type Answers = {
  readonly [N in ApiName]?: (
    request: RequestOf<N>,
    errorCode: number,
    version: number,
  ) => ResponseOf<N> | null;
};

/** Those that say it once per thing asked for; the others have one field for it. */
const PER_ELEMENT: Answers = {
  Produce: ({ acks, topicData }, errorCode) =>
    acks === 0
      ? null
      : {
          responses: topicData.map(({ name, topicId, partitionData }) => ({
            name,
            topicId,
            partitionResponses: partitionData.map(({ index }) => ({
              index,
              errorCode,
              baseOffset: -1,
            })),
          })),
        },
  Fetch: ({ topics }, errorCode) => ({
    errorCode,
    responses: topics.map(({ topic, topicId, partitions }) => ({
      topic,
      topicId,
      partitions: partitions.map(({ partition }) => ({
        partitionIndex: partition,
        errorCode,
        highWatermark: -1,
        // Empty, not null: old Java clients do not expect null.
        records: Buffer.alloc(0),
      })),
    })),
  }),
  ListOffsets: ({ topics }, errorCode) => ({
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }),
  OffsetForLeaderEpoch: ({ topics }, errorCode) => ({
    topics: topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({ partition, errorCode })),
    })),
  }),
  Metadata: ({ topics }, errorCode) => ({
    errorCode,
    topics: (topics ?? []).map(({ name, topicId }) => ({ name, topicId, errorCode })),
  }),
  DescribeTopicPartitions: ({ topics }, errorCode) => ({
    topics: topics.map(({ name }) => ({ name, errorCode })),
  }),
  FindCoordinator: ({ coordinatorKeys }, errorCode) => ({
    errorCode,
    nodeId: -1,
    port: -1,
    coordinators: coordinatorKeys.map((key) => ({ key, errorCode, nodeId: -1, port: -1 })),
  }),
  OffsetCommit: ({ topics }, errorCode) => ({
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }),
  OffsetFetch: ({ topics, groups }, errorCode, version) => ({
    errorCode,
    groups: groups.map(({ groupId }) => ({ groupId, errorCode })),
    topics:
      version >= 2
        ? []
        : (topics ?? []).map(({ name, partitionIndexes }) => ({
            name,
            partitions: partitionIndexes.map((partitionIndex) => ({
              partitionIndex,
              errorCode,
              committedOffset: -1,
            })),
          })),
  }),
  DescribeGroups: ({ groups }, errorCode) => ({
    groups: groups.map((groupId) => ({ groupId, errorCode })),
  }),
  DeleteGroups: ({ groupsNames }, errorCode) => ({
    results: groupsNames.map((groupId) => ({ groupId, errorCode })),
  }),
  CreateTopics: ({ topics }, errorCode) => ({
    topics: topics.map(({ name }) => ({ name, errorCode })),
  }),
  DeleteTopics: ({ topics, topicNames }, errorCode, version) => ({
    responses:
      version >= 6
        ? topics.map(({ name, topicId }) => ({ name, topicId, errorCode }))
        : topicNames.map((name) => ({ name, errorCode })),
  }),
  CreatePartitions: ({ topics }, errorCode) => ({
    results: topics.map(({ name }) => ({ name, errorCode })),
  }),
  DeleteRecords: ({ topics }, errorCode) => ({
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode,
        lowWatermark: -1,
      })),
    })),
  }),
  DescribeConfigs: ({ resources }, errorCode) => ({
    results: resources.map(({ resourceType, resourceName }) => ({
      resourceType,
      resourceName,
      errorCode,
    })),
  }),
  AlterConfigs: ({ resources }, errorCode) => ({
    responses: resources.map(({ resourceType, resourceName }) => ({
      resourceType,
      resourceName,
      errorCode,
    })),
  }),
  IncrementalAlterConfigs: ({ resources }, errorCode) => ({
    responses: resources.map(({ resourceType, resourceName }) => ({
      resourceType,
      resourceName,
      errorCode,
    })),
  }),
  DescribeProducers: ({ topics }, errorCode) => ({
    topics: topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode })),
    })),
  }),
};

/**
 * The answer to a request whose handler failed: UNKNOWN_SERVER_ERROR, or the code of a VarveError. Null where
 * there is no answer, or none that can say so. [Kafka: `AbstractRequest.getErrorResponse`]
 */
export function errorAnswer(
  api: ApiName,
  version: number,
  request: unknown,
  cause: unknown,
): object | null {
  const errorCode = kafkaErrorOf(cause);
  const answer = PER_ELEMENT[api];
  if (answer !== undefined) return answer(request as never, errorCode, version);
  const field = (APIS[api].response.struct.fields as Fields).errorCode;
  return field !== undefined && includesVersion(field.versions, version) ? { errorCode } : null;
}
