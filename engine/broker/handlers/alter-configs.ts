import { VarveError } from '../../errors.js';
import { topicNameProblem } from '../../format/topic-name.js';
import type { MetadataImage } from '../../metadata/image.js';
import type { ConfigResource } from '../../metadata/records.js';
import { KafkaError } from '../../protocol/error-codes.js';
import { topicConfigOf } from '../broker-config.js';
import type { BrokerServices } from '../services.js';
import { type Handler, type RefusedWith, refusal, refusalOf, splitDuplicates } from './answers.js';
import { ResourceType } from './describe-configs.js';

/** Kafka: AlterConfigOp.OpType. */
export const ConfigOperation = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

interface Change {
  readonly changes: Readonly<Record<string, string | null>>;
  readonly replaceAll: boolean;
}

interface Alteration extends Resource, Change {
  readonly resource: ConfigResource;
}

type Result = Resource & RefusedWith;

/** Every setting of the resource that is not named goes back to its default. Kafka: ControllerApis.handleLegacyAlterConfigs. */
export const alterConfigs: Handler<'AlterConfigs'> = async (services, request) => ({
  responses: await alter(services, request.resources, request.validateOnly, ({ configs }) => {
    requireOnce(configs.map(({ name }) => name));
    return {
      changes: Object.fromEntries(configs.map(({ name, value }) => [name, given(name, value)])),
      replaceAll: true,
    };
  }),
});

/** Kafka: ControllerApis.handleIncrementalAlterConfigs, ConfigurationControlManager. */
export const incrementalAlterConfigs: Handler<'IncrementalAlterConfigs'> = async (
  services,
  request,
) => ({
  responses: await alter(services, request.resources, request.validateOnly, (resource) => {
    const { configs } = resource;
    requireOnce(configs.map(({ name }) => name));
    const changes = configs.map(({ name, configOperation, value }): [string, string | null] => {
      switch (configOperation) {
        case ConfigOperation.SET:
          return [name, given(name, value)];
        case ConfigOperation.DELETE:
          return [name, null];
        case ConfigOperation.APPEND:
        case ConfigOperation.SUBTRACT: {
          const before = listInForce(services, resource, name);
          const items = given(name, value)
            .split(',')
            .map((item) => item.trim());
          return [name, combine(before, items, configOperation)];
        }
        default:
          throw new InvalidRequest(`there is no config operation ${configOperation}`);
      }
    });
    return { changes: Object.fromEntries(changes), replaceAll: false };
  }),
});

/** Refusals whose code no VarveError has. */
class InvalidRequest extends Error {}

function codeOf(error: unknown): RefusedWith {
  if (error instanceof InvalidRequest) {
    return refusal(KafkaError.INVALID_REQUEST, error.message);
  }
  return refusalOf(error);
}

function requireOnce(names: readonly string[]): void {
  const [name] = splitDuplicates(names).repeated;
  if (name !== undefined) {
    throw new InvalidRequest(`${JSON.stringify(name)} is given more than once`);
  }
}

function given(name: string, value: string | null): string {
  if (value !== null) return value;
  throw new InvalidRequest(`${JSON.stringify(name)} has no value`);
}

/** The settings whose values are lists. */
const LISTS = new Set(['cleanup.policy', 'log.cleanup.policy']);

function listInForce(services: BrokerServices, resource: Resource, name: string): string[] {
  if (!LISTS.has(name)) {
    throw new VarveError('INVALID_CONFIG', `${JSON.stringify(name)} is not a list`);
  }
  const { metadata, settings } = services;
  const { resourceType, resourceName } = resource;
  const text =
    resourceType === ResourceType.TOPIC
      ? topicConfigOf(metadata.image.topics.get(resourceName)?.config ?? {}, settings.current)
          .cleanupPolicy
      : settings.current.logCleanupPolicy;
  return text.split(',');
}

function combine(before: readonly string[], items: readonly string[], operation: number): string {
  const list =
    operation === ConfigOperation.APPEND
      ? [...new Set([...before, ...items])]
      : before.filter((item) => !items.includes(item));
  return list.join(',');
}

async function alter<R extends Resource>(
  services: BrokerServices,
  resources: readonly R[],
  validateOnly: boolean,
  read: (resource: R) => Change,
): Promise<Result[]> {
  const results: Result[] = [];
  const wanted: Alteration[] = [];
  const { once, repeated } = splitDuplicates(resources.map(keyOf));
  for (const its of resources) {
    const { resourceType, resourceName } = its;
    const refuse = (why: RefusedWith) => results.push({ resourceType, resourceName, ...why });
    if (repeated.delete(keyOf(its))) {
      refuse(refusal(KafkaError.INVALID_REQUEST, 'Each resource must appear at most once.'));
    }
    if (!once.has(keyOf(its))) continue;
    try {
      const resource = resourceOf(services, its);
      if (typeof resource !== 'string') {
        refuse(resource);
        continue;
      }
      const change = read(its);
      check(services, its, change);
      wanted.push({ resource, resourceType, resourceName, ...change });
    } catch (error) {
      refuse(codeOf(error));
    }
  }
  if (wanted.length > 0) results.push(...(await submit(services, wanted, validateOnly)));
  return results;
}

function keyOf({ resourceType, resourceName }: Resource): string {
  return `${resourceType}/${resourceName}`;
}

function resourceOf(
  { metadata }: BrokerServices,
  { resourceType, resourceName }: Resource,
): ConfigResource | RefusedWith {
  switch (resourceType) {
    case ResourceType.TOPIC: {
      if (metadata.image.topics.has(resourceName)) return 'topic';
      const problem = topicNameProblem(resourceName);
      return problem === null
        ? refusal(KafkaError.UNKNOWN_TOPIC_OR_PARTITION)
        : refusal(KafkaError.INVALID_TOPIC_EXCEPTION, `the topic name ${problem}`);
    }
    case ResourceType.BROKER: {
      const isKnown = [...metadata.image.brokers.keys()].some((id) => String(id) === resourceName);
      if (resourceName === '' || isKnown) return 'broker';
      return refusal(
        KafkaError.INVALID_REQUEST,
        `there is no broker ${JSON.stringify(resourceName.slice(0, 100))}`,
      );
    }
    default:
      return refusal(
        KafkaError.INVALID_REQUEST,
        `resources of type ${resourceType} have no settings here`,
      );
  }
}

/** Fails with INVALID_CONFIG for what would not be accepted when it comes into force. */
function check(
  { metadata, settings }: BrokerServices,
  { resourceType, resourceName }: Resource,
  { changes, replaceAll }: Change,
): void {
  if (resourceType !== ResourceType.TOPIC) {
    settings.requireDynamic(changes);
    return;
  }
  const before = replaceAll ? {} : (metadata.image.topics.get(resourceName)?.config ?? {});
  const after = Object.entries({ ...before, ...changes }).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  topicConfigOf(Object.fromEntries(after), settings.current);
}

const WAIT_MS = 1000;

function isInForce(image: MetadataImage, its: Alteration): boolean {
  const { changes, replaceAll, resource, resourceName } = its;
  const config =
    resource === 'topic'
      ? image.topics.get(resourceName)?.config
      : image.configOf('broker', resourceName);
  // A topic that is gone has nothing to wait for.
  if (config === undefined) return true;
  if (replaceAll && !Object.keys(config).every((name) => Object.hasOwn(changes, name)))
    return false;
  return Object.entries(changes).every(([name, value]) =>
    value === null ? !Object.hasOwn(config, name) : config[name] === value,
  );
}

async function submit(
  { controller, metadata, onEvent }: BrokerServices,
  wanted: readonly Alteration[],
  validateOnly: boolean,
): Promise<Result[]> {
  try {
    const answers = await controller.alterConfigs({
      resources: wanted.map(({ resource, resourceName, changes, replaceAll }) => ({
        resource,
        name: resourceName,
        changes,
        replaceAll,
      })),
      validateOnly,
    });
    const done = new Set(
      answers
        .filter(({ errorCode }) => errorCode === KafkaError.NONE)
        .map(({ resource, name }) => `${resource}/${name}`),
    );
    if (!validateOnly && done.size > 0) {
      // So that it is in force here when the client hears of it.
      const made = wanted.filter((its) => done.has(`${its.resource}/${its.resourceName}`));
      await metadata.waitFor((image) => made.every((its) => isInForce(image, its)), WAIT_MS);
    }
    return answers.map(({ resource, name, errorCode, errorMessage }) => ({
      resourceType: resource === 'topic' ? ResourceType.TOPIC : ResourceType.BROKER,
      resourceName: name,
      errorCode,
      errorMessage,
    }));
  } catch (cause) {
    onEvent({ kind: 'controller-failed', cause });
    return wanted.map(({ resourceType, resourceName }) => ({
      resourceType,
      resourceName,
      ...refusalOf(cause),
    }));
  }
}
