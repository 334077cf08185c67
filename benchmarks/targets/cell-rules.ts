import { type Cell, cellOf, type KnobName } from '../model/knobs.js';
import { largestBatchBytes } from './topic-settings.js';

const DEFAULTS = cellOf({});

/** The same cell with these knobs at their defaults. */
export function withDefaults(cell: Cell, names: readonly KnobName[]): Cell {
  const defaults = Object.fromEntries(names.map((name) => [name, DEFAULTS[name]]));
  return { ...cell, ...defaults };
}

/** What a cell does not use on any target. */
export function withoutUnused(cell: Cell): Cell {
  const unused: KnobName[] = [];
  if (cell.acks !== 'all') unused.push('minInsyncReplicas');
  if (cell.consumers === 0) unused.push('groups', 'reading', 'consumerRate');
  if (cell.experiment !== 'failover' && cell.experiment !== 'recovery') unused.push('by');
  if (cell.rate === 'max') unused.push('arrivals');
  // A closed loop of ready batches has the next one at hand: nothing lingers.
  if (cell.rate === 'max' && cell.client === 'ready') unused.push('lingerMs');
  return withDefaults(cell, unused);
}

/** Kafka takes frames up to 100 MiB (socket.request.max.bytes). */
const MAX_REQUEST_BYTES = 100 * 1024 * 1024;

/** Why no cluster can run this cell; null: it can. `brokers` null: it is not known how many there are. */
export function clusterRefusal(cell: Cell, brokers: number | null): string | null {
  const { replicationFactor, minInsyncReplicas, acks, batchBytes, recordBytes } = cell;
  if (brokers !== null && replicationFactor > brokers) {
    return `replicationFactor is ${replicationFactor}, brokers is ${brokers}: a broker holds one replica of a partition. Take a replication factor of ${brokers} at most, or ${replicationFactor} brokers`;
  }
  if (acks === 'all' && minInsyncReplicas > replicationFactor) {
    return `minInsyncReplicas is ${minInsyncReplicas}, replicationFactor is ${replicationFactor}: nothing would ever be acknowledged. Take ${replicationFactor} at most`;
  }
  const largest = largestBatchBytes(cell);
  if (largest > MAX_REQUEST_BYTES) {
    return `batchBytes is ${batchBytes} of records of ${recordBytes} bytes: with what framing adds that may be ${largest} bytes, and brokers take requests of ${MAX_REQUEST_BYTES} at most. Take smaller batches`;
  }
  return null;
}

/** Why an experiment that kills makes no sense with this cell; null: it does. */
export function experimentRefusal(cell: Cell): string | null {
  const { experiment, acks, partitions, consumers } = cell;
  if (experiment === 'failover' && acks === 0) {
    return 'experiment is failover, acks is 0: there are no acknowledgements to tell when the partition serves again. Take acks 1 or all';
  }
  if (experiment === 'rebalance' && consumers < 2) {
    return `experiment is rebalance, consumers is ${consumers}: when the only one dies, nobody is left to take over. Take 2 or more`;
  }
  if (experiment === 'rebalance' && partitions < consumers) {
    return `experiment is rebalance, partitions is ${partitions}, consumers is ${consumers}: members without a partition have nothing to lose. Take ${consumers} partitions or more`;
  }
  return null;
}
