import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import type {
  OffsetFetchRequest,
  OffsetFetchRequestGroup,
  OffsetFetchResponseInput,
  OffsetFetchResponsePartitionsInput,
  OffsetFetchResponseTopicsInput,
} from '../protocol/messages/index.js';
import type { CommittedOffset, OffsetStore } from './offset-store.js';

/** What is wanted of one group, in the form that all versions are brought to; topics null: all there are. */
export interface WantedOffsets {
  readonly groupId: string;
  readonly topics:
    | readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[]
    | null;
}

export interface FetchedOffsets {
  readonly groupId: string;
  readonly topics: readonly OffsetFetchResponseTopicsInput[];
  readonly errorCode: KafkaErrorCode;
}

const GROUPS_VERSION = 8;
const TOP_LEVEL_ERROR_VERSION = 2;

/** From version 8 on a request asks for several groups. */
export function wantedOffsets(request: OffsetFetchRequest, apiVersion: number): WantedOffsets[] {
  return apiVersion >= GROUPS_VERSION
    ? request.groups.map(({ groupId, topics }: OffsetFetchRequestGroup) => ({ groupId, topics }))
    : [{ groupId: request.groupId, topics: request.topics }];
}

/** A group that is not known has no offsets, which is no error. */
export function fetchOffsets(wanted: WantedOffsets, offsets: OffsetStore | null): FetchedOffsets {
  const { groupId } = wanted;
  const topics =
    wanted.topics === null
      ? [...(offsets?.topics() ?? [])].map(([name, partitions]) => ({
          name,
          partitions: [...partitions].map(([partition, value]) => partitionOf(partition, value)),
        }))
      : wanted.topics.map(({ name, partitionIndexes }) => ({
          name,
          partitions: partitionIndexes.map((partition) =>
            partitionOf(partition, offsets?.get(name, partition)),
          ),
        }));
  return { groupId, topics, errorCode: KafkaError.NONE };
}

/** None of what is wanted can be told. */
export function refusedOffsets(
  { groupId, topics }: WantedOffsets,
  errorCode: KafkaErrorCode,
  apiVersion: number,
): FetchedOffsets {
  if (apiVersion >= TOP_LEVEL_ERROR_VERSION) return { groupId, topics: [], errorCode };
  const refused = (topics ?? []).map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partition) => ({
      ...partitionOf(partition, undefined),
      errorCode,
    })),
  }));
  return { groupId, topics: refused, errorCode };
}

export function fetchAnswer(
  fetched: readonly FetchedOffsets[],
  apiVersion: number,
): OffsetFetchResponseInput {
  if (apiVersion >= GROUPS_VERSION) return { groups: fetched };
  const [only] = fetched;
  return { topics: only?.topics ?? [], errorCode: only?.errorCode ?? KafkaError.NONE };
}

function partitionOf(
  partitionIndex: number,
  value: CommittedOffset | undefined,
): OffsetFetchResponsePartitionsInput & { readonly partitionIndex: number } {
  return {
    partitionIndex,
    committedOffset: value?.offset ?? -1,
    committedLeaderEpoch: value?.leaderEpoch ?? -1,
    metadata: value?.metadata ?? '',
    errorCode: KafkaError.NONE,
  };
}
