import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { RunningBroker } from '../../engine/cluster/running-broker.js';
import type { RequestListener } from '../../engine/wire/index.js';

/** What metrics look at: a broker of this process. */
export interface MeasuredBroker {
  readonly node: RunningBroker['node'];
  wireStatus(): ReturnType<RunningBroker['wireStatus']>;
}

const SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

type RequestCounters = readonly [Histogram.Internal<'api'>, Counter.Internal, Counter.Internal];

/** Metrics of one broker for Prometheus. States are read when they are asked for; only requests and events count. */
export class BrokerMetrics {
  readonly registry = new Registry();
  readonly #broker: () => MeasuredBroker | null;
  readonly #durations: Histogram<'api'>;
  readonly #requestBytes: Counter<'api'>;
  readonly #responseBytes: Counter<'api'>;
  readonly #isrChanges: Counter<'direction'>;
  readonly #closed: Counter<'reason'>;
  readonly #byApi = new Map<string, RequestCounters>();

  /** `broker` gives null while it starts. */
  constructor(broker: () => MeasuredBroker | null) {
    this.#broker = broker;
    const { registry } = this;
    const registers = [registry];
    collectDefaultMetrics({ register: registry });
    this.#durations = new Histogram({
      name: 'varve_request_duration_seconds',
      help: 'From the moment a request is decoded until its answer is handed to the socket, waits included.',
      labelNames: ['api'],
      buckets: SECONDS,
      registers,
    });
    this.#requestBytes = new Counter({
      name: 'varve_request_bytes_total',
      help: 'Bytes received in requests.',
      labelNames: ['api'],
      registers,
    });
    this.#responseBytes = new Counter({
      name: 'varve_response_bytes_total',
      help: 'Bytes sent in answers.',
      labelNames: ['api'],
      registers,
    });
    this.#isrChanges = new Counter({
      name: 'varve_isr_changes_total',
      help: 'Replicas asked in or out of the in-sync replicas of partitions led here.',
      labelNames: ['direction'],
      registers,
    });
    this.#closed = new Counter({
      name: 'varve_connections_closed_total',
      help: 'Connections that ended, by why.',
      labelNames: ['reason'],
      registers,
    });
    this.#addConnections();
    this.#addPartitions();
    this.#addGroups();
  }

  /** For the broker's `onRequest`. */
  readonly onRequest: RequestListener = ({ api, requestBytes, responseBytes, durationMs }) => {
    let counters = this.#byApi.get(api);
    if (counters === undefined) {
      counters = [
        this.#durations.labels(api),
        this.#requestBytes.labels(api),
        this.#responseBytes.labels(api),
      ];
      this.#byApi.set(api, counters);
    }
    counters[0].observe(durationMs / 1000);
    counters[1].inc(requestBytes);
    counters[2].inc(responseBytes);
  };

  /** For the broker's `onEvent`. */
  onEvent(event: { readonly kind?: string; readonly reason?: unknown }): void {
    switch (event.kind) {
      case 'isr-expanding':
        this.#isrChanges.inc({ direction: 'expand' });
        return;
      case 'isr-shrinking':
        this.#isrChanges.inc({ direction: 'shrink' });
        return;
      case 'connection-closed':
        this.#closed.inc({ reason: String(event.reason) });
        return;
    }
  }

  #gauge<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    collect: (gauge: Gauge<L>, broker: MeasuredBroker) => void,
  ): void {
    const broker = this.#broker;
    new Gauge<L>({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      collect() {
        this.reset();
        const running = broker();
        if (running !== null) collect(this, running);
      },
    });
  }

  #addConnections(): void {
    this.#gauge('varve_connections', 'Open connections.', [], (gauge, broker) =>
      gauge.set(broker.wireStatus().connections),
    );
    this.#gauge(
      'varve_queued_request_bytes',
      'Of requests received and not answered.',
      [],
      (gauge, broker) => gauge.set(broker.wireStatus().queuedRequestBytes),
    );
    this.#gauge('varve_ready', '1: in service with the controller.', [], (gauge, { node }) =>
      gauge.set(node.isReady ? 1 : 0),
    );
  }

  #addPartitions(): void {
    const roles = ['leader', 'follower', 'offline', 'none'] as const;
    this.#gauge('varve_partitions', 'Replicas here, by role.', ['role'], (gauge, { node }) => {
      for (const role of roles) gauge.set({ role }, 0);
      for (const { role } of node.replicas.partitions()) gauge.inc({ role });
    });
    const count = (name: string, help: string, is: 'isUnderReplicated' | 'isUnderMinIsr') =>
      this.#gauge(name, help, [], (gauge, { node }) => {
        gauge.set(0);
        for (const partition of node.replicas.partitions()) if (partition[is]) gauge.inc();
      });
    count(
      'varve_under_replicated_partitions',
      'Led here with replicas that are not in sync.',
      'isUnderReplicated',
    );
    count(
      'varve_under_min_isr_partitions',
      'Led here with too few in-sync replicas to take acks=all.',
      'isUnderMinIsr',
    );
    const each = (
      name: string,
      help: string,
      field: 'sizeBytes' | 'logStartOffset' | 'logEndOffset' | 'highWatermark',
    ) =>
      this.#gauge(name, help, ['topic', 'partition'], (gauge, { node }) => {
        for (const status of node.replicas.partitions()) {
          const { topic, partition } = status;
          if (status[field] >= 0) gauge.set({ topic, partition }, status[field]);
        }
      });
    each('varve_partition_size_bytes', 'Of the log of a replica here.', 'sizeBytes');
    each('varve_partition_log_start_offset', 'Of a replica here.', 'logStartOffset');
    each(
      'varve_partition_log_end_offset',
      'Of a replica here; its rate is records appended per second.',
      'logEndOffset',
    );
    each('varve_partition_high_watermark', 'What consumers can read up to.', 'highWatermark');
    this.#gauge(
      'varve_replica_lag_records',
      'How far followers are behind partitions led here.',
      ['topic', 'partition', 'follower'],
      (gauge, { node }) => {
        for (const { topic, partition, followers } of node.replicas.partitions()) {
          for (const { brokerId: follower, lag } of followers) {
            if (lag >= 0) gauge.set({ topic, partition, follower }, lag);
          }
        }
      },
    );
  }

  #addGroups(): void {
    const labels = ['group', 'topic', 'partition'] as const;
    this.#gauge(
      'varve_group_committed_offset',
      'Of groups that this broker coordinates.',
      labels,
      (gauge, { node }) => {
        for (const { group, topic, partition, offset } of node.groups.committedOffsets()) {
          gauge.set({ group, topic, partition }, offset);
        }
      },
    );
    this.#gauge(
      'varve_group_lag',
      'How far groups that this broker coordinates are behind, in partitions with a replica here.',
      labels,
      (gauge, { node }) => {
        for (const { group, topic, partition, offset } of node.groups.committedOffsets()) {
          const end = node.replicas.partition(topic, partition)?.highWatermark ?? -1;
          if (end >= 0) gauge.set({ group, topic, partition }, Math.max(0, end - offset));
        }
      },
    );
  }
}
