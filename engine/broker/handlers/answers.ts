import { isVarveError } from '../../errors.js';
import { OFFSETS_TOPIC } from '../../groups/ports.js';
import type { MetadataImage } from '../../metadata/image.js';
import { KafkaError, type KafkaErrorCode } from '../../protocol/error-codes.js';
import { kafkaErrorOf } from '../../protocol/from-varve-error.js';
import type { ApiName, NodeEndpointInput, RequestOf } from '../../protocol/messages/index.js';
import type { CurrentLeader } from '../../replication/types.js';
import type { Answer, RequestContext } from '../request-handler.js';
import type { BrokerServices } from '../services.js';
import { aliveBroker } from './topic-description.js';

/** Serves one API. */
export type Handler<N extends ApiName> = (
  services: BrokerServices,
  request: RequestOf<N>,
  context: RequestContext,
) => Answer<N> | Promise<Answer<N>>;

const TRANSACTIONS_TOPIC = '__transaction_state';

/** Kafka: Topic.isInternal. */
export function isInternalTopic(topic: string): boolean {
  return topic === OFFSETS_TOPIC || topic === TRANSACTIONS_TOPIC;
}

/** What AclOperation allows, as bits: nobody is refused anything here. */
export const AUTHORIZED_TOPIC_OPERATIONS = 0b1101_1111_1000;
export const AUTHORIZED_CLUSTER_OPERATIONS = 0b1_1111_1010_0000;
export const AUTHORIZED_GROUP_OPERATIONS = 0b1101_0100_1000;
export const OPERATIONS_NOT_ASKED = -2147483648;

export interface RefusedWith {
  readonly errorCode: KafkaErrorCode;
  readonly errorMessage: string | null;
}
export const DONE: RefusedWith = { errorCode: KafkaError.NONE, errorMessage: null };

export function refusal(
  errorCode: KafkaErrorCode,
  errorMessage: string | null = null,
): RefusedWith {
  return { errorCode, errorMessage };
}

/** What the client is told of a failure: a code, and for operating errors what they say. */
export function refusalOf(error: unknown): RefusedWith {
  return refusal(kafkaErrorOf(error), isVarveError(error) ? error.message : null);
}

const NO_ENDPOINTS: readonly NodeEndpointInput[] = [];

/** Collects the addresses of leaders that an answer names, each once. Most answers name none, and are made often. */
export class Endpoints {
  readonly #image: MetadataImage;
  #found: NodeEndpointInput[] | null = null;

  constructor(image: MetadataImage) {
    this.#image = image;
  }

  add(leader: CurrentLeader | null | undefined): void {
    if (leader === null || leader === undefined) return;
    if (this.#found?.some(({ nodeId }) => nodeId === leader.leaderId)) return;
    const broker = aliveBroker(this.#image, leader.leaderId);
    if (broker === null) return;
    const { brokerId, host, port, rack } = broker;
    this.#found ??= [];
    this.#found.push({ nodeId: brokerId, host, port, rack });
  }

  get all(): readonly NodeEndpointInput[] {
    return this.#found ?? NO_ENDPOINTS;
  }
}

/** Those that come once, and those that come more often. */
export function splitDuplicates<T>(items: Iterable<T>): { once: Set<T>; repeated: Set<T> } {
  const once = new Set<T>();
  const repeated = new Set<T>();
  for (const item of items) {
    if (repeated.has(item)) continue;
    if (once.delete(item)) repeated.add(item);
    else once.add(item);
  }
  return { once, repeated };
}
