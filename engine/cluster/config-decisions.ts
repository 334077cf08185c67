import type { ControllerPort, Refusal } from '../metadata/controller-port.js';
import type { ConfigValues } from '../metadata/image.js';
import type { ConfigResource } from '../metadata/records.js';
import { KafkaError } from '../protocol/error-codes.js';
import { DONE, type Draft, refusal } from './decision.js';
import { isTopicSetting, topicConfigRefusal, unknownTopicSetting } from './topic-rules.js';

/** Says what is wrong with all the settings that a broker (name '': every broker) or group would have, or null. */
export type ConfigValidator = (
  resource: Exclude<ConfigResource, 'topic'>,
  name: string,
  values: ConfigValues,
) => string | null;

type Change = Parameters<ControllerPort['alterConfigs']>[0]['resources'][number];

/** Each resource's changes hold all together or not at all. */
export function alterConfigs(
  draft: Draft,
  resources: readonly Change[],
  validateOnly: boolean,
  validate: ConfigValidator,
): (Pick<Change, 'resource' | 'name'> & Refusal)[] {
  const seen = new Set<string>();
  return resources.map((change) => {
    const { resource, name } = change;
    const answer = (its: Refusal) => ({ resource, name, ...its });
    const id = `${resource}/${name}`;
    if (seen.has(id)) {
      return answer(refusal(KafkaError.INVALID_REQUEST, 'Each resource must appear at most once.'));
    }
    seen.add(id);
    const before = valuesNow(draft, change);
    if ('refusal' in before) return answer(before.refusal);
    const after = merged(before.values, change);
    const problem = problemWith(change, after, validate);
    if (problem !== null) return answer(problem);
    if (!validateOnly) write(draft, change, before.values, after);
    return answer(DONE);
  });
}

type Found = { readonly values: ConfigValues } | { readonly refusal: Refusal };

function valuesNow(draft: Draft, { resource, name }: Change): Found {
  const refuse = (its: Refusal): Found => ({ refusal: its });
  if (resource === 'topic') {
    const topic = draft.image.topics.get(name);
    if (topic !== undefined) return { values: topic.config };
    return refuse(
      refusal(KafkaError.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${name}' does not exist.`),
    );
  }
  if (resource === 'broker' && name !== '') {
    const brokerId = /^\d{1,10}$/.test(name) ? Number(name) : -1;
    if (brokerId < 0) {
      const message = `Unable to parse broker name as a base 10 number: ${name}`;
      return refuse(refusal(KafkaError.INVALID_REQUEST, message));
    }
    if (!draft.brokers.has(brokerId)) {
      const message = `No broker with id ${brokerId} found.`;
      return refuse(refusal(KafkaError.BROKER_ID_NOT_REGISTERED, message));
    }
  }
  if (resource === 'group' && name === '') {
    return refuse(refusal(KafkaError.INVALID_REQUEST, 'The name of a group must not be empty.'));
  }
  return { values: draft.image.configOf(resource, name) };
}

function merged(before: ConfigValues, { changes, replaceAll }: Change): Record<string, string> {
  const after = new Map(replaceAll ? [] : Object.entries(before));
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) after.delete(key);
    else after.set(key, value);
  }
  return Object.fromEntries(after);
}

function problemWith(
  { resource, name, changes }: Change,
  after: ConfigValues,
  validate: ConfigValidator,
): Refusal | null {
  if (resource === 'topic') {
    // Also a name that is only taken back must be one.
    const unknown = Object.keys(changes).find((key) => !isTopicSetting(key));
    return unknown === undefined ? topicConfigRefusal(after) : unknownTopicSetting(unknown);
  }
  const problem = validate(resource, name, after);
  return problem === null ? null : refusal(KafkaError.INVALID_CONFIG, problem);
}

function write(draft: Draft, change: Change, before: ConfigValues, after: ConfigValues): void {
  const { resource, name } = change;
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const value = after[key] ?? null;
    if (value === (before[key] ?? null)) continue;
    draft.records.push({ type: 'config', resource, name, key, value });
  }
}
