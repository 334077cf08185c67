import { monotonicNs } from './context.js';
import type { FromMember, MemberOptions } from './member-messages.js';

/* The program of one member of a group: KafkaJS, reading what it is given, until it is killed. */

const [given] = process.argv.slice(2);
if (given === undefined) throw new Error('usage: group-member OPTIONS');
const { bootstrap, topic, groupId, sessionTimeoutMs } = JSON.parse(given) as MemberOptions;

const HEARTBEAT_MS = 200;
const TELL_EVERY_MS = 20;

function tell(message: FromMember): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

function fail(error: unknown): void {
  tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
}

process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => undefined);

const lastNs = new Map<number, number>();
setInterval(() => {
  if (lastNs.size > 0) tell({ kind: 'consumed', lastNs: [...lastNs] });
  lastNs.clear();
}, TELL_EVERY_MS);

const { default: kafkajs } = await import('kafkajs').catch((error: unknown) => {
  tell({ kind: 'missing', message: error instanceof Error ? error.message : String(error) });
  setImmediate(() => process.exit(1));
  return new Promise<never>(() => undefined);
});
const kafka = new kafkajs.Kafka({
  clientId: 'varve-bench-member',
  brokers: [...bootstrap],
  logLevel: kafkajs.logLevel.NOTHING,
  retry: { initialRetryTime: 50, retries: 20 },
});
const consumer = kafka.consumer({
  groupId,
  sessionTimeout: sessionTimeoutMs,
  rebalanceTimeout: 10_000,
  heartbeatInterval: HEARTBEAT_MS,
  maxWaitTimeInMs: 50,
  // What is measured is when they read again, not how much.
  maxBytesPerPartition: 64 * 1024,
  retry: { initialRetryTime: 50, retries: 20 },
});
consumer.on('consumer.group_join', ({ payload }) => {
  tell({
    kind: 'assigned',
    partitions: payload.memberAssignment[topic] ?? [],
    atNs: monotonicNs(),
  });
});
consumer.on('consumer.crash', ({ payload }) => {
  // Else it starts again by itself, such as when the coordinator of the group is still loading.
  if (!payload.restart) fail(payload.error);
});
try {
  await consumer.connect();
  await consumer.subscribe({ topic });
  await consumer.run({
    eachBatch: async ({ batch: { partition } }) => {
      lastNs.set(partition, monotonicNs());
    },
  });
} catch (error) {
  fail(error);
}
