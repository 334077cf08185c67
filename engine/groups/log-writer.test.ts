import { expect, test } from 'vitest';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import { MemoryGroupStorage } from '../testing/memory-group-storage.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { settled } from '../testing/simulated-timers.js';
import { GroupLogWriter } from './log-writer.js';

const record = { key: 'k', value: 'v' };

test('appends are applied in the order of the log, whichever is answered first', async () => {
  const answers: ((code: KafkaErrorCode) => void)[] = [];
  const storage = new MemoryGroupStorage();
  storage.append = () => new Promise((resolve) => answers.push(resolve));
  const writer = new GroupLogWriter(storage, 0, new SimulatedClock());
  const applied: [string, number][] = [];
  for (const name of ['a', 'b', 'c']) {
    void writer.append([record], (errorCode) => applied.push([name, errorCode]));
  }
  let isSettled = false;
  void writer.settled().then(() => {
    isSettled = true;
  });
  answers[2]?.(KafkaError.NONE);
  answers[1]?.(KafkaError.REQUEST_TIMED_OUT);
  await settled();
  expect([applied, isSettled]).toEqual([[], false]);
  answers[0]?.(KafkaError.NONE);
  await settled();
  expect(applied).toEqual([
    ['a', KafkaError.NONE],
    ['b', KafkaError.REQUEST_TIMED_OUT],
    ['c', KafkaError.NONE],
  ]);
  expect(isSettled).toBe(true);
});

test('nothing is appended after the end', async () => {
  const storage = new MemoryGroupStorage();
  const writer = new GroupLogWriter(storage, 0, new SimulatedClock());
  await writer.append([record, record], () => {});
  writer.close();
  expect(await writer.append([record], () => {})).toBe(KafkaError.NOT_LEADER_OR_FOLLOWER);
  expect(storage.endOffset(0)).toBe(2);
});
