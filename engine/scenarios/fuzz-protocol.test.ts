import { expect, it } from 'vitest';
import { fuzzProtocol } from './fuzz-protocol.js';

it('100,000 damaged messages are read or refused, and nothing else', () => {
  const { inputs, read, refused, slowestMs } = fuzzProtocol(100_000, 20_260_201);
  expect(read + refused).toBe(inputs);
  expect(slowestMs).toBeLessThan(1000);
  // A fuzzer whose damage is never noticed, or always, would test nothing.
  expect(read).toBeGreaterThan(10_000);
  expect(refused).toBeGreaterThan(10_000);
});
