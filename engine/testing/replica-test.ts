import { afterEach, expect } from 'vitest';
import type { FetchPartitionRequest, PartitionProduceResult } from '../replication/types.js';
import { batchOf, ReplicaCluster, type ReplicaClusterOptions } from './replica-cluster.js';

/* What tests of replication share. Importing it closes the cluster after each test. */

/** The cluster of the test that runs. */
export let cluster: ReplicaCluster;

export function startCluster(options: ReplicaClusterOptions = {}): void {
  cluster = new ReplicaCluster(options);
}
afterEach(async () => {
  await cluster.close();
  expect(cluster.spinning).toBeNull();
});

/** A cluster with topic `t`: one partition, led by broker 1, with replicas on three brokers. */
export async function threeReplicas(
  config: Readonly<Record<string, string>> = {},
  options: ReplicaClusterOptions = {},
): Promise<void> {
  startCluster(options);
  await cluster.createTopic('t', [[1, 2, 3]], config);
}

type Outcome = PartitionProduceResult | 'waiting';

/** Starts a produce request and says later what became of it. */
export function produce(
  leader: number,
  values: readonly string[],
  options: { acks?: number; timeoutMs?: number; producer?: Parameters<typeof batchOf>[1] } = {},
): { outcome: Outcome; done: Promise<PartitionProduceResult> } {
  const { acks = -1, timeoutMs = 30_000, producer = null } = options;
  const records = batchOf(values, producer);
  const request = [{ topic: 't', partition: 0, records }];
  const answer = cluster.manager(leader).produce(request, { acks, timeoutMs });
  const produced: { outcome: Outcome; done: Promise<PartitionProduceResult> } = {
    outcome: Array.isArray(answer) ? answer[0]! : 'waiting',
    done: Promise.resolve(answer).then((results) => results[0]!),
  };
  void produced.done.then((result) => {
    produced.outcome = result;
  });
  return produced;
}

/** Every record of a replica, committed or not. */
export function valuesOf(id: number, topic = 't', partition = 0): string[] {
  const log = cluster.log(id, topic, partition);
  const values: string[] = [];
  let offset = log.logStartOffset;
  while (offset < log.logEndOffset) {
    const saved = log.highWatermark;
    log.setHighWatermark(log.logEndOffset);
    const record = log.readRecord(offset, { checkCrcs: true });
    log.setHighWatermark(saved);
    if (record === null) break;
    values.push(Buffer.from(record.value!).toString());
    offset = record.offset + 1;
  }
  return values;
}

/** What a consumer is answered, without waiting. */
export const consume = (
  id: number,
  fetchOffset: number,
  over: Partial<FetchPartitionRequest> = {},
) =>
  cluster.manager(id).fetch({
    replicaId: -1,
    replicaEpoch: -1,
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1 << 20,
    isolationLevel: 0,
    partitions: [
      {
        topic: 't',
        topicId: '',
        partition: 0,
        currentLeaderEpoch: -1,
        fetchOffset,
        lastFetchedEpoch: -1,
        logStartOffset: -1,
        partitionMaxBytes: 1 << 20,
        ...over,
      },
    ],
  });
