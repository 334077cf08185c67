/* What a rebalance experiment and its group members, which are processes so that they can be killed, say to each other. */

export interface MemberOptions {
  readonly bootstrap: readonly string[];
  readonly topic: string;
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
}

export type FromMember =
  /** It was given these partitions. */
  | { readonly kind: 'assigned'; readonly partitions: readonly number[]; readonly atNs: number }
  /** Partitions that it has read from since it last said so, and when. */
  | { readonly kind: 'consumed'; readonly lastNs: readonly (readonly [number, number])[] }
  /** The client library is not installed. */
  | { readonly kind: 'missing'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };
