import { assert } from '../assert.js';
import { ZERO_UUID } from '../format/uuid.js';
import type { ProtocolReader } from './reader.js';
import type { ProtocolWriter, RecordsInput } from './writer.js';

/*
 * How Kafka's messages are written down here. A message is an object of fields in the order of the
 * wire; each field says in which versions it is there. The TypeScript types follow from the schema, and
 * `compile.ts` makes a reader and a writer per version out of it. [Kafka: the message definitions in
 * clients/src/main/resources/common/message]
 */

/** Versions, as Kafka writes them: '4+', '4-7', '4'; 'none' is no version at all. */
export type Versions = `${number}+` | `${number}-${number}` | `${number}` | 'none';

/** Both ends included; the highest is `Infinity` for an open range, and -1 for none. */
export interface VersionRange {
  readonly lowest: number;
  readonly highest: number;
}

export function parseVersions(text: Versions): VersionRange {
  if (text === 'none') return { lowest: 0, highest: -1 };
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text);
  assert(match !== null, `'${text}' is not a range of versions`);
  const lowest = Number(match[1]);
  if (match[2] !== undefined) return { lowest, highest: Number.POSITIVE_INFINITY };
  return { lowest, highest: match[3] === undefined ? lowest : Number(match[3]) };
}

export function includesVersion(range: VersionRange, version: number): boolean {
  return version >= range.lowest && version <= range.highest;
}

/** The types of Kafka's protocol with one value, and what they are in JavaScript. */
interface Scalars {
  bool: boolean;
  int8: number;
  int16: number;
  uint16: number;
  int32: number;
  /** Exact up to 2^53 in magnitude, the nearest double beyond; clamped to an int64 when written. */
  int64: number;
  float64: number;
  string: string;
  /** Kafka's 22 characters. */
  uuid: string;
}
export type ScalarType = keyof Scalars;

export type FieldType =
  | { readonly kind: 'scalar'; readonly scalar: ScalarType }
  /** `records` differ from `bytes` when written: large ones are passed on instead of copied. */
  | { readonly kind: 'bytes' | 'records' }
  | { readonly kind: 'struct'; readonly struct: Struct<Fields> }
  | { readonly kind: 'array'; readonly element: ScalarType | Struct<Fields> };

/** One field. `Out` is its type when decoded, `In` what may be given to encode. */
export interface Field<Out, In> {
  readonly type: FieldType;
  readonly versions: VersionRange;
  readonly nullable: VersionRange;
  /** Number of the tag in versions that are flexible; -1 for a field in the body. */
  readonly tag: number;
  /** What a decoded message has where the version lacks the field, and what is sent for one left out. */
  readonly fallback: Fallback;
  /** Only for the compiler. */
  readonly types?: { readonly out: Out; readonly in: In };
}
/** `undefined` stands for what no literal can say: no bytes, an empty array, a struct of defaults. */
export type Fallback = number | string | boolean | null | undefined;

export type Fields = { readonly [name: string]: Field<unknown, unknown> };

export interface Struct<F extends Fields> {
  readonly fields: F;
}

/** A struct as decoded: every field is there. */
export type Decoded<S extends Struct<Fields>> = {
  readonly [K in keyof S['fields']]: NonNullable<S['fields'][K]['types']>['out'];
};
/** A struct to encode: what is left out has Kafka's default. */
export type Input<S extends Struct<Fields>> = {
  readonly [K in keyof S['fields']]?: NonNullable<S['fields'][K]['types']>['in'];
};

interface Options<Default> {
  readonly nullable?: Versions;
  readonly tag?: number;
  /** Kafka's default, where it is not 0, false, '', no bytes or no elements. */
  readonly default?: Default;
}
/** `T`, or null too where some version allows it. */
type OrNull<O, T> = O extends { readonly nullable: Versions } ? T | null : T;
type ScalarField<K extends ScalarType, O> = Field<OrNull<O, Scalars[K]>, OrNull<O, Scalars[K]>>;

function field<Out, In>(
  versions: Versions,
  type: FieldType,
  fallback: Fallback,
  options: Options<Fallback> = {},
): Field<Out, In> {
  return {
    type,
    versions: parseVersions(versions),
    nullable: parseVersions(options.nullable ?? 'none'),
    tag: options.tag ?? -1,
    fallback: options.default === undefined ? fallback : options.default,
  };
}

function scalar<K extends ScalarType>(type: K, fallback: Scalars[K]) {
  return <const O extends Options<OrNull<O, Scalars[K]>> = Record<never, never>>(
    versions: Versions,
    options?: O,
  ): ScalarField<K, O> => field(versions, { kind: 'scalar', scalar: type }, fallback, options);
}

export const bool = scalar('bool', false);
export const int8 = scalar('int8', 0);
export const int16 = scalar('int16', 0);
export const uint16 = scalar('uint16', 0);
export const int32 = scalar('int32', 0);
export const int64 = scalar('int64', 0);
export const float64 = scalar('float64', 0);
export const string = scalar('string', '');
export const uuid = scalar('uuid', ZERO_UUID);

/** Opaque bytes: a view when decoded, copied when encoded. */
export function bytes<const O extends Options<null> = Record<never, never>>(
  versions: Versions,
  options?: O,
): Field<OrNull<O, Buffer>, OrNull<O, Uint8Array>> {
  return field(versions, { kind: 'bytes' }, undefined, options);
}

/** Record batches: a view when decoded; encoded without a copy unless short. Null when left out. */
export function records(versions: Versions): Field<Buffer | null, RecordsInput | null> {
  return field(versions, { kind: 'records' }, null, { nullable: versions });
}

type ElementOut<E> = E extends ScalarType
  ? Scalars[E]
  : E extends Struct<Fields>
    ? Decoded<E>
    : never;
type ElementIn<E> = E extends ScalarType ? Scalars[E] : E extends Struct<Fields> ? Input<E> : never;

export function arrayOf<
  E extends ScalarType | Struct<Fields>,
  const O extends Options<null> = Record<never, never>,
>(
  versions: Versions,
  element: E,
  options?: O,
): Field<OrNull<O, ElementOut<E>[]>, OrNull<O, readonly ElementIn<E>[]>> {
  return field(versions, { kind: 'array', element }, undefined, options);
}

export function structOf<
  S extends Struct<Fields>,
  const O extends Options<null> = Record<never, never>,
>(versions: Versions, struct: S, options?: O): Field<OrNull<O, Decoded<S>>, OrNull<O, Input<S>>> {
  return field(versions, { kind: 'struct', struct }, undefined, options);
}

/** Fields in the order of the wire. */
export function struct<const F extends Fields>(fields: F): Struct<F> {
  return { fields };
}

/** A message or stored structure: the struct, the versions it has and those with tags. */
export interface Message<S extends Struct<Fields> = Struct<Fields>> {
  readonly name: string;
  readonly struct: S;
  readonly versions: VersionRange;
  readonly flexible: VersionRange;
  /** By version, made when first needed. */
  readonly decoders: Decoder[];
  readonly encoders: Encoder[];
}
export type Decoder = (reader: ProtocolReader) => unknown;
export type Encoder = (writer: ProtocolWriter, value: unknown) => void;

/** One of Kafka's APIs. */
export interface Api<
  N extends string = string,
  Q extends Struct<Fields> = Struct<Fields>,
  S extends Struct<Fields> = Struct<Fields>,
> {
  readonly name: N;
  readonly key: number;
  /** What the schemas cover. */
  readonly versions: VersionRange;
  readonly flexible: VersionRange;
  /** What a broker says it has; undefined for an API it does not offer. */
  readonly advertised: VersionRange | undefined;
  readonly request: Message<Q>;
  readonly response: Message<S>;
}

export function api<const N extends string, Q extends Fields, S extends Fields>(
  name: N,
  key: number,
  versions: {
    readonly versions: Versions;
    readonly flexible: Versions;
    readonly advertise?: Versions;
  },
  fields: { readonly request: Q; readonly response: S },
): Api<N, Struct<Q>, Struct<S>> {
  const range = parseVersions(versions.versions);
  const flexible = parseVersions(versions.flexible);
  const message = <F extends Fields>(suffix: string, its: F): Message<Struct<F>> => ({
    name: `${name}${suffix}`,
    struct: struct(its),
    versions: range,
    flexible,
    decoders: [],
    encoders: [],
  });
  return {
    name,
    key,
    versions: range,
    flexible,
    advertised: versions.advertise === undefined ? undefined : parseVersions(versions.advertise),
    request: message('Request', fields.request),
    response: message('Response', fields.response),
  };
}

/** A structure with its own versions that is stored, or carried inside another message. */
export function stored<F extends Fields>(
  name: string,
  versions: { readonly versions: Versions; readonly flexible: Versions },
  fields: F,
): Message<Struct<F>> {
  return {
    name,
    struct: struct(fields),
    versions: parseVersions(versions.versions),
    flexible: parseVersions(versions.flexible),
    decoders: [],
    encoders: [],
  };
}
