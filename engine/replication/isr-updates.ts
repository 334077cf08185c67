import type { AlterPartitionAnswer, ControllerPort } from '../metadata/controller-port.js';
import { isRetriableKafkaError, KafkaError } from '../protocol/error-codes.js';
import type { Timers } from '../timers.js';
import type { IsrProposal, LeaderState } from './leader-state.js';
import type { Replica } from './replica.js';

const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 1000;

export interface IsrUpdatesOptions {
  readonly brokerId: number;
  readonly brokerEpoch: () => number;
  readonly controller: Pick<ControllerPort, 'alterPartitions'>;
  readonly timers: Timers;
  /** The life of each member that the controller should check. */
  readonly brokerEpochOf: (brokerId: number) => number;
  /** The proposal is decided: in force, or taken back. */
  readonly onDecided: (replica: Replica, leader: LeaderState, errorCode: number) => void;
}

interface Update {
  readonly replica: Replica;
  readonly leader: LeaderState;
  readonly proposal: IsrProposal;
}

/**
 * Carries proposed ISRs to the controller: one request at a time with all that gathered meanwhile. What may have
 * been applied without an answer is asked again, never taken back. Kafka: AlterPartitionManager.
 */
export class IsrUpdates {
  readonly #options: IsrUpdatesOptions;
  readonly #waiting = new Map<Replica, Update>();
  #isSending = false;
  #isClosed = false;
  #backoffMs = 0;
  #cancelRetry: (() => void) | null = null;

  constructor(options: IsrUpdatesOptions) {
    this.#options = options;
  }

  add(replica: Replica, leader: LeaderState, proposal: IsrProposal): void {
    this.#waiting.set(replica, { replica, leader, proposal });
    if (!this.#isSending && this.#cancelRetry === null) void this.#send();
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting.clear();
    this.#cancelRetry?.();
    this.#cancelRetry = null;
  }

  async #send(): Promise<void> {
    if (this.#isSending || this.#isClosed) return;
    this.#isSending = true;
    // What is proposed in this turn goes together.
    await null;
    const updates = [...this.#waiting.values()].filter(isCurrent);
    this.#waiting.clear();
    let failed: readonly Update[] = [];
    if (updates.length > 0) {
      try {
        failed = this.#decide(updates, await this.#ask(updates));
      } catch {
        failed = updates;
      }
    }
    this.#isSending = false;
    if (this.#isClosed) return;
    for (const update of failed) {
      if (!this.#waiting.has(update.replica)) this.#waiting.set(update.replica, update);
    }
    if (failed.length > 0) this.#retryLater();
    else {
      this.#backoffMs = 0;
      if (this.#waiting.size > 0) void this.#send();
    }
  }

  #ask(updates: readonly Update[]): Promise<readonly AlterPartitionAnswer[]> {
    const { brokerId, brokerEpoch, brokerEpochOf, controller } = this.#options;
    return controller.alterPartitions({
      brokerId,
      brokerEpoch: brokerEpoch(),
      changes: updates.map(({ replica, leader, proposal }) => ({
        topicId: replica.topicId,
        partition: replica.partition,
        leaderEpoch: leader.leaderEpoch,
        partitionEpoch: proposal.partitionEpoch,
        newIsr: proposal.isr.map((id, i) => {
          const seen = proposal.brokerEpochs[i]!;
          const known = () => (seen >= 0 ? seen : brokerEpochOf(id));
          return { brokerId: id, brokerEpoch: id === brokerId ? brokerEpoch() : known() };
        }),
        isRecovering: false,
      })),
    });
  }

  /** Returns what must be asked again. */
  #decide(updates: readonly Update[], answers: readonly AlterPartitionAnswer[]): Update[] {
    const byPartition = new Map(answers.map((answer) => [keyOf(answer), answer]));
    const again: Update[] = [];
    for (const update of updates) {
      const { replica, leader, proposal } = update;
      const answer = byPartition.get(keyOf(replica));
      if (replica.leader !== leader || leader.proposal !== proposal) continue;
      if (answer === undefined) {
        again.push(update);
        continue;
      }
      const { errorCode, state } = answer;
      if (state !== null && state.leaderEpoch !== leader.leaderEpoch) continue;
      if (state !== null) leader.committed(state);
      if (leader.proposal === proposal) {
        if (mayHaveBeenApplied(errorCode)) {
          again.push(update);
          continue;
        }
        // Other leader, or no such partition: the metadata will say, and until then the larger ISR counts.
        if (isAboutNewerMetadata(errorCode)) continue;
        leader.refused(proposal);
      }
      this.#options.onDecided(replica, leader, errorCode);
    }
    return again;
  }

  #retryLater(): void {
    this.#backoffMs = Math.min(MAX_BACKOFF_MS, Math.max(FIRST_BACKOFF_MS, this.#backoffMs * 2));
    this.#cancelRetry = this.#options.timers.after(this.#backoffMs, () => {
      this.#cancelRetry = null;
      void this.#send();
    });
  }
}

function isCurrent({ replica, leader, proposal }: Update): boolean {
  return replica.leader === leader && leader.proposal === proposal;
}

function keyOf({ topicId, partition }: { topicId: string; partition: number }): string {
  return `${topicId}-${partition}`;
}

function isAboutNewerMetadata(errorCode: number): boolean {
  return (
    errorCode === KafkaError.FENCED_LEADER_EPOCH ||
    errorCode === KafkaError.UNKNOWN_TOPIC_ID ||
    errorCode === KafkaError.UNKNOWN_TOPIC_OR_PARTITION ||
    errorCode === KafkaError.NEW_LEADER_ELECTED
  );
}

function mayHaveBeenApplied(errorCode: number): boolean {
  if (isAboutNewerMetadata(errorCode) || errorCode === KafkaError.NONE) return false;
  return (
    isRetriableKafkaError(errorCode) ||
    errorCode === KafkaError.STALE_BROKER_EPOCH ||
    errorCode === KafkaError.UNKNOWN_SERVER_ERROR
  );
}
