import { fileURLToPath } from 'node:url';
import { Cluster, type ClusterEvent } from '../../engine/cluster/cluster.js';
import type { OperationsServer } from '../operations/http-server.js';
import type { Logger } from '../operations/logger.js';
import { printJson } from '../print-json.js';
import { interruptSignal, UsageError } from '../run-program.js';
import { Failure, stopped } from './broker.js';
import { clusterLines } from './cluster-table.js';
import type { ClusterFlags } from './flags.js';
import { LiveTable } from './live-table.js';
import { METRICS_VARIABLE } from './metrics-variable.js';
import { serverLog } from './server-log.js';

const LOOK_EVERY_MS = 500;
const METERED_BROKER = fileURLToPath(new URL('./metered-broker-process.js', import.meta.url));

/** Runs a cluster until it is told to stop. */
export async function runCluster(flags: ClusterFlags): Promise<void> {
  const { brokers: count, port } = flags;
  const { metricsPort = 0 } = flags;
  if (metricsPort + count > 65_535) {
    throw new UsageError(`--metrics-port ${metricsPort} leaves no room for ${count} brokers' own`);
  }
  if (port !== undefined && port + count - 1 > 65_535) {
    throw new UsageError(`--port ${port} leaves no room for ${count} brokers below 65536`);
  }
  const signal = interruptSignal();
  const table = process.stdout.isTTY && !flags.json ? new LiveTable(process.stdout) : null;
  const log = serverLog(flags, table === null ? undefined : (line) => table.above(line));
  const failed = new Failure();
  let cluster: Cluster | null = null;
  let operations: OperationsServer | null = null;
  let timer: NodeJS.Timeout | undefined;
  if (flags.metricsPort !== undefined) measureBrokers(flags);
  try {
    cluster = await Cluster.start({
      brokers: count,
      directory: flags.directory,
      host: flags.host,
      ...(port !== undefined && { ports: Array.from({ length: count }, (_, i) => port + i) }),
      ...(flags.config && { config: flags.config }),
      ...(flags.metricsPort !== undefined && { entry: METERED_BROKER }),
      onEvent: (event) => {
        logEvent(log, event);
        if ('from' in event && event.kind === 'failed') failed.with(event.cause);
      },
    });
    const running = cluster;
    if (flags.metricsPort !== undefined) operations = await serveMetrics(flags, running, failed);
    const { brokers } = running.status();
    if (flags.json) {
      const ready = brokers.map(({ brokerId, address, pid }) => ({ id: brokerId, address, pid }));
      printJson({
        event: 'ready',
        brokers: ready,
        ...(operations && { metricsPort: operations.port }),
      });
    }
    log.event('cluster', {
      kind: 'ready',
      addresses: running.addresses,
      directory: running.directory,
      startMs: Math.round(performance.now()),
    });
    log.openSoon();
    if (table !== null) {
      const draw = (): void => table.show(clusterLines(running.status()));
      draw();
      timer = setInterval(draw, LOOK_EVERY_MS);
    }
    await Promise.race([stopped(signal), failed.happened]);
  } finally {
    clearInterval(timer);
    await operations?.close();
    try {
      await cluster?.close();
    } finally {
      await log.open();
    }
  }
  failed.throwIfAny();
}

/** Tells the brokers' processes, which inherit it. */
function measureBrokers({ metricsHost, metricsPort }: ClusterFlags): void {
  process.env[METRICS_VARIABLE] = JSON.stringify({ host: metricsHost, port: metricsPort });
}

function logEvent(log: Logger, event: ClusterEvent): void {
  if ('from' in event) {
    const { from, ...rest } = event;
    log.event(from, rest);
  } else if (event.kind === 'broker-event') {
    const { source, ...rest } = event.event;
    log.event(String(source), rest, { broker: event.brokerId });
  } else {
    log.event('cluster', event);
  }
}

async function serveMetrics(
  { metricsHost: host, metricsPort: port = 0 }: ClusterFlags,
  cluster: Cluster,
  failed: Failure,
): Promise<OperationsServer> {
  const [{ OperationsServer: Server }, { clusterMetrics }] = await Promise.all([
    import('../operations/http-server.js'),
    import('../operations/cluster-metrics.js'),
  ]);
  return Server.listen({
    host,
    port,
    registry: clusterMetrics(() => cluster),
    health: () => failed.message,
    readiness: () => {
      const { brokers, leaderless } = cluster.status();
      const out = brokers.filter(({ isFenced }) => isFenced).map(({ brokerId }) => brokerId);
      if (out.length > 0) return `not in service: broker ${out.join(', ')}`;
      return leaderless > 0 ? `${leaderless} partitions have no leader` : null;
    },
  });
}
