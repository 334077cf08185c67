import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { createFileSource, createGenerator } from './payload.js';

const directory = mkdtempSync(join(tmpdir(), 'varve-payload-test-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('generator', () => {
  test('the same seed gives the same bytes, another seed others', () => {
    const make = (seed: number): Buffer =>
      Buffer.concat(createGenerator({ recordBytes: 100, spread: 'exact', seed }).values(50));
    expect(make(7).equals(make(7))).toBe(true);
    expect(make(7).equals(make(8))).toBe(false);
  });

  test.each([1, 7, 100, 1024, 10_240])('exact mode gives every value %d bytes', (recordBytes) => {
    const values = createGenerator({ recordBytes, spread: 'exact', seed: 1 }).values(200);
    expect(new Set(values.map((value) => value.length))).toEqual(new Set([recordBytes]));
  });

  test('mixed sizes vary around the mean', () => {
    const values = createGenerator({ recordBytes: 400, spread: 'mixed', seed: 1 }).values(5000);
    const sizes = values.map((value) => value.length);
    const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    expect(mean).toBeGreaterThan(300);
    expect(mean).toBeLessThan(500);
    expect(new Set(sizes).size).toBeGreaterThan(100);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1600);
  });

  test('values compress like logs: neither to nothing nor not at all', () => {
    const bytes = Buffer.concat(
      createGenerator({ recordBytes: 200, spread: 'exact', seed: 1 }).values(1000),
    );
    const ratio = bytes.length / gzipSync(bytes).length;
    expect(ratio).toBeGreaterThan(2);
    expect(ratio).toBeLessThan(8);
  });

  test('JSON events are valid JSON', () => {
    const values = createGenerator({ recordBytes: 200, spread: 'exact', seed: 1 }).values(100);
    const events = values.filter((value) => value[0] === 0x7b);
    expect(events.length).toBeGreaterThan(20);
    for (const event of events) expect(JSON.parse(event.toString())).toHaveProperty('svc');
  });
});

describe('payload file', () => {
  test('a line is a record, and the file starts again at its end', () => {
    const path = join(directory, 'lines');
    writeFileSync(path, 'one\n\nthree\nlast without newline');
    const values = createFileSource(path).values(6).map(String);
    expect(values).toEqual(['one', '', 'three', 'last without newline', 'one', '']);
  });

  test('an empty file is refused', () => {
    const path = join(directory, 'empty');
    writeFileSync(path, '');
    expect(() => createFileSource(path)).toThrow('has no line');
  });
});

test.each([0, 0.5, 0.9, 1])(
  'values of compressibility %f shrink by about so much',
  (compressibility) => {
    const values = createGenerator({
      recordBytes: 1024,
      spread: 'exact',
      seed: 3,
      compressibility,
    }).values(64);
    const packed = gzipSync(Buffer.concat(values));
    const share = packed.length / (64 * 1024);
    expect(share).toBeGreaterThan((1 - compressibility) * 0.95);
    expect(share).toBeLessThan(1 - compressibility + 0.06);
  },
);
