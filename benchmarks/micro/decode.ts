import { BatchProblem, checkBatch } from '../../engine/format/batch-check.js';
import { RecordCursor } from '../../engine/format/batch-reader.js';
import { checksumOf, totalsOf } from '../read-totals.js';
import { encodeBatch, makeRecords, SHAPES, type Shape, shapeName } from './batches.js';
import { expectEqual, type MicroTask, memoryGroup } from './task.js';

export const decodeGroup = memoryGroup('decode', () => SHAPES.flatMap(decodeTasks));

function decodeTasks(shape: Shape): MicroTask[] {
  const records = makeRecords(shape);
  const expected = totalsOf(records.map((record) => record.value as Buffer));
  const { buffer, view, bytes } = encodeBatch(records);
  const cursor = new RecordCursor();
  const options = { crc: true, maxBytes: bytes };
  let problem: BatchProblem = BatchProblem.TRUNCATED;
  let valueBytes = 0;
  let checksum = 0;
  const unit = 'records' as const;
  const unitsPerCall = shape.records;
  return [
    {
      name: `check ${shapeName(shape)}, with CRC`,
      unit,
      unitsPerCall,
      run: () => {
        problem = checkBatch(buffer, view, 0, bytes, options);
      },
      check: () => expectEqual('problem of the batch', problem, BatchProblem.BATCH_OK),
    },
    {
      name: `walk ${shapeName(shape)}, positions only`,
      unit,
      unitsPerCall,
      run: () => {
        valueBytes = 0;
        cursor.reset(buffer, view, 0);
        while (cursor.next()) valueBytes += cursor.valueEnd - cursor.valueStart;
      },
      check: () => expectEqual('bytes of values', valueBytes, expected.valueBytes),
    },
    {
      name: `decode ${shapeName(shape)}, value views`,
      unit,
      unitsPerCall,
      run: () => {
        checksum = 0;
        cursor.reset(buffer, view, 0);
        while (cursor.next()) checksum += checksumOf(cursor.value() as Uint8Array);
      },
      check: () => expectEqual('checksum of the values', checksum, expected.checksum),
    },
    {
      name: `decode ${shapeName(shape)}, record objects`,
      unit,
      unitsPerCall,
      run: () => {
        checksum = 0;
        cursor.reset(buffer, view, 0);
        while (cursor.next()) checksum += checksumOf(cursor.record().value as Uint8Array);
      },
      check: () => expectEqual('checksum of the values', checksum, expected.checksum),
    },
  ];
}
