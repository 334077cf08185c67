import { Draft, sortedMembers, wantedTopics } from './draft.js';
import type { Assignor } from './types.js';

/** All partitions of all topics, dealt one by one to the members that want the topic. [Kafka `RoundRobinAssignor`] */
export const roundRobinAssignor: Assignor = {
  name: 'roundrobin',
  isCooperative: false,
  userData: () => null,
  assign(members, partitionCounts) {
    const draft = new Draft(members);
    const sorted = sortedMembers(members).map(({ memberId, subscription }) => ({
      memberId,
      topics: new Set(subscription.topics),
    }));
    let turn = 0;
    for (const topic of wantedTopics(members, partitionCounts)) {
      const count = partitionCounts.get(topic) ?? 0;
      for (let partition = 0; partition < count; partition++) {
        while (!sorted[turn % sorted.length]!.topics.has(topic)) turn++;
        draft.give(sorted[turn % sorted.length]!.memberId, topic, partition);
        turn++;
      }
    }
    return draft.finish();
  },
};
