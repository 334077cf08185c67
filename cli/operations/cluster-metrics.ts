import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Cluster, ClusterStatus } from '../../engine/cluster/cluster.js';

/** Metrics of a cluster as its controller sees it. */
export function clusterMetrics(cluster: () => Cluster | null): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    collect: (gauge: Gauge<L>, status: ClusterStatus) => void,
  ): void => {
    new Gauge<L>({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset();
        const running = cluster();
        if (running !== null) collect(this, running.status());
      },
    });
  };
  gauge('varve_cluster_topics', 'Topics.', [], (one, { topics }) => one.set(topics));
  gauge('varve_cluster_partitions', 'Partitions.', [], (one, status) => one.set(status.partitions));
  gauge('varve_cluster_leaderless_partitions', 'Partitions without a leader.', [], (one, status) =>
    one.set(status.leaderless),
  );
  gauge(
    'varve_cluster_under_replicated_partitions',
    'Partitions with replicas that are not in sync.',
    [],
    (one, status) => one.set(status.underReplicated),
  );
  gauge('varve_cluster_brokers', 'Brokers by state.', ['state'], (one, { brokers }) => {
    for (const { state } of brokers) one.inc({ state });
  });
  gauge('varve_cluster_broker_fenced', '1: not in service.', ['broker'], (one, { brokers }) => {
    for (const { brokerId: broker, isFenced } of brokers) one.set({ broker }, isFenced ? 1 : 0);
  });
  gauge(
    'varve_cluster_broker_restarts',
    'Times a broker was started again after it died.',
    ['broker'],
    (one, { brokers }) => {
      for (const { brokerId: broker, restarts } of brokers) one.set({ broker }, restarts);
    },
  );
  return registry;
}
