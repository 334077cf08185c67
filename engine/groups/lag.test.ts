import { expect, test } from 'vitest';
import { groupLag } from './lag.js';

test('lag of what is committed and of what is only assigned', () => {
  const ends = new Map([
    ['a0', 100],
    ['a1', 50],
    ['b0', 7],
  ]);
  const lag = groupLag(
    [
      { topic: 'b', partition: 0, offset: 9 },
      { topic: 'a', partition: 10, offset: 3 },
      { topic: 'a', partition: 0, offset: 40 },
    ],
    (topic, partition) => ends.get(`${topic}${partition}`) ?? null,
    [
      { topic: 'a', partition: 0 },
      { topic: 'a', partition: 1 },
    ],
  );
  expect(lag).toEqual({
    partitions: [
      { topic: 'a', partition: 0, committedOffset: 40, endOffset: 100, lag: 60 },
      { topic: 'a', partition: 1, committedOffset: null, endOffset: 50, lag: null },
      { topic: 'a', partition: 10, committedOffset: 3, endOffset: null, lag: null },
      { topic: 'b', partition: 0, committedOffset: 9, endOffset: 7, lag: 0 },
    ],
    totalLag: 60,
  });
});
