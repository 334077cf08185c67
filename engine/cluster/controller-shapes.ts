import type { ControllerPort } from '../metadata/controller-port.js';
import {
  count,
  fields,
  listOf,
  mapOf,
  nullOr,
  oneOf,
  type Shape,
  text,
  truth,
  whole,
} from './shapes.js';

/*
 * What requests to the controller and its answers look like between processes. Metadata records travel as the text
 * that the log has, so that one reader checks them everywhere.
 */

export type ControllerMethod = keyof ControllerPort;

interface MethodShape {
  readonly request: Shape;
  readonly answer: Shape;
}

const partition = { topic: text, partition: count };
const partitionOfId = { topicId: text, partition: count };
const life = { brokerId: count, brokerEpoch: whole };
const refusal = { errorCode: whole, errorMessage: nullOr(text) };
const ids = listOf(count);
const assignments = nullOr(listOf(listOf(whole)));
const resource = oneOf('topic', 'broker', 'group');

const partitionState = fields({
  replicas: ids,
  isr: ids,
  adding: ids,
  removing: ids,
  leader: whole,
  leaderEpoch: count,
  partitionEpoch: count,
  isRecovering: truth,
});

export const METHODS: { readonly [M in ControllerMethod]: MethodShape } = {
  registerBroker: {
    request: fields({
      brokerId: count,
      host: text,
      port: count,
      rack: nullOr(text),
      wasCleanStop: truth,
    }),
    answer: fields({ brokerEpoch: count }),
  },
  heartbeat: {
    request: fields({
      ...life,
      version: count,
      wantsShutdown: truth,
      offline: listOf(fields(partitionOfId)),
    }),
    answer: fields({ isFenced: truth, mayShutDown: truth, isStale: truth }),
  },
  fetchMetadata: {
    request: fields({ fromVersion: count, maxWaitMs: count }),
    answer: fields({ batches: listOf(fields({ records: listOf(text), version: count })) }),
  },
  alterPartitions: {
    request: fields({
      ...life,
      changes: listOf(
        fields({
          ...partitionOfId,
          leaderEpoch: whole,
          partitionEpoch: whole,
          newIsr: listOf(fields(life)),
          isRecovering: truth,
        }),
      ),
    }),
    answer: listOf(fields({ ...partitionOfId, errorCode: whole, state: nullOr(partitionState) })),
  },
  allocateProducerIds: {
    request: fields(life),
    answer: fields({ first: count, count }),
  },
  createTopics: {
    request: fields({
      topics: listOf(
        fields({
          name: text,
          partitions: whole,
          replicationFactor: whole,
          assignments,
          config: mapOf(text),
        }),
      ),
      validateOnly: truth,
    }),
    answer: listOf(
      fields({
        name: text,
        ...refusal,
        topicId: text,
        partitions: whole,
        replicationFactor: whole,
      }),
    ),
  },
  deleteTopics: {
    request: fields({ topics: listOf(fields({ name: nullOr(text), topicId: nullOr(text) })) }),
    answer: listOf(fields({ name: text, ...refusal, topicId: text })),
  },
  createPartitions: {
    request: fields({
      topics: listOf(fields({ name: text, count: whole, assignments })),
      validateOnly: truth,
    }),
    answer: listOf(fields({ name: text, ...refusal })),
  },
  alterConfigs: {
    request: fields({
      resources: listOf(
        fields({ resource, name: text, changes: mapOf(nullOr(text)), replaceAll: truth }),
      ),
      validateOnly: truth,
    }),
    answer: listOf(fields({ resource, name: text, ...refusal })),
  },
  electLeaders: {
    request: fields({
      type: oneOf('preferred', 'unclean'),
      partitions: nullOr(listOf(fields(partition))),
    }),
    answer: listOf(fields({ ...partition, ...refusal })),
  },
  reassignPartitions: {
    request: fields({
      partitions: listOf(fields({ ...partition, replicas: nullOr(listOf(whole)) })),
    }),
    answer: listOf(fields({ ...partition, ...refusal })),
  },
};

export function isControllerMethod(name: unknown): name is ControllerMethod {
  return typeof name === 'string' && Object.hasOwn(METHODS, name);
}
