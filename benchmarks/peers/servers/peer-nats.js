// NATS JetStream: Debian's nats-server with a file store.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../kafka/targets.mjs';
import { startServer, stopServers, versionOfProgram } from './processes.js';

/** The only setting that syncs before the acknowledgement. Older servers do not know it. */
const SYNC_ALWAYS = 'sync_interval: always';

const SETTINGS = {
  process: 'file store, one replica, default sync interval',
  disk: `file store, one replica, ${SYNC_ALWAYS}`,
  replicas:
    'file store, R3: acknowledged is on a majority (two of three), where the others mean all three',
};

export async function natsPeer() {
  const found = versionOfProgram('nats-server', 'nats-server');
  if ('reason' in found) throw new Error(found.reason);
  // Said before the run if the client is not installed.
  await import('@nats-io/transport-node');
  await import('@nats-io/jetstream');
  const refusal = refusalOf(`jetstream { ${SYNC_ALWAYS} }`);
  return {
    name: 'NATS',
    version: found.version,
    client: 'load-nats.js',
    modes: ['client', 'client, ack each', 'ready'],
    settings: (/** @type {import('./promises.js').PromiseName} */ promise) => SETTINGS[promise],
    cannot: (/** @type {import('./promises.js').PromiseName} */ promise) =>
      promise === 'disk' && refusal !== null
        ? `NATS ${found.version} cannot give this promise: it refuses ${SYNC_ALWAYS} (${refusal}), and nothing else makes it sync before it acknowledges`
        : null,
    async start(
      /** @type {import('./promises.js').Promised} */ { name: promise, nodes },
      /** @type {string} */ directory,
    ) {
      const ports = await freePorts(nodes * 2);
      const routes = ports.slice(nodes).map((port) => `nats://127.0.0.1:${port}`);
      const servers = ports.slice(0, nodes).map((port, i) => ({ name: `n${i + 1}`, port }));
      const started = await Promise.allSettled(
        servers.map(({ name, port }, i) => {
          const home = join(directory, name);
          mkdirSync(home, { recursive: true });
          const file = join(home, 'nats.conf');
          writeFileSync(
            file,
            [
              `server_name: ${name}`,
              `listen: "127.0.0.1:${port}"`,
              'jetstream {',
              `  store_dir: ${JSON.stringify(join(home, 'store'))}`,
              ...(promise === 'disk' ? [`  ${SYNC_ALWAYS}`] : []),
              '}',
              ...(nodes > 1
                ? [
                    'cluster {',
                    '  name: bench',
                    `  listen: "127.0.0.1:${ports[nodes + i]}"`,
                    `  routes: [${routes.map((route) => JSON.stringify(route)).join(', ')}]`,
                    '}',
                  ]
                : []),
              '',
            ].join('\n'),
          );
          return startServer('nats-server', ['-c', file], port);
        }),
      );
      const children = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      const failed = started.find((one) => one.status === 'rejected');
      if (failed !== undefined) {
        await stopServers(children);
        throw failed.reason;
      }
      return {
        pids: children.map(({ pid }) => pid ?? -1),
        stop: () => stopServers(children),
        connection: { servers, replicas: nodes },
      };
    },
  };
}

/** What the server says against a configuration, asked without starting it; null: nothing. */
function refusalOf(/** @type {string} */ configuration) {
  const directory = mkdtempSync(join(tmpdir(), 'varve-bench-nats-'));
  try {
    const file = join(directory, 'nats.conf');
    writeFileSync(file, configuration);
    const { status, stderr } = spawnSync('nats-server', ['-t', '-c', file], { encoding: 'utf8' });
    return status === 0 ? null : stderr.trim().replace(`${file}:`, 'line ');
  } finally {
    rmSync(directory, { recursive: true });
  }
}
