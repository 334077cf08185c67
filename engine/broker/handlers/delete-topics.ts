import { ZERO_UUID } from '../../format/uuid.js';
import { KafkaError } from '../../protocol/error-codes.js';
import type { DeletableTopicResultInput } from '../../protocol/messages/index.js';
import { type Handler, refusalOf, splitDuplicates } from './answers.js';
import { waitMs } from './wait.js';

/** Kafka: ControllerApis.deleteTopics. */
export const deleteTopics: Handler<'DeleteTopics'> = async (services, request, { apiVersion }) => {
  const { controller, metadata, onEvent, settings } = services;
  const topics =
    apiVersion >= 6
      ? request.topics
      : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
  const responses: DeletableTopicResultInput[] = [];
  if (!settings.current.deleteTopicEnable) {
    const errorCode =
      apiVersion < 3 ? KafkaError.INVALID_REQUEST : KafkaError.TOPIC_DELETION_DISABLED;
    const errorMessage = 'Topic deletion is disabled.';
    return { responses: topics.map((topic) => ({ ...topic, errorCode, errorMessage })) };
  }

  const refuse = (topic: { name: string | null; topicId: string }, errorMessage: string): void => {
    responses.push({ ...topic, errorCode: KafkaError.INVALID_REQUEST, errorMessage });
  };
  const names: string[] = [];
  const ids: string[] = [];
  for (const { name, topicId } of topics) {
    if (name === null) {
      if (topicId === ZERO_UUID) {
        refuse({ name, topicId }, 'Neither topic name nor id were specified.');
      } else ids.push(topicId);
    } else if (topicId === ZERO_UUID) names.push(name);
    else refuse({ name, topicId }, 'You may not specify both topic name and topic id.');
  }
  const byName = splitDuplicates(names);
  const byId = splitDuplicates(ids);
  for (const name of byName.repeated) {
    refuse({ name, topicId: ZERO_UUID }, 'Duplicate topic name.');
  }
  for (const topicId of byId.repeated) refuse({ name: null, topicId }, 'Duplicate topic id.');
  for (const name of byName.once) {
    const topicId = metadata.image.topics.get(name)?.topicId;
    if (topicId === undefined) continue;
    if (byId.once.delete(topicId) || byId.repeated.has(topicId)) {
      byName.once.delete(name);
      refuse({ name, topicId }, 'The provided topic name maps to an ID that was already supplied.');
    }
  }

  const wanted = [
    ...[...byName.once].map((name) => ({ name, topicId: null })),
    ...[...byId.once].map((topicId) => ({ name: null, topicId })),
  ];
  if (wanted.length === 0) return { responses };
  try {
    const answers = await controller.deleteTopics({ topics: wanted });
    const gone = new Set<string>();
    for (const [i, { name, topicId, errorCode, errorMessage }] of answers.entries()) {
      const done = errorCode === KafkaError.NONE;
      if (done) gone.add(topicId);
      const asked = wanted[i];
      responses.push({
        // A topic that was asked for by an unknown id has no name.
        name: done || asked?.name !== null ? name : null,
        topicId: topicId === '' ? ZERO_UUID : topicId,
        errorCode,
        errorMessage,
      });
    }
    await metadata.waitFor(
      ({ topicNames }) => [...gone].every((id) => !topicNames.has(id)),
      waitMs(request.timeoutMs),
    );
  } catch (cause) {
    onEvent({ kind: 'controller-failed', cause });
    for (const { name, topicId } of wanted) {
      responses.push({ name, topicId: topicId ?? ZERO_UUID, ...refusalOf(cause) });
    }
  }
  return { responses };
};
