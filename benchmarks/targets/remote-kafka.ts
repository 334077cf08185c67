import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerConnection, SaslOptions, TlsOptions } from '../load/plan.js';
import { clusterRefusal, withDefaults, withoutUnused } from './cell-rules.js';
import { type BrokerPlace, ClusterAdmin } from './cluster-admin.js';
import { limitFor, makeTopic } from './cluster-prepare.js';
import { BenchError, type OpenTarget, type Target } from './target.js';

export interface RemoteKafkaOptions {
  readonly tls?: TlsOptions | null;
  readonly sasl?: SaslOptions | null;
}

const REMOVE_LIMIT_MS = 60_000;
const ANSWER_LIMIT_MS = 5_000;
const ADDRESS = /^(\[[0-9a-f:.]+\]|[^:\s/,[\]]+):(\d{1,5})$/i;
const SCHEME = 'kafka://';

/**
 * Any cluster that speaks Kafka's protocol, which somebody else runs: nothing is known of its processes.
 * @throws BenchError INVALID_KNOB for addresses that are none.
 */
export function remoteKafkaTarget(name: string, options: RemoteKafkaOptions): Target {
  const connection: BrokerConnection = {
    kind: 'brokers',
    bootstrap: addressesOf(name),
    tls: options.tls ?? null,
    sasl: options.sasl ?? null,
  };
  return {
    name,
    // It is somebody's, and runs already.
    warmUpSeconds: 0,
    normal: (cell) => withDefaults(withoutUnused(cell), ['brokers']),
    refusal: (cell) => {
      if (cell.experiment === 'load') return clusterRefusal(cell, null);
      return `experiment is ${cell.experiment}, target is ${name}: the suite does not kill brokers that it has not started. Take target cluster or local-kafka`;
    },
    openKey: () => name,
    async open({ signal }): Promise<OpenTarget> {
      const admin = new ClusterAdmin(connection, signal);
      try {
        const brokers = await admin.brokers();
        const software = await softwareOf(admin);
        return {
          info: { name, software, brokers: brokers.length, settings: {} },
          async prepare(cell, topic) {
            const refusal = clusterRefusal(cell, brokers.length);
            if (refusal !== null) throw new BenchError('INVALID_KNOB', refusal);
            const freeBytes = await admin.freeDiskBytes();
            const limitMs = REMOVE_LIMIT_MS + limitFor(cell);
            try {
              await makeTopic(admin, { cell, topic, freeBytes });
            } catch (error) {
              // It may be there all the same. Why it was not made is the news, not what came after.
              await removeTopic(connection, topic, limitMs).catch(() => undefined);
              throw error;
            }
            const watch = new BrokersWatch(connection, brokers);
            return {
              topic,
              connection,
              startUsage: async () => ({
                stop: async () => ({ processes: [], machine: null, syncs: null }),
              }),
              disturb: null,
              broken: watch.broken,
              remove: () => {
                watch.end();
                return removeTopic(connection, topic, limitMs);
              },
            };
          },
          async isUsable() {
            try {
              const body = { topics: [], allowAutoTopicCreation: false };
              const answer = await admin.ask('Metadata', body, { timeoutMs: ANSWER_LIMIT_MS });
              return answer.brokers.length >= brokers.length;
            } catch {
              return false;
            }
          },
          async close() {
            admin.close();
          },
        };
      } catch (error) {
        admin.close();
        throw error;
      }
    },
  };
}

/** Between looks whether all brokers are still there: a question that costs them nothing against any load. */
const LOOK_EVERY_MS = 1_000;

/** Sees that a broker of somebody's cluster goes, which a load would go around, or wait for, and only look slower. */
class BrokersWatch {
  readonly broken: Promise<BenchError>;
  readonly #ended = new AbortController();

  constructor(connection: BrokerConnection, expected: readonly BrokerPlace[]) {
    this.broken = this.#watch(connection, expected);
  }

  end(): void {
    this.#ended.abort();
  }

  async #watch(
    connection: BrokerConnection,
    expected: readonly BrokerPlace[],
  ): Promise<BenchError> {
    const { signal } = this.#ended;
    const admin = new ClusterAdmin(connection, signal);
    try {
      for (;;) {
        await sleep(LOOK_EVERY_MS, undefined, { signal });
        const ids = new Set((await admin.brokers()).map(({ id }) => id));
        const gone = expected.filter(({ id }) => !ids.has(id));
        if (gone.length === 0) continue;
        const who = gone.map(({ id, address }) => `broker ${id} at ${address}`).join(', ');
        return new BenchError(
          'TARGET_FAILED',
          `${who} left the cluster in the middle of a run: what was measured until then is not kept. Look what it says, and run it again when it is back`,
        );
      }
    } catch (error) {
      if (!signal.aborted && error instanceof BenchError) return error;
      // The run is over, and nobody asks any more.
      return new Promise(() => undefined);
    } finally {
      admin.close();
    }
  }
}

/** With connections of its own: an interrupted run leaves no topic on somebody's cluster. */
async function removeTopic(
  connection: BrokerConnection,
  topic: string,
  limitMs: number,
): Promise<void> {
  const admin = new ClusterAdmin(connection, AbortSignal.timeout(limitMs));
  try {
    await admin.deleteTopic(topic, limitMs);
  } finally {
    admin.close();
  }
}

function addressesOf(name: string): string[] {
  const addresses = name.slice(SCHEME.length).split(',');
  for (const address of addresses) {
    const port = Number(ADDRESS.exec(address)?.[2]);
    if (port >= 1 && port <= 65_535) continue;
    throw new BenchError(
      'INVALID_KNOB',
      `target is ${name}: ${JSON.stringify(address)} is not host:port. Write kafka://host:port, or several with commas between them`,
    );
  }
  return addresses;
}

/** Brokers do not say who they are; the level of their metadata tells Kafka's releases apart. */
async function softwareOf(admin: ClusterAdmin): Promise<string> {
  const about = { clientSoftwareName: 'varve-bench', clientSoftwareVersion: '1' };
  const { finalizedFeatures } = await admin.ask('ApiVersions', about);
  const levels = finalizedFeatures.map(({ name, maxVersionLevel }) => `${name} ${maxVersionLevel}`);
  return ["a cluster with Kafka's protocol", ...levels].join(', ');
}
