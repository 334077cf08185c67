import { compileDecoder } from './compile-decoder.js';
import { compileEncoder } from './compile-encoder.js';
import { malformed, unsupportedVersion } from './malformed.js';
import type { ProtocolReader } from './reader.js';
import {
  type Decoded,
  type Decoder,
  type Encoder,
  type Fields,
  type Input,
  includesVersion,
  type Message,
  type Struct,
} from './schema.js';
import { ProtocolWriter } from './writer.js';

/**
 * The body of a message that begins at `reader.at` and must end at `reader.end`.
 * @throws VarveError UNSUPPORTED_VERSION, or INVALID_REQUEST if the bytes are not in its form.
 */
export function decodeBody<S extends Struct<Fields>>(
  message: Message<S>,
  version: number,
  reader: ProtocolReader,
): Decoded<S> {
  const body = decodeFields(message, version, reader);
  if (reader.at !== reader.end) {
    throw malformed(`${reader.end - reader.at} bytes left after ${message.name}`, reader.at);
  }
  return body;
}

/** The same, whatever follows. */
export function decodeFields<S extends Struct<Fields>>(
  message: Message<S>,
  version: number,
  reader: ProtocolReader,
): Decoded<S> {
  const decode = message.decoders[version] ?? compiledDecoder(message, version);
  return decode(reader) as Decoded<S>;
}

/** @throws VarveError UNSUPPORTED_VERSION, or INVALID_ARGUMENT for a value that no message can carry. */
export function encodeBody<S extends Struct<Fields>>(
  message: Message<S>,
  version: number,
  value: Input<S>,
  writer: ProtocolWriter,
): void {
  const encode = message.encoders[version] ?? compiledEncoder(message, version);
  encode(writer, value);
}

function compiledDecoder(message: Message, version: number): Decoder {
  checkVersion(message, version);
  const decode = compileDecoder(message, version);
  message.decoders[version] = decode;
  return decode;
}

function compiledEncoder(message: Message, version: number): Encoder {
  checkVersion(message, version);
  const encode = compileEncoder(message, version);
  message.encoders[version] = encode;
  return encode;
}

function checkVersion({ name, versions }: Message, version: number): void {
  if (!Number.isInteger(version) || !includesVersion(versions, version)) {
    throw unsupportedVersion(name, version, versions.lowest, versions.highest);
  }
}

let idle: ProtocolWriter | undefined;

/** Runs `write` with a writer whose memory is used again, and gives the chunks it wrote. */
export function encodeWith(
  write: (writer: ProtocolWriter) => void,
  lengthFirst: boolean,
): Buffer[] {
  // Taken out while in use: a getter of the value could encode too.
  const writer = idle ?? new ProtocolWriter();
  idle = undefined;
  try {
    write(writer);
    return writer.finish(lengthFirst);
  } finally {
    writer.reset();
    idle = writer;
  }
}
