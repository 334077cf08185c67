import { VarveError } from '../errors.js';

/** Kafka's limit: leaves room for `-PARTITION` and more in a 255-byte file name. */
export const MAX_TOPIC_NAME_LENGTH = 249;

const ALLOWED = /^[a-zA-Z0-9._-]+$/;

/** Which of Kafka's rules the name breaks, or null. */
export function topicNameProblem(topic: string): string | null {
  if (topic === '') return 'is empty';
  if (topic === '.' || topic === '..') return "must not be '.' or '..'";
  if (topic.length > MAX_TOPIC_NAME_LENGTH) {
    return `has ${topic.length} characters, at most ${MAX_TOPIC_NAME_LENGTH} are allowed`;
  }
  if (!ALLOWED.test(topic)) return "may only have letters and digits of ASCII, '.', '_' and '-'";
  return null;
}

/** @throws VarveError INVALID_TOPIC with the name and the rule it breaks. */
export function validateTopicName(topic: string): void {
  const rule = typeof topic === 'string' ? topicNameProblem(topic) : 'is not a string';
  if (rule === null) return;
  const shown = JSON.stringify(String(topic).slice(0, MAX_TOPIC_NAME_LENGTH + 1));
  throw new VarveError('INVALID_TOPIC', `topic name ${shown} ${rule}`, {
    details: { topic, rule },
  });
}

/** Kafka's metric names put '_' for '.', so two topics that differ only there collide. */
export function topicNamesCollide(a: string, b: string): boolean {
  return a.replaceAll('.', '_') === b.replaceAll('.', '_');
}
