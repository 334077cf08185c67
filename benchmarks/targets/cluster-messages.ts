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
  /** A broker's process; null: it has ended, and how: `by SIGKILL`. */
  | {
      readonly kind: 'process';
      readonly brokerId: number;
      readonly pid: number | null;
      readonly how?: string;
    }
  /** A broker, or null for the controller, cannot go on with a log: what it says. */
  | { readonly kind: 'log-failed'; readonly brokerId: number | null; readonly message: string }
  /** Null: done. */
  | { readonly kind: 'done'; readonly id: number; readonly problem: string | null };
