import { mkdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { withDefaults, withoutUnused } from './cell-rules.js';
import { engineExperiment } from './experiments/engine-experiments.js';
import { watchUsage } from './process-usage.js';
import { varveVersion } from './software.js';
import type { Target } from './target.js';
import { topicSettings } from './topic-settings.js';

/** Of a cluster and its clients: nothing that the engine has. */
const NOT_ITS_OWN = [
  'brokers',
  'replicationFactor',
  'acks',
  'minInsyncReplicas',
  'inFlight',
  'consumers',
  'groups',
  'reading',
  'consumerRate',
  'client',
] as const;

/** varve inside the load process: no broker, no socket. What it uses is in the load's own figures. */
export const engineTarget: Target = {
  name: 'engine',
  warmUpSeconds: 0,
  normal: (cell) => withoutUnused(withDefaults(cell, NOT_ITS_OWN)),
  refusal: ({ experiment }) =>
    experiment === 'failover' || experiment === 'rebalance'
      ? `experiment is ${experiment}, target is engine: it has no other replica and no group over the network. Take target cluster`
      : null,
  openKey: () => 'engine',
  async open({ directory }) {
    return {
      info: { name: 'engine', software: `varve ${varveVersion()}`, brokers: 0, settings: {} },
      async prepare(cell, topic) {
        const { bavail, bsize } = statfsSync(directory);
        // Refuses a disk that is too full; the load itself makes its logs.
        const config = topicSettings({ ...cell, replicationFactor: 1 }, bavail * bsize);
        const data = join(directory, topic);
        mkdirSync(data);
        return {
          topic,
          connection: { kind: 'engine', directory: data },
          async startUsage() {
            const watch = watchUsage(() => []);
            return { stop: async () => ({ ...watch.stop(), syncs: null }) };
          },
          disturb:
            cell.experiment === 'load' ? null : engineExperiment({ cell, config, directory: data }),
          broken: null,
          async remove() {
            rmSync(data, { recursive: true, force: true });
          },
        };
      },
      isUsable: async () => true,
      close: async () => undefined,
    };
  },
};
