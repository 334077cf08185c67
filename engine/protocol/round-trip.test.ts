import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isVarveError } from '../errors.js';
import { ALL_MESSAGES, sampleOf, versionsOf } from '../testing/protocol-samples.js';
import { Random } from '../testing/random.js';
import { decodeBody, encodeBody, encodeWith } from './codec.js';
import { ProtocolReader } from './reader.js';
import type { Message } from './schema.js';

const EVERY_VERSION = ALL_MESSAGES.flatMap((message) =>
  versionsOf(message).map((version) => [message.name, version, message] as const),
);

function encoded(message: Message, version: number, value: unknown): Buffer {
  const input = value as Readonly<Record<string, unknown>>;
  return Buffer.concat(encodeWith((w) => encodeBody(message, version, input, w), false));
}

function decoded(message: Message, version: number, bytes: Buffer): unknown {
  return decodeBody(message, version, new ProtocolReader(bytes, 0, bytes.length, 1_000_000));
}

it('covers every API, both directions, and what is stored', () => {
  expect(ALL_MESSAGES.length).toBe(2 * 42 + 8);
  expect(EVERY_VERSION.length).toBeGreaterThan(250);
});

describe.each(EVERY_VERSION)('%s version %i', (_name, version, message) => {
  it('reads what it writes', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const sample = sampleOf(message, version, new Random(seed));
        const bytes = encoded(message, version, sample.input);
        expect(decoded(message, version, bytes)).toEqual(sample.decoded);
      }),
      { numRuns: 20 },
    );
  });

  it('refuses every truncation, and bytes after the end', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { input } = sampleOf(message, version, new Random(seed));
        const bytes = encoded(message, version, input);
        const step = Math.max(1, Math.floor(bytes.length / 200));
        for (let length = bytes.length - 1; length >= 0; length -= step) {
          expectRefused(message, version, bytes.subarray(0, length));
        }
        expectRefused(message, version, Buffer.concat([bytes, Buffer.alloc(1)]));
      }),
      { numRuns: 3 },
    );
  });
});

function expectRefused(message: Message, version: number, bytes: Buffer): void {
  let refusal: unknown;
  try {
    decoded(message, version, bytes);
  } catch (error) {
    refusal = error;
  }
  expect(isVarveError(refusal, 'INVALID_REQUEST'), `${bytes.length} bytes`).toBe(true);
}
