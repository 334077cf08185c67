import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { assert } from '../assert.js';
import type { RequestHandler } from '../broker/request-handler.js';
import { encodeRequest } from '../protocol/frames.js';
import { ADVERTISED, APIS, type ApiName, isServed } from '../protocol/messages/index.js';
import { Random } from '../testing/random.js';
import { RawPeer } from '../testing/wire-peer.js';
import type { CloseReason } from '../wire/events.js';
import { WireServer } from '../wire/server.js';

/*
 * Throws requests at a server over real sockets: random bytes, valid requests, and valid requests with bits flipped,
 * bytes cut out, repeated or put in, cut into pieces at random. Whatever it gets, the server must answer or close,
 * say so in one event, give back all memory, and go on serving a client that behaves.
 */

export interface FuzzWireResult {
  readonly requests: number;
  /** Requests that were well-formed enough to reach the handler. */
  readonly served: number;
  readonly closed: Readonly<Partial<Record<CloseReason, number>>>;
}

const MAX_REQUEST_BYTES = 65_536;

export async function fuzzWire(options: { count: number; seed: number }): Promise<FuzzWireResult> {
  const random = new Random(options.seed);
  let served = 0;
  let opened = 0;
  let ended = 0;
  const closed: Partial<Record<CloseReason, number>> = {};
  const handler: RequestHandler = {
    handle: (api, _version, _request, context) => {
      if (context.clientId === 'control')
        return (api === 'ApiVersions' ? { apiKeys: ADVERTISED } : {}) as never;
      served++;
      if (random.chance(0.05)) throw new Error('a handler may fail');
      if (random.chance(0.1)) return Promise.resolve({}) as never;
      if (random.chance(0.02)) context.closeConnection('a handler may close');
      return random.chance(0.1) ? null : ({} as never);
    },
  };
  const server = await WireServer.listen({
    handler,
    listeners: [{ name: 'FUZZ' }],
    limits: {
      socketRequestMaxBytes: MAX_REQUEST_BYTES,
      queuedMaxRequestBytes: 4 * MAX_REQUEST_BYTES,
    },
    onEvent: (event) => {
      if (event.kind === 'connection-opened') opened++;
      if (event.kind !== 'connection-closed') return;
      ended++;
      closed[event.reason] = (closed[event.reason] ?? 0) + 1;
    },
  });
  const { port } = server.address();
  const samples = validRequests();
  const control = await RawPeer.connect(port);
  const ping = Buffer.concat(
    encodeRequest('ListGroups', 0, { correlationId: 42, clientId: 'control' }, {}),
  );
  let requests = 0;
  try {
    while (requests < options.count) {
      const peer = await RawPeer.connect(port);
      const stream: Buffer[] = [];
      // Most broken requests end their connection, so what comes after them is hardly looked at.
      for (let valid = random.below(4); valid > 0; valid--) {
        stream.push(samples[random.below(samples.length)]!);
      }
      stream.push(brokenRequest(random, samples), brokenRequest(random, samples));
      requests += stream.length;
      const bytes = Buffer.concat(stream);
      for (let at = 0; at < bytes.length; ) {
        const count = random.chance(0.5) ? random.between(1, 20) : random.between(1, 50_000);
        peer.send(bytes.subarray(at, at + count));
        at += count;
        if (random.chance(0.1)) await new Promise((resolve) => setImmediate(resolve));
      }
      peer.socket.end();
      await peer.closed();
      peer.destroy();
      control.send(ping);
      assert(
        (await control.frame())?.readInt32BE(0) === 42,
        `seed ${options.seed}: no answer after request ${requests}`,
      );
    }
    while (server.status().connections > 1) await new Promise((resolve) => setTimeout(resolve, 5));
    assert(
      server.status().queuedRequestBytes === 0,
      `seed ${options.seed}: memory of requests was not given back`,
    );
    assert(
      ended === opened - 1,
      `seed ${options.seed}: ${opened - 1} connections ended with ${ended} events`,
    );
  } finally {
    control.destroy();
    await server.close({ deadlineMs: 0 });
  }
  return { requests, served, closed };
}

/** Every API in every version that is served, as plain as it can be. */
function validRequests(): readonly Buffer[] {
  const samples: Buffer[] = [];
  for (const api of Object.keys(APIS) as ApiName[]) {
    for (let version = 0; version < 20; version++) {
      if (!isServed(api, version)) continue;
      const header = { correlationId: version, clientId: 'fuzz' };
      samples.push(Buffer.concat(encodeRequest(api, version, header, {})));
    }
  }
  return samples;
}

function brokenRequest(random: Random, samples: readonly Buffer[]): Buffer {
  if (random.chance(0.1)) return random.bytes(random.between(1, 200));
  const sample = Buffer.from(samples[random.below(samples.length)]!);
  let body: Buffer = sample.subarray(4);
  for (let edits = random.between(1, 3); edits > 0; edits--) body = edited(random, body);
  // Mostly with a length that fits, or nothing behind the length would ever be looked at.
  const length = Buffer.alloc(4);
  length.writeInt32BE(random.chance(0.95) ? body.length : random.uint32() | 0);
  return Buffer.concat([length, body]);
}

function edited(random: Random, body: Buffer): Buffer {
  const at = random.below(body.length + 1);
  switch (random.below(5)) {
    case 0:
      if (at < body.length) body[at]! ^= 1 << random.below(8);
      return body;
    case 1:
      if (at < body.length) body[at] = random.below(256);
      return body;
    case 2:
      return body.subarray(0, Math.max(1, at));
    case 3:
      return Buffer.concat([
        body.subarray(0, at),
        random.bytes(random.between(1, 8)),
        body.subarray(at),
      ]);
    default:
      return Buffer.concat([body, body.subarray(at)]);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
    },
  });
  const started = performance.now();
  const result = await fuzzWire({ count: Number(values.count), seed: Number(values.seed) });
  console.table(result.closed);
  console.log(
    `${result.requests} requests, ${result.served} served, in ${Math.round(performance.now() - started)} ms`,
  );
}
