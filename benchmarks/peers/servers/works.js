/**
 * @typedef {{ name: string, recordBytes: number, batchRecords: number, batches: number }} PublishWork
 * @typedef {{ name: string, recordBytes: number, ratePerSecond: number, seconds: number }} LatencyWork
 */

/** @type {PublishWork[]} */
export const PUBLISH_WORKS = [
  { name: 'publish-100', recordBytes: 100, batchRecords: 1000, batches: 200 },
  { name: 'publish-1k', recordBytes: 1024, batchRecords: 100, batches: 400 },
];

/** @type {LatencyWork} */
export const LATENCY_WORK = { name: 'latency', recordBytes: 100, ratePerSecond: 500, seconds: 5 };

export const WORK_NAMES = [...PUBLISH_WORKS.map(({ name }) => name), LATENCY_WORK.name];

/** @param {PublishWork} work @param {number} scale @returns {PublishWork} */
export function scaledPublish(work, scale) {
  return { ...work, batches: Math.max(3, Math.round(work.batches * scale)) };
}

/** @param {LatencyWork} work @param {number} scale @returns {LatencyWork} */
export function scaledLatency(work, scale) {
  return { ...work, seconds: Math.max(0.5, work.seconds * scale) };
}
