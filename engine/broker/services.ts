import type { GroupRequestContext } from '../groups/ports.js';
import type { Clock } from '../io/port.js';
import type { ControllerPort } from '../metadata/controller-port.js';
import type { RequestOf, ResponseOf } from '../protocol/messages/index.js';
import type { Replicas } from '../replication/types.js';
import type { AutoCreation } from './auto-create.js';
import type { BrokerEvent } from './events.js';
import type { LiveSettings } from './live-settings.js';
import type { MetadataCache } from './metadata-cache.js';
import type { ProducerIds } from './producer-ids.js';

type GroupApi =
  | 'JoinGroup'
  | 'SyncGroup'
  | 'Heartbeat'
  | 'LeaveGroup'
  | 'OffsetCommit'
  | 'OffsetFetch'
  | 'OffsetDelete'
  | 'DescribeGroups'
  | 'ListGroups'
  | 'DeleteGroups';

/** What handlers ask of the group coordinator on this broker: {@link GroupCoordinator} has it. */
export type Groups = {
  readonly [N in GroupApi as Uncapitalize<N>]: (
    request: RequestOf<N>,
    context: GroupRequestContext,
  ) => Promise<ResponseOf<N>>;
} & {
  /** Of `__consumer_offsets`. */
  partitionFor(groupId: string): number;
};

/** The parts of a broker that serve requests. */
export interface BrokerServices {
  readonly brokerId: number;
  readonly clock: Clock;
  readonly settings: LiveSettings;
  readonly metadata: MetadataCache;
  readonly controller: ControllerPort;
  readonly replicas: Omit<Replicas, 'applyImage' | 'onLeadership' | 'removeStrays' | 'close'>;
  readonly groups: Groups;
  readonly producerIds: ProducerIds;
  readonly autoCreation: AutoCreation;
  /** Path of the data directory. */
  readonly directory: string;
  readonly onEvent: (event: BrokerEvent) => void;
}
