import type { LoadConsumer } from './consumer.js';
import { isCatchUp, type LoadPlan } from './plan.js';

/**
 * Each is loaded when it is asked for. The reader that catches up beside the groups is always varve's own client, as it is
 * there to keep the brokers busy. @throws BenchError
 */
export async function openConsumer(plan: LoadPlan): Promise<LoadConsumer> {
  const { connection, cell } = plan;
  if (connection.kind !== 'brokers') throw new Error(`nobody reads from ${connection.kind}`);
  if (isCatchUp(plan)) return (await import('./ready-consumer.js')).ReadyConsumer.open(plan);
  switch (cell.client) {
    case 'ready':
      return (await import('./ready-consumer.js')).ReadyConsumer.open(plan);
    case 'kafkajs':
      return (await import('./kafkajs-consumer.js')).KafkaJsConsumer.open(plan, connection);
    case 'platformatic':
      return (await import('./platformatic-consumer.js')).PlatformaticConsumer.open(
        plan,
        connection,
      );
    case 'librdkafka':
      return (await import('./librdkafka-consumer.js')).LibrdkafkaConsumer.open(plan, connection);
  }
}
