import { statfsSync } from 'node:fs';
import type { BrokerConnection } from '../load/plan.js';
import type { Cell } from '../model/knobs.js';
import type { TargetInfo } from '../model/result.js';
import { clusterRefusal, experimentRefusal, withoutUnused } from './cell-rules.js';
import { ClusterAdmin } from './cluster-admin.js';
import { limitFor, makeTopic, type ReadyTopic } from './cluster-prepare.js';
import { waitForData, waitForDataGone } from './cluster-topic.js';
import { experimentOn } from './experiments/index.js';
import type { LocalBrokers } from './local-brokers.js';
import { type WatchedProcess, watchUsage } from './process-usage.js';
import type {
  BenchError,
  OpenTarget,
  OpenTargetOptions,
  PreparedTopic,
  Target,
  UsageMeter,
} from './target.js';

export interface LocalClusterTargetOptions {
  readonly name: string;
  readonly warmUpSeconds: number;
  start(options: OpenTargetOptions): Promise<LocalBrokers>;
}

/** Brokers that are started for the run: as many as the cell says, shared by all cells with that many. */
export function localClusterTarget(options: LocalClusterTargetOptions): Target {
  const { name, warmUpSeconds, start } = options;
  return {
    name,
    warmUpSeconds,
    normal: withoutUnused,
    refusal: (cell) => clusterRefusal(cell, cell.brokers) ?? experimentRefusal(cell),
    openKey: ({ brokers }) => `${name} of ${brokers}`,
    async open(opening) {
      const brokers = await start(opening);
      try {
        return new OpenLocalCluster(name, brokers, opening);
      } catch (error) {
        await brokers.close();
        throw error;
      }
    },
  };
}

/** Removing a topic means deleting its files, which may be many gigabytes. */
const REMOVE_LIMIT_MS = 60_000;
const ANSWER_LIMIT_MS = 2_000;

class OpenLocalCluster implements OpenTarget {
  readonly info: TargetInfo;
  readonly #brokers: LocalBrokers;
  readonly #options: OpenTargetOptions;
  readonly #connection: BrokerConnection;
  readonly #admin: ClusterAdmin;
  readonly #count: number;
  #breakage: BenchError | null = null;

  constructor(name: string, brokers: LocalBrokers, options: OpenTargetOptions) {
    const { software, settings, addresses } = brokers;
    this.#brokers = brokers;
    this.#options = options;
    this.#count = addresses.length;
    this.#connection = { kind: 'brokers', bootstrap: addresses, tls: null, sasl: null };
    this.#admin = new ClusterAdmin(this.#connection, options.signal);
    brokers.broken.then((error) => {
      this.#breakage = error;
    });
    this.info = { name, software, brokers: addresses.length, settings: { ...settings } };
  }

  async prepare(cell: Cell, topic: string): Promise<PreparedTopic> {
    if (this.#breakage !== null) throw this.#breakage;
    const { bavail, bsize } = statfsSync(this.#options.directory);
    const freeBytes = bavail * bsize;
    const ready = await makeTopic(this.#admin, { cell, topic, freeBytes });
    const shares = sharesOf(ready);
    // A replica counts as in sync from the start; Kafka makes its log a little later.
    const expected = [...shares].map(
      ([id, { replicas }]) => [this.#brokers.dataDirectory(id), replicas] as const,
    );
    await waitForData(topic, new Map(expected), limitFor(cell));
    return {
      topic,
      connection: this.#connection,
      startUsage: async () => this.#startUsage(shares),
      disturb: experimentOn({
        cell,
        topic: ready.wanted,
        brokers: this.#brokers,
        admin: this.#admin,
      }),
      broken: this.#brokers.broken,
      remove: () => this.#remove(cell, topic),
    };
  }

  /** All brokers run, are in service and answer; none was killed by others, however well it came back. */
  async isUsable(): Promise<boolean> {
    if (this.#breakage !== null) return false;
    const running = this.#brokers.processes().filter(({ brokerId }) => brokerId !== null);
    if (running.length < this.#count) return false;
    try {
      const body = { topics: [], allowAutoTopicCreation: false };
      const answers = await Promise.all(
        this.#brokers.addresses.map((address) =>
          this.#admin.askBroker(address, 'Metadata', body, { timeoutMs: ANSWER_LIMIT_MS }),
        ),
      );
      return answers.every(({ brokers }) => brokers.length === this.#count);
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    this.#admin.close();
    await this.#brokers.close();
  }

  async #startUsage(shares: ReadonlyMap<number, Share>): Promise<UsageMeter> {
    const none = { leaders: 0, replicas: 0 };
    const noBroker = { leaders: null, replicas: null };
    const watch = watchUsage(() =>
      this.#brokers.processes().map(
        (its): WatchedProcess => ({
          ...its,
          ...(its.brokerId === null ? noBroker : (shares.get(its.brokerId) ?? none)),
        }),
      ),
    );
    const before = this.#brokers.syncs();
    return {
      stop: async () => {
        const after = this.#brokers.syncs();
        const syncs = before === null || after === null ? null : after - before;
        return { ...watch.stop(), syncs };
      },
    };
  }

  async #remove(cell: Cell, topic: string): Promise<void> {
    // It is not used again, and its directory goes with it.
    if (this.#breakage !== null) return;
    const limitMs = REMOVE_LIMIT_MS + limitFor(cell);
    await this.#admin.deleteTopic(topic, limitMs);
    const directories = this.#brokers.addresses.map((_, i) => this.#brokers.dataDirectory(i + 1));
    await waitForDataGone(topic, directories, limitMs);
  }
}

/** What a broker has of a topic. */
interface Share {
  readonly leaders: number;
  readonly replicas: number;
}

function sharesOf({ places }: ReadyTopic): Map<number, Share> {
  const shares = new Map<number, Share>();
  for (const { leader, replicas } of places) {
    for (const id of replicas) {
      const known = shares.get(id) ?? { leaders: 0, replicas: 0 };
      shares.set(id, {
        leaders: known.leaders + (id === leader ? 1 : 0),
        replicas: known.replicas + 1,
      });
    }
  }
  return shares;
}
