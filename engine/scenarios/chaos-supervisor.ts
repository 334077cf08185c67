import { Cluster, type ClusterOptions, type ClusterStatus } from '../cluster/index.js';

/*
 * The supervisor's process of a chaos run: a cluster as `varve cluster` runs it, and orders over Node's IPC channel,
 * so that the one who gives them can also kill it.
 */

export type Order =
  | { readonly kind: 'restart'; readonly brokerId: number }
  | { readonly kind: 'roll' }
  /** Starts what is stopped and waits until every replica is in sync. */
  | { readonly kind: 'settle'; readonly waitMs: number }
  /** Leads every partition by another broker, without a broker that stops. */
  | { readonly kind: 'move'; readonly topic: string; readonly partition: number }
  | { readonly kind: 'status' };

export interface OrderMessage {
  readonly id: number;
  readonly order: Order;
}

export interface PartitionPlace {
  readonly topic: string;
  readonly partition: number;
  readonly leader: number;
  readonly isr: readonly number[];
  readonly replicas: readonly number[];
}

export type SupervisorMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'started'; readonly brokerId: number; readonly pid: number }
  | { readonly kind: 'exited'; readonly brokerId: number; readonly pid: number }
  | { readonly kind: 'listening'; readonly brokerId: number; readonly port: number }
  | { readonly kind: 'event'; readonly text: string }
  | {
      readonly kind: 'done';
      readonly id: number;
      readonly problem: string | null;
      readonly status: ClusterStatus;
      readonly places: readonly PartitionPlace[];
    };

/** Of brokers' events these are kept for the story of a run that failed. */
const TOLD: ReadonlySet<string> = new Set([
  'broker-started',
  'broker-exited',
  'broker-problem',
  'broker-fenced',
  'broker-unfenced',
  'broker-registered',
]);

const [given] = process.argv.slice(2);
if (given === undefined) throw new Error('usage: chaos-supervisor OPTIONS');
const options = JSON.parse(given) as Omit<ClusterOptions, 'onEvent'>;

function tell(message: SupervisorMessage): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

const pids = new Map<number, number>();
let cluster: Cluster | null = null;
const starting = Cluster.start({
  ...options,
  onEvent(event) {
    const { kind } = event;
    if (kind === 'broker-started') {
      pids.set(event.brokerId, event.pid);
      tell({ kind: 'started', brokerId: event.brokerId, pid: event.pid });
    }
    if (kind === 'broker-exited') {
      tell({ kind: 'exited', brokerId: event.brokerId, pid: pids.get(event.brokerId) ?? -1 });
    }
    if (kind === 'broker-ready') {
      tell({ kind: 'listening', brokerId: event.brokerId, port: event.port });
    }
    if (TOLD.has(kind)) tell({ kind: 'event', text: plain(event) });
    if (kind === 'broker-event') {
      const { event: its } = event as { event: Record<string, unknown> };
      if (isWorthTelling(its)) tell({ kind: 'event', text: `${event.brokerId}: ${plain(its)}` });
    }
  },
});

/** Not: connections, and what happens to partitions that nothing is in. */
function isWorthTelling({ source, topic, event, ...its }: Record<string, unknown>) {
  if (source === 'wire') return false;
  const { kind: logKind, offset } = (event ?? {}) as { kind?: string; offset?: number };
  if (logKind === 'truncated' && offset === 0) return false;
  return topic !== '__consumer_offsets' || !['follower', 'isr-changed'].includes(String(its.kind));
}

function plain(event: object): string {
  return JSON.stringify(event, (_, value: unknown) =>
    value instanceof Error ? value.message : value,
  );
}

async function obey(running: Cluster, order: Order): Promise<void> {
  switch (order.kind) {
    case 'status':
      return;
    case 'restart':
      return running.restartBroker(order.brokerId);
    case 'roll':
      return running.rollingRestart({ waitMs: 20_000 });
    case 'settle':
      return settle(running, order.waitMs);
    case 'move':
      return move(running, order.topic, order.partition);
  }
}

async function settle(running: Cluster, waitMs: number): Promise<void> {
  for (const { brokerId, state } of running.status().brokers) {
    if (state === 'stopped') await running.restartBroker(brokerId);
  }
  await running.waitFor((image) => {
    const isUp = [...image.brokers.values()].every(({ isFenced }) => !isFenced);
    if (!isUp) return false;
    for (const { partitions } of image.topics.values()) {
      for (const { leader, isr, replicas } of partitions) {
        if (leader < 0 || isr.length < replicas.length) return false;
      }
    }
    return true;
  }, waitMs);
}

/** By making another replica the first, and leading by the first. */
async function move(running: Cluster, topic: string, partition: number): Promise<void> {
  const { controller } = running;
  const { leader, replicas } = running.metadata.partition(topic, partition)!;
  const [first, ...others] = replicas.filter((id) => id !== leader);
  if (first === undefined) throw new Error(`${topic}-${partition} has one replica`);
  await controller.reassignPartitions({
    partitions: [{ topic, partition, replicas: [first, leader, ...others] }],
  });
  await controller.electLeaders({ type: 'preferred', partitions: [{ topic, partition }] });
}

function placesOf({ metadata }: Cluster): PartitionPlace[] {
  return [...metadata.topics.values()].flatMap(({ name, partitions }) =>
    partitions.map(({ leader, isr, replicas }, partition) => ({
      topic: name,
      partition,
      leader,
      isr,
      replicas,
    })),
  );
}

process.on('message', ({ id, order }: OrderMessage) => {
  const running = cluster;
  if (running === null) return;
  const done = (problem: string | null): void => {
    tell({ kind: 'done', id, problem, status: running.status(), places: placesOf(running) });
  };
  obey(running, order).then(
    () => done(null),
    (error: Error) => done(error.message),
  );
});

async function end(code: number): Promise<void> {
  const running = await starting.catch(() => null);
  await running?.close();
  process.exit(code);
}

process.on('SIGTERM', () => void end(0));
// Whoever gave the orders is gone.
process.on('disconnect', () => void end(1));

starting.then(
  (running) => {
    cluster = running;
    tell({ kind: 'ready' });
  },
  (error: Error) => {
    tell({ kind: 'failed', message: `${error.message}\n${error.stack}` });
    setImmediate(() => process.exit(1));
  },
);
