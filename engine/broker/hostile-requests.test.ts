import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { APIS, type ApiName, isServed, type RequestInputOf } from '../protocol/messages/index.js';
import type { Message } from '../protocol/schema.js';
import { Brokers } from '../testing/broker-harness.js';
import { batch } from '../testing/produce-batch.js';
import { sampleOf } from '../testing/protocol-samples.js';
import { Random } from '../testing/random.js';
import { SERVED_APIS } from './dispatch.js';

const SAMPLES = 40;
/** Joins and syncs wait for others: what counts is that they do not fail. */
const PATIENCE_MS = 5;

let brokers: Brokers;
let topicId = '';
beforeAll(async () => {
  brokers = await Brokers.start({
    brokers: 2,
    settings: {
      'group.initial.rebalance.delay.ms': 0,
      'auto.create.topics.enable': false,
      'offsets.topic.num.partitions': 2,
    },
  });
  await brokers.call('CreateTopics', 7, {
    topics: [{ name: 't', numPartitions: 2, replicationFactor: 2 }],
  });
  await brokers.call('FindCoordinator', 4, { coordinatorKeys: ['g'] });
  topicId = brokers.node().image.topics.get('t')?.topicId ?? '';
  await put('first');
});
afterAll(() => brokers.close());

async function put(value: string): Promise<void> {
  const leader = brokers.controller.image.partition('t', 0)?.leader ?? 1;
  const { responses } = await brokers.call(
    'Produce',
    9,
    {
      acks: -1,
      timeoutMs: 5000,
      topicData: [{ name: 't', partitionData: [{ index: 0, records: batch([value]) }] }],
    },
    { brokerId: leader },
  );
  expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
}

/** Makes some of a random request mean something here, so that it gets past the first checks. */
function aimed(value: unknown, random: Random, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => aimed(item, random, key));
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, its]) => [name, aimed(its, random, name)]),
    );
  }
  if (key === 'maxWaitMs' || key === 'timeoutMs') return random.below(3);
  if (random.chance(0.4)) return value;
  switch (key) {
    case 'name':
    case 'topic':
    case 'topicName':
    case 'topicNames':
      return 't';
    case 'resourceName':
      return random.pick(['t', '1', '']);
    case 'resourceType':
      return random.pick([2, 4]);
    case 'configurationKeys':
      return 'retention.ms';
    case 'topicId':
      return typeof value === 'string' ? topicId : value;
    case 'groupId':
    case 'key':
    case 'coordinatorKeys':
    case 'groups':
    case 'groupsNames':
      return 'g';
    case 'partition':
    case 'partitionIndex':
    case 'partitionIndexes':
    case 'partitions':
    case 'index':
      return random.below(3);
    case 'acks':
      return random.pick([-1, 0, 1]);
    case 'records':
      return value === null ? null : damagedBatch(random);
    case 'sessionEpoch':
      return random.pick([-1, 0]);
    case 'fetchOffset':
    case 'offset':
    case 'committedOffset':
      return random.between(-2, 4);
    default:
      return value;
  }
}

function damagedBatch(random: Random): Buffer {
  const bytes = Buffer.from(batch(['x', 'y']));
  for (let i = random.below(4); i > 0; i -= 1) {
    bytes[random.below(bytes.length)] = random.below(256);
  }
  return bytes.subarray(0, random.chance(0.2) ? random.below(bytes.length) : bytes.length);
}

// Deleting what the others are aimed at would make them all the same.
const SPARED: readonly ApiName[] = ['DeleteTopics'];

describe('random requests', () => {
  const cases = SERVED_APIS.filter((api) => !SPARED.includes(api)).flatMap((api) => {
    const { lowest, highest } = APIS[api].versions;
    const versions = Array.from({ length: highest - lowest + 1 }, (_, i) => lowest + i);
    return versions
      .filter((version) => isServed(api, version))
      .map((version) => ({ api, version }));
  });

  it.each(cases)('$api version $version never fail', ({ api, version }) => send(api, version));

  it('leave the records and the brokers whole', async () => {
    await put('last');
    const leader = brokers.controller.image.partition('t', 0)?.leader ?? 1;
    const log = brokers.node(leader).directory.partition('t', 0);
    const values = [...log.records()].map(({ value }) => Buffer.from(value ?? '').toString());
    expect(values.at(-1)).toBe('last');
    expect([...brokers.nodes.values()].every(({ isReady }) => isReady)).toBe(true);
  });

  it.each([1, 2, 3, 4, 5, 6])('DeleteTopics version %i never fail', (version) =>
    send('DeleteTopics', version),
  );
});

async function send(api: ApiName, version: number): Promise<void> {
  const random = new Random(version * 1000 + APIS[api].key);
  const failures: unknown[] = [];
  for (let i = 0; i < SAMPLES; i += 1) {
    const { input } = sampleOf(APIS[api].request as Message, version, random);
    const request = aimed(input, random) as RequestInputOf<typeof api>;
    const exchange = brokers
      .exchange(api, version, request, { brokerId: random.pick([1, 2]) })
      .catch((error: unknown) => {
        failures.push(error);
      });
    const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    await Promise.race([exchange, patience]);
  }
  expect(failures).toEqual([]);
}
