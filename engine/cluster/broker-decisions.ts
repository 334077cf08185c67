import type { RegisterBrokerRequest } from '../metadata/controller-port.js';
import type { BrokerState, PartitionState } from '../metadata/records.js';
import type { Draft } from './decision.js';
import { NO_LEADER, type PartitionChange } from './elections.js';

/*
 * What follows when brokers come and go [Kafka `ReplicationControlManager.handleBrokerFenced` and its siblings].
 */

/**
 * A new life of a broker begins, fenced. What it led is led elsewhere. After an unclean stop it may have lost records
 * that were acknowledged, so it leaves every ISR that has another member, also where nobody leads (Kafka: KIP-966).
 */
export function registerBroker(draft: Draft, request: RegisterBrokerRequest): BrokerState {
  const broker: BrokerState = {
    brokerId: request.brokerId,
    // Larger than that of every earlier registration, as offsets of the log never repeat.
    brokerEpoch: draft.image.version + 1,
    host: request.host,
    port: request.port,
    rack: request.rack,
    isFenced: true,
    isShuttingDown: false,
  };
  const before = draft.brokers.get(broker.brokerId);
  draft.setBroker(broker);
  const wasServing = before !== undefined && !before.isFenced;
  if (wasServing || !request.wasCleanStop) leaveIsr(draft, [broker.brokerId]);
  return broker;
}

/** The broker has caught up with the metadata: it may lead, and leads what has been waiting for it. */
export function unfenceBroker(draft: Draft, broker: BrokerState): void {
  draft.setBroker({ ...broker, isFenced: false });
  draft.changeEvery((state) =>
    state.leader === NO_LEADER && state.replicas.includes(broker.brokerId) ? {} : null,
  );
}

/**
 * Brokers are gone. They leave the ISRs, together: those that die at once all stay in an ISR that they are the whole
 * of, and whichever comes back first leads.
 */
export function fenceBrokers(draft: Draft, brokers: readonly BrokerState[]): void {
  for (const broker of brokers) draft.setBroker({ ...broker, isFenced: true });
  leaveIsr(
    draft,
    brokers.map(({ brokerId }) => brokerId),
  );
}

/**
 * The broker wants to stop: others lead what it leads; what no other replica may lead has no leader until it is
 * back. It is fenced with that, so clients stop looking for it.
 */
export function shutDownBroker(draft: Draft, broker: BrokerState): void {
  draft.setBroker({ ...broker, isFenced: true, isShuttingDown: true });
  leaveIsr(draft, [broker.brokerId]);
}

/** The broker cannot write these partitions' logs: to be called with rules that know it. */
export function leaveOffline(
  draft: Draft,
  brokerId: number,
  isOffline: (topicId: string, partition: number) => boolean,
): void {
  draft.changeEvery((state, topic, partition) =>
    isOffline(topic.topicId, partition) ? withoutReplicas(state, [brokerId]) : null,
  );
}

/** The broker can write these logs again: it may lead where nobody does. */
export function electLeaderless(draft: Draft): void {
  draft.changeEvery((state) => (state.leader === NO_LEADER ? {} : null));
}

function leaveIsr(draft: Draft, brokerIds: readonly number[]): void {
  draft.changeEvery((state) => withoutReplicas(state, brokerIds));
}

function withoutReplicas(
  state: PartitionState,
  brokerIds: readonly number[],
): PartitionChange | null {
  const isr = state.isr.filter((id) => !brokerIds.includes(id));
  if (isr.length === state.isr.length && !brokerIds.includes(state.leader)) return null;
  return { isr };
}
