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
  storage.append = () => {
    const answered = new Promise<KafkaErrorCode>((resolve) => answers.push(resolve));
    return { answered, settled: answered };
  };
  const writer = new GroupLogWriter(storage, 0, new SimulatedClock());
  const applied: [string, number][] = [];
  for (const name of ['a', 'b', 'c']) {
    void writer.append([record], (errorCode) => applied.push([name, errorCode]));
  }
  let isSettled = false;
  void writer.answered().then(() => {
    isSettled = true;
  });
  answers[2]?.(KafkaError.NONE);
  answers[1]?.(KafkaError.MESSAGE_TOO_LARGE);
  await settled();
  // What is not in the log has no order.
  expect([applied, isSettled]).toEqual([[['b', KafkaError.MESSAGE_TOO_LARGE]], false]);
  answers[0]?.(KafkaError.NONE);
  await settled();
  expect(applied.slice(1)).toEqual([
    ['a', KafkaError.NONE],
    ['c', KafkaError.NONE],
  ]);
  expect(isSettled).toBe(true);
});

test('what is committed after its time is applied then, in order; nobody waits for it meanwhile', async () => {
  const storage = new MemoryGroupStorage();
  const writer = new GroupLogWriter(storage, 0, new SimulatedClock());
  const applied: [string, number][] = [];
  const append = (name: string) =>
    writer.append([record], (errorCode) => applied.push([name, errorCode]));
  const { REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS, NONE } = KafkaError;
  storage.appendResults.push(REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS, REQUEST_TIMED_OUT);
  expect(await append('late')).toBe(REQUEST_TIMED_OUT);
  expect(await append('refused')).toBe(NOT_ENOUGH_REPLICAS);
  expect(await append('later')).toBe(REQUEST_TIMED_OUT);
  await writer.answered();
  expect(applied).toEqual([['refused', NOT_ENOUGH_REPLICAS]]);
  expect(await append('last')).toBe(NONE);
  expect(applied.slice(1)).toEqual([
    ['late', NONE],
    ['later', NONE],
    ['last', NONE],
  ]);
});

test('nothing is appended after the end', async () => {
  const storage = new MemoryGroupStorage();
  const writer = new GroupLogWriter(storage, 0, new SimulatedClock());
  await writer.append([record, record], () => {});
  writer.close();
  expect(await writer.append([record], () => {})).toBe(KafkaError.NOT_LEADER_OR_FOLLOWER);
  expect(storage.endOffset(0)).toBe(2);
});
