import { VarveError } from '../errors.js';
import type { BrokerState, ConfigResource, MetadataRecord, PartitionState } from './records.js';

/** A topic as the cluster knows it. */
export interface TopicImage {
  readonly name: string;
  /** Kafka's text form of a UUID. */
  readonly topicId: string;
  /** By partition number, without gaps. */
  readonly partitions: readonly PartitionState[];
  /** What the topic sets itself, by Kafka's names. */
  readonly config: ConfigValues;
}

export type ConfigValues = Readonly<Record<string, string>>;
const NO_CONFIG: ConfigValues = Object.freeze({});

/**
 * What the cluster agreed on, at one point of the metadata log. Never changed: applying records gives a new image
 * that shares what stayed the same, so `===` tells whether a topic or broker has changed.
 */
export class MetadataImage {
  static readonly EMPTY = new MetadataImage(0, '', new Map(), new Map(), new Map(), new Map(), 0);

  /** Offset after the last record applied. */
  readonly version: number;
  readonly clusterId: string;
  readonly brokers: ReadonlyMap<number, BrokerState>;
  readonly topics: ReadonlyMap<string, TopicImage>;
  /** Topic name by topic id. */
  readonly topicNames: ReadonlyMap<string, string>;
  /** Settings of brokers and groups, by `resource/name`. */
  readonly configs: ReadonlyMap<string, ConfigValues>;
  /** Producer ids below it have been given out. */
  readonly nextProducerId: number;

  private constructor(
    version: number,
    clusterId: string,
    brokers: ReadonlyMap<number, BrokerState>,
    topics: ReadonlyMap<string, TopicImage>,
    topicNames: ReadonlyMap<string, string>,
    configs: ReadonlyMap<string, ConfigValues>,
    nextProducerId: number,
  ) {
    this.version = version;
    this.clusterId = clusterId;
    this.brokers = brokers;
    this.topics = topics;
    this.topicNames = topicNames;
    this.configs = configs;
    this.nextProducerId = nextProducerId;
  }

  topicById(topicId: string): TopicImage | undefined {
    const name = this.topicNames.get(topicId);
    return name === undefined ? undefined : this.topics.get(name);
  }

  partition(topic: string, partition: number): PartitionState | undefined {
    return this.topics.get(topic)?.partitions[partition];
  }

  /** Settings that a broker (name: its id as text; '' for all brokers) or a group has of its own. */
  configOf(resource: Exclude<ConfigResource, 'topic'>, name: string): ConfigValues {
    return this.configs.get(`${resource}/${name}`) ?? NO_CONFIG;
  }

  /** Brokers that may lead and be given to clients. */
  liveBrokers(): BrokerState[] {
    return [...this.brokers.values()].filter((broker) => !broker.isFenced);
  }

  /**
   * The image after `records`, which end before offset `version`. They are applied together or, when one does not
   * fit what is known (CORRUPT_MESSAGE), not at all.
   */
  apply(records: readonly MetadataRecord[], version: number): MetadataImage {
    const draft = new Draft(this);
    for (const record of records) draft.apply(record);
    return new MetadataImage(
      version,
      draft.clusterId,
      draft.brokers,
      draft.topics,
      draft.topicNames,
      draft.configs,
      draft.nextProducerId,
    );
  }

  /** Records that make this image out of the empty one. */
  toRecords(): MetadataRecord[] {
    const records: MetadataRecord[] = [
      { type: 'snapshot' },
      { type: 'cluster', clusterId: this.clusterId },
      { type: 'producer-ids', next: this.nextProducerId },
    ];
    for (const broker of this.brokers.values()) records.push({ type: 'broker', ...broker });
    for (const { name, topicId, partitions, config } of this.topics.values()) {
      records.push({ type: 'topic', name, topicId });
      for (const [partition, state] of partitions.entries()) {
        records.push({ type: 'partition', topicId, partition, ...state });
      }
      for (const [key, value] of Object.entries(config)) {
        records.push({ type: 'config', resource: 'topic', name, key, value });
      }
    }
    for (const [resourceAndName, values] of this.configs) {
      const slash = resourceAndName.indexOf('/');
      const resource = resourceAndName.slice(0, slash) as ConfigResource;
      const name = resourceAndName.slice(slash + 1);
      for (const [key, value] of Object.entries(values)) {
        records.push({ type: 'config', resource, name, key, value });
      }
    }
    return records;
  }
}

interface TopicDraft {
  readonly name: string;
  readonly topicId: string;
  partitions: PartitionState[];
  config: ConfigValues;
}

/** Copies what it changes, once. */
class Draft {
  clusterId: string;
  brokers: Map<number, BrokerState>;
  topics: Map<string, TopicImage>;
  topicNames: Map<string, string>;
  configs: Map<string, ConfigValues>;
  nextProducerId: number;
  readonly #copied = new Map<string, TopicDraft>();

  constructor(image: MetadataImage) {
    this.clusterId = image.clusterId;
    this.brokers = new Map(image.brokers);
    this.topics = new Map(image.topics);
    this.topicNames = new Map(image.topicNames);
    this.configs = new Map(image.configs);
    this.nextProducerId = image.nextProducerId;
  }

  apply(record: MetadataRecord): void {
    switch (record.type) {
      case 'snapshot':
        this.clusterId = '';
        this.brokers.clear();
        this.topics.clear();
        this.topicNames.clear();
        this.configs.clear();
        this.#copied.clear();
        this.nextProducerId = 0;
        return;
      case 'cluster':
        this.clusterId = record.clusterId;
        return;
      case 'producer-ids':
        this.nextProducerId = Math.max(this.nextProducerId, record.next);
        return;
      case 'broker': {
        const { type: _, ...broker } = record;
        this.brokers.set(broker.brokerId, broker);
        return;
      }
      case 'broker-removed':
        this.brokers.delete(record.brokerId);
        return;
      case 'topic': {
        if (this.topics.has(record.name) || this.topicNames.has(record.topicId)) {
          throw misfit(`topic ${record.name} (${record.topicId}) is there already`);
        }
        const { name, topicId } = record;
        const topic: TopicDraft = { name, topicId, partitions: [], config: NO_CONFIG };
        this.topics.set(name, topic);
        this.topicNames.set(topicId, name);
        this.#copied.set(name, topic);
        return;
      }
      case 'topic-removed': {
        const { name } = this.#topicById(record.topicId);
        this.topics.delete(name);
        this.topicNames.delete(record.topicId);
        this.#copied.delete(name);
        return;
      }
      case 'partition': {
        const { type: _, topicId, partition, ...state } = record;
        const topic = this.#topicById(topicId);
        if (partition > topic.partitions.length) {
          throw misfit(
            `partition ${partition} of ${topic.name} follows ${topic.partitions.length - 1}`,
          );
        }
        topic.partitions[partition] = state;
        return;
      }
      case 'config':
        this.#setConfig(record.resource, record.name, record.key, record.value);
        return;
    }
  }

  #setConfig(resource: ConfigResource, name: string, key: string, value: string | null): void {
    if (resource === 'topic') {
      const topic = this.#topic(name);
      topic.config = withValue(topic.config, key, value);
      return;
    }
    const id = `${resource}/${name}`;
    const values = withValue(this.configs.get(id) ?? NO_CONFIG, key, value);
    if (Object.keys(values).length === 0) this.configs.delete(id);
    else this.configs.set(id, values);
  }

  #topicById(topicId: string): TopicDraft {
    const name = this.topicNames.get(topicId);
    if (name === undefined) throw misfit(`there is no topic with id ${topicId}`);
    return this.#topic(name);
  }

  #topic(name: string): TopicDraft {
    const copied = this.#copied.get(name);
    if (copied !== undefined) return copied;
    const topic = this.topics.get(name);
    if (topic === undefined) throw misfit(`there is no topic ${name}`);
    const copy: TopicDraft = { ...topic, partitions: [...topic.partitions] };
    this.topics.set(name, copy);
    this.#copied.set(name, copy);
    return copy;
  }
}

function withValue(values: ConfigValues, key: string, value: string | null): ConfigValues {
  const { [key]: _, ...rest } = values;
  return value === null ? rest : { ...rest, [key]: value };
}

function misfit(why: string): VarveError {
  return new VarveError('CORRUPT_MESSAGE', `the cluster metadata does not fit together: ${why}`);
}
