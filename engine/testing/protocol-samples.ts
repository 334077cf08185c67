import { ZERO_UUID } from '../format/uuid.js';
import * as consumerProtocol from '../protocol/messages/consumer-protocol.js';
import { APIS } from '../protocol/messages/index.js';
import * as offsetsTopic from '../protocol/messages/offsets-topic.js';
import {
  type Field,
  type Fields,
  includesVersion,
  type Message,
  type ScalarType,
  type Struct,
} from '../protocol/schema.js';
import type { Random } from './random.js';

/** Values for messages, made from their schemas. */

/** Every message there is: requests, responses and what is stored or embedded. */
export const ALL_MESSAGES: readonly Message[] = [
  ...Object.values(APIS).flatMap(({ request, response }): Message[] => [request, response]),
  ...[...Object.values(consumerProtocol), ...Object.values(offsetsTopic)].filter(
    (value): value is (typeof offsetsTopic)['OffsetCommitKey'] => 'versions' in value,
  ),
];

export function versionsOf({ versions }: Message): number[] {
  const { lowest, highest } = versions;
  return Array.from({ length: highest - lowest + 1 }, (_, i) => lowest + i);
}

/** A value to encode, and what its bytes must decode to. */
export interface Sample {
  readonly input: unknown;
  readonly decoded: unknown;
}

/** Some fields are left out, some hold what the version cannot carry: both decode to the default. */
export function sampleOf(message: Message, version: number, random: Random): Sample {
  return structSample(message.struct, version, random);
}

function structSample(struct: Struct<Fields>, version: number, random: Random): Sample {
  const input: Record<string, unknown> = {};
  const decoded: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(struct.fields)) {
    const sample = fieldSample(field, version, random);
    const leftOut = random.chance(0.15);
    if (!leftOut) input[name] = sample.input;
    const sent = !leftOut && includesVersion(field.versions, version);
    decoded[name] = sent ? sample.decoded : fallbackOf(field, version);
  }
  return { input, decoded };
}

/** As the codecs do: a field left out of a struct takes that struct's own defaults. */
export function fallbackOf({ type, fallback }: Field<unknown, unknown>, version: number): unknown {
  if (fallback !== undefined) return fallback;
  if (type.kind === 'array') return [];
  if (type.kind !== 'struct') return Buffer.alloc(0);
  const fields = Object.entries(type.struct.fields);
  return Object.fromEntries(fields.map(([name, field]) => [name, fallbackOf(field, version)]));
}

function fieldSample(field: Field<unknown, unknown>, version: number, random: Random): Sample {
  const { type } = field;
  if (includesVersion(field.nullable, version) && random.chance(0.2)) {
    return { input: null, decoded: null };
  }
  switch (type.kind) {
    case 'scalar':
      return same(scalarSample(type.scalar, random));
    case 'bytes':
      return same(random.bytes(random.pick([0, 1, 20, 200])));
    case 'records': {
      const chunks = Array.from({ length: random.below(4) }, () =>
        random.bytes(random.pick([0, 5, 1023, 1024, 3000])),
      );
      const whole = Buffer.concat(chunks);
      return { input: random.chance(0.5) ? chunks : whole, decoded: whole };
    }
    case 'struct':
      return structSample(type.struct, version, random);
    case 'array': {
      const { element } = type;
      const samples = Array.from({ length: random.pick([0, 1, 1, 2, 3]) }, () =>
        typeof element === 'string'
          ? same(scalarSample(element, random))
          : structSample(element, version, random),
      );
      return {
        input: samples.map(({ input }) => input),
        decoded: samples.map(({ decoded }) => decoded),
      };
    }
  }
}

function same(value: unknown): Sample {
  return { input: value, decoded: value };
}

function scalarSample(type: ScalarType, random: Random): unknown {
  switch (type) {
    case 'bool':
      return random.chance(0.5);
    case 'int8':
      return random.pick([0, 1, -1, 127, -128, random.between(-128, 127)]);
    case 'int16':
      return random.pick([0, -1, 0x7fff, -0x8000, random.between(-0x8000, 0x7fff)]);
    case 'uint16':
      return random.pick([0, 0xffff, random.below(0x10000)]);
    case 'int32':
      return random.pick([0, 1, -1, 0x7fff_ffff, -0x8000_0000, random.uint32() | 0]);
    case 'int64':
      return random.pick([
        0,
        -1,
        Number.MAX_SAFE_INTEGER,
        Number.MIN_SAFE_INTEGER,
        2 ** 63,
        -(2 ** 63),
        random.between(-0x8000_0000, 0x7fff_ffff),
        random.uint32() * 0x10_0000 + random.below(0x10_0000),
      ]);
    case 'float64':
      return random.pick([0, -1.5, 1e300, random.float()]);
    case 'string':
      return textSample(random);
    case 'uuid':
      return random.chance(0.3) ? ZERO_UUID : random.bytes(16).toString('base64url');
  }
}

function textSample(random: Random): string {
  const length = random.pick([0, 1, 5, 20, 47, 48, 49, 130, 20_000]);
  const alphabet = random.pick(['a', 'abcxyz-._', 'aé', 'a€字', '😀b']);
  const units = [...alphabet];
  let text = '';
  for (let i = 0; i < Math.min(length, 200); i++) text += random.pick(units);
  return length > 200 && random.chance(0.2) ? text.padEnd(Math.floor(length / 4), 'z') : text;
}
