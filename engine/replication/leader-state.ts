import { assert } from '../assert.js';

/** What the leader knows of one follower. Kafka: Replica, ReplicaState. */
export interface FollowerProgress {
  readonly brokerId: number;
  /** -1: has not fetched under this leader. */
  logEndOffset: number;
  logStartOffset: number;
  /** When it last had everything that the leader had. */
  lastCaughtUpMs: number;
  lastFetchMs: number;
  /** The leader's log end at its last fetch. */
  leaderEndAtLastFetch: number;
  /** Of the life that fetched last; -1: unknown. */
  brokerEpoch: number;
}

/** An ISR asked of the controller, not yet in force. */
export interface IsrProposal {
  readonly kind: 'expand' | 'shrink';
  readonly isr: readonly number[];
  /** Of the lives that were seen to be in sync, in the order of `isr`; -1: unknown. A later life may have less. */
  readonly brokerEpochs: readonly number[];
  /** What `isr` replaces: compare-and-set. */
  readonly partitionEpoch: number;
}

export interface LeaderStart {
  readonly brokerId: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly logEndOffset: number;
  readonly highWatermark: number;
  readonly minInsyncReplicas: number;
  readonly replicaLagTimeMaxMs: number;
  readonly nowMs: number;
  /** Alive, not fenced, not stopping, and the same life as `brokerEpoch` (-1: any). Asked at each decision. */
  readonly isEligible: (brokerId: number, brokerEpoch: number) => boolean;
}

/**
 * The leader's side of one partition: how far followers are, who is in sync, and up to where records are
 * committed. Pure: it is told what happened and when, and says what changed; the owner moves the log's high
 * watermark and asks the controller. Kafka: Partition, PartitionState.
 */
export class LeaderState {
  readonly brokerId: number;
  readonly leaderEpoch: number;
  /** The log end when this leadership began. */
  readonly epochStartOffset: number;
  readonly followers = new Map<number, FollowerProgress>();
  minInsyncReplicas: number;
  readonly #replicaLagTimeMaxMs: number;
  readonly #isEligible: (brokerId: number, brokerEpoch: number) => boolean;
  #partitionEpoch: number;
  #isr: readonly number[];
  #proposal: IsrProposal | null = null;
  #logEndOffset: number;
  #highWatermark: number;

  constructor(start: LeaderStart) {
    assert(start.highWatermark <= start.logEndOffset, 'a high watermark is not above the log end');
    this.brokerId = start.brokerId;
    this.leaderEpoch = start.leaderEpoch;
    this.epochStartOffset = start.logEndOffset;
    this.minInsyncReplicas = start.minInsyncReplicas;
    this.#replicaLagTimeMaxMs = start.replicaLagTimeMaxMs;
    this.#isEligible = start.isEligible;
    this.#partitionEpoch = start.partitionEpoch;
    this.#isr = start.isr;
    this.#logEndOffset = start.logEndOffset;
    this.#highWatermark = start.highWatermark;
    for (const id of start.replicas) {
      // One that is not in sync is not waited for until it has fetched.
      if (id !== this.brokerId)
        this.followers.set(id, newProgress(id, start.isr.includes(id) ? start.nowMs : -Infinity));
    }
    this.advance(start.nowMs);
  }

  get partitionEpoch(): number {
    return this.#partitionEpoch;
  }

  /** In force at the controller, as far as is known. */
  get isr(): readonly number[] {
    return this.#isr;
  }

  get proposal(): IsrProposal | null {
    return this.#proposal;
  }

  /**
   * Who may be in sync in the eyes of the controller: an expansion under way counts, a shrink does not until it is
   * in force. Records count as committed only when all of these have them.
   */
  get maximalIsr(): readonly number[] {
    return this.#proposal?.kind === 'expand' ? this.#proposal.isr : this.#isr;
  }

  get highWatermark(): number {
    return this.#highWatermark;
  }

  get logEndOffset(): number {
    return this.#logEndOffset;
  }

  /** `min.insync.replicas`, but never more than there are replicas. */
  get effectiveMinIsr(): number {
    return Math.min(this.minInsyncReplicas, this.followers.size + 1);
  }

  get isUnderMinIsr(): boolean {
    return this.#isr.length < this.effectiveMinIsr;
  }

  get isUnderReplicated(): boolean {
    return this.#isr.length < this.followers.size + 1;
  }

  /** After an election: records that were committed may still lie above the high watermark known here. */
  get isHighWatermarkLagging(): boolean {
    return this.epochStartOffset > this.#highWatermark;
  }

  /** The leader's log has grown to `logEndOffset`. True: the high watermark moved. */
  appended(logEndOffset: number, nowMs: number): boolean {
    this.#logEndOffset = logEndOffset;
    return this.advance(nowMs);
  }

  /**
   * A follower asks for `fetchOffset`, so it has everything below. `leaderEndOffset` is the log end before the
   * answer was read. True: the high watermark moved. Unknown followers are the caller's to refuse.
   */
  fetched(
    brokerId: number,
    fetch: {
      readonly fetchOffset: number;
      readonly logStartOffset: number;
      readonly leaderEndOffset: number;
      readonly brokerEpoch: number;
      readonly nowMs: number;
    },
  ): boolean {
    const follower = this.followers.get(brokerId);
    if (follower === undefined) return false;
    const { fetchOffset, leaderEndOffset, nowMs } = fetch;
    if (fetchOffset >= leaderEndOffset) {
      follower.lastCaughtUpMs = Math.max(follower.lastCaughtUpMs, nowMs);
    } else if (follower.leaderEndAtLastFetch >= 0 && fetchOffset >= follower.leaderEndAtLastFetch) {
      // It has what there was at its last fetch: it was caught up then, only records came since.
      follower.lastCaughtUpMs = Math.max(follower.lastCaughtUpMs, follower.lastFetchMs);
    }
    const moved = follower.logEndOffset !== fetchOffset;
    follower.logEndOffset = fetchOffset;
    follower.logStartOffset = fetch.logStartOffset;
    follower.leaderEndAtLastFetch = Math.max(leaderEndOffset, follower.leaderEndAtLastFetch);
    follower.lastFetchMs = nowMs;
    follower.brokerEpoch = fetch.brokerEpoch;
    return moved && this.advance(nowMs);
  }

  /** Moves the high watermark up to where everybody who counts is. Kafka: maybeIncrementLeaderHW. */
  advance(nowMs: number): boolean {
    if (this.#highWatermark >= this.#logEndOffset || this.isUnderMinIsr) return false;
    let least = this.#logEndOffset;
    if (this.followers.size > 0) {
      const isr = this.maximalIsr;
      for (const follower of this.followers.values()) {
        if (follower.logEndOffset >= least) continue;
        if (isr.includes(follower.brokerId) || this.#isJoining(follower, nowMs)) {
          least = follower.logEndOffset;
        }
      }
    }
    if (least <= this.#highWatermark) return false;
    this.#highWatermark = least;
    return true;
  }

  /** Caught up, though not in the ISR yet: waiting for it keeps it from chasing a moving high watermark. */
  #isJoining(follower: FollowerProgress, nowMs: number): boolean {
    return (
      this.#isCaughtUp(follower, nowMs) && this.#isEligible(follower.brokerId, follower.brokerEpoch)
    );
  }

  #isCaughtUp(follower: FollowerProgress, nowMs: number): boolean {
    return (
      follower.logEndOffset === this.#logEndOffset ||
      nowMs - follower.lastCaughtUpMs <= this.#replicaLagTimeMaxMs
    );
  }

  /** The ISR with the follower that just fetched, if it may join; the proposal counts from now on. */
  proposeExpansion(brokerId: number): IsrProposal | null {
    if (this.#proposal !== null || this.#isr.includes(brokerId)) return null;
    const follower = this.followers.get(brokerId);
    if (
      follower === undefined ||
      follower.logEndOffset < this.#highWatermark ||
      follower.logEndOffset < this.epochStartOffset ||
      !this.#isEligible(brokerId, follower.brokerEpoch)
    ) {
      return null;
    }
    return this.#propose('expand', [...this.#isr, brokerId]);
  }

  /** The ISR without followers that have lagged for too long, if there are any. */
  proposeShrink(nowMs: number): IsrProposal | null {
    if (this.#proposal !== null) return null;
    const isr = this.#isr.filter((id) => {
      const follower = this.followers.get(id);
      // A member that is no replica any more is the controller's to remove.
      return follower === undefined || this.#isCaughtUp(follower, nowMs);
    });
    return isr.length === this.#isr.length ? null : this.#propose('shrink', isr);
  }

  #propose(kind: IsrProposal['kind'], isr: readonly number[]): IsrProposal {
    const brokerEpochs = isr.map((id) => this.followers.get(id)?.brokerEpoch ?? -1);
    this.#proposal = { kind, isr, brokerEpochs, partitionEpoch: this.#partitionEpoch };
    return this.#proposal;
  }

  /**
   * The controller's word on this partition under the same leader: from the metadata, or as its answer. Older than
   * what is known it says nothing. True: something changed; call `advance`.
   */
  committed(state: {
    readonly partitionEpoch: number;
    readonly isr: readonly number[];
    readonly replicas: readonly number[];
  }): boolean {
    if (state.partitionEpoch < this.#partitionEpoch) return false;
    if (state.partitionEpoch === this.#partitionEpoch) {
      // The same again. As an answer to the proposal: that changed nothing.
      return false;
    }
    this.#partitionEpoch = state.partitionEpoch;
    this.#isr = state.isr;
    this.#proposal = null;
    for (const id of this.followers.keys()) {
      if (!state.replicas.includes(id)) this.followers.delete(id);
    }
    for (const id of state.replicas) {
      if (id !== this.brokerId && !this.followers.has(id)) {
        this.followers.set(id, newProgress(id, -Infinity));
      }
    }
    return true;
  }

  /** The controller refused the proposal for good: what was in force still is. */
  refused(proposal: IsrProposal): void {
    if (this.#proposal === proposal) this.#proposal = null;
  }

  /** Least log start of this replica and the live followers. */
  lowWatermark(logStartOffset: number, isAlive: (brokerId: number) => boolean): number {
    let least = logStartOffset;
    for (const { brokerId, logStartOffset: its } of this.followers.values()) {
      if (its < least && isAlive(brokerId)) least = its;
    }
    return least;
  }
}

function newProgress(brokerId: number, lastCaughtUpMs: number): FollowerProgress {
  return {
    brokerId,
    logEndOffset: -1,
    logStartOffset: -1,
    lastCaughtUpMs,
    lastFetchMs: -Infinity,
    leaderEndAtLastFetch: -1,
    brokerEpoch: -1,
  };
}
