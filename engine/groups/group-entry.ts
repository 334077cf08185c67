import type { Group } from './group.js';
import type { GroupMembership } from './membership.js';
import type { OffsetStore } from './offset-store.js';

/** What a coordinator knows of one group. */
export interface GroupEntry {
  readonly group: Group;
  readonly membership: GroupMembership;
  readonly offsets: OffsetStore;
  /** The log has a record of the group itself, which must be deleted with it. */
  isStored: boolean;
}

/** Nothing in the log says that this group exists, and nobody is in it. */
export function isTransient({ group, offsets, isStored }: GroupEntry): boolean {
  return (
    !isStored &&
    group.state === 'Empty' &&
    group.generationId === 0 &&
    group.pendingJoins.size === 0 &&
    offsets.isEmpty
  );
}
