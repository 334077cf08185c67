import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from '../../protocol/messages/consumer-protocol.js';
import { decodeVersioned, encodeVersioned } from '../../protocol/versioned.js';
import type { Subscription, TopicPartitions } from './types.js';

const SUBSCRIPTION_VERSION = 3;
const ASSIGNMENT_VERSION = 3;

/** The metadata of a JoinGroup. Readers of older versions ignore what they do not know. */
export function encodeSubscription(subscription: Subscription): Buffer {
  return encodeVersioned(ConsumerProtocolSubscription, SUBSCRIPTION_VERSION, subscription);
}

/** @throws VarveError INVALID_REQUEST for bytes that are no subscription of any version. */
export function decodeSubscription(bytes: Buffer): Subscription {
  return decodeVersioned(ConsumerProtocolSubscription, bytes, 'as-highest').value;
}

/** What the leader gives a member in SyncGroup. */
export function encodeAssignment(assignedPartitions: readonly TopicPartitions[]): Buffer {
  return encodeVersioned(ConsumerProtocolAssignment, ASSIGNMENT_VERSION, { assignedPartitions });
}

/**
 * No bytes at all are what a member gets that the leader left out: nothing is assigned.
 * @throws VarveError INVALID_REQUEST for other bytes that are no assignment.
 */
export function decodeAssignment(bytes: Buffer): readonly TopicPartitions[] {
  if (bytes.length === 0) return [];
  return decodeVersioned(ConsumerProtocolAssignment, bytes, 'as-highest').value.assignedPartitions;
}
