import { VarintReader, writeVarint, writeVarlong } from '../../engine/format/varint.js';
import { createRandom } from '../random.js';
import { expectEqual, type MicroTask, memoryGroup } from './task.js';

const COUNT = 1000;

export const varintGroup = memoryGroup('varint', () => {
  const random = createRandom(1);
  // As in records: most numbers take one or two bytes.
  const numbers = Int32Array.from({ length: COUNT }, () =>
    random.below(2 ** (1 + random.below(14))),
  );
  const encoded = Buffer.alloc(COUNT * 10);
  let encodedEnd = 0;
  for (const number of numbers) encodedEnd = writeVarint(encoded, encodedEnd, number);
  const expectedSum = numbers.reduce((sum, number) => sum + number, 0);
  const reader = new VarintReader(encoded, 0, encodedEnd);
  let sum = 0;
  const rewind = (): void => {
    reader.at = 0;
    sum = 0;
  };
  const checkSum = (): void => {
    expectEqual('sum of the numbers read', sum, expectedSum);
    expectEqual('bytes read', reader.at, encodedEnd);
  };
  return [
    // The two encodings of a small number are the same.
    writeTask('write varint', writeVarint, numbers, encoded.subarray(0, encodedEnd)),
    writeTask('write varlong', writeVarlong, numbers, encoded.subarray(0, encodedEnd)),
    {
      name: 'read varint',
      unit: 'numbers',
      unitsPerCall: COUNT,
      run: () => {
        rewind();
        for (let at = 0; at < COUNT; at++) sum += reader.varint();
      },
      check: checkSum,
    },
    {
      name: 'read varlong',
      unit: 'numbers',
      unitsPerCall: COUNT,
      run: () => {
        rewind();
        for (let at = 0; at < COUNT; at++) sum += reader.varlong();
      },
      check: checkSum,
    },
  ];
});

function writeTask(
  name: string,
  write: typeof writeVarint,
  numbers: Int32Array,
  expected: Buffer,
): MicroTask {
  const buffer = Buffer.alloc(expected.length + 10);
  let end = 0;
  return {
    name,
    unit: 'numbers',
    unitsPerCall: COUNT,
    run: () => {
      end = 0;
      for (let at = 0; at < COUNT; at++) end = write(buffer, end, numbers[at] as number);
    },
    check: () => {
      expectEqual('bytes written', end, expected.length);
      expectEqual('order of the bytes', expected.compare(buffer, 0, end), 0);
    },
  };
}
