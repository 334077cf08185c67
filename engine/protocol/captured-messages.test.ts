import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ZERO_UUID } from '../format/uuid.js';
import { kafkaVectors } from '../testing/kafka-vectors.js';
import { decodeBody, encodeBody, encodeWith } from './codec.js';
import {
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from './frames.js';
import { APIS, type ApiName, type ProduceRequest } from './messages/index.js';
import { OffsetCommitKey, OffsetCommitValue } from './messages/offsets-topic.js';
import { ProtocolReader } from './reader.js';
import type { Message } from './schema.js';
import { decodeVersioned, encodeVersioned } from './versioned.js';

/*
 * Messages that clients and brokers sent, as other projects keep them for their tests: bytes only, each
 * with its source. Those of kafkajs are bodies, the others frames with their length.
 */
interface Captured {
  readonly name: string;
  readonly api: ApiName;
  readonly kind: 'request' | 'response';
  readonly version: number;
  readonly source: string;
  readonly frame?: string;
  readonly body?: string;
}
const captured: readonly Captured[] = JSON.parse(
  readFileSync(new URL('./fixtures/captured-messages.json', import.meta.url), 'utf8'),
);
/** Their sender wrote tagged fields that are at their default, which Kafka leaves out. */
const WITH_DEFAULTS = ['Fetch response v16 001', 'Fetch response v16 002'];

/** What the message says, and its bytes if it is written again. */
function readAndWrite(message: Captured): { value: unknown; written: string; bytes: string } {
  const { api: name, version } = message;
  if (message.body !== undefined) {
    const schema: Message = APIS[name][message.kind];
    const bytes = Buffer.from(message.body, 'hex');
    const value = decodeBody(schema, version, new ProtocolReader(bytes, 0, bytes.length, 10_000));
    const chunks = encodeWith((writer) => encodeBody(schema, version, value, writer), false);
    return { value, written: Buffer.concat(chunks).toString('hex'), bytes: message.body };
  }
  const frame = Buffer.from(message.frame!, 'hex').subarray(4);
  if (message.kind === 'request') {
    const header = decodeRequestHeader(frame);
    expect(header).toMatchObject({ apiKey: APIS[name].key, apiVersion: version });
    const value = decodeRequest(name, version, frame, header.bodyOffset);
    const chunks = encodeRequest(name, version, header, value);
    return { value, written: Buffer.concat(chunks).toString('hex'), bytes: message.frame! };
  }
  const { correlationId, body } = decodeResponse(name, version, frame);
  const chunks = encodeResponse(name, version, correlationId, body);
  return { value: body, written: Buffer.concat(chunks).toString('hex'), bytes: message.frame! };
}

function captureOf(name: string): Captured {
  const found = captured.find((message) => message.name === name);
  if (found === undefined) throw new Error(`no captured message ${name}`);
  return found;
}

describe('written again, it has the same bytes', () => {
  it.each(
    captured.filter(({ name }) => !WITH_DEFAULTS.includes(name)).map((m) => [m.name, m] as const),
  )('%s', (_, message) => {
    const { written, bytes } = readAndWrite(message);
    expect(written).toBe(bytes);
  });
});

it.each(WITH_DEFAULTS)('%s: tagged fields at their default are read, and not written', (name) => {
  const { written, value, bytes } = readAndWrite(captureOf(name));
  expect(written.length).toBeLessThan(bytes.length);
  const again = decodeResponse('Fetch', 16, Buffer.from(written, 'hex').subarray(4));
  expect(again.body).toEqual(value);
});

it.each<[string, object]>([
  [
    'ApiVersions request v3 000',
    { clientSoftwareName: 'apache-kafka-java', clientSoftwareVersion: '3.6.1' },
  ],
  [
    'Metadata request v12 002',
    {
      topics: [{ topicId: ZERO_UUID, name: 'benchmark' }],
      allowAutoTopicCreation: true,
      includeTopicAuthorizedOperations: false,
    },
  ],
  [
    'InitProducerId request v4 000',
    {
      transactionalId: null,
      transactionTimeoutMs: 2_147_483_647,
      producerId: -1,
      producerEpoch: -1,
    },
  ],
  [
    'FindCoordinator request v4 000',
    { key: '', keyType: 0, coordinatorKeys: ['test-consumer-group'] },
  ],
  [
    'Fetch request v16 001',
    {
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: 52_428_800,
      sessionEpoch: 0,
      replicaState: { replicaId: -1, replicaEpoch: -1 },
      topics: [
        {
          topic: '',
          topicId: '9rEDEL4MSsO-xYIZauvdHg',
          partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_048_576 }],
        },
      ],
    },
  ],
  [
    'OffsetFetch request v9 000',
    {
      groups: [
        {
          groupId: 'test-consumer-group',
          memberId: null,
          memberEpoch: -1,
          topics: [{ name: 'test', partitionIndexes: [1, 0, 2] }],
        },
      ],
      requireStable: true,
    },
  ],
  [
    'OffsetCommit request v9 000',
    {
      groupId: 'test-consumer-group',
      generationIdOrMemberEpoch: 0,
      memberId: '1000',
      groupInstanceId: null,
      topics: [
        { name: 'test', partitions: [1, 0, 2].map((partitionIndex) => ({ partitionIndex })) },
      ],
    },
  ],
])('%s says what its sender meant', (name, expected) => {
  expect(readAndWrite(captureOf(name)).value).toMatchObject(expected);
});

it.each(['v3_000', 'v7_000', 'v9_000', 'v9_001', 'v10_000', 'v10_001', 'v10_002', 'v10_003'])(
  'the records of Produce request %s are the batch known from it',
  (which) => {
    const { value } = readAndWrite(captureOf(`Produce request ${which.replace('_', ' ')}`));
    const { records } = (value as ProduceRequest).topicData[0]!.partitionData[0]!;
    const batch = kafkaVectors.recordBatches.find(
      (b) => b.name === `tansu/produce_request_${which}`,
    );
    expect(records?.toString('hex')).toBe(batch?.hex);
  },
);

it('a committed offset in __consumer_offsets has the bytes built from the field tables', () => {
  const key = { group: 'g1', topic: 't', partition: 0 };
  const value = { offset: 42, leaderEpoch: 5, metadata: '', commitTimestamp: 1_700_000_000_000 };
  const { offsetCommitKey, offsetCommitValueV3 } = kafkaVectors.constructed;
  expect(encodeVersioned(OffsetCommitKey, 1, key).toString('hex')).toBe(offsetCommitKey);
  expect(encodeVersioned(OffsetCommitValue, 3, value).toString('hex')).toBe(offsetCommitValueV3);
  const read = decodeVersioned(OffsetCommitValue, Buffer.from(offsetCommitValueV3, 'hex'));
  expect(read).toEqual({
    version: 3,
    value: { ...value, expireTimestamp: -1, topicId: ZERO_UUID },
  });
});
