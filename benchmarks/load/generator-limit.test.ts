import { expect, test } from 'vitest';
import { measureGeneratorLimit } from './generator-limit.js';

const payload = { file: null, seed: 1, spread: 'exact', compressibility: null } as const;

test.each(['ready', 'kafkajs', 'platformatic'] as const)(
  'the limit of %s against a sink that answers at once',
  async (client) => {
    const cell = { client, partitions: 4 };
    const limit = await measureGeneratorLimit({ cell, payload, seconds: 1 });
    expect(limit).toMatchObject({ client, recordBytes: 1024, batchBytes: 16_384 });
    expect(limit.recordsPerSecond).toBeGreaterThan(0);
    expect(limit.bytesPerSecond).toBeCloseTo(limit.recordsPerSecond * 1024, 3);
    expect(limit.result.errors).toBe(0);
  },
);
