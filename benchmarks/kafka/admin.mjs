// Topics and first records, through KafkaJS: the same client for both sides.
import kafkajs from 'kafkajs';

const { Kafka, logLevel } = kafkajs;

const CREATE_LIMIT_MS = 60_000;

export class KafkaJsAdmin {
  #kafka;
  #admin;
  #producer;

  constructor(/** @type {string} */ address) {
    // A broker that is still starting refuses connections: tried again at once.
    const retry = {
      initialRetryTime: 20,
      maxRetryTime: 50,
      retries: 5000,
      factor: 0,
      multiplier: 1,
    };
    this.#kafka = new Kafka({
      clientId: 'bench',
      brokers: address.split(','),
      logLevel: logLevel.NOTHING,
      retry,
      connectionTimeout: 1000,
    });
    this.#admin = this.#kafka.admin();
    this.#producer = this.#kafka.producer();
  }

  /** @param {string} topic @param {number} replicas */
  async firstRecord(topic, replicas) {
    await this.#admin.connect();
    await this.#create({ topic, numPartitions: 1, replicationFactor: replicas });
    await this.#producer.connect();
    await this.#producer.send({ topic, acks: -1, messages: [{ value: 'first' }] });
  }

  /** @param {string} topic @param {number} partitions @param {number} replicas @param {Record<string, string>} [configs] */
  async createTopic(topic, partitions, replicas, configs = {}) {
    await this.#admin.connect();
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
    await this.#create({
      topic,
      numPartitions: partitions,
      replicationFactor: replicas,
      configEntries,
    });
    // Not every broker may know of it yet.
    const deadline = Date.now() + 60_000;
    for (;;) {
      const found = await this.#admin.fetchTopicMetadata({ topics: [topic] }).catch(() => null);
      const there = found?.topics[0]?.partitions ?? [];
      if (
        there.length === partitions &&
        there.every(({ leader, isr }) => leader >= 0 && isr.length === replicas)
      )
        return;
      if (Date.now() > deadline) throw new Error(`topic ${topic} is not in service after 60 s`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async #create(/** @type {import('kafkajs').ITopicConfig} */ topic) {
    const deadline = Date.now() + CREATE_LIMIT_MS;
    for (;;) {
      try {
        await this.#admin.createTopics({
          waitForLeaders: false,
          timeout: CREATE_LIMIT_MS,
          topics: [topic],
        });
        return;
      } catch (error) {
        // Brokers that have not registered yet cannot hold a replica, and there may be no controller to ask.
        const { name, errors = [] } =
          /** @type {{ name?: string, errors?: { type?: string }[] }} */ (error);
        const isEarly =
          name === 'KafkaJSBrokerNotFound' ||
          errors.some(({ type }) => type === 'INVALID_REPLICATION_FACTOR');
        if (!isEarly || Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  async deleteTopic(/** @type {string} */ topic) {
    await this.#admin.connect();
    await this.#admin.deleteTopics({ topics: [topic] });
  }

  async leaderOf(/** @type {string} */ topic) {
    await this.#admin.connect();
    const { topics } = await this.#admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]?.partitions[0]?.leader ?? -1;
  }

  async close() {
    await this.#producer.disconnect().catch(() => {});
    await this.#admin.disconnect().catch(() => {});
  }
}
