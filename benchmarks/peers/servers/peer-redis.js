// Redis streams: Debian's redis-server with an append-only file.
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../../kafka/targets.mjs';
import { startServer, stopServers, versionOfProgram } from './processes.js';

const SYNC_LIMIT_MS = 30_000;

const SETTINGS = {
  // With everysec a write is held back, up to two seconds and after its answer, while a sync goes on.
  process: 'appendonly yes, appendfsync no (everysec may answer before it writes)',
  disk: 'appendonly yes, appendfsync always',
  replicas: 'primary and two replicas, appendonly yes, appendfsync no, WAIT 2 behind every batch',
};

export async function redisPeer() {
  const found = versionOfProgram('redis-server', 'redis-server');
  if ('reason' in found) throw new Error(found.reason);
  // Said before the run if the client is not installed.
  await import('redis');
  return {
    name: 'Redis',
    version: found.version,
    client: 'load-redis.js',
    modes: ['client', 'ready'],
    settings: (/** @type {import('./promises.js').PromiseName} */ promise) =>
      `${SETTINGS[promise]}; no snapshots, no rewrite of the file`,
    cannot: () => null,
    async start(
      /** @type {import('./promises.js').Promised} */ { name: promise, nodes },
      /** @type {string} */ directory,
    ) {
      const ports = await freePorts(nodes);
      /** @type {import('node:child_process').ChildProcess[]} */ const children = [];
      try {
        for (const [i, port] of ports.entries()) {
          const home = join(directory, `redis-${i + 1}`);
          mkdirSync(home, { recursive: true });
          const args = [
            ...['--port', String(port), '--bind', '127.0.0.1', '--dir', home],
            ...['--save', '', '--appendonly', 'yes'],
            ...['--appendfsync', promise === 'disk' ? 'always' : 'no'],
            ...['--auto-aof-rewrite-percentage', '0', '--repl-diskless-sync-delay', '0'],
            ...(i === 0 ? [] : ['--replicaof', `127.0.0.1 ${ports[0]}`]),
          ];
          children.push(await startServer('redis-server', args, port));
        }
        await replicasOnline(ports[0] ?? -1, nodes - 1);
      } catch (error) {
        await stopServers(children);
        throw error;
      }
      return {
        pids: children.map(({ pid }) => pid ?? -1),
        stop: () => stopServers(children),
        connection: { port: ports[0], replicas: nodes - 1 },
      };
    },
  };
}

/** Waits until the primary streams to so many replicas. */
async function replicasOnline(/** @type {number} */ port, /** @type {number} */ count) {
  const deadline = Date.now() + SYNC_LIMIT_MS;
  for (;;) {
    const online = (await replicationInfo(port)).match(/state=online/g)?.length ?? 0;
    if (online === count) return;
    if (Date.now() > deadline) {
      throw new Error(`${online} of ${count} Redis replicas are online after ${SYNC_LIMIT_MS} ms`);
    }
    await sleep(20);
  }
}

/** @param {number} port @returns {Promise<string>} */
function replicationInfo(port) {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.end('INFO replication\r\n'));
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}
