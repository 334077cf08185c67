import type { BrokerStatus, ClusterStatus } from '../../engine/cluster/cluster.js';
import { colors as pc } from '../colors.js';
import { columns } from '../columns.js';
import { plural } from '../progress.js';

const TABLE = columns([
  [pc.dim('BROKER'), 6, 'right'],
  [pc.dim('ADDRESS'), 21, 'left'],
  [pc.dim('STATE'), 10, 'left'],
  [pc.dim('PID'), 7, 'right'],
  [pc.dim('LEADERS'), 7, 'right'],
  [pc.dim('REPLICAS'), 8, 'right'],
  [pc.dim('RESTARTS'), 8, 'right'],
]);

/** What a cluster is doing, for people. */
export function clusterLines({ brokers, ...counts }: ClusterStatus): string[] {
  const { topics, partitions, leaderless, underReplicated } = counts;
  const facts = [
    `${plural(topics, 'topic')}, ${plural(partitions, 'partition')}`,
    ...(underReplicated > 0 ? [pc.yellow(`${underReplicated} under-replicated`)] : []),
    ...(leaderless > 0 ? [pc.red(`${leaderless} without a leader`)] : []),
  ];
  return [
    '',
    TABLE.head,
    ...brokers.map((broker) =>
      TABLE.row([
        String(broker.brokerId),
        broker.address,
        stateOf(broker),
        broker.pid === null ? '-' : String(broker.pid),
        String(broker.leaders),
        String(broker.replicas),
        String(broker.restarts),
      ]),
    ),
    facts.join(', '),
  ];
}

function stateOf({ state, isFenced }: BrokerStatus): string {
  if (state === 'running') return isFenced ? pc.yellow('fenced') : pc.green('running');
  return state === 'restarting' ? pc.red(state) : pc.yellow(state);
}
