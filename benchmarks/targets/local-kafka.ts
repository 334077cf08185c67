import { KafkaCluster } from './kafka-cluster.js';
import { findKafkaJars } from './kafka-jars.js';
import { localClusterTarget } from './local-cluster-target.js';
import type { Target } from './target.js';

/** What differs from Kafka's defaults, and why. Everything else is as it comes. */
export const KAFKA_RUN_SETTINGS = {
  /** A run makes its topics itself. */
  'auto.create.topics.enable': false,
  /** As in the configuration that comes with Kafka: a first rebalance that does not wait. */
  'group.initial.rebalance.delay.ms': 0,
  /** What is deleted is to be gone before the next cell. With 0 the thread that deletes never rests. */
  'log.segment.delete.delay.ms': 200,
  /** A closed loop must not fill the disk before retention looks (default: every five minutes, first after 30 s). */
  'log.retention.check.interval.ms': 2_000,
  'log.initial.task.delay.ms': 500,
} as const;

/** In the first minute of work it does half of what it does later: measured over three rounds of a matrix. */
const WARM_UP_SECONDS = 90;

/** A real Apache Kafka of as many brokers as the cell says, and a controller. */
export const localKafkaTarget: Target = localClusterTarget({
  name: 'local-kafka',
  warmUpSeconds: WARM_UP_SECONDS,
  async start({ cell, directory, signal, onEvent = () => undefined }) {
    const jars = await findKafkaJars(onEvent);
    return KafkaCluster.start({
      jars,
      brokers: cell.brokers,
      directory,
      settings: KAFKA_RUN_SETTINGS,
      controller: 'own',
      signal,
    });
  },
});
