import { afterEach, expect, test } from 'vitest';
import { serve, type TestServer } from '../testing/wire-peer.js';
import { TcpReplicaTransport } from './replica-transport.js';

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

async function started(): Promise<TestServer> {
  const served = await serve();
  opened.push({ close: () => served.server.close({ deadlineMs: 0 }) });
  return served;
}

const never = new AbortController().signal;

test('fetches with replica state and topic ids, and gets records as they are', async () => {
  const { port, handler } = await started();
  const topicId = 'AAAAAAAAAAAAAAAAAAAAQQ';
  const records = Buffer.alloc(300_000, 9);
  handler.script.Fetch = ({ replicaState, topics }) => {
    expect(replicaState).toEqual({ replicaId: 2, replicaEpoch: 5 });
    expect(topics[0]).toMatchObject({ topicId });
    return { responses: [{ topicId, partitions: [{ partitionIndex: 0, records }] }] };
  };
  const leader = new TcpReplicaTransport({
    endpointOf: () => ({ host: '127.0.0.1', port }),
  }).connect(1);
  opened.push(leader);
  const answer = await leader.fetch(
    {
      replicaState: { replicaId: 2, replicaEpoch: 5 },
      topics: [{ topic: 't', topicId, partitions: [{ partition: 0, fetchOffset: 3 }] }],
    },
    never,
  );
  expect(records.equals(answer.responses[0]!.partitions[0]!.records!)).toBe(true);
  const offsets = await leader.listOffsets({ topics: [] }, never);
  expect(offsets.topics).toEqual([]);
});

test('an aborted fetch ends at once, here and at the leader; the next request does not wait for it', async () => {
  const { port, handler } = await started();
  let seen = 0;
  let isAborted = false;
  handler.script.Fetch = (_, { signal }) => {
    if (seen++ > 0) return {};
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        isAborted = true;
        resolve({});
      });
    });
  };
  const leader = new TcpReplicaTransport({
    endpointOf: () => ({ host: '127.0.0.1', port }),
  }).connect(1);
  opened.push(leader);
  const abort = new AbortController();
  const first = leader.fetch({}, abort.signal);
  const outcome = expect(first).rejects.toMatchObject({ code: 'ABORTED' });
  while (seen === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  abort.abort();
  await outcome;
  expect((await leader.fetch({}, never)).responses).toEqual([]);
  expect(isAborted).toBe(true);
});

test('a fetch aborted while the connection is made does not take the next one with it', async () => {
  const { port, handler } = await started();
  const leader = new TcpReplicaTransport({
    endpointOf: () => ({ host: '127.0.0.1', port }),
  }).connect(1);
  opened.push(leader);
  const abort = new AbortController();
  const first = leader.fetch({}, abort.signal);
  // At once, as a follower does.
  const second = first.catch((error: unknown) => {
    expect(error).toMatchObject({ code: 'ABORTED' });
    return leader.fetch({}, never);
  });
  // The connection is being made.
  await null;
  abort.abort();
  expect((await second).responses).toEqual([]);
  expect(handler.seen).toHaveLength(1);
});

test('follows a broker to its new port; without an address or after close it rejects', async () => {
  const first = await started();
  const second = await started();
  let at: { host: string; port: number } | null = { host: '127.0.0.1', port: first.port };
  const leader = new TcpReplicaTransport({ endpointOf: () => at }).connect(1);
  opened.push(leader);
  await leader.fetch({}, never);
  at = null;
  await expect(leader.fetch({}, never)).rejects.toMatchObject({
    code: 'NETWORK_EXCEPTION',
    retriable: true,
  });
  at = { host: '127.0.0.1', port: second.port };
  await leader.fetch({}, never);
  expect(second.handler.seen).toHaveLength(1);
  leader.close();
  await expect(leader.fetch({}, never)).rejects.toMatchObject({ code: 'CLOSED' });
});

test('fetched memory is used again by the next fetch, and by nothing else', async () => {
  const { port, handler } = await started();
  let round = 0;
  handler.script.Fetch = () => ({
    responses: [{ partitions: [{ partitionIndex: 0, records: Buffer.alloc(200_000, ++round) }] }],
  });
  const leader = new TcpReplicaTransport({
    endpointOf: () => ({ host: '127.0.0.1', port }),
  }).connect(1);
  opened.push(leader);
  const memory: ArrayBufferLike[] = [];
  for (let i = 1; i <= 6; i++) {
    const records = (await leader.fetch({}, never)).responses[0]!.partitions[0]!.records!;
    await leader.listOffsets({ topics: [] }, never);
    expect(records.every((byte) => byte === i)).toBe(true);
    memory.push(records.buffer);
  }
  expect(new Set(memory).size).toBe(1);
});
