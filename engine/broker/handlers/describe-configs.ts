import { topicNameProblem } from '../../format/topic-name.js';
import { KafkaError } from '../../protocol/error-codes.js';
import type {
  DescribeConfigsRequest,
  DescribeConfigsResource,
  DescribeConfigsResultInput,
} from '../../protocol/messages/index.js';
import {
  type ConfigEntry,
  describeAllBrokers,
  describeBroker,
  describeTopic,
} from '../config-entries.js';
import type { BrokerServices } from '../services.js';
import { type Handler, type RefusedWith, refusal, refusalOf } from './answers.js';

/** Kafka: ConfigResource.Type. */
export const ResourceType = { TOPIC: 2, BROKER: 4, GROUP: 32 } as const;

/** Kafka: ConfigHelper.handleDescribeConfigsRequest. */
export const describeConfigs: Handler<'DescribeConfigs'> = (services, request) => {
  // Each description is much larger than its request: one that is repeated a thousand times is refused.
  const seen = new Set<string>();
  return {
    results: request.resources.map((resource) => {
      const { resourceType, resourceName } = resource;
      const key = `${resourceType}/${resourceName}`;
      if (seen.has(key)) {
        const why = refusal(KafkaError.INVALID_REQUEST, 'Each resource must appear at most once.');
        return { resourceType, resourceName, ...why };
      }
      seen.add(key);
      return describe(services, request, resource);
    }),
  };
};

function describe(
  services: BrokerServices,
  { includeSynonyms, includeDocumentation }: DescribeConfigsRequest,
  { resourceType, resourceName, configurationKeys }: DescribeConfigsResource,
): DescribeConfigsResultInput {
  let entries: readonly ConfigEntry[] | RefusedWith;
  try {
    entries = entriesOf(services, resourceType, resourceName);
  } catch (error) {
    // A topic's settings can come to contradict defaults that were changed since.
    entries = refusalOf(error);
  }
  if ('errorCode' in entries) return { resourceType, resourceName, ...entries };
  const all = configurationKeys === null || configurationKeys.length === 0;
  const wanted = new Set(configurationKeys);
  return {
    resourceType,
    resourceName,
    configs: entries
      .filter(({ name }) => all || wanted.has(name))
      .map(({ name, value, isReadOnly, source, synonyms, type, documentation }) => ({
        name,
        value,
        readOnly: isReadOnly,
        configSource: source,
        isSensitive: false,
        synonyms: includeSynonyms ? synonyms : [],
        configType: type,
        documentation: includeDocumentation ? documentation : null,
      })),
  };
}

function entriesOf(
  { brokerId, metadata, settings }: BrokerServices,
  resourceType: number,
  resourceName: string,
): readonly ConfigEntry[] | RefusedWith {
  switch (resourceType) {
    case ResourceType.TOPIC: {
      const topic = metadata.image.topics.get(resourceName);
      if (topic !== undefined) return describeTopic(topic.config, settings);
      const problem = topicNameProblem(resourceName);
      return problem === null
        ? refusal(KafkaError.UNKNOWN_TOPIC_OR_PARTITION)
        : refusal(KafkaError.INVALID_TOPIC_EXCEPTION, `the topic name ${problem}`);
    }
    case ResourceType.BROKER:
      if (resourceName === '') return describeAllBrokers(settings);
      if (resourceName === String(brokerId)) return describeBroker(settings);
      return refusal(
        KafkaError.INVALID_REQUEST,
        `broker ${brokerId} describes itself and '', not ${JSON.stringify(resourceName.slice(0, 100))}: ask that broker`,
      );
    default:
      return refusal(
        KafkaError.INVALID_REQUEST,
        `resources of type ${resourceType} have no settings here`,
      );
  }
}
