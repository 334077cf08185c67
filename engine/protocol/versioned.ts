import { decodeBody, decodeFields, encodeBody, encodeWith } from './codec.js';
import { MAX_RESPONSE_ELEMENTS } from './frames.js';
import { ProtocolReader } from './reader.js';
import type { Decoded, Fields, Input, Message, Struct } from './schema.js';

/*
 * Structures that are stored, or carried as bytes inside a message: an int16 version in front, then the
 * fields of that version.
 */

/** The int16 in front. @throws VarveError INVALID_REQUEST if there is none. */
export function versionOf(bytes: Buffer): number {
  return readerOf(bytes).int16();
}

/** A structure that came with its version. */
export interface Versioned<T> {
  readonly version: number;
  readonly value: T;
}

/** @throws VarveError UNSUPPORTED_VERSION, INVALID_ARGUMENT */
export function encodeVersioned<S extends Struct<Fields>>(
  message: Message<S>,
  version: number,
  value: Input<S>,
): Buffer {
  return encodeWith((writer) => {
    writer.int16(version);
    encodeBody(message, version, value, writer);
  }, false)[0]!;
}

/**
 * Reads all of `bytes`. With `newer` 'as-highest' a version above those of the schema is read as the
 * highest, and what is left after it is ignored: so consumers read each other's subscriptions and
 * assignments, whose versions only add fields at the end [Kafka `ConsumerProtocol`].
 * @throws VarveError UNSUPPORTED_VERSION, INVALID_REQUEST
 */
export function decodeVersioned<S extends Struct<Fields>>(
  message: Message<S>,
  bytes: Buffer,
  newer: 'refused' | 'as-highest' = 'refused',
): Versioned<Decoded<S>> {
  const reader = readerOf(bytes);
  const version = reader.int16();
  const { highest } = message.versions;
  return newer === 'as-highest' && version > highest
    ? { version, value: decodeFields(message, highest, reader) }
    : { version, value: decodeBody(message, version, reader) };
}

/** The same without a version in front. @throws VarveError UNSUPPORTED_VERSION, INVALID_ARGUMENT */
export function encodeUnversioned<S extends Struct<Fields>>(
  message: Message<S>,
  version: number,
  value: Input<S>,
): Buffer {
  return encodeWith((writer) => encodeBody(message, version, value, writer), false)[0]!;
}

/** @throws VarveError UNSUPPORTED_VERSION, INVALID_REQUEST */
export function decodeUnversioned<S extends Struct<Fields>>(
  message: Message<S>,
  version: number,
  bytes: Buffer,
): Decoded<S> {
  return decodeBody(message, version, readerOf(bytes));
}

function readerOf(bytes: Buffer): ProtocolReader {
  return new ProtocolReader(bytes, 0, bytes.length, MAX_RESPONSE_ELEMENTS);
}
