import { isVarveError } from '../../errors.js';
import { ConsumerProtocolTopicPartition } from '../../protocol/messages/consumer-protocol.js';
import { arrayOf, int32, stored } from '../../protocol/schema.js';
import { decodeUnversioned, encodeUnversioned } from '../../protocol/versioned.js';
import { balance, type Claim } from './balance.js';
import { Draft } from './draft.js';
import type { Assignor, AssignorMember } from './types.js';

/** What members of this assignor tell about their past; nothing in it says its version. */
const StickyUserData = stored(
  'StickyUserData',
  { versions: '0-1', flexible: 'none' },
  {
    previousAssignment: arrayOf('0+', ConsumerProtocolTopicPartition),
    generation: int32('1+', { default: -1 }),
  },
);

/**
 * As even as possible, and everybody keeps what it had as far as possible. All is given up first and then given
 * out again, so members say in their user data what they had. [Kafka `StickyAssignor`]
 */
export const stickyAssignor: Assignor = {
  name: 'sticky',
  isCooperative: false,
  userData(owned, generation) {
    return encodeUnversioned(StickyUserData, 1, { previousAssignment: owned, generation });
  },
  assign(members, partitionCounts) {
    const { members: sorted, parts } = balance(members, partitionCounts, members.map(claimOf));
    const draft = new Draft(members);
    for (const { topic, partition, owner } of parts) {
      draft.give(sorted[owner]!.memberId, topic, partition);
    }
    return draft.finish();
  },
};

/** A member that sends nothing readable has no past, as one that is new. */
function claimOf({ memberId, subscription: { userData } }: AssignorMember): Claim {
  for (const version of [1, 0]) {
    try {
      if (userData === null) break;
      const data = decodeUnversioned(StickyUserData, version, userData);
      return { memberId, owned: data.previousAssignment, generationId: data.generation };
    } catch (error) {
      if (!isVarveError(error, 'INVALID_REQUEST')) throw error;
    }
  }
  return { memberId, owned: [], generationId: -1 };
}
