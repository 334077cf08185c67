import { expect, test } from 'vitest';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { SimulatedTimers, settled } from '../testing/simulated-timers.js';
import { FollowerState } from './follower-state.js';
import type { ReplicaConnection } from './ports.js';
import type { Replica } from './replica.js';
import { ReplicaFetcher } from './replica-fetcher.js';
import { REPLICATION_DEFAULTS } from './types.js';

test('partitions that come one after the other do not keep answers from arriving', async () => {
  const clock = new SimulatedClock();
  const timers = new SimulatedTimers(clock);
  const taken: number[] = [];
  const connection: ReplicaConnection = {
    // As long as a large answer takes.
    fetch: (request, signal) =>
      new Promise((resolve, reject) => {
        const cancel = timers.after(20, () =>
          resolve({
            responses: (request.topics ?? []).map(({ topicId, partitions }) => ({
              topicId,
              partitions: (partitions ?? []).map(({ partition }) => ({
                partitionIndex: partition,
              })),
            })),
            errorCode: 0,
          } as never),
        );
        signal.addEventListener('abort', () => {
          cancel();
          reject(new Error('aborted'));
        });
      }),
    listOffsets: () => Promise.reject(new Error('not asked for')),
    close: () => undefined,
  };
  const fetcher = new ReplicaFetcher(1, connection, {
    brokerId: 2,
    brokerEpoch: () => 1,
    clock,
    timers,
    config: REPLICATION_DEFAULTS,
    onData: (_, { replica }) => taken.push(replica.partition),
    onFailure: () => undefined,
  });
  for (let partition = 0; partition < 100; partition += 1) {
    const log = { logEndOffset: 0, logStartOffset: 0, latestEpoch: 0 };
    const replica = { topic: 't', topicId: 'i', partition, log } as unknown as Replica;
    const start = { leaderId: 1, leaderEpoch: 0, latestEpoch: 0, maxBackoffMs: 1000 };
    fetcher.add(replica, new FollowerState(start));
    await timers.advanceAsync(10, settled);
  }
  expect(taken.filter((partition) => partition === 0).length).toBeGreaterThan(10);
  fetcher.close();
});
