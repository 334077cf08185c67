import type { Slo } from '../explain/slo.js';
import type { UslOutcome } from '../explain/usl.js';
import type { Cell } from '../model/knobs.js';
import type { CellResult } from '../model/result.js';

/** What somebody needs of a topic. */
export interface AdviceRequest {
  /** What is measured: `cluster`, `local-kafka`, an address. */
  readonly target: string;
  readonly brokers: number;
  /** Of values, all producers together. */
  readonly rateBytesPerSecond: number;
  readonly recordBytes: number;
  /** p99 of publishing or end to end. */
  readonly latency: Slo;
  /** Brokers that may be lost at once without losing a record that was acknowledged. */
  readonly surviveBrokers: number;
  /** What one consumer of the user's gets through, its own work included; null: as fast as it can read. */
  readonly consumerBytesPerSecond: number | null;
  /** How much more there will be before anybody looks at this again: 1 is no growth. */
  readonly growth: number;
  readonly retentionMs: number;
  /** Acknowledged must mean on disk: power failures of all machines at once are survived too. */
  readonly isSynced: boolean;
}

/**
 * Measures one cell, or finds it in a result; null: it cannot be had. `why` is for whoever watches.
 * Failures of the target are thrown (BenchError), not null.
 */
export type Measure = (cell: Cell, why: string) => Promise<CellResult | null>;

export interface Advice {
  readonly request: AdviceRequest;
  readonly verdict: 'met' | 'not met' | 'not verified';
  /** One sentence: what to set, and whether it was seen to do. */
  readonly text: string;
  readonly recommendation: Recommendation;
  readonly reasoning: readonly AdviceLine[];
  readonly alternatives: readonly Alternative[];
  readonly verification: {
    readonly recommended: Verification | null;
    readonly cheaper: Verification | null;
    readonly text: string;
  };
  /** The scaling curve over partitions that was measured. */
  readonly scaling: UslOutcome;
  readonly rulesOfThumb: readonly RuleOfThumb[];
  /** What could not be measured, and so is not in this. */
  readonly limits: readonly string[];
}

export interface Recommendation {
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly acks: Cell['acks'];
  readonly minInsyncReplicas: number;
  readonly batchBytes: number;
  readonly lingerMs: number;
  readonly codec: Cell['codec'];
  readonly flush: Cell['flush'];
  /** Members that a group needs to keep up, at the rate with growth. */
  readonly consumersPerGroup: number;
  readonly retentionMs: number;
  readonly diskBytes: number;
  readonly diskBytesPerBroker: number;
  /** As it was run: open loop at the asked rate. */
  readonly cell: Cell;
}

export interface AdviceLine {
  readonly topic:
    | 'replication'
    | 'partitions'
    | 'consumers'
    | 'batching'
    | 'compression'
    | 'durability'
    | 'disk';
  readonly text: string;
  readonly evidence: readonly string[];
}

export interface Alternative {
  readonly kind: 'cheaper' | 'safer';
  readonly what: string;
  /** What it saves or costs, and what it gives up or gives, with figures where they were measured. */
  readonly price: string;
}

/** One cell run open loop at the asked rate. */
export interface Verification {
  readonly cell: Cell;
  readonly id: string;
  readonly achievedBytesPerSecond: number;
  readonly achievedShare: number;
  /** Of what was produced meanwhile; null: consumers were not asked to do work of their own. */
  readonly consumedShare: number | null;
  /** null: no latency was measured. */
  readonly latencyMs: number | null;
  readonly runs: number;
  readonly isRateMet: boolean;
  readonly isLatencyMet: boolean;
  readonly isConsumed: boolean;
  readonly meets: boolean;
  readonly text: string;
}

export interface RuleOfThumb {
  readonly rule: string;
  readonly verdict: 'agrees' | 'disagrees' | 'not tested';
  readonly text: string;
}
