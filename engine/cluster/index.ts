/** Brokers: one in this process, or several as processes of their own, with the controller that they obey. */
export type { BrokerProcessEvent, BrokerProcessState } from './broker-child.js';
export {
  type BrokerStatus,
  Cluster,
  type ClusterEvent,
  type ClusterOptions,
  type ClusterStatus,
} from './cluster.js';
export type { PartitionCounts } from './cluster-status.js';
export type { Controller, ControllerEvent } from './controller.js';
export { Broker, type BrokerOptions, type LocalBrokerEvent } from './local-broker.js';
export type { RunningBrokerEvent } from './running-broker.js';
