import { KafkaError } from '../protocol/error-codes.js';
import type { ApiName, DecodedResponseOf, RequestInputOf } from '../protocol/messages/index.js';
import type { Random } from '../testing/random.js';
import { SimulatedConnection } from '../testing/simulated-connection.js';
import type { SimulatedNetwork } from '../testing/simulated-network.js';
import { SimulatedProcess } from '../testing/simulated-process.js';

export interface PartitionLeader {
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

export interface KnownTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: PartitionLeader[];
}

/** What every client does: connections to brokers, and metadata of which only the newest counts. */
export class SimulatedClient {
  readonly name: string;
  readonly process: SimulatedProcess;
  readonly network: SimulatedNetwork;
  readonly random: Random;
  readonly #brokerIds: readonly number[];
  readonly #timeoutMs: number;
  readonly #connections = new Map<number, SimulatedConnection>();
  readonly #topics = new Map<string, KnownTopic>();
  /** What was sent may arrive after the client has given up. */
  readonly #mayArriveLate: boolean;

  constructor(options: {
    readonly name: string;
    readonly network: SimulatedNetwork;
    readonly random: Random;
    readonly brokerIds: readonly number[];
    readonly timeoutMs: number;
    readonly mayArriveLate?: boolean;
  }) {
    const { name, network, random, brokerIds, timeoutMs } = options;
    this.name = name;
    this.network = network;
    this.random = random;
    this.#brokerIds = brokerIds;
    this.#timeoutMs = timeoutMs;
    this.#mayArriveLate = options.mayArriveLate ?? false;
    this.process = new SimulatedProcess(network.world, name);
  }

  get isAlive(): boolean {
    return this.process.isAlive;
  }

  sleep(lowMs: number, highMs = lowMs): Promise<void> {
    return this.process.sleep(this.random.between(lowMs, highMs));
  }

  /** Rejects when the connection breaks or the answer takes too long. */
  call<N extends ApiName>(
    brokerId: number,
    api: N,
    version: number,
    body: RequestInputOf<N>,
  ): Promise<DecodedResponseOf<N>> {
    let connection = this.#connections.get(brokerId);
    if (connection === undefined) {
      connection = new SimulatedConnection(
        this.network,
        { host: this.name, process: this.process },
        `b${brokerId}`,
        {
          clientId: this.name,
          timeoutMs: this.#timeoutMs,
          mayArriveLate: this.#mayArriveLate,
        },
      );
      this.#connections.set(brokerId, connection);
    }
    return connection.request(api, version, body);
  }

  disconnect(): void {
    for (const connection of this.#connections.values()) connection.disconnect();
  }

  anyBroker(): number {
    return this.random.pick(this.#brokerIds);
  }

  known(topic: string): KnownTopic | null {
    return this.#topics.get(topic) ?? null;
  }

  leader(topic: string, partition: number): PartitionLeader | null {
    const leader = this.#topics.get(topic)?.partitions[partition];
    return leader === undefined || leader.leaderId < 0 ? null : leader;
  }

  /** Asks any broker. False: it is not there, or does not know the topic. */
  async refresh(topic: string): Promise<boolean> {
    try {
      const version = this.random.pick([10, 12, 13]);
      const { topics } = await this.call(this.anyBroker(), 'Metadata', version, {
        topics: [{ name: topic }],
        allowAutoTopicCreation: false,
      });
      const found = topics[0];
      if (found === undefined || found.errorCode !== KafkaError.NONE) return false;
      const before = this.#topics.get(topic);
      const isSame = before?.topicId === found.topicId;
      const partitions: PartitionLeader[] = isSame ? [...before.partitions] : [];
      for (const { partitionIndex, leaderId, leaderEpoch } of found.partitions) {
        // Kafka: Metadata.updateLatestMetadata ignores epochs from before.
        const known = partitions[partitionIndex];
        if (known === undefined || leaderEpoch >= known.leaderEpoch) {
          partitions[partitionIndex] = { leaderId, leaderEpoch };
        }
      }
      this.#topics.set(topic, { name: topic, topicId: found.topicId, partitions });
      return true;
    } catch {
      return false;
    }
  }
}
