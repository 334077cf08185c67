import type { Cell } from '../model/knobs.js';
import type { CellResult } from '../model/result.js';
import { byteRateText, percentText, plural } from '../model/text.js';
import type { AdviceRequest, Alternative, Measure } from './advice.js';
import { type CapacityPoint, largestOf, rateOf } from './partitions.js';
import { cheaperReplication, replicationFor } from './replication.js';
import type { Tried } from './settle.js';

/** One step cheaper and one step safer, each with its price in the figures of this machine. */
export async function alternativesTo(
  cell: Cell,
  request: AdviceRequest,
  points: readonly CapacityPoint[],
  tried: Tried,
  ask: Measure,
): Promise<Alternative[]> {
  const alternatives: Alternative[] = [];
  if (tried.cheaper !== null) {
    alternatives.push({
      kind: 'cheaper',
      what: plural(tried.cheaper.cell.partitions, 'partition'),
      price: `${tried.cheaper.meets ? 'meets what was asked today too' : 'does not meet what was asked'}: ${tried.cheaper.text}`,
    });
  }
  const fewer = cheaperReplication(request);
  const closed: Cell = {
    ...cell,
    rate: 'max',
    partitions: Math.min(cell.partitions, largestOf(points)),
  };
  const now = await ask(closed, 'the recommendation in a closed loop');
  if (fewer !== null) {
    const less = await ask(
      { ...closed, ...fewer },
      `replication factor ${fewer.replicationFactor}`,
    );
    alternatives.push({
      kind: 'cheaper',
      what: `replication factor ${fewer.replicationFactor}, min.insync.replicas ${fewer.minInsyncReplicas}`,
      price: `${savedText(now, less)}, ${percentText(1 - fewer.replicationFactor / cell.replicationFactor)} less disk; gives up writing while a broker is away`,
    });
  } else if (request.brokers >= 3) {
    const safer = replicationFor({ surviveBrokers: 1 });
    const more = await ask(
      { ...closed, ...safer },
      `replication factor ${safer.replicationFactor}`,
    );
    alternatives.push({
      kind: 'safer',
      what: `replication factor ${safer.replicationFactor}, acks=all, min.insync.replicas ${safer.minInsyncReplicas}`,
      price: `${savedText(now, more)}, ${safer.replicationFactor} times the disk; gives that one broker can be lost`,
    });
  }
  if (!request.isSynced) {
    const synced = await ask({ ...closed, flush: 'batch' }, 'every batch on disk');
    alternatives.push({
      kind: 'safer',
      what: 'flush.messages=1',
      price: `${savedText(now, synced)}; gives that a power failure of all machines loses nothing acknowledged`,
    });
  }
  return alternatives;
}

function savedText(now: CellResult | null, other: CellResult | null): string {
  if (now === null || other === null) return 'its rate was not measured';
  return `highest rate ${byteRateText(rateOf(other))} instead of ${byteRateText(rateOf(now))}`;
}
