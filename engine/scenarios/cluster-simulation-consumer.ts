import { KafkaError } from '../protocol/error-codes.js';
import type { SimulatedClient } from './cluster-simulation-client.js';
import type { Ledger, PartitionHistory } from './cluster-simulation-ledger.js';

/**
 * Reads from a partition's leader, one fetch after another, each from where the last one ended.
 * Resolves with the next position: `position` when nothing came.
 */
export async function fetchOnce(
  client: SimulatedClient,
  ledger: Ledger,
  topic: string,
  partition: number,
  position: number,
  maxWaitMs = 300,
): Promise<number> {
  const known = client.known(topic);
  const leader = client.leader(topic, partition);
  if (known === null || leader === null) {
    await client.sleep(20, 100);
    await client.refresh(topic);
    return position;
  }
  const history = ledger.history(topic, known.topicId, partition);
  const version = client.random.pick([11, 12, 13, 17]);
  let answer: { errorCode: number; records: Buffer | null } | null = null;
  try {
    const { responses } = await client.call(leader.leaderId, 'Fetch', version, {
      maxWaitMs,
      minBytes: 1,
      maxBytes: 1024 * 1024,
      isolationLevel: client.random.pick([0, 1]),
      sessionEpoch: -1,
      topics: [
        {
          topic,
          topicId: known.topicId,
          partitions: [
            {
              partition,
              currentLeaderEpoch: leader.leaderEpoch,
              fetchOffset: position,
              partitionMaxBytes: client.random.pick([200, 5000, 50_000, 1024 * 1024]),
            },
          ],
        },
      ],
    });
    answer = responses[0]?.partitions[0] ?? null;
  } catch {
    answer = null;
  }
  if (!client.isAlive) return position;
  if (answer?.errorCode === KafkaError.NONE) {
    if (answer.records === null || answer.records.length === 0) return position;
    return ledger.consumedBy(history, answer.records, position);
  }
  if (answer?.errorCode === KafkaError.OFFSET_OUT_OF_RANGE) {
    if (history.lossy !== null) return 0;
    // A deposed leader that does not know it yet may have less.
    if (leader.leaderEpoch >= ledger.leaderEpochOf(history)) outOfRange(client, history, position);
  }
  await client.sleep(5, 60);
  await client.refresh(topic);
  return position;
}

/** What was read is not there any more: it was not committed. */
function outOfRange(client: SimulatedClient, history: PartitionHistory, position: number): void {
  const what = `${client.name} has read ${history.name} up to ${position}, which is out of range`;
  client.network.world.violate('the high watermark does not fall for a consumer', what);
}

/** A consumer of one partition, from its start. */
export class SimulatedConsumer {
  readonly #client: SimulatedClient;
  readonly #ledger: Ledger;
  readonly topic: string;
  readonly partition: number;
  position = 0;

  constructor(client: SimulatedClient, ledger: Ledger, topic: string, partition: number) {
    this.#client = client;
    this.#ledger = ledger;
    this.topic = topic;
    this.partition = partition;
  }

  async run(): Promise<void> {
    while (this.#client.isAlive) {
      const before = this.position;
      const { topic, partition } = this;
      this.position = await fetchOnce(this.#client, this.#ledger, topic, partition, before);
      if (this.position !== before) await this.#client.sleep(0, 30);
    }
  }
}
