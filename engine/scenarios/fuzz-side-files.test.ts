import { expect, it } from 'vitest';
import { fuzzSideFiles } from './fuzz-side-files.js';

it('every decoder answers 8,000 damaged inputs with a value or a documented error', () => {
  const { accepted, refused } = fuzzSideFiles({ count: 8000, seed: 20_261_122 });
  const targets = Object.keys(accepted);
  expect(targets).toHaveLength(16);
  // Each decoder met both sides of its border; a clean-shutdown marker alone refuses nothing.
  expect(Object.keys(refused).sort()).toEqual(
    targets.filter((name) => name !== 'clean shutdown').sort(),
  );
});

it('the same seed gives the same cases', () => {
  expect(fuzzSideFiles({ count: 500, seed: 7 })).toEqual(fuzzSideFiles({ count: 500, seed: 7 }));
});
