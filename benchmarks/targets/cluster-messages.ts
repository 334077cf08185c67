import type { ClusterOptions } from '../../engine/index.js';

/* What the suite and the process that runs a varve cluster say to each other, over Node's channel. */

export type SupervisorOptions = Required<
  Pick<ClusterOptions, 'brokers' | 'directory' | 'config' | 'nodeFlags'>
>;

export type SupervisorOrder =
  | { readonly kind: 'kill'; readonly brokerIds: readonly number[] }
  | { readonly kind: 'stop'; readonly brokerId: number }
  | { readonly kind: 'start'; readonly brokerIds: readonly number[] };

export interface ToSupervisor {
  readonly id: number;
  readonly order: SupervisorOrder;
}

export type FromSupervisor =
  | { readonly kind: 'ready'; readonly addresses: readonly string[] }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  /** A broker's process; null: it has ended. */
  | { readonly kind: 'process'; readonly brokerId: number; readonly pid: number | null }
  /** Null: done. */
  | { readonly kind: 'done'; readonly id: number; readonly problem: string | null };
