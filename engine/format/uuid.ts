import { randomBytes } from 'node:crypto';
import { VarveError } from '../errors.js';

/*
 * Kafka's text form of a UUID: 16 bytes as 22 characters of base64url without padding.
 * Example: bytes 00 01 .. 0f are AAECAwQFBgcICQoLDA0ODw.
 */
export const UUID_BYTES = 16;
export const UUID_CHARS = 22;
/** "No id" in Kafka. */
export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA';
/** The id of the `__cluster_metadata` topic. */
export const METADATA_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';

/** @throws VarveError INVALID_ARGUMENT unless there are 16 bytes from `at` on. */
export function uuidFromBytes(bytes: Uint8Array, at = 0): string {
  if (bytes.length - at < UUID_BYTES || at < 0) {
    throw new VarveError('INVALID_ARGUMENT', `a UUID has 16 bytes, ${bytes.length - at} given`, {
      details: { bytes: bytes.length, at },
    });
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, UUID_BYTES).toString('base64url');
}

/** @throws VarveError INVALID_ARGUMENT unless `text` is a UUID in Kafka's text form. */
export function uuidToBytes(text: string): Buffer {
  if (!isUuid(text)) {
    const shown = JSON.stringify(text.slice(0, 40));
    throw new VarveError(
      'INVALID_ARGUMENT',
      `${shown} is not a UUID: 22 characters of base64url, the last one A, Q, g or w`,
      { details: { text } },
    );
  }
  return Buffer.from(text, 'base64url');
}

/** True for the one spelling that 16 bytes have: the last character holds two bits. */
export function isUuid(text: string): boolean {
  return /^[A-Za-z0-9_-]{21}[AQgw]$/.test(text);
}

/**
 * A random version 4 UUID that is none of Kafka's reserved ids and does not begin with '-', which a
 * command line would take for an option [Kafka `Uuid.randomUuid`].
 */
export function randomUuid(): string {
  for (;;) {
    const bytes = randomBytes(UUID_BYTES);
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const text = bytes.toString('base64url');
    if (!text.startsWith('-')) return text;
  }
}
