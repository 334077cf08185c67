import { balance, type Claim } from './balance.js';
import { Draft } from './draft.js';
import type { Assignor, AssignorMember } from './types.js';

const GENERATION_BYTES = 4;

/**
 * The sticky assignor for members that go on with what they own while the group rebalances. A partition that moves
 * is only taken from its owner, who joins again without it; it is given out then.
 * [Kafka `CooperativeStickyAssignor`]
 */
export const cooperativeStickyAssignor: Assignor = {
  name: 'cooperative-sticky',
  isCooperative: true,
  userData(_owned, generationId) {
    const data = Buffer.alloc(GENERATION_BYTES);
    data.writeInt32BE(generationId, 0);
    return data;
  },
  assign(members, partitionCounts) {
    const { members: sorted, parts } = balance(members, partitionCounts, members.map(claimOf));
    const holders = holdersOf(members);
    const draft = new Draft(members);
    for (const { topic, partition, owner } of parts) {
      const { memberId } = sorted[owner]!;
      const holding = holders.get(topic)?.get(partition);
      // Whoever else holds it, with however old a right, may be consuming from it.
      const isFree = holding === undefined || (holding.size === 1 && holding.has(memberId));
      const keeps = holding?.has(memberId) ?? false;
      if (isFree || keeps) draft.give(memberId, topic, partition);
    }
    return draft.finish();
  },
};

function holdersOf(members: readonly AssignorMember[]): Map<string, Map<number, Set<string>>> {
  const holders = new Map<string, Map<number, Set<string>>>();
  for (const { memberId, subscription } of members) {
    for (const { topic, partitions } of subscription.ownedPartitions) {
      const byPartition = holders.get(topic) ?? new Map<number, Set<string>>();
      holders.set(topic, byPartition);
      for (const partition of partitions) {
        byPartition.set(partition, (byPartition.get(partition) ?? new Set()).add(memberId));
      }
    }
  }
  return holders;
}

/** Before version 2 of subscriptions the generation was only in the user data. */
function claimOf({ memberId, subscription }: AssignorMember): Claim {
  const { ownedPartitions: owned, userData } = subscription;
  let { generationId } = subscription;
  if (generationId < 0 && userData !== null && userData.length >= GENERATION_BYTES) {
    generationId = userData.readInt32BE(0);
  }
  return { memberId, owned, generationId };
}
