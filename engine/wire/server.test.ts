import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { decodeResponse, encodeRequest } from '../protocol/frames.js';
import { RawPeer, serve, type TestServer } from '../testing/wire-peer.js';
import { WireServer, type WireServerOptions } from './server.js';

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

async function started(options: Partial<WireServerOptions> = {}): Promise<TestServer> {
  const served = await serve(options);
  opened.push({ close: () => served.server.close({ deadlineMs: 0 }) });
  return served;
}

async function peerOf({ port }: TestServer, allowHalfOpen = false): Promise<RawPeer> {
  const peer = await RawPeer.connect(port, '127.0.0.1', allowHalfOpen);
  opened.push({ close: () => peer.destroy() });
  return peer;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(1);
}

const correlationId = (frame: Buffer | null): number | undefined => frame?.readInt32BE(0);
const produced = { acks: 1, topicData: [{ name: 't', partitionData: [{ index: 3 }] }] };
const heartbeat = { groupId: 'g', generationId: 1, memberId: 'm' };

function request(api: 'ListGroups', id: number): Buffer {
  return Buffer.concat(encodeRequest(api, 0, { correlationId: id, clientId: null }, {}));
}

describe('requests', () => {
  test('sent byte by byte', async () => {
    const peer = await peerOf(await started());
    for (const byte of request('ListGroups', 5)) {
      peer.send(Buffer.from([byte]));
      await pause(0);
    }
    expect(correlationId(await peer.frame())).toBe(5);
  });

  test('pipelined: one at a time, answered in order, whatever each takes', async () => {
    const served = await started();
    let running = 0;
    served.handler.script.Heartbeat = async () => {
      expect(++running).toBe(1);
      await pause(2);
      running--;
      return {};
    };
    const peer = await peerOf(served);
    // More than are kept while one is served: the rest waits in the socket.
    for (let id = 0; id < 100; id++) {
      if (id % 3 === 0) peer.request('Heartbeat', 0, id, heartbeat);
      else peer.send(request('ListGroups', id));
    }
    for (let id = 0; id < 100; id++) expect(correlationId(await peer.frame())).toBe(id);
  });

  test('a large request arrives whole, and its memory is used again for the next', async () => {
    const served = await started();
    const memory: ArrayBufferLike[] = [];
    served.handler.script.Produce = ({ topicData }) => {
      const records = topicData[0]!.partitionData[0]!.records!;
      expect(records.length).toBe(3_000_000);
      expect(records.every((byte, at) => byte === at % 251)).toBe(true);
      memory.push(records.buffer);
      return {};
    };
    const peer = await peerOf(served);
    const records = Buffer.from(Uint8Array.from({ length: 3_000_000 }, (_, at) => at % 251));
    const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }];
    for (let id = 0; id < 3; id++) {
      peer.request('Produce', 9, id, { acks: 1, topicData });
      expect(correlationId(await peer.frame())).toBe(id);
    }
    expect(new Set(memory).size).toBe(1);
    expect(served.server.status().queuedRequestBytes).toBe(0);
  });

  test('the bytes of a Produce are those sent until its handler has returned; while it waits they hold no memory', async () => {
    const served = await started();
    const kept: Buffer[] = [];
    const memory = new Set<ArrayBufferLike>();
    const begun: (() => void)[] = [];
    served.handler.script.Produce = ({ topicData }) => {
      const records = topicData[0]!.partitionData[0]!.records!;
      kept.push(Buffer.from(records));
      memory.add(records.buffer);
      return new Promise((resolve) => begun.push(() => resolve({})));
    };
    const peer = await peerOf(served);
    for (let id = 0; id < 8; id++) {
      const records = Buffer.alloc(50_000, id);
      peer.request('Produce', 9, id, {
        acks: 1,
        topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
      });
    }
    await until(() => begun.length === 8);
    expect(served.server.status().queuedRequestBytes).toBe(0);
    expect(memory.size).toBeLessThan(8);
    for (const answer of begun) answer();
    for (let id = 0; id < 8; id++) expect(correlationId(await peer.frame())).toBe(id);
    expect(
      kept.map((records) => records.every((byte) => byte === records[0]) && records[0]),
    ).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test('an ApiVersions version we do not have: a v0 answer with error 35 and its own range', async () => {
    const peer = await peerOf(await started());
    const frame = Buffer.from([0, 0, 0, 12, 0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff, 0, 77]);
    peer.send(frame);
    expect(decodeResponse('ApiVersions', 0, (await peer.frame())!)).toMatchObject({
      correlationId: 7,
      body: { errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] },
    });
    peer.send(request('ListGroups', 8));
    expect(correlationId(await peer.frame())).toBe(8);
  });

  test.each([
    [
      'an unknown API',
      [0, 0, 0, 10, 3, 231, 0, 0, 0, 0, 0, 7, 255, 255],
      'unsupported-version',
      'API key 999 is not known',
    ],
    [
      'a negative API key',
      [0, 0, 0, 10, 255, 255, 0, 0, 0, 0, 0, 7, 255, 255],
      'unsupported-version',
      'API key -1 is not known',
    ],
    [
      'a version that is not served',
      [0, 0, 0, 10, 0, 0, 0, 2, 0, 0, 0, 7, 255, 255],
      'unsupported-version',
      'Produce version 2 is not served',
    ],
    [
      'a negative version',
      [0, 0, 0, 10, 0, 3, 255, 255, 0, 0, 0, 7, 255, 255],
      'unsupported-version',
      'Metadata version -1 is not served',
    ],
    ['a header that ends early', [0, 0, 0, 3, 0, 3, 0], 'invalid-request', 'malformed message'],
    [
      'a body that ends early',
      [0, 0, 0, 12, 0, 3, 0, 1, 0, 0, 0, 7, 255, 255, 0, 0],
      'invalid-request',
      'Metadata: malformed message',
    ],
    [
      'a length of zero',
      [0, 0, 0, 0],
      'invalid-request',
      'a request of 0 bytes: 1 to 104857600 are taken',
    ],
    ['a negative length', [255, 255, 255, 255], 'invalid-request', 'a request of -1 bytes'],
    [
      'an enormous length',
      [127, 255, 255, 255],
      'invalid-request',
      'a request of 2147483647 bytes',
    ],
    [
      'HTTP',
      [...Buffer.from('GET / HTTP/1.1\r\n\r\n')],
      'invalid-request',
      'a request of 1195725856 bytes',
    ],
    [
      'a TLS hello',
      [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc],
      'invalid-request',
      'a request of 369295618 bytes',
    ],
  ] as const)('%s: closed with one event, others go on', async (_, bytes, reason, message) => {
    const served = await started();
    const other = await peerOf(served);
    const peer = await peerOf(served);
    peer.send(request('ListGroups', 1), Buffer.from(bytes), request('ListGroups', 2));
    // What came before is answered all the same.
    expect(correlationId(await peer.frame())).toBe(1);
    expect(await peer.frame()).toBeNull();
    const event = await served.event('connection-closed');
    expect(event).toMatchObject({ reason, clientHost: '127.0.0.1', listenerName: 'PLAINTEXT' });
    expect(event.message).toContain(message);
    other.send(request('ListGroups', 3));
    expect(correlationId(await other.frame())).toBe(3);
    expect(served.events.filter(({ kind }) => kind === 'connection-closed')).toHaveLength(1);
    expect(served.handler.seen).toHaveLength(2);
  });
});

describe('a handler that fails', () => {
  test.each(['at once', 'later'])(
    '%s: an event, UNKNOWN_SERVER_ERROR for each partition, and it goes on',
    async (when) => {
      const served = await started();
      const bug = new Error('bug');
      served.handler.script.Produce = () => {
        if (when === 'at once') throw bug;
        return Promise.reject(bug);
      };
      const peer = await peerOf(served);
      peer.request('Produce', 9, 1, produced);
      expect(decodeResponse('Produce', 9, (await peer.frame())!).body.responses).toMatchObject([
        { name: 't', partitionResponses: [{ index: 3, errorCode: -1, baseOffset: -1 }] },
      ]);
      expect(await served.event('request-failed')).toMatchObject({
        api: 'Produce',
        version: 9,
        cause: bug,
      });
      peer.send(request('ListGroups', 2));
      expect(correlationId(await peer.frame())).toBe(2);
    },
  );

  test('with acks=0 there is no answer: closed', async () => {
    const served = await started();
    served.handler.script.Produce = () => {
      throw new Error('bug');
    };
    const peer = await peerOf(served);
    peer.request('Produce', 9, 1, { ...produced, acks: 0 });
    expect(await peer.frame()).toBeNull();
    expect(await served.event('connection-closed')).toMatchObject({
      reason: 'handler',
      message: 'Produce failed: Error: bug',
    });
  });

  test('an answer that cannot be encoded is a failure too', async () => {
    const served = await started();
    served.handler.script.Heartbeat = () => ({ errorCode: 1e9 });
    const peer = await peerOf(served);
    peer.request('Heartbeat', 0, 1, heartbeat);
    expect(decodeResponse('Heartbeat', 0, (await peer.frame())!).body.errorCode).toBe(-1);
    expect((await served.event('request-failed')).api).toBe('Heartbeat');
  });

  test('closeConnection: the answer goes out, what is behind it is dropped', async () => {
    const served = await started();
    served.handler.script.Heartbeat = async (_, context) => {
      context.closeConnection('enough');
      await pause(1);
      return {};
    };
    const peer = await peerOf(served);
    peer.request('Heartbeat', 0, 1, heartbeat);
    peer.send(request('ListGroups', 2));
    expect(correlationId(await peer.frame())).toBe(1);
    expect(await peer.frame()).toBeNull();
    expect(await served.event('connection-closed')).toMatchObject({
      reason: 'handler',
      message: 'enough',
    });
    expect(served.handler.seen).toHaveLength(1);
  });
});

describe('limits', () => {
  test('maxConnections and maxConnectionsPerIp: refused with an event; a place that is free again is given', async () => {
    const served = await started({ limits: { maxConnections: 3, maxConnectionsPerIp: 2 } });
    const first = await peerOf(served);
    await peerOf(served);
    const third = await peerOf(served);
    expect(await third.frame()).toBeNull();
    expect((await served.event('connection-refused')).message).toBe(
      'maxConnectionsPerIp (2) reached',
    );
    const elsewhere = net.connect({
      port: served.port,
      host: '127.0.0.1',
      localAddress: '127.0.0.2',
    });
    opened.push({ close: () => elsewhere.destroy() });
    await until(() => served.server.status().connections === 3);
    first.destroy();
    await until(() => served.server.status().connections === 2);
    const again = await peerOf(served);
    again.send(request('ListGroups', 1));
    expect(correlationId(await again.frame())).toBe(1);
  });

  test('a request too large is refused by its length', async () => {
    const served = await started({ limits: { socketRequestMaxBytes: 2000 } });
    const peer = await peerOf(served);
    peer.send(Buffer.from([0, 0, 0x07, 0xd1, 0, 0]));
    expect(await peer.frame()).toBeNull();
    expect((await served.event('connection-closed')).message).toBe(
      'a request of 2001 bytes: 1 to 2000 are taken',
    );
  });

  test('memory for requests: more than fits waits, then all are served', async () => {
    const served = await started({ limits: { queuedMaxRequestBytes: 1_000_000 } });
    const release: (() => void)[] = [];
    served.handler.script.SyncGroup = () =>
      new Promise((resolve) => release.push(() => resolve({})));
    const peers = await Promise.all([1, 2, 3, 4].map(() => peerOf(served)));
    const assignments = [{ memberId: 'm', assignment: Buffer.alloc(400_000) }];
    for (const peer of peers) {
      peer.request('SyncGroup', 0, 1, { ...heartbeat, assignments });
    }
    await until(
      () => release.length === 2 && served.server.status().connectionsWaitingForMemory === 2,
    );
    await pause(20);
    expect(served.handler.seen).toHaveLength(2);
    expect(served.server.status().queuedRequestBytes).toBeLessThan(1_000_000);
    for (let i = 0; i < 4; i++) {
      await until(() => release.length > i);
      release[i]!();
    }
    for (const peer of peers) expect(correlationId(await peer.frame())).toBe(1);
    expect(served.server.status()).toMatchObject({
      queuedRequestBytes: 0,
      connectionsWaitingForMemory: 0,
    });
  });

  test('idle connections are closed, those that wait for an answer are not', async () => {
    const served = await started({ limits: { connectionsMaxIdleMs: 60 } });
    served.handler.script.Heartbeat = () => pause(250).then(() => ({}));
    const waiting = await peerOf(served);
    waiting.request('Heartbeat', 0, 1, heartbeat);
    const idle = await peerOf(served);
    expect(await idle.frame()).toBeNull();
    expect(await served.event('connection-closed')).toMatchObject({
      reason: 'idle',
      message: 'nothing was asked for 60 ms',
    });
    expect(correlationId(await waiting.frame())).toBe(1);
  });

  test('a request that stands still half way is closed, and its memory comes back', async () => {
    const served = await started({ limits: { stalledTransferMs: 50 } });
    const peer = await peerOf(served);
    peer.send(Buffer.from([0, 5, 0, 0, 1, 2, 3]));
    await until(() => served.server.status().queuedRequestBytes === 327_680);
    expect(await peer.frame()).toBeNull();
    expect((await served.event('connection-closed')).reason).toBe('slow-sender');
    expect(served.server.status().queuedRequestBytes).toBe(0);
  });

  test('a client that never reads: it is not served further, then closed; others go on', async () => {
    const served = await started({ limits: { stalledTransferMs: 50 } });
    const records = Buffer.alloc(4_000_000);
    served.handler.script.Fetch = () => ({
      responses: [{ topic: 't', partitions: [{ partitionIndex: 0, records }] }],
    });
    const peer = await peerOf(served);
    peer.socket.pause();
    const before = performance.now();
    for (let id = 0; id < 200; id++) peer.request('Fetch', 4, id, { topics: [] });
    const other = await peerOf(served);
    other.send(request('ListGroups', 1));
    expect(correlationId(await other.frame())).toBe(1);
    expect(await served.event('connection-closed')).toMatchObject({ reason: 'slow-reader' });
    expect(performance.now() - before).toBeGreaterThan(50);
    expect(served.handler.seen.filter(({ api }) => api === 'Fetch').length).toBeLessThan(20);
  });
});

describe('Produce requests of one connection overlap', () => {
  const records = Buffer.alloc(100, 1);
  const body = { acks: -1, topicData: [{ name: 't', partitionData: [{ index: 0, records }] }] };
  /** A broker whose Produce requests wait until they are let go, by number. */
  async function holding() {
    const served = await started();
    const begun: ((answer: object | Error) => void)[] = [];
    served.handler.script.Produce = () =>
      new Promise((resolve, reject) => {
        begun.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
      });
    return { served, begun, peer: await peerOf(served) };
  }

  test('the next is handled while one waits; answers keep the order of requests', async () => {
    const { begun, peer } = await holding();
    for (let id = 0; id < 4; id++) peer.request('Produce', 9, id, body);
    await until(() => begun.length === 4);
    let isAnswered = false;
    const first = peer.frame().then((frame) => {
      isAnswered = true;
      return frame;
    });
    for (const id of [2, 1, 3]) begun[id]!({});
    await pause(10);
    expect(isAnswered).toBe(false);
    begun[0]!({});
    expect(correlationId(await first)).toBe(0);
    for (const id of [1, 2, 3]) expect(correlationId(await peer.frame())).toBe(id);
  });

  test('another request waits until all of them have been answered, and they for it', async () => {
    const { served, begun, peer } = await holding();
    const heartbeats: (() => void)[] = [];
    served.handler.script.Heartbeat = () =>
      new Promise((resolve) => heartbeats.push(() => resolve({})));
    peer.request('Produce', 9, 0, body);
    peer.request('Produce', 9, 1, body);
    peer.request('Heartbeat', 0, 2, heartbeat);
    peer.request('Produce', 9, 3, body);
    await until(() => begun.length === 2);
    begun[1]!({});
    await pause(5);
    expect(heartbeats.length).toBe(0);
    begun[0]!({});
    await until(() => heartbeats.length === 1);
    await pause(5);
    expect(begun.length).toBe(2);
    heartbeats[0]!();
    await until(() => begun.length === 3);
    begun[2]!({});
    for (let id = 0; id < 4; id++) expect(correlationId(await peer.frame())).toBe(id);
  });

  test('16 at a time: the rest waits', async () => {
    const { served, begun, peer } = await holding();
    for (let id = 0; id < 40; id++) peer.request('Produce', 9, id, body);
    await until(() => begun.length === 16);
    await pause(5);
    expect(begun.length).toBe(16);
    for (let id = 0; id < 40; id++) {
      await until(() => begun.length > id);
      begun[id]!({});
      expect(correlationId(await peer.frame())).toBe(id);
    }
    expect(served.server.status().queuedRequestBytes).toBe(0);
  });

  test('one that is answered at once waits for those before it', async () => {
    const { served, begun, peer } = await holding();
    peer.request('Produce', 9, 0, body);
    await until(() => begun.length === 1);
    served.handler.script.Produce = () => ({});
    peer.request('Produce', 9, 1, body);
    served.handler.script.ListGroups = () => ({});
    peer.send(request('ListGroups', 2));
    await pause(5);
    begun[0]!({});
    for (let id = 0; id < 3; id++) expect(correlationId(await peer.frame())).toBe(id);
  });

  test('a failure is told in its turn', async () => {
    const { begun, peer } = await holding();
    for (let id = 0; id < 3; id++) peer.request('Produce', 9, id, body);
    await until(() => begun.length === 3);
    begun[1]!(new Error('a bug'));
    begun[2]!({});
    await pause(5);
    begun[0]!({});
    for (let id = 0; id < 3; id++) expect(correlationId(await peer.frame())).toBe(id);
  });

  test('closeConnection: answered up to it; what is behind it is dropped', async () => {
    const { served, begun, peer } = await holding();
    peer.request('Produce', 9, 0, body);
    await until(() => begun.length === 1);
    served.handler.script.Produce = (_, context) => {
      context.closeConnection('refused');
      return null;
    };
    peer.request('Produce', 9, 1, { ...body, acks: 0 });
    await pause(5);
    let isDone = false;
    served.handler.script.Produce = () => {
      isDone = true;
      return {};
    };
    peer.request('Produce', 9, 2, body);
    await pause(5);
    begun[0]!({});
    expect(correlationId(await peer.frame())).toBe(0);
    expect(isDone).toBe(false);
    expect(await peer.frame()).toBeNull();
    expect(served.server.status().queuedRequestBytes).toBe(0);
  });

  /**
   * A request that waits, then three of Produce, of which the last does not fit into the memory for requests: it is
   * let in by what the first gives back, in the middle of serving it.
   */
  async function shortOfMemory() {
    const served = await started({ limits: { queuedMaxRequestBytes: 20_000 } });
    let goOn = (): void => {};
    served.handler.script.Heartbeat = () =>
      new Promise((resolve) => {
        goOn = () => resolve({});
      });
    const peer = await peerOf(served);
    const sized = (bytes: number, acks: number) => ({
      acks,
      topicData: [
        { name: 't', partitionData: [{ index: bytes, records: Buffer.alloc(bytes, 1) }] },
      ],
    });
    const frames = [12_000, 4000, 6000].map((bytes, id) =>
      encodeRequest(
        'Produce',
        9,
        { correlationId: id + 1, clientId: 'raw' },
        sized(bytes, id === 0 ? 0 : -1),
      ),
    );
    peer.send(
      ...encodeRequest('Heartbeat', 0, { correlationId: 0, clientId: 'raw' }, heartbeat),
      ...frames.flat(),
    );
    await until(() => served.server.status().connectionsWaitingForMemory === 1);
    return { served, peer, goOn: () => goOn() };
  }

  test('one that is let in by the memory of another is answered behind it', async () => {
    const { served, peer, goOn } = await shortOfMemory();
    const begun: (() => void)[] = [];
    served.handler.script.Produce = () => new Promise((resolve) => begun.push(() => resolve({})));
    goOn();
    await until(() => begun.length === 3);
    for (const answer of begun.reverse()) answer();
    for (let id = 0; id < 4; id++) expect(correlationId(await peer.frame())).toBe(id);
    expect(served.server.status().queuedRequestBytes).toBe(0);
  });

  test('nothing is let in by the memory of one that closes the connection', async () => {
    const { served, peer, goOn } = await shortOfMemory();
    const handled: number[] = [];
    served.handler.script.Produce = ({ acks, topicData }, context) => {
      handled.push(topicData[0]!.partitionData[0]!.index);
      if (acks === 0) context.closeConnection('refused');
      return acks === 0 ? null : {};
    };
    goOn();
    expect(correlationId(await peer.frame())).toBe(0);
    expect(await peer.frame()).toBeNull();
    expect(handled).toEqual([12_000]);
    expect(served.server.status().queuedRequestBytes).toBe(0);
  });

  test('the memory of what waits is let go, also where it is too large to be used again', async () => {
    const served = await started();
    const memory: WeakRef<ArrayBufferLike>[] = [];
    const begun: (() => void)[] = [];
    served.handler.script.Produce = ({ topicData }) => {
      memory.push(new WeakRef(topicData[0]!.partitionData[0]!.records!.buffer));
      return new Promise((resolve) => begun.push(() => resolve({})));
    };
    const peer = await peerOf(served);
    // The script of a test keeps what it has seen.
    served.handler.seen.push = () => 0;
    const large = Buffer.alloc(17 << 20);
    for (let id = 0; id < 3; id++) {
      peer.request('Produce', 9, id, {
        acks: -1,
        topicData: [{ name: 't', partitionData: [{ index: 0, records: large }] }],
      });
    }
    await until(() => begun.length === 3);
    for (let i = 0; i < 20 && memory.some((its) => its.deref() !== undefined); i++) {
      await pause(5);
      globalThis.gc!();
    }
    expect(memory.map((its) => its.deref() === undefined)).toEqual([true, true, true]);
    for (const answer of begun) answer();
    for (let id = 0; id < 3; id++) expect(correlationId(await peer.frame())).toBe(id);
  });

  test('the client goes away, the server closes: nothing is left of what waits', async () => {
    const { served, begun, peer } = await holding();
    for (let id = 0; id < 3; id++) peer.request('Produce', 9, id, body);
    await until(() => begun.length === 3);
    peer.destroy();
    await pause(5);
    for (const answer of begun) answer({});
    await until(() => served.server.status().connections === 0);
    expect(served.server.status().queuedRequestBytes).toBe(0);

    const second = await peerOf(served);
    for (let id = 0; id < 3; id++) second.request('Produce', 9, id, body);
    await until(() => begun.length === 6);
    const closed = served.server.close();
    for (const answer of begun.splice(3).reverse()) answer({});
    for (let id = 0; id < 3; id++) expect(correlationId(await second.frame())).toBe(id);
    expect(await second.frame()).toBeNull();
    await closed;
  });
});

test('a client that reads slowly but steadily is not closed', async () => {
  const served = await started({ limits: { stalledTransferMs: 300 } });
  const records = Buffer.alloc(30_000_000);
  served.handler.script.Fetch = () => ({
    responses: [{ topic: 't', partitions: [{ partitionIndex: 0, records }] }],
  });
  const socket = net.connect(served.port, '127.0.0.1');
  opened.push({ close: () => socket.destroy() });
  socket.write(
    Buffer.concat(encodeRequest('Fetch', 4, { correlationId: 1, clientId: null }, { topics: [] })),
  );
  const startedMs = performance.now();
  let received = 0;
  let pausedAt = 0;
  socket.on('data', (chunk) => {
    received += chunk.length;
    if (received - pausedAt < 2_000_000) return;
    pausedAt = received;
    socket.pause();
    setTimeout(() => socket.resume(), 30);
  });
  await until(() => received > records.length);
  expect(performance.now() - startedMs).toBeGreaterThan(300);
  expect(served.events.some(({ kind }) => kind === 'connection-closed')).toBe(false);
});

describe('clients that leave', () => {
  test('in the middle of a wait: the signal tells the handler', async () => {
    const served = await started();
    let aborted: Promise<void> | undefined;
    served.handler.script.Heartbeat = (_, { signal }) => {
      aborted = new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve());
      });
      return aborted.then(() => ({}));
    };
    const peer = await peerOf(served);
    peer.request('Heartbeat', 0, 1, heartbeat);
    await until(() => aborted !== undefined);
    peer.destroy();
    await aborted;
    await until(() => served.server.status().connections === 0);
  });

  test('half: what was asked before the end is done and answered', async () => {
    const served = await started();
    served.handler.script.Produce = () => pause(5).then(() => null);
    const peer = await peerOf(served, true);
    for (let i = 0; i < 5; i++) peer.request('Produce', 9, i, { ...produced, acks: 0 });
    peer.send(request('ListGroups', 9));
    peer.socket.end();
    expect(correlationId(await peer.frame())).toBe(9);
    expect(await peer.frame()).toBeNull();
    expect(served.handler.seen).toHaveLength(6);
    expect((await served.event('connection-closed')).reason).toBe('disconnected');
  });

  test('thousands come and go: nothing is left', async () => {
    const served = await started();
    for (let round = 0; round < 20; round++) {
      const peers = await Promise.all(Array.from({ length: 50 }, () => peerOf(served)));
      await Promise.all(
        peers.map(async (peer, i) => {
          if (i % 3 === 0) peer.send(Buffer.from([0, 1, 0, 0, 7]));
          if (i % 3 === 1) {
            peer.send(request('ListGroups', i));
            expect(correlationId(await peer.frame())).toBe(i);
          }
          if (i % 2 === 0) peer.destroy();
          else peer.socket.resetAndDestroy();
        }),
      );
      opened.splice(1);
    }
    await until(() => served.server.status().connections === 0);
    expect(served.server.status()).toEqual({
      connections: 0,
      connectionsByListener: { PLAINTEXT: 0 },
      queuedRequestBytes: 0,
      connectionsWaitingForMemory: 0,
    });
    const count = (kind: string): number =>
      served.events.filter((event) => event.kind === kind).length;
    // Some are gone before they are accepted.
    expect(count('connection-opened')).toBeGreaterThan(300);
    expect(count('connection-closed')).toBe(count('connection-opened'));
  });
});

describe('closing the server', () => {
  test('finishes what is being served, takes nothing more', async () => {
    const served = await started();
    let answer = (): void => {};
    served.handler.script.Heartbeat = () =>
      new Promise((resolve) => {
        answer = () => resolve({});
      });
    const busy = await peerOf(served);
    const idle = await peerOf(served);
    busy.request('Heartbeat', 0, 1, heartbeat);
    await until(() => served.handler.seen.length === 1);
    const closing = served.server.close();
    expect(await idle.frame()).toBeNull();
    await expect(RawPeer.connect(served.port)).rejects.toThrow('ECONNREFUSED');
    busy.send(request('ListGroups', 2));
    answer();
    expect(correlationId(await busy.frame())).toBe(1);
    expect(await busy.frame()).toBeNull();
    await closing;
    expect(served.handler.seen).toHaveLength(1);
    expect(served.server.status().connections).toBe(0);
  });

  test('what never ends is cut off at the deadline', async () => {
    const served = await started();
    served.handler.script.Heartbeat = () => new Promise(() => {});
    const peer = await peerOf(served);
    peer.request('Heartbeat', 0, 1, heartbeat);
    await until(() => served.handler.seen.length === 1);
    const before = performance.now();
    await served.server.close({ deadlineMs: 50 });
    expect(performance.now() - before).toBeLessThan(1000);
    expect(await peer.frame()).toBeNull();
  });

  test('a client that keeps its side open does not hold it up', async () => {
    const served = await started();
    const peer = await peerOf(served, true);
    peer.send(request('ListGroups', 1));
    await peer.frame();
    const before = performance.now();
    await served.server.close();
    expect(performance.now() - before).toBeLessThan(500);
  });
});

describe('listeners', () => {
  test.each(['0.0.0.0', '::', '', '192.0.2.1', 'example.com'])(
    '%j without authentication is refused',
    async (host) => {
      await expect(serve({ listeners: [{ name: 'EXTERNAL', host }] })).rejects.toMatchObject({
        code: 'INVALID_CONFIG',
        message: expect.stringContaining('allowInsecure'),
      });
    },
  );

  test('unless it is said that this is meant', async () => {
    const served = await started({
      listeners: [{ name: 'X', host: '0.0.0.0', allowInsecure: true }],
    });
    const peer = await peerOf(served);
    peer.send(request('ListGroups', 1));
    expect(correlationId(await peer.frame())).toBe(1);
  });

  test('several, of one server; a port that is taken fails them all', async () => {
    const served = await started({ listeners: [{ name: 'A' }, { name: 'B', host: '::1' }] });
    expect(served.server.address('A').host).toBe('127.0.0.1');
    expect(served.server.address('B').host).toBe('::1');
    expect(() => served.server.address('C')).toThrow('no listener named C');
    const taken = served.server.address('A').port;
    await expect(
      serve({ listeners: [{ name: 'C' }, { name: 'D', port: taken }] }),
    ).rejects.toMatchObject({
      code: 'NETWORK_EXCEPTION',
      message: expect.stringContaining(`127.0.0.1:${taken}`),
    });
    await expect(serve({ listeners: [{ name: 'A' }, { name: 'A' }] })).rejects.toThrow(
      'two listeners',
    );
  });

  test('limits out of range are refused with name, value and range', async () => {
    await expect(
      WireServer.listen({
        handler: { handle: () => null },
        listeners: [],
        limits: { maxConnections: -1 },
      }),
    ).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: 'maxConnections is -1: 0 to 2147483647 are allowed',
    });
  });
});

test('requests are reported with their sizes', async () => {
  const reports: unknown[] = [];
  const served = await started({ onRequest: (report) => reports.push(report) });
  const peer = await peerOf(served);
  peer.send(request('ListGroups', 1));
  const answer = await peer.frame();
  expect(reports).toEqual([
    {
      api: 'ListGroups',
      listenerName: 'PLAINTEXT',
      requestBytes: 10,
      responseBytes: answer!.length + 4,
      durationMs: expect.any(Number),
    },
  ]);
});
