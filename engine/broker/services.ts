import type { GroupRequestContext } from '../groups/ports.js';
import type { Clock } from '../io/port.js';
import type { ControllerPort } from '../metadata/controller-port.js';
import type { RequestOf, ResponseOf } from '../protocol/messages/index.js';
import type {
  DeleteRecordsPartition,
  DeleteRecordsResult,
  FetchOptions,
  FetchPartitionResult,
  ListOffsetOptions,
  ListOffsetRequest,
  ListOffsetResult,
  OffsetForEpochRequest,
  OffsetForEpochResult,
  PartitionProduceResult,
  PartitionStatus,
  ProduceOptions,
  ProducePartition,
} from '../replication/types.js';
import type { AutoCreation } from './auto-create.js';
import type { BrokerEvent } from './events.js';
import type { LiveSettings } from './live-settings.js';
import type { MetadataCache } from './metadata-cache.js';
import type { ProducerIds } from './producer-ids.js';

type OrPromise<T> = T | Promise<T>;

/** What handlers ask of the replicas on this broker: {@link ReplicaManager} has it. */
export interface Replicas {
  produce(
    partitions: readonly ProducePartition[],
    options: ProduceOptions,
  ): OrPromise<readonly PartitionProduceResult[]>;
  fetch(options: FetchOptions): OrPromise<readonly FetchPartitionResult[]>;
  listOffset(request: ListOffsetRequest, options: ListOffsetOptions): OrPromise<ListOffsetResult>;
  offsetForLeaderEpoch(request: OffsetForEpochRequest): OffsetForEpochResult;
  deleteRecords(
    partitions: readonly DeleteRecordsPartition[],
    timeoutMs: number,
  ): OrPromise<readonly DeleteRecordsResult[]>;
  /** Undefined: this broker has no replica of it. */
  partition(topic: string, partition: number): PartitionStatus | undefined;
}

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

/** The data directory, as tools are told of it. */
export interface LogDirectory {
  readonly path: string;
  /** Of a partition that is in service here. */
  producers(topic: string, partition: number): readonly ActiveProducer[];
}

/** An idempotent producer as a partition remembers it. */
export interface ActiveProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly lastTimestamp: number;
  readonly coordinatorEpoch: number;
  readonly currentTxnStartOffset: number;
}

/** The parts of a broker that serve requests. */
export interface BrokerServices {
  readonly brokerId: number;
  readonly clock: Clock;
  readonly settings: LiveSettings;
  readonly metadata: MetadataCache;
  readonly controller: ControllerPort;
  readonly replicas: Replicas;
  readonly groups: Groups;
  readonly producerIds: ProducerIds;
  readonly autoCreation: AutoCreation;
  readonly logDirectory: LogDirectory;
  readonly onEvent: (event: BrokerEvent) => void;
}
