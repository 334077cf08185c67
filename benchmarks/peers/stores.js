import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A store that takes part.
 * @typedef {object} OpenStore
 * @property {(values: Buffer[]) => void | Promise<void>} append a batch, without waiting for the disk
 * @property {(values: Buffer[]) => Promise<void>} appendDurable a batch, on disk when it resolves
 * @property {(value: Buffer) => Promise<void>} appendOne one record, on disk when it resolves; called by many writers at once
 * @property {(visit: (value: Uint8Array) => void) => void | Promise<void>} read every value in order
 * @property {() => void | Promise<void>} close
 *
 * @typedef {object} Store
 * @property {string} name
 * @property {string} version
 * @property {(durable: boolean) => string} settings as printed
 * @property {(directory: string, options: {durable: boolean, totalBytes: number, largestBatch: {records: number, bytes: number}}) => Promise<OpenStore>} open
 */

const MODULES = [
  './store-varve.js',
  './store-raw.js',
  './store-lmdb.js',
  './store-sqlite.js',
  './store-level.js',
];

/**
 * The stores that can run here, varve first. One whose package is not installed is named, not hidden.
 * @returns {Promise<{stores: Store[], missing: {module: string, reason: string}[]}>}
 */
export async function loadStores() {
  const stores = [];
  const missing = [];
  for (const module of MODULES) {
    try {
      stores.push((await import(module)).default);
    } catch (error) {
      // Without varve there is nothing to compare.
      if (module === './store-varve.js') throw error;
      missing.push({ module, reason: String(error.message).split('\n')[0] });
    }
  }
  return { stores, missing };
}

/** @param {string} name of an installed package */
export function versionOf(name) {
  const path = join(import.meta.dirname, 'node_modules', name, 'package.json');
  return JSON.parse(readFileSync(path, 'utf8')).version;
}
