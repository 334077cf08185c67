import { createGenerator } from '../../dist/benchmarks/payload.js';

/**
 * @typedef {object} Work
 * @property {string} name
 * @property {boolean} durable
 * @property {number} writers 1: batches one after the other; more: single records, each waiting for the disk
 * @property {number} recordBytes
 * @property {number} batchRecords
 * @property {number} batches for each writer
 * @property {boolean} timesRead
 */

/** @type {Work[]} */
export const WORKS = [
  {
    name: 'nosync-100',
    durable: false,
    writers: 1,
    recordBytes: 100,
    batchRecords: 1000,
    batches: 500,
    timesRead: true,
  },
  {
    name: 'nosync-1k',
    durable: false,
    writers: 1,
    recordBytes: 1024,
    batchRecords: 100,
    batches: 600,
    timesRead: true,
  },
  {
    name: 'durable-100',
    durable: true,
    writers: 1,
    recordBytes: 100,
    batchRecords: 1000,
    batches: 150,
    timesRead: false,
  },
  {
    name: 'durable-1k',
    durable: true,
    writers: 1,
    recordBytes: 1024,
    batchRecords: 100,
    batches: 150,
    timesRead: false,
  },
  {
    name: 'durable-64-writers',
    durable: true,
    writers: 64,
    recordBytes: 100,
    batchRecords: 1,
    batches: 200,
    timesRead: false,
  },
];

/** @param {Work} work */
export function describeWork(work) {
  const records = work.batchRecords * work.batches * work.writers;
  return work.writers === 1
    ? `${work.recordBytes} B x ${work.batchRecords}, ${work.durable ? 'each batch durable' : 'no sync'} (${records} records)`
    : `${work.writers} writers x one ${work.recordBytes} B record, each durable (${records} records)`;
}

/**
 * The batches of a work, made before any clock starts; every store gets the same bytes.
 * @param {Work} work
 * @param {number} seed
 */
export function makeBatches(work, seed) {
  const source = createGenerator({ recordBytes: work.recordBytes, spread: 'exact', seed });
  return Array.from({ length: work.batches * work.writers }, () =>
    source.values(work.batchRecords),
  );
}

/**
 * Less of the same: for the warm-up and for tests.
 * @param {Work} work
 * @param {number} scale
 * @returns {Work}
 */
export function scaleWork(work, scale) {
  return { ...work, batches: Math.max(2, Math.round(work.batches * scale)) };
}
