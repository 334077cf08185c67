import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KafkaError } from '../protocol/error-codes.js';
import { RawClient } from '../testing/raw-client.js';
import { TestController } from '../testing/test-controller.js';
import { WireClient } from '../wire/index.js';
import { Broker } from './local-broker.js';

const KAFKAS = resolve('engine/scenarios/fixtures/kafka/data-directory/data');
const PAYMENTS = { topic: 'payments.eu-1', partition: 0 };
/** What was committed when the fixture was made is not to expire. */
const config = { 'offsets.retention.minutes': 2_000_000_000 };

let directory: string;
const open: { close(): unknown }[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-adopt-'));
  cpSync(KAFKAS, join(directory, 'broker-1'), { recursive: true });
});
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
  rmSync(directory, { recursive: true, force: true });
});

async function start(): Promise<{ broker: Broker; client: RawClient; wire: WireClient }> {
  const broker = await Broker.start({ directory, config });
  const client = new RawClient([broker.address]);
  const wire = new WireClient({ host: broker.host, port: broker.port, clientId: 'test' });
  open.push(broker, client, wire);
  return { broker, client, wire };
}

const partitionDirectories = () =>
  readdirSync(join(directory, 'broker-1'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.endsWith('-delete'))
    .map(({ name }) => name)
    .sort();

describe("a stopped Kafka's data directory", () => {
  it('is taken over with its cluster id, topics and topic ids', async () => {
    const before = partitionDirectories();
    const { broker } = await start();
    const { image } = broker.controller;
    expect(image.clusterId).toBe('dmFydmUtY29uZm9ybWFuYw');
    expect([...image.topics.keys()].sort()).toEqual([
      '__consumer_offsets',
      '__transaction_state',
      'orders',
      'payments.eu-1',
    ]);
    const metadata = readFileSync(join(KAFKAS, 'orders-0/partition.metadata'), 'utf8');
    const orders = image.topics.get('orders')!;
    expect(metadata).toContain(orders.topicId);
    expect(orders.config).toEqual({ 'retention.ms': '-1', 'retention.bytes': '-1' });
    expect(image.topics.get('__consumer_offsets')!.config['cleanup.policy']).toBe('compact');
    expect(partitionDirectories()).toEqual(before);
  });

  it('is read and written on, by leaders of later epochs and producers of later ids', async () => {
    const { broker, client, wire } = await start();
    expect(await client.consume(PAYMENTS)).toContain('payments.eu-1');
    const { logStartOffset, latestEpoch } = broker.node.directory.partition('orders', 0);
    expect([logStartOffset, latestEpoch]).toEqual([1, 1]);
    expect(await client.produce(PAYMENTS, ['next'])).toBe(2);
    const { producerId, errorCode } = await wire.request('InitProducerId', 4, {
      transactionalId: null,
      transactionTimeoutMs: 1000,
    });
    expect(errorCode).toBe(0);
    // Kafka's producers 0 and 1 wrote in the logs, and are forgotten a day later: nobody gets an id of their block.
    expect(Number(producerId)).toBeGreaterThanOrEqual(1000);
  });

  it('has its groups with what they committed', async () => {
    const { wire } = await start();
    for (;;) {
      const { groups } = await wire.request('OffsetFetch', 8, {
        groups: [{ groupId: 'billing', topics: [{ name: 'orders', partitionIndexes: [0] }] }],
      });
      if (groups[0]?.errorCode === KafkaError.COORDINATOR_LOAD_IN_PROGRESS) continue;
      const [its] = groups[0]!.topics[0]!.partitions;
      expect(its).toMatchObject({ committedOffset: 1, metadata: 'by hand', errorCode: 0 });
      return;
    }
  });

  it('is not looked at again: a topic deleted since stays deleted', async () => {
    const first = await start();
    await first.client.produce(PAYMENTS, ['next']);
    await first.broker.controller.deleteTopics({ topics: [{ name: 'orders', topicId: null }] });
    await first.broker.close();
    const { broker, client } = await start();
    expect(broker.controller.image.topics.has('orders')).toBe(false);
    expect(await client.consume(PAYMENTS)).toContain('next');
  });

  it('is refused while a partition of a topic is missing, and left as it is', async () => {
    cpSync(join(KAFKAS, 'orders-0'), join(directory, 'broker-1/orders-2'), { recursive: true });
    const before = partitionDirectories();
    await expect(Broker.start({ directory, config })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      details: { topic: 'orders', partition: 1 },
    });
    expect(partitionDirectories()).toEqual(before);
    rmSync(join(directory, 'broker-1/orders-2'), { recursive: true });
    const { client } = await start();
    expect(await client.consume(PAYMENTS)).toContain('payments.eu-1');
  });

  it('is refused while a partition cannot be opened, and left as it is', async () => {
    cpSync(join(KAFKAS, 'payments.eu-1-0'), join(directory, 'broker-1/orders-1'), {
      recursive: true,
    });
    const before = partitionDirectories();
    await expect(Broker.start({ directory, config })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining('orders-1 belongs to topic id'),
      details: { topic: 'orders', partition: 1 },
    });
    expect(partitionDirectories()).toEqual(before);
  });

  it('is refused by a cluster that has a history', async () => {
    rmSync(join(directory, 'broker-1'), { recursive: true });
    mkdirSync(join(directory, 'broker-1'));
    await (await start()).broker.close();
    rmSync(join(directory, 'broker-1'), { recursive: true });
    cpSync(KAFKAS, join(directory, 'broker-1'), { recursive: true });
    await expect(Broker.start({ directory, config })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      details: { name: 'cluster.id' },
    });
  });
});

describe('adoptTopics', () => {
  const found = {
    topics: [
      {
        name: 'a',
        topicId: 'AAAAAAAAAAAAAAAAAAAAAQ',
        config: { 'retention.ms': '-1' },
        leaderEpochs: [-1, 7],
      },
    ],
    nextProducerId: 12,
  };

  it('gives every partition a leader of an epoch above its log once the broker is there', async () => {
    const t = await TestController.open();
    expect(await t.controller.adoptTopics(found, 1)).toBe(true);
    expect(t.controller.image.nextProducerId).toBe(12);
    await t.startAll(1);
    const { partitions, config: own } = t.controller.image.topics.get('a')!;
    expect(own).toEqual({ 'retention.ms': '-1' });
    expect(partitions.map(({ leader, isr, leaderEpoch }) => [leader, isr, leaderEpoch])).toEqual([
      [1, [1], 1],
      [1, [1], 8],
    ]);
  });

  it('does nothing in a cluster that has had a broker', async () => {
    const t = await TestController.open();
    await t.startAll(1);
    const { version } = t.controller.image;
    expect(await t.controller.adoptTopics(found, 1)).toBe(false);
    expect(t.controller.image.version).toBe(version);
  });
});
