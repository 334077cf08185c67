/** What a member tells the leader in its subscription. */
export interface Subscription {
  readonly topics: readonly string[];
  /** For the assignor. */
  readonly userData: Buffer | null;
  /** What the member holds on to during a cooperative rebalance. */
  readonly ownedPartitions: readonly TopicPartitions[];
  /** In which generation it got that; -1 when it does not say. */
  readonly generationId: number;
  readonly rackId: string | null;
}

export interface TopicPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export interface AssignorMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly subscription: Subscription;
}

/** By member id. Every member is in it, also one that gets nothing. */
export type GroupAssignment = ReadonlyMap<string, readonly TopicPartitions[]>;

/** How the leader of a group divides its topics. A pure function: members and partitions in, assignment out. */
export interface Assignor {
  /** As it is known to clients of every language; part of the protocol. */
  readonly name: string;
  /** Members keep what they own during a rebalance; what is to move is given out in a second one. */
  readonly isCooperative: boolean;
  /** What a member that owns this puts into its subscription. */
  userData(owned: readonly TopicPartitions[], generationId: number): Buffer | null;
  /** Topics without a partition count do not exist, and are left out. */
  assign(
    members: readonly AssignorMember[],
    partitionCounts: ReadonlyMap<string, number>,
  ): GroupAssignment;
}
