import { expect, it } from 'vitest';
import { isVarveError } from '../../errors.js';
import { fromLz4, fromLz4Napi } from './lz4-blocks.js';
import { loadSnappy } from './snappy.js';
import { fromCloudpss } from './zstd-library.js';

const absent = Object.assign(
  (name: string): never => {
    throw new Error(`Cannot find module '${name}'`);
  },
  {
    resolve: (name: string): never => {
      throw new Error(`Cannot find module '${name}'`);
    },
  },
) as unknown as NodeJS.Require;

it.each([
  ['lz4', 'lz4-napi', () => fromLz4Napi(absent)],
  ['snappy', 'snappy', () => loadSnappy(absent)],
  ['zstd', '@cloudpss/zstd', () => fromCloudpss(absent)],
] as const)('%s without its library says to install %s', (codec, library, load) => {
  let thrown: unknown;
  try {
    load();
  } catch (error) {
    thrown = error;
  }
  if (!isVarveError(thrown, 'UNSUPPORTED_COMPRESSION_TYPE')) throw thrown;
  expect(thrown.details.codec).toBe(codec);
  expect(thrown.message).toContain(`install the package "${library}"`);
  expect(String(thrown.cause)).toContain('Cannot find module');
});

it('lz4 without its native package falls to the prebuilt one', () => {
  expect(fromLz4(absent)).toBeNull();
  expect(fromLz4Napi().library).toBe('lz4-napi');
});
