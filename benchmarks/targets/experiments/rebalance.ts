import { BenchError, type Disturbance } from '../target.js';
import { type ExperimentContext, monotonicNs } from './context.js';
import { pause } from './leaders.js';
import { Member } from './member.js';

/** Kafka's least (group.min.session.timeout.ms). */
const SESSION_TIMEOUT_MS = 6_000;

/**
 * A group of as many members as the cell has consumers reads what the load writes; one is killed. Measured is the time
 * until every partition is read by a member that lives, less the session timeout, in which nobody can know of its death.
 */
export function rebalance({ brokers, cell, topic, admin }: ExperimentContext): Disturbance {
  return async (_view, signal) => {
    const groupId = `${topic.topic}-members`;
    const members = Array.from(
      { length: cell.consumers },
      () =>
        new Member({
          bootstrap: brokers.addresses,
          topic: topic.topic,
          groupId,
          sessionTimeoutMs: SESSION_TIMEOUT_MS,
        }),
    );
    try {
      await whole(members, topic.partitions, 0, signal);
      const victim = members[0];
      if (victim === undefined) throw new RangeError('a group has members');
      const left = members.slice(1);
      const killedNs = monotonicNs();
      await victim.kill();
      const atNs = await whole(left, topic.partitions, killedNs, signal);
      return {
        rebalance: {
          members: cell.consumers,
          kind: `a KafkaJS member killed, beyond its session timeout of ${SESSION_TIMEOUT_MS} ms`,
          untilAllConsumedMs: (atNs - killedNs) / 1e6 - SESSION_TIMEOUT_MS,
        },
      };
    } finally {
      await Promise.all(members.map((member) => member.kill()));
      // It would keep offsets for a week. That it cannot be deleted before its members are found dead is no failure.
      await admin.ask('DeleteGroups', { groupsNames: [groupId] }).catch(ignoreTarget);
    }
  };
}

function ignoreTarget(error: unknown): void {
  if (!(error instanceof BenchError)) throw error;
}

/** When every partition was read by one of the members, all of which joined after `afterNs`. */
async function whole(
  members: readonly Member[],
  partitions: number,
  afterNs: number,
  signal: AbortSignal,
): Promise<number> {
  for (;;) {
    const failed = members.find(({ problem }) => problem !== null);
    if (failed?.problem) throw failed.problem;
    const count = members.reduce((sum, member) => sum + member.partitions.length, 0);
    if (count === partitions && members.every((member) => member.hasJoined(afterNs))) {
      const times = members.map((member) => member.consumedAllNs());
      if (times.every((ns) => ns !== null)) return Math.max(...times);
    }
    await pause(signal, 'every partition to be read by the group');
  }
}
