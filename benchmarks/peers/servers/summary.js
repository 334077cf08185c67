import { estimate, pairedRatios } from '../../../dist/benchmarks/stats.js';

/**
 * @typedef {object} Run one peer, promise, way of writing and round
 * @property {import('./promises.js').PromiseName} promise
 * @property {import('./peers.js').Peer} peer
 * @property {string} mode
 * @property {number} round
 * @property {Record<string, any>} works what the load process measured, by work
 * @property {{ peakBytes: number, ownBytes: number }} memory of the server, after everything
 *
 * @typedef {{ runs: number[], estimate: import('../../../dist/benchmarks/stats.js').Estimate, varveTimes: import('../../../dist/benchmarks/stats.js').Estimate | null }} Figure
 */

/** What is read from a run, by the name of the figure; undefined where the run has no such work. */
const FIGURES = {
  'publish-100': (/** @type {Run} */ { works }) => works['publish-100']?.publishPerSecond,
  'publish-1k': (/** @type {Run} */ { works }) => works['publish-1k']?.publishPerSecond,
  // The other ways of writing are read back through the same client: once is enough.
  'read-100': (/** @type {Run} */ { mode, works }) =>
    mode === 'client' ? works['publish-100']?.readPerSecond : undefined,
  'read-1k': (/** @type {Run} */ { mode, works }) =>
    mode === 'client' ? works['publish-1k']?.readPerSecond : undefined,
  latencyP50Us: (/** @type {Run} */ { works }) => works.latency?.endToEnd.p50Us,
  latencyP99Us: (/** @type {Run} */ { works }) => works.latency?.endToEnd.p99Us,
  generatorLateP50Us: (/** @type {Run} */ { works }) => works.latency?.generatorLate.p50Us,
  serverCpuSecondsPerMillion100: (/** @type {Run} */ { works }) =>
    works['publish-100']?.publishServerCpuPerMillion,
  serverCpuSecondsPerMillion1k: (/** @type {Run} */ { works }) =>
    works['publish-1k']?.publishServerCpuPerMillion,
  clientCpuSecondsPerMillion100: (/** @type {Run} */ { works }) =>
    works['publish-100']?.publishClientCpuPerMillion,
  peakMemoryBytes: (/** @type {Run} */ { memory }) => memory.peakBytes,
  ownMemoryBytes: (/** @type {Run} */ { memory }) => memory.ownBytes,
};

/**
 * One row a peer and way of writing, with every figure of every round, and the ratio to varve's figure of the same round.
 * @param {import('./promises.js').Promised & { peers: import('./peers.js').Peer[] }} promise @param {Run[]} all
 */
export function summarize(promise, all) {
  const ofPromise = all.filter((run) => run.promise === promise.name);
  const runsOf = (/** @type {string} */ name, /** @type {string} */ mode) =>
    ofPromise
      .filter((run) => run.peer.name === name && run.mode === mode)
      .sort((a, b) => a.round - b.round);
  return promise.peers.flatMap((peer) =>
    peer.modes.flatMap((mode) => {
      const runs = runsOf(peer.name, mode);
      // Latency alone is measured through the client alone.
      if (runs.length === 0) return [];
      // Ready bytes against ready bytes, whatever goes through a client against varve's client.
      const varve = runsOf('varve', mode === 'ready' ? 'ready' : 'client');
      /** @type {Record<string, Figure>} */ const figures = {};
      for (const [name, read] of Object.entries(FIGURES)) {
        const values = runs.map(read);
        if (values.some((value) => value === undefined)) continue;
        // Rounds in which both have the figure.
        const pairs = runs.flatMap((run, i) => {
          const base = varve.find(({ round }) => round === run.round);
          const value = base === undefined ? undefined : read(base);
          return value === undefined ? [] : [{ own: values[i], base: value }];
        });
        figures[name] = {
          runs: values,
          estimate: estimate(values),
          varveTimes:
            pairs.length === 0
              ? null
              : estimate(
                  pairedRatios(
                    pairs.map(({ base }) => base),
                    pairs.map(({ own }) => own),
                  ),
                ),
        };
      }
      return [
        {
          name: peer.name,
          version: peer.version,
          mode,
          settings: peer.settings(promise.name),
          figures,
          runs: runs.map(({ round, works, memory }) => ({ round, works, memory })),
        },
      ];
    }),
  );
}
