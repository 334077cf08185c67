import { OffsetIndex } from '../../engine/log/offset-index.js';
import { createRandom } from '../random.js';
import { expectEqual, type MicroTask, memoryGroup } from './task.js';

/** A 1 GiB segment has an entry for each 4 KiB of small batches. */
const ENTRIES = 262_144;
const OFFSETS_PER_ENTRY = 40;
const LOOKUPS = 1000;

export const indexGroup = memoryGroup('index', () => {
  const index = new OffsetIndex(0, ENTRIES);
  for (let entry = 0; entry < ENTRIES; entry++) {
    index.append((entry + 1) * OFFSETS_PER_ENTRY, (entry + 1) * 4097);
  }
  return [lookupTask('at the tail', index, ENTRIES - 500), lookupTask('anywhere', index, 0)];
});

function lookupTask(where: string, index: OffsetIndex, firstEntry: number): MicroTask {
  const random = createRandom(1);
  const targets = Float64Array.from(
    { length: LOOKUPS },
    () => (firstEntry + random.next() * (ENTRIES - firstEntry)) * OFFSETS_PER_ENTRY,
  ).map(Math.floor);
  const expected = targets.reduce((sum, target) => sum + positionOf(target), 0);
  let sum = 0;
  return {
    name: `offset index lookup ${where}`,
    unit: 'lookups',
    unitsPerCall: LOOKUPS,
    run: () => {
      sum = 0;
      for (let at = 0; at < LOOKUPS; at++) sum += index.positionFor(targets[at] as number);
    },
    check: () => expectEqual('sum of the positions found', sum, expected),
  };
}

/** By arithmetic, as the entries are regular. */
function positionOf(target: number): number {
  return Math.floor(target / OFFSETS_PER_ENTRY) * 4097;
}
