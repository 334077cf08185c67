import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { RawPeer, serve, type TestServer } from '../testing/wire-peer.js';
import { WireClient, type WireClientOptions } from './client.js';
import type { ListenerTls } from './listener.js';

/* Made for these tests, good for a hundred years; the key of the authority was thrown away. */
const file = (name: string): Buffer => readFileSync(new URL(`./fixtures/${name}`, import.meta.url));
const ca = file('ca.pem');
const server = { cert: file('server.pem'), key: file('server.key') };

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

async function started(tls: ListenerTls, limits = {}): Promise<TestServer> {
  const served = await serve({ listeners: [{ name: 'SSL', tls }], limits });
  opened.push({ close: () => served.server.close({ deadlineMs: 0 }) });
  return served;
}

function clientOf(port: number, tls: WireClientOptions['tls']): WireClient {
  const client = new WireClient({ host: '127.0.0.1', port, ...(tls === undefined ? {} : { tls }) });
  opened.push(client);
  return client;
}

test('requests and answers of any size, pipelined', async () => {
  const served = await started(server);
  const records = Buffer.from(Uint8Array.from({ length: 1_000_000 }, (_, at) => at % 253));
  served.handler.script.Produce = ({ topicData }) => {
    expect(topicData[0]!.partitionData[0]!.records!.equals(records)).toBe(true);
    return {};
  };
  served.handler.script.Fetch = () => ({
    responses: [{ topic: 't', partitions: [{ partitionIndex: 0, records }] }],
  });
  const client = clientOf(served.port, { ca });
  const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }];
  const [, fetched] = await Promise.all([
    client.request('Produce', 9, { acks: 1, topicData }),
    client.request('Fetch', 12, { topics: [] }),
    client.request('ListGroups', 4, {}),
  ]);
  expect(fetched.responses[0]!.partitions[0]!.records!.equals(records)).toBe(true);
  expect(served.handler.seen.at(-1)!.context.principal).toBe('User:ANONYMOUS');
});

test('a client certificate says who it is', async () => {
  const served = await started({ ...server, ca, requestClientCert: true });
  const client = clientOf(served.port, { ca, cert: file('client.pem'), key: file('client.key') });
  await client.request('ListGroups', 4, {});
  expect(served.handler.seen[0]!.context.principal).toBe('User:CN=alice,OU=ops,O=Acme\\, Inc');
});

test('without one, or with one that nobody trusts, nobody gets in', async () => {
  const served = await started({ ...server, ca, requestClientCert: true });
  for (const tls of [{ ca }, { ca, cert: server.cert, key: file('client.key') }]) {
    let client: WireClient | undefined;
    const request = async (): Promise<unknown> => {
      client = clientOf(served.port, tls);
      return client.request('ListGroups', 4, {});
    };
    await expect(request()).rejects.toThrow();
  }
  expect(served.handler.seen).toEqual([]);
});

test('a server that the client does not trust', async () => {
  const served = await started(server);
  await expect(clientOf(served.port, {}).request('ListGroups', 4, {})).rejects.toMatchObject({
    code: 'NETWORK_EXCEPTION',
  });
});

test('garbage, plain Kafka and silence instead of a handshake: closed with an event, others go on', async () => {
  const served = await started(server, { loginTimeoutMs: 100 });
  const garbage = await RawPeer.connect(served.port);
  garbage.send(Buffer.alloc(500, 0x5a));
  await garbage.closed();
  expect((await served.event('connection-refused')).message).toMatch(/^TLS: /);
  const plain = await RawPeer.connect(served.port);
  plain.request('ListGroups', 0, 1, {});
  await plain.closed();
  const silent = await RawPeer.connect(served.port);
  await silent.closed();
  expect((await clientOf(served.port, { ca }).request('ListGroups', 4, {})).groups).toEqual([]);
  while (served.server.status().connections > 1)
    await new Promise((resolve) => setTimeout(resolve, 1));
});
