import type { ProcessRole } from '../model/result.js';
import type { BenchError } from './target.js';

/** A process of what is measured. */
export interface TargetProcess {
  readonly role: ProcessRole;
  /** `broker 1` */
  readonly id: string;
  readonly pid: number;
  /** Null: not a broker. */
  readonly brokerId: number | null;
  /** Where it tells what goes over its sockets (`network-counts.ts`); null: it does not. */
  readonly networkFile: string | null;
}

/** Brokers as processes of this machine, which the suite started and an experiment may kill. */
export interface LocalBrokers {
  /** `varve 0.1.0` */
  readonly software: string;
  /** What was set beyond the software's own defaults, by its names. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** `host:port` by order of ids, from 1. */
  readonly addresses: readonly string[];
  /** Those that run just now. */
  processes(): readonly TargetProcess[];
  /** Where a broker keeps its logs: folders `TOPIC-PARTITION` and Kafka's checkpoint files. */
  dataDirectory(brokerId: number): string;
  /** SIGKILL, to all of them at once. Resolves when their processes are gone; they stay dead. */
  kill(brokerIds: readonly number[]): Promise<void>;
  /** As its users stop it: what it leads is led elsewhere first. Resolves when the process is gone; it stays stopped. */
  stop(brokerId: number): Promise<void>;
  /** Starts dead ones on their data. Resolves when they take connections. */
  start(brokerIds: readonly number[]): Promise<void>;
  /** Calls of fsync and fdatasync by all brokers so far; null: not counted. */
  syncs(): number | null;
  /** Resolves when a process ends that nobody has asked to, or a broker loses a log; else never. Then it is of no more use. */
  readonly broken: Promise<BenchError>;
  /** What it said last on standard error. */
  lastWords(): string;
  /** Ends every process. Never rejects; can be called again. */
  close(): Promise<void>;
}
