import { expect, test } from 'vitest';
import { fuzzWire } from './fuzz-wire.js';

test('5,000 broken requests disturb nobody else', async () => {
  const { requests, served, closed } = await fuzzWire({ count: 5000, seed: 7 });
  expect(requests).toBeGreaterThanOrEqual(5000);
  expect(served).toBeGreaterThan(500);
  expect(closed['invalid-request']).toBeGreaterThan(50);
  expect(closed['unsupported-version']).toBeGreaterThan(10);
});
