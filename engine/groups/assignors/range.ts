import { Draft, sortedMembers, wantedTopics } from './draft.js';
import type { Assignor } from './types.js';

/**
 * Each topic by itself: consecutive partitions to each member, one more to the first ones where it does not come
 * out even. Partitions of the same number of several topics meet at one member. [Kafka `RangeAssignor`, without
 * racks]
 */
export const rangeAssignor: Assignor = {
  name: 'range',
  isCooperative: false,
  userData: () => null,
  assign(members, partitionCounts) {
    const draft = new Draft(members);
    const sorted = sortedMembers(members).map(({ memberId, subscription }) => ({
      memberId,
      topics: new Set(subscription.topics),
    }));
    for (const topic of wantedTopics(members, partitionCounts)) {
      const takers = sorted.filter(({ topics }) => topics.has(topic));
      const count = partitionCounts.get(topic) ?? 0;
      const share = Math.floor(count / takers.length);
      const withOneMore = count % takers.length;
      let next = 0;
      for (const [at, { memberId }] of takers.entries()) {
        const end = next + share + (at < withOneMore ? 1 : 0);
        while (next < end) draft.give(memberId, topic, next++);
      }
    }
    return draft.finish();
  },
};
