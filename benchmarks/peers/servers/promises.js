/**
 * What an acknowledgement means. A peer takes part in a promise with the setting that gives just that, and says which.
 * @typedef {'process' | 'disk' | 'replicas'} PromiseName
 * @typedef {{ name: PromiseName, title: string, nodes: number, scale: number }} Promised
 */

/** @type {Promised[]} `scale`: share of the full amount of work, so that slow promises end too */
export const PROMISES = [
  {
    name: 'process',
    title: 'one server: what it acknowledged survives the death of the process, not power loss',
    nodes: 1,
    scale: 1,
  },
  {
    name: 'disk',
    title:
      'one server: every acknowledged record is on disk (fsync or fdatasync before the answer)',
    nodes: 1,
    scale: 0.25,
  },
  {
    name: 'replicas',
    title: 'three servers: every acknowledged record is on replicas, in their page caches',
    nodes: 3,
    scale: 0.5,
  },
];

/** Batches that are on their way at once, whatever the peer and the way of writing. */
export const IN_FLIGHT = 5;
