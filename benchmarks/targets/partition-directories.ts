/** Of Kafka's directories on their way out: `TOPIC-0.4f9c...-delete`, `-future`, `-stray`. */
const LEAVING = /^\d+(\.[0-9a-f]+-(delete|future|stray))?$/;

/** Whether a directory with this name has, or had, a partition of the topic. */
export function isPartitionOf(topic: string, name: string): boolean {
  return name.startsWith(`${topic}-`) && LEAVING.test(name.slice(topic.length + 1));
}
