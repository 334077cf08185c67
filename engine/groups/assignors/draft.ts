import type { AssignorMember, GroupAssignment } from './types.js';

/** Members in the order in which all assignors serve them: static ones first, by instance id, then by member id. */
export function sortedMembers(members: readonly AssignorMember[]): AssignorMember[] {
  return [...members].sort((a, b) => {
    if (a.groupInstanceId !== null && b.groupInstanceId !== null) {
      return compareText(a.groupInstanceId, b.groupInstanceId);
    }
    if (a.groupInstanceId !== null) return -1;
    if (b.groupInstanceId !== null) return 1;
    return compareText(a.memberId, b.memberId);
  });
}

/** Java's order, by UTF-16 units. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Topics that exist and that somebody wants, in order. */
export function wantedTopics(
  members: readonly AssignorMember[],
  partitionCounts: ReadonlyMap<string, number>,
): string[] {
  const wanted = new Set<string>();
  for (const { subscription } of members) {
    for (const topic of subscription.topics) {
      if ((partitionCounts.get(topic) ?? 0) > 0) wanted.add(topic);
    }
  }
  return [...wanted].sort(compareText);
}

/** An assignment in the making. */
export class Draft {
  readonly #parts = new Map<string, Map<string, number[]>>();

  constructor(members: readonly AssignorMember[]) {
    for (const { memberId } of members) this.#parts.set(memberId, new Map());
  }

  give(memberId: string, topic: string, partition: number): void {
    const topics = this.#parts.get(memberId) ?? new Map<string, number[]>();
    const partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, [partition]);
    else partitions.push(partition);
  }

  finish(): GroupAssignment {
    const assignment = new Map<string, { topic: string; partitions: number[] }[]>();
    for (const [memberId, topics] of this.#parts) {
      const parts = [...topics]
        .sort(([a], [b]) => compareText(a, b))
        .map(([topic, partitions]) => ({ topic, partitions: partitions.sort((a, b) => a - b) }));
      assignment.set(memberId, parts);
    }
    return assignment;
  }
}
