import { BenchError } from '../model/bench-error.js';
import { plural } from '../model/text.js';
import type { AdviceLine, AdviceRequest } from './advice.js';

export interface Replication {
  readonly replicationFactor: number;
  readonly acks: 1 | 'all';
  readonly minInsyncReplicas: number;
}

/**
 * To lose n brokers and no acknowledged record, n + 1 replicas must have it before it is acknowledged
 * (min.insync.replicas = n + 1 with acks=all); to go on writing meanwhile, so many must be left: 2 n + 1 replicas.
 */
export function replicationFor({
  surviveBrokers: lost,
}: Pick<AdviceRequest, 'surviveBrokers'>): Replication {
  if (lost === 0) return { replicationFactor: 1, acks: 1, minInsyncReplicas: 1 };
  return { replicationFactor: 2 * lost + 1, acks: 'all', minInsyncReplicas: lost + 1 };
}

/** Fewer copies: nothing acknowledged is lost either, but a lost broker stops writing. null: there is none. */
export function cheaperReplication({
  surviveBrokers: lost,
}: Pick<AdviceRequest, 'surviveBrokers'>): Replication | null {
  return lost === 0
    ? null
    : { replicationFactor: lost + 1, acks: 'all', minInsyncReplicas: lost + 1 };
}

export function checkBrokers({ surviveBrokers, brokers }: AdviceRequest): void {
  const needed = replicationFor({ surviveBrokers }).replicationFactor;
  if (needed > brokers) {
    throw new BenchError(
      'INVALID_KNOB',
      `surviving ${plural(surviveBrokers, 'lost broker')} needs ${needed} replicas on as many brokers, and there are ${brokers}: use ${needed} brokers, or ask for fewer losses`,
    );
  }
}

export function replicationLine({ surviveBrokers: lost }: AdviceRequest): AdviceLine {
  const { replicationFactor, acks, minInsyncReplicas } = replicationFor({ surviveBrokers: lost });
  return lost === 0
    ? {
        topic: 'replication',
        text: 'One replica and acks=1: no broker may be lost, so copies would cost and give nothing that was asked for.',
        evidence: ['asked: survive 0 lost brokers'],
      }
    : {
        topic: 'replication',
        text: `Replication factor ${replicationFactor}, acks=${acks}, min.insync.replicas ${minInsyncReplicas}: a record is acknowledged when all in-sync replicas have it, ${minInsyncReplicas} at least, so ${plural(lost, 'lost broker')} cannot take it; ${replicationFactor} replicas leave ${minInsyncReplicas} after that, so writing goes on.`,
        evidence: [
          `asked: survive ${plural(lost, 'lost broker')}`,
          `${lost} + 1 = ${minInsyncReplicas} copies before an acknowledgement, 2 x ${lost} + 1 = ${replicationFactor} to go on writing`,
        ],
      };
}
