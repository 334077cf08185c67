import { watchBroker } from '../../engine/cluster/broker-watcher.js';
import type { RunningBroker } from '../../engine/cluster/running-broker.js';
import { BrokerMetrics } from '../operations/broker-metrics.js';
import { OperationsServer } from '../operations/http-server.js';
import { METRICS_VARIABLE } from './metrics-variable.js';

/*
 * The program of one broker's process of `varve cluster --metrics-port`: the engine's own, and a metrics server beside
 * it, whose port follows from the cluster's and the broker's id.
 */

let running: RunningBroker | null = null;
const metrics = new BrokerMetrics(() => running);

watchBroker({
  onRequest: metrics.onRequest,
  onEvent: ({ event }) => metrics.onEvent(event as { kind?: string }),
  started: (broker, tell) => {
    running = broker;
    const { host, port } = JSON.parse(process.env[METRICS_VARIABLE] ?? '{}');
    OperationsServer.listen({
      host,
      // 0 leaves the choice to the system.
      port: port === 0 ? 0 : port + broker.node.brokerId,
      registry: metrics.registry,
      health: () => null,
      readiness: () => (broker.node.isReady ? null : 'not in service with the controller'),
    }).then(
      (server) => tell({ kind: 'metrics-listening', port: server.port } as { kind: string }),
      (error: Error) => tell({ kind: 'metrics-failed', cause: error.message } as { kind: string }),
    );
  },
});
await import('../../engine/cluster/broker-process.js');
