import type { Failover } from '../../model/result.js';
import type { Disturbance, LoadView } from '../target.js';
import { type ExperimentContext, monotonicNs, WHOLE_LIMIT_MS } from './context.js';
import { leaderOf, pause, waitForLeaders } from './leaders.js';

/** More than what was under way at the old leader: so many acknowledgements come from the new one. */
const ACKNOWLEDGEMENTS_AFTER = 10;

/**
 * Kills the leader of partition 0 under load (SIGKILL), or stops it as its users do (SIGTERM), and looks when
 * acknowledgements come again. The broker is started again after it; with a single replica that is what ends the gap.
 */
export function failover(context: ExperimentContext, kind: 'kill' | 'stop'): Disturbance {
  return async (view, signal) => {
    const { brokers, admin, topic } = context;
    const leader = await leaderOf(context, 0);
    view.takeAcknowledgements();
    const deedNs = monotonicNs();
    try {
      await (kind === 'kill' ? brokers.kill([leader]) : brokers.stop(leader));
      if (topic.replicationFactor === 1) await brokers.start([leader]);
      else await waitForLeaders(context, new Set([leader]), signal);
      return { failover: { kind, ...(await gapsAfter(view, deedNs, signal)) } };
    } finally {
      if (topic.replicationFactor > 1) await brokers.start([leader]);
      await admin.waitForTopic(topic, WHOLE_LIMIT_MS);
    }
  };
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
    await pause(signal, 'acknowledgements after the leader was killed');
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
