import type { BrokerConnection, SaslOptions, TlsOptions } from '../load/plan.js';
import { clusterRefusal, withDefaults, withoutUnused } from './cell-rules.js';
import { ClusterAdmin } from './cluster-admin.js';
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
            return {
              topic,
              connection,
              startUsage: async () => ({
                stop: async () => ({ processes: [], machine: null, syncs: null }),
              }),
              disturb: null,
              remove: () => removeTopic(connection, topic, limitMs),
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
