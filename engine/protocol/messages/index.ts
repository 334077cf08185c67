import type { Api, Decoded, Input } from '../schema.js';
import * as configs from './configs.js';
import * as consumerGroups from './consumer-groups.js';
import * as data from './data.js';
import * as groupAdmin from './group-admin.js';
import * as groupMembership from './group-membership.js';
import * as groupOffsets from './group-offsets.js';
import * as metadata from './metadata.js';
import * as replicas from './replicas.js';
import * as sasl from './sasl.js';
import * as topicAdmin from './topic-admin.js';
import * as transactions from './transactions.js';

export * from './configs.js';
export * from './consumer-groups.js';
export * from './data.js';
export * from './group-admin.js';
export * from './group-membership.js';
export * from './group-offsets.js';
export * from './metadata.js';
export * from './replicas.js';
export * from './sasl.js';
export * from './topic-admin.js';
export * from './transactions.js';

/** Every API there is a schema for, by Kafka's name. What a broker offers of it: `Api.advertised`. */
export const APIS = {
  Produce: data.Produce,
  Fetch: data.Fetch,
  ListOffsets: data.ListOffsets,
  Metadata: metadata.Metadata,
  OffsetCommit: groupOffsets.OffsetCommit,
  OffsetFetch: groupOffsets.OffsetFetch,
  FindCoordinator: groupMembership.FindCoordinator,
  JoinGroup: groupMembership.JoinGroup,
  Heartbeat: groupMembership.Heartbeat,
  LeaveGroup: groupMembership.LeaveGroup,
  SyncGroup: groupMembership.SyncGroup,
  DescribeGroups: groupAdmin.DescribeGroups,
  ListGroups: groupAdmin.ListGroups,
  SaslHandshake: sasl.SaslHandshake,
  ApiVersions: metadata.ApiVersions,
  CreateTopics: topicAdmin.CreateTopics,
  DeleteTopics: topicAdmin.DeleteTopics,
  DeleteRecords: topicAdmin.DeleteRecords,
  InitProducerId: transactions.InitProducerId,
  OffsetForLeaderEpoch: data.OffsetForLeaderEpoch,
  AddPartitionsToTxn: transactions.AddPartitionsToTxn,
  AddOffsetsToTxn: transactions.AddOffsetsToTxn,
  EndTxn: transactions.EndTxn,
  WriteTxnMarkers: transactions.WriteTxnMarkers,
  TxnOffsetCommit: transactions.TxnOffsetCommit,
  DescribeConfigs: configs.DescribeConfigs,
  AlterConfigs: configs.AlterConfigs,
  DescribeLogDirs: replicas.DescribeLogDirs,
  SaslAuthenticate: sasl.SaslAuthenticate,
  CreatePartitions: topicAdmin.CreatePartitions,
  DeleteGroups: groupAdmin.DeleteGroups,
  ElectLeaders: replicas.ElectLeaders,
  IncrementalAlterConfigs: configs.IncrementalAlterConfigs,
  AlterPartitionReassignments: replicas.AlterPartitionReassignments,
  ListPartitionReassignments: replicas.ListPartitionReassignments,
  OffsetDelete: groupOffsets.OffsetDelete,
  AlterPartition: replicas.AlterPartition,
  DescribeCluster: metadata.DescribeCluster,
  DescribeProducers: replicas.DescribeProducers,
  ConsumerGroupHeartbeat: consumerGroups.ConsumerGroupHeartbeat,
  ConsumerGroupDescribe: consumerGroups.ConsumerGroupDescribe,
  DescribeTopicPartitions: metadata.DescribeTopicPartitions,
} as const satisfies Readonly<Record<string, Api>>;

export type ApiName = keyof typeof APIS;

/** A request as a handler gets it. */
export type RequestOf<N extends ApiName> = Decoded<(typeof APIS)[N]['request']['struct']>;
/** A request as a client gives it to encode. */
export type RequestInputOf<N extends ApiName> = Input<(typeof APIS)[N]['request']['struct']>;
/** A response as a handler gives it to encode. */
export type ResponseOf<N extends ApiName> = Input<(typeof APIS)[N]['response']['struct']>;
/** A response as a client gets it. */
export type DecodedResponseOf<N extends ApiName> = Decoded<(typeof APIS)[N]['response']['struct']>;

const BY_KEY: readonly (ApiName | undefined)[] = Object.values(APIS).reduce<
  (ApiName | undefined)[]
>((names, api) => {
  names[api.key] = api.name;
  return names;
}, []);

/** The API with this key, or undefined: Kafka closes the connection that sends an unknown one. */
export function apiNameOf(key: number): ApiName | undefined {
  return BY_KEY[key];
}

/** What to answer to ApiVersions, in the order of the keys. */
export const ADVERTISED: readonly {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}[] = Object.values(APIS)
  .flatMap(({ key, advertised }) =>
    advertised === undefined
      ? []
      : [{ apiKey: key, minVersion: advertised.lowest, maxVersion: advertised.highest }],
  )
  .sort((a, b) => a.apiKey - b.apiKey);

/**
 * Whether a broker takes this version of the API: advertised, and in the schema. (Produce 0 to 2 are
 * advertised for the clients that ask whether they exist, and refused, as in Kafka.)
 */
export function isServed(name: ApiName, version: number): boolean {
  const { advertised, versions } = APIS[name];
  return (
    advertised !== undefined &&
    version >= Math.max(advertised.lowest, versions.lowest) &&
    version <= Math.min(advertised.highest, versions.highest)
  );
}
