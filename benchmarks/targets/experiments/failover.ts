import type { Failover } from '../../model/result.js';
import type { Disturbance, LoadView } from '../target.js';
import { type ExperimentContext, monotonicNs, WHOLE_LIMIT_MS } from './context.js';
import { leaderOf, pause, waitForLeaders } from './leaders.js';

/** More than what was under way at the old leader: so many acknowledgements come from the new one. */
const ACKNOWLEDGEMENTS_AFTER = 10;

/**
 * Takes the lead of partition 0 from its leader under load, and looks when acknowledgements come again: its broker is
 * killed, or stopped as its users do, which hands over first, or goes on as a follower of another replica. A broker that
 * ended is started again after it; with a single replica that is what ends the gap.
 */
export function failover(context: ExperimentContext): Disturbance {
  const { by: kind } = context.cell;
  return async (view, signal) => {
    const { brokers, admin, topic } = context;
    const leader = await leaderOf(context, 0);
    if (kind === 'move') await preferOther(context, leader, signal);
    view.takeAcknowledgements();
    const deedNs = monotonicNs();
    const isAlone = topic.replicationFactor === 1;
    try {
      if (kind === 'kill') await brokers.kill([leader]);
      else if (kind === 'stop') await brokers.stop(leader);
      else await admin.electPreferred(topic.topic, 0);
      if (isAlone) await brokers.start([leader]);
      else if (kind === 'move') await waitForOtherLeader(context, leader, signal);
      else await waitForLeaders(context, new Set([leader]), signal);
      return { failover: { kind, ...(await gapsAfter(view, deedNs, signal)) }, deedNs };
    } finally {
      if (!isAlone && kind !== 'move') await brokers.start([leader]);
      await admin.waitForTopic(topic, WHOLE_LIMIT_MS);
    }
  };
}

/** Puts another replica first, which moves nothing yet: so that the deed is the election alone. */
async function preferOther(
  { admin, topic }: ExperimentContext,
  leader: number,
  signal: AbortSignal,
): Promise<void> {
  const replicas = (await admin.partitions(topic.topic))?.[0]?.replicas ?? [];
  const wanted = [...replicas.filter((id) => id !== leader), leader];
  await admin.orderReplicas(topic.topic, 0, wanted);
  for (;;) {
    const places = await admin.partitions(topic.topic);
    if (places?.[0]?.replicas.join() === wanted.join()) return;
    await pause(signal, `the replicas of ${topic.topic}-0 in the order ${wanted.join(', ')}`);
  }
}

async function waitForOtherLeader(
  context: ExperimentContext,
  leader: number,
  signal: AbortSignal,
): Promise<void> {
  while ((await leaderOf(context, 0)) === leader) {
    await pause(signal, `another leader of ${context.topic.topic}-0`);
  }
}

async function gapsAfter(
  view: LoadView,
  deedNs: number,
  signal: AbortSignal,
): Promise<Omit<Failover, 'kind'>> {
  // There is a leader again; what is acknowledged from here on is of its doing.
  const elected = monotonicNs();
  const times: number[] = [];
  while (times.filter((ns) => ns > elected).length < ACKNOWLEDGEMENTS_AFTER) {
    times.push(...view.takeAcknowledgements());
    await pause(signal, 'acknowledgements after the leader had gone');
  }
  return gapsIn(deedNs, times);
}

/** From the deed on: the longest time without an acknowledgement, and the end of it. */
export function gapsIn(deedNs: number, times: readonly number[]): Omit<Failover, 'kind'> {
  const sorted = [...times].sort((a, b) => a - b);
  let beforeNs = deedNs;
  let longestNs = 0;
  let endNs = deedNs;
  for (const ns of sorted) {
    if (ns > deedNs && ns - beforeNs > longestNs) {
      longestNs = ns - beforeNs;
      endNs = ns;
    }
    beforeNs = Math.max(beforeNs, ns);
  }
  return { longestGapMs: longestNs / 1e6, untilNextAckMs: (endNs - deedNs) / 1e6 };
}
