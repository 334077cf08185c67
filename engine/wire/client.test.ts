import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { VarveError } from '../errors.js';
import { RawPeer, type ScriptedHandler, serve, type TestServer } from '../testing/wire-peer.js';
import { WireClient, type WireClientOptions } from './client.js';

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

async function started(): Promise<TestServer> {
  const served = await serve();
  opened.push({ close: () => served.server.close({ deadlineMs: 0 }) });
  return served;
}

function clientOf(port: number, options: Partial<WireClientOptions> = {}): WireClient {
  const client = new WireClient({ host: '127.0.0.1', port, ...options });
  opened.push(client);
  return client;
}

function heartbeatWaits(handler: ScriptedHandler): (() => void)[] {
  const answers: (() => void)[] = [];
  handler.script.Heartbeat = () =>
    new Promise((resolve) => {
      answers.push(() => resolve({}));
    });
  return answers;
}

async function failure(promise: Promise<unknown>): Promise<VarveError> {
  const error = await promise.then(
    () => null,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(VarveError);
  return error as VarveError;
}

const unused = { groupId: 'g', generationId: 1, memberId: 'm' };

describe('WireClient', () => {
  test('asks with the highest version both have, and decodes the answer', async () => {
    const { port, handler } = await started();
    handler.script.Metadata = () => ({
      clusterId: 'c',
      brokers: [{ nodeId: 7, host: 'h', port: 1 }],
    });
    const client = clientOf(port, { clientId: 'me' });
    const answer = await client.request('Metadata', 'highest', { topics: null });
    expect(answer).toMatchObject({ clusterId: 'c', brokers: [{ nodeId: 7, host: 'h', port: 1 }] });
    expect(handler.seen.map(({ api }) => api)).toEqual(['ApiVersions', 'Metadata']);
    expect(handler.seen[1]!.context).toMatchObject({
      clientId: 'me',
      clientHost: '127.0.0.1',
      principal: 'User:ANONYMOUS',
      listenerName: 'PLAINTEXT',
      apiVersion: 13,
    });
  });

  test('pipelines requests, and answers come in order', async () => {
    const { port, handler } = await started();
    handler.script.Heartbeat = async ({ generationId }) => {
      await new Promise((resolve) => setTimeout(resolve, generationId % 3));
      return { throttleTimeMs: generationId };
    };
    const client = clientOf(port, { negotiate: false });
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 100 }, async (_, generationId) => {
        const answer = await client.request('Heartbeat', 4, { ...unused, generationId });
        expect(answer.throttleTimeMs).toBe(generationId);
        order.push(generationId);
      }),
    );
    expect(order).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  test('an answer that does not come: REQUEST_TIMED_OUT, retriable; the next request connects anew', async () => {
    const { port, handler, server } = await started();
    heartbeatWaits(handler);
    const client = clientOf(port, { negotiate: false });
    const error = await failure(client.request('Heartbeat', 4, unused, { timeoutMs: 30 }));
    expect(error).toMatchObject({ code: 'REQUEST_TIMED_OUT', retriable: true });
    expect(error.message).toContain('Heartbeat');
    expect((await client.request('ListGroups', 4, {})).groups).toEqual([]);
    expect(server.status().connections).toBeLessThanOrEqual(2);
  });

  test('an aborted request rejects at once; others on the connection go on', async () => {
    const { port, handler } = await started();
    const answers = heartbeatWaits(handler);
    const client = clientOf(port, { negotiate: false });
    const abort = new AbortController();
    const first = client.request('Heartbeat', 4, unused, { signal: abort.signal });
    const second = client.request('ListGroups', 4, {});
    while (answers.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    abort.abort();
    expect(await failure(first)).toMatchObject({ code: 'ABORTED' });
    answers[0]!();
    expect((await second).groups).toEqual([]);
    expect(handler.seen).toHaveLength(2);
  });

  test('aborted before it begins', async () => {
    const { port, handler } = await started();
    const client = clientOf(port);
    const error = await failure(
      client.request('ListGroups', 4, {}, { signal: AbortSignal.abort() }),
    );
    expect(error.code).toBe('ABORTED');
    expect(handler.seen).toEqual([]);
  });

  test('nobody there: NETWORK_EXCEPTION, then further attempts wait longer and longer', async () => {
    const { port, server } = await serve();
    await server.close();
    const client = clientOf(port, { reconnectBackoffMs: 20, random: () => 0.5 });
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      const before = performance.now();
      const error = await failure(client.request('ListGroups', 4, {}));
      expect(error).toMatchObject({ code: 'NETWORK_EXCEPTION', retriable: true });
      waits.push(performance.now() - before);
    }
    expect(waits[1]).toBeGreaterThan(17);
    expect(waits[2]).toBeGreaterThan(36);
    expect(waits[3]).toBeGreaterThan(75);
  });

  test('a broker that closes the connection: what waits is told, the next request connects again', async () => {
    const { port, handler } = await started();
    handler.script.Heartbeat = (_, context) => {
      context.closeConnection('test');
      return null;
    };
    const client = clientOf(port);
    const error = await failure(client.request('Heartbeat', 4, unused));
    expect(error).toMatchObject({ code: 'NETWORK_EXCEPTION', retriable: true });
    expect(client.isConnected).toBe(false);
    expect((await client.request('ListGroups', 'highest', {})).groups).toEqual([]);
  });

  test('a port that never accepts TLS: the connect timeout ends it', async () => {
    const silent = net.createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    opened.push(silent);
    const { port } = silent.address() as net.AddressInfo;
    const client = clientOf(port, { tls: { rejectUnauthorized: false }, connectTimeoutMs: 50 });
    const error = await failure(client.request('ListGroups', 4, {}));
    expect(error.code).toBe('NETWORK_EXCEPTION');
    expect(error.message).toContain('in 50 ms');
  });

  test('a peer that talks nonsense: an error, not a hang and not a crash', async () => {
    for (const nonsense of [
      'HTTP/1.1 400 Bad Request\r\n\r\n',
      '\xff\xff\xff\xff\0',
      '\0\0\0\x04\0\0\0\0',
    ]) {
      const other = net.createServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', () => socket.write(Buffer.from(nonsense, 'latin1')));
      });
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      const client = clientOf((other.address() as net.AddressInfo).port, {
        maxResponseBytes: 1024,
        requestTimeoutMs: 500,
      });
      const error = await failure(client.request('ListGroups', 4, {}));
      expect(['INVALID_REQUEST', 'NETWORK_EXCEPTION']).toContain(error.code);
      client.close();
      other.close();
    }
  });

  test('a version that neither has is refused before it is sent', async () => {
    const { port, handler } = await started();
    const client = clientOf(port);
    expect((await failure(client.request('AlterPartition', 'highest', {}))).code).toBe(
      'UNSUPPORTED_VERSION',
    );
    expect((await failure(client.request('Heartbeat', 99, {}))).code).toBe('UNSUPPORTED_VERSION');
    expect(handler.seen.map(({ api }) => api)).toEqual(['ApiVersions']);
  });

  test('close rejects what waits, and what comes later', async () => {
    const { port, handler } = await started();
    const answers = heartbeatWaits(handler);
    const client = clientOf(port);
    const waiting = failure(client.request('Heartbeat', 4, unused));
    while (answers.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    client.close();
    expect((await waiting).code).toBe('CLOSED');
    expect((await failure(client.request('ListGroups', 4, {}))).code).toBe('CLOSED');
  });

  test('send: acks=0 is handed over without an answer', async () => {
    const { port, handler } = await started();
    handler.script.Produce = () => null;
    const client = clientOf(port);
    const records = Buffer.alloc(5000, 7);
    await client.send('Produce', 9, {
      acks: 0,
      topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
    });
    expect((await client.request('ListGroups', 4, {})).groups).toEqual([]);
    const produce = handler.seen.find(({ api }) => api === 'Produce')!;
    expect(produce.request).toMatchObject({ acks: 0, topicData: [{ name: 't' }] });
  });

  test('send waits for a connection that takes nothing, and fails with it', async () => {
    const sockets: net.Socket[] = [];
    const silent = net.createServer((socket) => sockets.push(socket.pause().on('error', () => {})));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    opened.push({ close: () => new Promise((resolve) => silent.close(resolve)) });
    const client = clientOf((silent.address() as net.AddressInfo).port, { negotiate: false });
    const records = Buffer.alloc(64 * 1024 * 1024, 7);
    const body = { acks: 0, topicData: [{ name: 't', partitionData: [{ index: 0, records }] }] };
    let isTaken = false;
    const taken = client.send('Produce', 9, body).then(() => {
      isTaken = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(isTaken).toBe(false);
    sockets[0]?.resume();
    await taken;
    sockets[0]?.pause();
    const lost = failure(client.send('Produce', 9, body));
    await new Promise((resolve) => setTimeout(resolve, 50));
    sockets[0]?.destroy();
    expect(await lost).toMatchObject({ code: 'NETWORK_EXCEPTION', retriable: true });
  });

  test('a connection can be seen from the other side too', async () => {
    const { port } = await started();
    const peer = await RawPeer.connect(port);
    peer.request('ListGroups', 0, 77, {});
    expect((await peer.frame())!.readInt32BE(0)).toBe(77);
    peer.destroy();
  });
});
