import { kafkaPeer, varvePeer } from './peer-kafka.js';
import { natsPeer } from './peer-nats.js';
import { redisPeer } from './peer-redis.js';

/**
 * @typedef {object} Running
 * @property {number[]} pids all processes of the server
 * @property {() => Promise<void>} stop
 * @property {object} connection what its load client needs
 *
 * @typedef {object} Peer
 * @property {string} name
 * @property {string} version
 * @property {string} client module of its load client
 * @property {string[]} modes ways to write
 * @property {(promise: import('./promises.js').PromiseName) => string} settings as printed
 * @property {(promise: import('./promises.js').PromiseName) => string | null} cannot why it cannot give the promise
 * @property {(promise: import('./promises.js').Promised, directory: string) => Promise<Running>} start
 */

/** @type {Record<string, () => Promise<Peer>>} */
const PEERS = { varve: varvePeer, kafka: kafkaPeer, nats: natsPeer, redis: redisPeer };
export const PEER_NAMES = Object.keys(PEERS);

/**
 * The peers of these names that can run here, in their order. One that cannot is named with the reason.
 * @param {string[]} names
 * @returns {Promise<{ peers: Peer[], missing: { name: string, reason: string }[] }>}
 */
export async function loadPeers(names) {
  const peers = [];
  const missing = [];
  for (const name of names) {
    try {
      peers.push(await PEERS[name]());
    } catch (error) {
      missing.push({ name, reason: String(error.message).split('\n')[0] });
    }
  }
  return { peers, missing };
}
