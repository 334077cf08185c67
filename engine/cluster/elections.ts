import type { PartitionState } from '../metadata/records.js';

/** No broker leads the partition. */
export const NO_LEADER = -1;

export interface ElectionRules {
  /** Alive, not stopping, and able to write this partition's log. */
  readonly mayLead: (brokerId: number) => boolean;
  /** Where no replica of the ISR may lead, one outside it does: records are lost. Default false. */
  readonly allowsUnclean?: boolean;
  /** The first replica leads where it can, whoever leads now. Default false: a leader that may stay stays. */
  readonly prefersFirst?: boolean;
}

/** What somebody wants changed; left out: as it is. */
export interface PartitionChange {
  readonly isr?: readonly number[];
  readonly replicas?: readonly number[];
  readonly adding?: readonly number[];
  readonly removing?: readonly number[];
  readonly isRecovering?: boolean;
}

interface Elected {
  readonly leader: number;
  readonly isUnclean: boolean;
}

/**
 * The state that follows from `change` and the brokers that are alive, or null when it is the one there is.
 * A reassignment whose replicas have all caught up ends; a leader that may not lead is replaced; the ISR of a
 * partition with a leader has only brokers that may lead, and an ISR never becomes empty, for its last member has
 * what was acknowledged [Kafka `PartitionChangeBuilder`].
 */
export function changePartition(
  state: PartitionState,
  change: PartitionChange,
  rules: ElectionRules,
): PartitionState | null {
  const merged = endReassignment({
    replicas: change.replicas ?? state.replicas,
    adding: change.adding ?? state.adding,
    removing: change.removing ?? state.removing,
    isr: wantedIsr(state, change),
  });
  const { leader, isUnclean } = elect(merged.replicas, merged.isr, state.leader, rules);
  let { isr } = merged;
  if (isUnclean) isr = [leader];
  else if (leader !== NO_LEADER) isr = isr.filter(rules.mayLead);

  const isRecovering = isUnclean || (change.isRecovering ?? state.isRecovering);
  const changed =
    leader !== state.leader ||
    isRecovering !== state.isRecovering ||
    !sameList(isr, state.isr) ||
    !sameList(merged.replicas, state.replicas) ||
    !sameList(merged.adding, state.adding) ||
    !sameList(merged.removing, state.removing);
  if (!changed) return null;
  // A replica that was removed must not be able to fetch on under the old epoch.
  const isReplicaGone = state.replicas.some((replica) => !merged.replicas.includes(replica));
  const bumps = leader !== state.leader || isReplicaGone || isUnclean;
  return {
    ...merged,
    isr,
    leader,
    leaderEpoch: state.leaderEpoch + (bumps ? 1 : 0),
    partitionEpoch: state.partitionEpoch + 1,
    isRecovering,
  };
}

/** A partition's first state. `replicas` must have one that may lead. */
export function newPartition(
  replicas: readonly number[],
  mayLead: (brokerId: number) => boolean,
  leaderEpoch = 0,
): PartitionState {
  const isr = replicas.filter(mayLead);
  return {
    replicas,
    isr: isr.length > 0 ? isr : replicas,
    adding: [],
    removing: [],
    leader: isr[0] ?? NO_LEADER,
    leaderEpoch,
    partitionEpoch: 0,
    isRecovering: false,
  };
}

function elect(
  replicas: readonly number[],
  isr: readonly number[],
  current: number,
  rules: ElectionRules,
): Elected {
  const { mayLead } = rules;
  const isClean = (replica: number): boolean => isr.includes(replica) && mayLead(replica);
  const first = replicas[0];
  if (rules.prefersFirst && first !== undefined && isClean(first)) return clean(first);
  if (replicas.includes(current) && isClean(current)) return clean(current);
  const next = replicas.find(isClean);
  if (next !== undefined) return clean(next);
  const lossy = rules.allowsUnclean ? replicas.find(mayLead) : undefined;
  return lossy === undefined ? clean(NO_LEADER) : { leader: lossy, isUnclean: true };
}

const clean = (leader: number): Elected => ({ leader, isUnclean: false });

type Assignment = Pick<PartitionState, 'replicas' | 'adding' | 'removing' | 'isr'>;

function endReassignment(merged: Assignment): Assignment {
  if (merged.adding.length === 0 && merged.removing.length === 0) return merged;
  const target = merged.replicas.filter((replica) => !merged.removing.includes(replica));
  if (!target.every((replica) => merged.isr.includes(replica))) return merged;
  const isr = merged.isr.filter((replica) => target.includes(replica));
  return { replicas: target, adding: [], removing: [], isr };
}

function wantedIsr(state: PartitionState, change: PartitionChange): readonly number[] {
  const replicas = change.replicas ?? state.replicas;
  const within = (isr: readonly number[]): number[] => isr.filter((id) => replicas.includes(id));
  const wanted = within(change.isr ?? state.isr);
  return wanted.length > 0 ? wanted : within(state.isr);
}

function sameList(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
