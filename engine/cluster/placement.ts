import { VarveError } from '../errors.js';
import type { BrokerState } from '../metadata/records.js';

export interface PlacementRequest {
  readonly brokers: Iterable<BrokerState>;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** In [0, 1): which brokers come first. */
  readonly random: () => number;
}

/**
 * Replicas for new partitions: leaders and replicas spread evenly over the brokers, a partition's replicas over as
 * many racks as there are, fenced brokers only where the live ones do not suffice and never first. Each pass over
 * the brokers has its own order, so that the partitions of a broker that dies move to different ones
 * [Kafka `StripedReplicaPlacer`].
 * @throws VarveError INVALID_ARGUMENT with Kafka's message when there are too few brokers.
 */
export function placeReplicas(request: PlacementRequest): number[][] {
  const { partitions, replicationFactor, random } = request;
  const brokers = [...request.brokers];
  const refuse = (why: string) =>
    new VarveError(
      'INVALID_ARGUMENT',
      `Unable to replicate the partition ${replicationFactor} time(s): ${why}`,
      { details: { replicationFactor, brokers: brokers.length } },
    );
  if (!brokers.some(isLive)) throw refuse('All brokers are currently fenced.');
  if (replicationFactor > brokers.length) {
    throw refuse(
      `The target replication factor of ${replicationFactor} cannot be reached because only ${brokers.length} broker(s) are registered.`,
    );
  }
  const racks = new Racks(brokers, random);
  return Array.from({ length: partitions }, () => racks.place(replicationFactor));
}

const isLive = (broker: BrokerState): boolean => !broker.isFenced && !broker.isShuttingDown;

class Racks {
  readonly #random: () => number;
  readonly #racks: Rack[];
  /** Live brokers, racks alternating: each leads one partition in a pass. */
  #leaders: { readonly rack: number; readonly brokerId: number }[] = [];
  #next = 0;

  constructor(brokers: readonly BrokerState[], random: () => number) {
    this.#random = random;
    const byRack = new Map<string | null, BrokerState[]>();
    for (const broker of brokers) {
      const rack = byRack.get(broker.rack);
      if (rack === undefined) byRack.set(broker.rack, [broker]);
      else rack.push(broker);
    }
    this.#racks = [...byRack.values()].map((members) => new Rack(members));
  }

  place(replicationFactor: number): number[] {
    if (this.#next === this.#leaders.length) this.#startPass();
    const leader = this.#leaders[this.#next]!;
    this.#next += 1;
    const racks = this.#racks;
    racks.forEach((rack, i) => {
      rack.startPartition(i === leader.rack ? leader.brokerId : null);
    });
    const chosen = [leader.brokerId];
    // Live brokers of every rack before any fenced one.
    for (const kind of ['live', 'fenced'] as const) {
      let misses = 0;
      for (let i = 1; chosen.length < replicationFactor && misses < racks.length; i += 1) {
        const next = racks[(leader.rack + i) % racks.length]!.take(kind);
        if (next === null) misses += 1;
        else {
          chosen.push(next);
          misses = 0;
        }
      }
    }
    return chosen;
  }

  #startPass(): void {
    shuffle(this.#racks, this.#random);
    for (const rack of this.#racks) rack.shuffle(this.#random);
    const most = Math.max(...this.#racks.map(({ live }) => live.length));
    this.#leaders = [];
    for (let i = 0; i < most; i += 1) {
      this.#racks.forEach(({ live }, rack) => {
        const brokerId = live[i];
        if (brokerId !== undefined) this.#leaders.push({ rack, brokerId });
      });
    }
    this.#next = 0;
  }
}

/** One rack's brokers in a random order. Where it does not lead a partition, its brokers take turns in following. */
class Rack {
  readonly live: number[];
  readonly #fenced: number[];
  #turn = 0;
  #start = 0;
  #taken = { live: 0, fenced: 0 };

  constructor(members: readonly BrokerState[]) {
    this.live = members.filter(isLive).map(({ brokerId }) => brokerId);
    this.#fenced = members.filter((m) => !isLive(m)).map(({ brokerId }) => brokerId);
  }

  startPartition(leader: number | null): void {
    this.#taken = { live: leader === null ? 0 : 1, fenced: 0 };
    this.#start = leader === null ? this.#turn : this.live.indexOf(leader);
  }

  take(kind: 'live' | 'fenced'): number | null {
    const brokers = kind === 'live' ? this.live : this.#fenced;
    const taken = this.#taken[kind];
    if (taken >= brokers.length) return null;
    this.#taken[kind] = taken + 1;
    if (kind === 'live' && taken === 0) this.#turn += 1;
    return brokers[(this.#start + taken) % brokers.length]!;
  }

  shuffle(random: () => number): void {
    shuffle(this.live, random);
    shuffle(this.#fenced, random);
    this.#turn = 0;
  }
}

function shuffle<T>(list: T[], random: () => number): void {
  for (let i = list.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    const swapped = list[i]!;
    list[i] = list[j]!;
    list[j] = swapped;
  }
}
