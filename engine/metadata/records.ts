import { VarveError } from '../errors.js';
import { topicNameProblem } from '../format/topic-name.js';
import { isUuid } from '../format/uuid.js';

/*
 * What the controller writes into its log `__cluster_metadata-0`: one record batch per decision, applied as a whole;
 * each record's value is one of these as JSON, so that `varve log dump --print-data` shows them. Kafka keeps the same
 * facts in its own binary records; this log is varve's alone.
 */

/** The state of one partition: replaces what was known of it. Kafka: PartitionRegistration. */
export interface PartitionState {
  /** Brokers in the order of assignment; the first is the preferred leader. */
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  /** Replicas being added and removed by a reassignment under way. */
  readonly adding: readonly number[];
  readonly removing: readonly number[];
  /** -1: none. */
  readonly leader: number;
  /** One more with each change of leader. */
  readonly leaderEpoch: number;
  /** One more with each change of this state. */
  readonly partitionEpoch: number;
  /** True after an unclean election until the leader has said that it has recovered. */
  readonly isRecovering: boolean;
}

export interface BrokerState {
  readonly brokerId: number;
  /** Grows with each registration; tells a broker's lives apart. */
  readonly brokerEpoch: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
  /** A fenced broker leads nothing and is in no ISR that has another member. */
  readonly isFenced: boolean;
  /** It asked to stop: its partitions are being led elsewhere. */
  readonly isShuttingDown: boolean;
}

export type ConfigResource = 'topic' | 'broker' | 'group';

export type MetadataRecord =
  | { readonly type: 'cluster'; readonly clusterId: string }
  | ({ readonly type: 'broker' } & BrokerState)
  | { readonly type: 'broker-removed'; readonly brokerId: number }
  | { readonly type: 'topic'; readonly name: string; readonly topicId: string }
  | { readonly type: 'topic-removed'; readonly topicId: string }
  | ({
      readonly type: 'partition';
      readonly topicId: string;
      readonly partition: number;
    } & PartitionState)
  /** `value` null: back to the default. A broker resource with an empty name: every broker. */
  | {
      readonly type: 'config';
      readonly resource: ConfigResource;
      readonly name: string;
      readonly key: string;
      readonly value: string | null;
    }
  /** Ids below `next` have been given to brokers. */
  | { readonly type: 'producer-ids'; readonly next: number }
  /** What follows in this batch is everything there is: forget what was known. */
  | { readonly type: 'snapshot' };

export const METADATA_TOPIC = '__cluster_metadata';

export function encodeMetadataRecord(record: MetadataRecord): string {
  return JSON.stringify(record);
}

/** @throws VarveError CORRUPT_MESSAGE with the text for anything that is not a record of this version. */
export function decodeMetadataRecord(text: string): MetadataRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw corrupt(text, 'it is not JSON');
  }
  if (typeof value !== 'object' || value === null) throw corrupt(text, 'it is not an object');
  const check = CHECKS[(value as { type?: unknown }).type as MetadataRecord['type']];
  if (check === undefined) throw corrupt(text, 'its type is unknown');
  const problem = check(value as Record<string, unknown>);
  if (problem !== null) throw corrupt(text, problem);
  return value as MetadataRecord;
}

const MAX_INT32 = 0x7fffffff;

const isInt = (value: unknown, min: number, max = MAX_INT32): boolean =>
  Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
const isId = (value: unknown): boolean => typeof value === 'string' && isUuid(value);
const isIds = (value: unknown): boolean =>
  Array.isArray(value) && value.every((id) => isInt(id, 0)) && new Set(value).size === value.length;

type Fields = Record<string, unknown>;
const CHECKS: { readonly [T in MetadataRecord['type']]: (fields: Fields) => string | null } = {
  cluster: ({ clusterId }) =>
    typeof clusterId === 'string' && clusterId !== '' ? null : 'clusterId is not a text',
  broker: (b) =>
    firstProblem([
      ['brokerId', isInt(b.brokerId, 0)],
      ['brokerEpoch', isInt(b.brokerEpoch, 0, Number.MAX_SAFE_INTEGER)],
      ['host', typeof b.host === 'string'],
      ['port', isInt(b.port, 0, 65_535)],
      ['rack', b.rack === null || typeof b.rack === 'string'],
      ['isFenced', typeof b.isFenced === 'boolean'],
      ['isShuttingDown', typeof b.isShuttingDown === 'boolean'],
    ]),
  'broker-removed': ({ brokerId }) => (isInt(brokerId, 0) ? null : 'brokerId is wrong'),
  topic: ({ name, topicId }) =>
    firstProblem([
      ['name', typeof name === 'string' && topicNameProblem(name) === null],
      ['topicId', isId(topicId)],
    ]),
  'topic-removed': ({ topicId }) => (isId(topicId) ? null : 'topicId is wrong'),
  partition: (p) =>
    firstProblem([
      ['topicId', isId(p.topicId)],
      ['partition', isInt(p.partition, 0)],
      ['replicas', isIds(p.replicas) && (p.replicas as unknown[]).length > 0],
      ['isr', isIds(p.isr)],
      ['adding', isIds(p.adding)],
      ['removing', isIds(p.removing)],
      ['leader', isInt(p.leader, -1)],
      ['leaderEpoch', isInt(p.leaderEpoch, 0)],
      ['partitionEpoch', isInt(p.partitionEpoch, 0)],
      ['isRecovering', typeof p.isRecovering === 'boolean'],
    ]),
  config: (c) =>
    firstProblem([
      ['resource', c.resource === 'topic' || c.resource === 'broker' || c.resource === 'group'],
      ['name', typeof c.name === 'string'],
      ['key', typeof c.key === 'string' && c.key !== ''],
      ['value', c.value === null || typeof c.value === 'string'],
    ]),
  'producer-ids': ({ next }) =>
    isInt(next, 0, Number.MAX_SAFE_INTEGER) ? null : 'next is not an id',
  snapshot: () => null,
};

function firstProblem(checks: readonly (readonly [string, boolean])[]): string | null {
  const failed = checks.find(([, ok]) => !ok);
  return failed === undefined ? null : `${failed[0]} is missing or wrong`;
}

function corrupt(text: string, why: string): VarveError {
  return new VarveError(
    'CORRUPT_MESSAGE',
    `a cluster metadata record cannot be read: ${why}: ${text.slice(0, 200)}`,
    { details: { text: text.slice(0, 200), why } },
  );
}
