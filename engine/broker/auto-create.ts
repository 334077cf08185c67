import { OFFSETS_TOPIC } from '../groups/ports.js';
import type { ControllerPort, CreateTopicsCommand } from '../metadata/controller-port.js';
import { KafkaError } from '../protocol/error-codes.js';
import type { BrokerConfig } from './broker-config.js';
import type { BrokerEvent } from './events.js';
import { hasLeaders } from './handlers/topic-description.js';
import type { LiveSettings } from './live-settings.js';
import type { MetadataCache } from './metadata-cache.js';

/** Most topics that one request makes on the side: each costs the controller and every broker work. */
const MOST_AT_ONCE = 1000;
/**
 * How long the answer waits for the new topics to be there. Kafka answers at once with an error that clients
 * retry; here a topic takes milliseconds, less than any client's back-off.
 */
const WAIT_MS = 1000;

/**
 * Makes topics that clients ask for and that are not there. Kafka: AutoTopicCreationManager.
 */
export class AutoCreation {
  readonly #options: AutoCreationOptions;
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(options: AutoCreationOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the topics can be used, or after a little while when they cannot: whether it went well, the
   * metadata says. Names must be valid.
   */
  async create(names: readonly string[], clientId: string | null): Promise<void> {
    const fresh = names.filter((name) => !this.#underWay.has(name)).slice(0, MOST_AT_ONCE);
    if (fresh.length > 0) {
      const creation = this.#create(fresh, clientId).finally(() => {
        for (const name of fresh) this.#underWay.delete(name);
      });
      for (const name of fresh) this.#underWay.set(name, creation);
    }
    await Promise.all(new Set(names.map((name) => this.#underWay.get(name))));
  }

  async #create(names: readonly string[], clientId: string | null): Promise<void> {
    const { controller, metadata, onEvent, settings } = this.#options;
    const created: string[] = [];
    try {
      const topics = names.map((name) => definition(name, settings.current));
      const answers = await controller.createTopics({ topics, validateOnly: false });
      for (const { name, errorCode, errorMessage } of answers) {
        if (errorCode === KafkaError.NONE) created.push(name);
        else if (errorCode !== KafkaError.TOPIC_ALREADY_EXISTS) {
          onEvent({ kind: 'auto-creation-failed', topic: name, errorCode, errorMessage });
        }
      }
    } catch (cause) {
      onEvent({ kind: 'controller-failed', cause });
      return;
    }
    if (created.length === 0) return;
    onEvent({ kind: 'topics-auto-created', topics: created, clientId });
    await metadata.waitFor(
      (image) =>
        created.every((name) => {
          const topic = image.topics.get(name);
          return topic !== undefined && hasLeaders(image, topic);
        }),
      WAIT_MS,
    );
  }
}

export interface AutoCreationOptions {
  readonly controller: Pick<ControllerPort, 'createTopics'>;
  readonly metadata: MetadataCache;
  readonly settings: LiveSettings;
  readonly onEvent: (event: BrokerEvent) => void;
}

/** What `__consumer_offsets` sets itself. Kafka: GroupCoordinatorService.groupMetadataTopicConfigs. */
export function offsetsTopicConfig(config: BrokerConfig): Record<string, string> {
  return {
    'cleanup.policy': 'compact',
    'compression.type': 'producer',
    'segment.bytes': String(config.offsetsTopicSegmentBytes),
  };
}

function definition(name: string, config: BrokerConfig): CreateTopicsCommand['topics'][number] {
  if (name === OFFSETS_TOPIC) {
    return {
      name,
      partitions: config.offsetsTopicNumPartitions,
      replicationFactor: config.offsetsTopicReplicationFactor,
      assignments: null,
      config: offsetsTopicConfig(config),
    };
  }
  return {
    name,
    partitions: config.numPartitions,
    replicationFactor: config.defaultReplicationFactor,
    assignments: null,
    config: {},
  };
}
