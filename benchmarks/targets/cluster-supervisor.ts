import { Cluster, isVarveError } from '../../engine/index.js';
import { programPath } from '../program-path.js';
import { endingOf } from './breakage.js';
import type {
  FromSupervisor,
  SupervisorOptions,
  SupervisorOrder,
  ToSupervisor,
} from './cluster-messages.js';

/*
 * The process that supervises a measured cluster, as `varve cluster` does, apart from the suite's own so that neither's
 * event loop is in the other's way. Obeys orders over Node's channel, and ends with the one who gives them.
 */

function tell(message: FromSupervisor): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

const [given] = process.argv.slice(2);
if (given === undefined) throw new Error('usage: cluster-supervisor OPTIONS');
const options = JSON.parse(given) as SupervisorOptions;

const starting = Cluster.start({
  ...options,
  entry: programPath('counted-broker-process', 'targets/counted-broker-process.js'),
  onEvent(event) {
    if (event.kind === 'broker-started') {
      tell({ kind: 'process', brokerId: event.brokerId, pid: event.pid });
    } else if (event.kind === 'broker-exited') {
      const how = endingOf(event.code, event.signal);
      tell({ kind: 'process', brokerId: event.brokerId, pid: null, how });
    } else if (event.kind === 'broker-problem') {
      console.error(`broker ${event.brokerId}: ${messageOf(event.cause)}`);
    } else if (event.kind === 'broker-event' && event.event.kind === 'offline') {
      const { topic, partition, cause } = event.event;
      const message = `broker ${event.brokerId} gives up partition ${topic}-${partition}: ${cause}`;
      tell({ kind: 'log-failed', brokerId: event.brokerId, message });
    } else if (event.kind === 'failed') {
      const message = `the controller cannot go on: ${messageOf(event.cause)}`;
      tell({ kind: 'log-failed', brokerId: null, message });
    }
  },
});

async function obey(cluster: Cluster, order: SupervisorOrder): Promise<void> {
  switch (order.kind) {
    case 'kill':
      await Promise.all(order.brokerIds.map((id) => cluster.stopBroker(id, 'SIGKILL')));
      return;
    case 'stop':
      return cluster.stopBroker(order.brokerId);
    case 'start':
      await Promise.all(order.brokerIds.map((id) => cluster.restartBroker(id)));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

process.on('message', ({ id, order }: ToSupervisor) => {
  starting
    .then((cluster) => obey(cluster, order))
    .then(
      () => tell({ kind: 'done', id, problem: null }),
      (error: unknown) => tell({ kind: 'done', id, problem: messageOf(error) }),
    );
});

let isEnding = false;
async function end(): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  const cluster = await starting.catch(() => null);
  await cluster?.close();
  process.exit(0);
}

process.on('SIGTERM', () => void end());
process.on('disconnect', () => void end());
// Ctrl-C reaches every process of the terminal: the suite decides what it means.
process.on('SIGINT', () => undefined);

starting.then(
  (cluster) => tell({ kind: 'ready', addresses: cluster.addresses }),
  (error: unknown) => {
    const code = isVarveError(error) ? error.code : 'IO_FAILED';
    tell({ kind: 'failed', code, message: messageOf(error) });
    setImmediate(() => process.exit(1));
  },
);
