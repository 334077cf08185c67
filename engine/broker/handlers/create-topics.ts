import { VarveError } from '../../errors.js';
import { topicNameProblem } from '../../format/topic-name.js';
import type { CreateTopicsCommand } from '../../metadata/controller-port.js';
import { METADATA_TOPIC } from '../../metadata/records.js';
import { KafkaError, type KafkaErrorCode } from '../../protocol/error-codes.js';
import type {
  CreatableTopic,
  CreatableTopicResultInput,
  CreateTopicsRequest,
} from '../../protocol/messages/index.js';
import { topicConfigOf } from '../broker-config.js';
import { describeTopic } from '../config-entries.js';
import type { BrokerServices } from '../services.js';
import { type Handler, refusalOf, splitDuplicates } from './answers.js';
import { waitMs } from './wait.js';

type Definition = CreateTopicsCommand['topics'][number];

/**
 * Most partitions in one request. Kafka: QuorumController.MAX_RECORDS_PER_USER_OP, which counts records instead.
 */
export const MOST_PARTITIONS_AT_ONCE = 10_000;

/** Kafka: ControllerApis.createTopics, ReplicationControlManager.createTopics. */
export const createTopics: Handler<'CreateTopics'> = async (services, request, { apiVersion }) => {
  const { once, repeated } = splitDuplicates(request.topics.map(({ name }) => name));
  const results: CreatableTopicResultInput[] = [];
  const wanted: Definition[] = [];
  for (const topic of request.topics) {
    if (!once.has(topic.name)) continue;
    try {
      wanted.push(definition(services, topic));
    } catch (error) {
      results.push({ name: topic.name, ...codeOf(error) });
    }
  }
  for (const name of repeated) {
    const errorMessage = 'Duplicate topic name.';
    results.push({ name, errorCode: KafkaError.INVALID_REQUEST, errorMessage });
  }
  const total = wanted.reduce((sum, its) => sum + (its.assignments?.length ?? its.partitions), 0);
  if (total > MOST_PARTITIONS_AT_ONCE) {
    const errorMessage = `${total} partitions in one request: at most ${MOST_PARTITIONS_AT_ONCE} are made at once`;
    for (const { name } of wanted) {
      results.push({ name, errorCode: KafkaError.POLICY_VIOLATION, errorMessage });
    }
  } else if (wanted.length > 0) {
    results.push(...(await create(services, request, wanted, apiVersion)));
  }
  return { topics: results };
};

async function create(
  services: BrokerServices,
  { timeoutMs, validateOnly }: CreateTopicsRequest,
  wanted: readonly Definition[],
  apiVersion: number,
): Promise<CreatableTopicResultInput[]> {
  const { controller, metadata, onEvent, settings } = services;
  let answers: Awaited<ReturnType<typeof controller.createTopics>>;
  try {
    answers = await controller.createTopics({ topics: wanted, validateOnly });
  } catch (cause) {
    onEvent({ kind: 'controller-failed', cause });
    return wanted.map(({ name }) => ({ name, ...refusalOf(cause) }));
  }
  const made = answers.filter(({ errorCode }) => errorCode === KafkaError.NONE);
  if (!validateOnly && made.length > 0) {
    // What the client asks this broker next should know the topics.
    await metadata.waitFor(
      ({ topicNames }) => made.every(({ topicId }) => topicNames.has(topicId)),
      waitMs(timeoutMs),
    );
  }
  const configs = new Map(wanted.map(({ name, config }) => [name, config]));
  return answers.map(
    ({ name, topicId, errorCode, errorMessage, partitions, replicationFactor }) => {
      if (errorCode !== KafkaError.NONE) return { name, errorCode, errorMessage };
      const entries = apiVersion < 5 ? null : describeTopic(configs.get(name) ?? {}, settings);
      return {
        name,
        topicId,
        numPartitions: partitions,
        replicationFactor,
        configs:
          entries?.map(({ name: its, value, source }) => ({
            name: its,
            value,
            configSource: source,
          })) ?? null,
      };
    },
  );
}

class Refused extends Error {
  readonly errorCode: KafkaErrorCode;

  constructor(errorCode: KafkaErrorCode, message: string) {
    super(message);
    this.errorCode = errorCode;
  }
}

function codeOf(error: unknown) {
  if (error instanceof Refused) {
    return { errorCode: error.errorCode, errorMessage: error.message };
  }
  return refusalOf(error);
}

function definition(services: BrokerServices, topic: CreatableTopic): Definition {
  const { name, numPartitions, replicationFactor, assignments } = topic;
  const problem = topicNameProblem(name);
  if (problem !== null) {
    throw new Refused(KafkaError.INVALID_TOPIC_EXCEPTION, `the topic name ${problem}`);
  }
  if (name === METADATA_TOPIC) {
    throw new Refused(
      KafkaError.INVALID_REQUEST,
      `Creation of internal topic ${METADATA_TOPIC} is prohibited.`,
    );
  }
  const config = configOf(services, topic);
  if (assignments.length > 0) {
    if (numPartitions !== -1 || replicationFactor !== -1) {
      throw new Refused(
        KafkaError.INVALID_REQUEST,
        `replicas are assigned by hand, so partitions and replication factor must be -1, not ${numPartitions} and ${replicationFactor}`,
      );
    }
    const replicas = replicasByPartition(topic);
    return { name, partitions: -1, replicationFactor: -1, assignments: replicas, config };
  }
  const { current } = services.settings;
  const partitions = numPartitions === -1 ? current.numPartitions : numPartitions;
  const replicas = replicationFactor === -1 ? current.defaultReplicationFactor : replicationFactor;
  if (partitions <= 0) {
    throw new Refused(KafkaError.INVALID_PARTITIONS, `${partitions} partitions: at least 1`);
  }
  if (replicas <= 0) {
    throw new Refused(
      KafkaError.INVALID_REPLICATION_FACTOR,
      `replication factor ${replicas}: at least 1, or -1 for the broker's default`,
    );
  }
  return { name, partitions, replicationFactor: replicas, assignments: null, config };
}

/** Kafka asks for all partitions from 0 on, each once, with replicas that are as many and differ. */
function replicasByPartition({ assignments }: CreatableTopic): (readonly number[])[] {
  const replicas: (readonly number[])[] = [];
  for (const { partitionIndex, brokerIds } of assignments) {
    const isNumber = partitionIndex >= 0 && partitionIndex < assignments.length;
    if (!isNumber || replicas[partitionIndex] !== undefined) {
      throw new Refused(
        KafkaError.INVALID_REPLICA_ASSIGNMENT,
        `partition ${partitionIndex} is assigned twice or leaves a gap: ${assignments.length} partitions go from 0 to ${assignments.length - 1}`,
      );
    }
    requireReplicas(brokerIds, assignments[0]?.brokerIds.length ?? 0);
    replicas[partitionIndex] = brokerIds;
  }
  return replicas;
}

function requireReplicas(brokerIds: readonly number[], count: number): void {
  const areDifferent = new Set(brokerIds).size === brokerIds.length;
  if (brokerIds.length > 0 && brokerIds.length === count && areDifferent) return;
  throw new Refused(
    KafkaError.INVALID_REPLICA_ASSIGNMENT,
    `replicas [${brokerIds.slice(0, 20).join(', ')}]: every partition needs the same number of different brokers`,
  );
}

function configOf(
  { settings }: BrokerServices,
  { configs }: CreatableTopic,
): Record<string, string> {
  const entries = configs.map(({ name, value }): [string, string] => {
    if (value !== null) return [name, value];
    throw new VarveError('INVALID_CONFIG', `${JSON.stringify(name)} has no value`);
  });
  const config = Object.fromEntries(entries);
  topicConfigOf(config, settings.current);
  return config;
}
