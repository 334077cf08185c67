import { KafkaError } from '../protocol/error-codes.js';
import type { SimulatedClient } from './cluster-simulation-client.js';
import type { GroupLedger } from './cluster-simulation-member.js';

const FETCH_VERSION = 9;

/** Somebody who looks at a group's committed offsets all the time, as tools that show lag do. */
export class GroupWatcher {
  readonly #client: SimulatedClient;
  readonly #group: GroupLedger;
  readonly #topic: string;
  /**
   * What tells the coordinatorship of a broker for the group from others; null: it is not the coordinator. One that
   * does not know yet that it has been replaced may show what was true before, as in Kafka.
   */
  readonly #termOf: (brokerId: number) => string | null;
  readonly #keepsOffsets: () => boolean;

  constructor(options: {
    readonly client: SimulatedClient;
    readonly group: GroupLedger;
    readonly topic: string;
    readonly termOf: (brokerId: number) => string | null;
    readonly keepsOffsets: () => boolean;
  }) {
    this.#client = options.client;
    this.#group = options.group;
    this.#topic = options.topic;
    this.#termOf = options.termOf;
    this.#keepsOffsets = options.keepsOffsets;
  }

  async run(): Promise<void> {
    const client = this.#client;
    while (client.isAlive) {
      // It asks whoever may know: a coordinator just elected is the one to look at.
      await this.#look(client.anyBroker()).catch(() => undefined);
      await client.sleep(5, 40);
    }
  }

  async #look(brokerId: number): Promise<void> {
    const { group } = this.#group;
    const term = this.#termOf(brokerId);
    if (term === null) return;
    const floors = new Map(this.#group.committed);
    const { groups } = await this.#client.call(brokerId, 'OffsetFetch', FETCH_VERSION, {
      groups: [{ groupId: group, memberId: null, memberEpoch: -1, topics: null }],
      requireStable: false,
    });
    const found = groups[0];
    if (found === undefined || found.errorCode !== KafkaError.NONE) return;
    if (this.#termOf(brokerId) !== term) return;
    const offsets = new Map<string, number>();
    for (const { name, partitions } of found.topics) {
      for (const { partitionIndex, committedOffset } of partitions) {
        offsets.set(`${name}/${partitionIndex}`, committedOffset);
      }
    }
    for (const partition of new Set([...floors.keys(), ...offsets.keys()])) {
      if (!partition.startsWith(`${this.#topic}/`)) continue;
      const floor = this.#keepsOffsets() ? (floors.get(partition) ?? -1) : -1;
      this.#group.fetched(partition, floor, offsets.get(partition) ?? -1, this.#client.name);
    }
  }
}
