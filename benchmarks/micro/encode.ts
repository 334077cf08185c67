import { BatchProblem, checkBatch } from '../../engine/format/batch-check.js';
import { recordsCount } from '../../engine/format/batch-header.js';
import { BatchOptions, batchSizeBound, writeBatch } from '../../engine/format/batch-writer.js';
import { makeRecords, NOW_MS, SHAPES, type Shape, shapeName } from './batches.js';
import { expectEqual, type MicroTask, memoryGroup } from './task.js';

/** Bound, encode and checksum, straight into memory that is in cache. */
export const encodeGroup = memoryGroup('encode', () => SHAPES.map(encodeTask));

function encodeTask(shape: Shape): MicroTask {
  const records = makeRecords(shape);
  const buffer = Buffer.allocUnsafeSlow(batchSizeBound(records, 0, records.length));
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const options = new BatchOptions();
  options.now = NOW_MS;
  let bytes = 0;
  return {
    name: `encode ${shapeName(shape)}`,
    unit: 'records',
    unitsPerCall: shape.records,
    run: () => {
      batchSizeBound(records, 0, records.length);
      bytes = writeBatch(buffer, view, 0, records, 0, records.length, options);
    },
    check: () => {
      const problem = checkBatch(buffer, view, 0, bytes, { crc: true, maxBytes: bytes });
      expectEqual('problem of the batch', problem, BatchProblem.BATCH_OK);
      expectEqual('records', recordsCount(view, 0), shape.records);
    },
  };
}
