import type { BatchCalibration, Calibration } from './calibration.js';
import type { Cell } from './matrix.js';

/** What the machine allows for the work of one cell, from the calibration of the same run. */
export interface Limits {
  readonly appendBytesPerSecond: number;
  /** What `appendBytesPerSecond` is made of, in words. */
  readonly appendBy: string;
  readonly readBytesPerSecond: number;
  readonly readBy: string;
}

export function limitsOf(cell: Cell, batchBytes: number, calibration: Calibration): Limits {
  const batch = calibration.perBatchBytes.find((entry) => entry.batchBytes === batchBytes);
  if (batch === undefined) throw new RangeError(`no calibration for batches of ${batchBytes} B`);
  const read = { readBytesPerSecond: batch.crc32cBytesPerSecond, readBy: 'CRC-32C' };
  return cell.durability === 'batch'
    ? { ...durableLimit(batch), ...read }
    : {
        appendBytesPerSecond: inSequence(batch.memcpyBytesPerSecond, batch.crc32cBytesPerSecond),
        appendBy: 'memcpy + CRC-32C',
        ...read,
      };
}

/** The speed of doing one thing and then the other with the same bytes. */
export function inSequence(...bytesPerSecond: readonly number[]): number {
  return 1 / bytesPerSecond.reduce((seconds, speed) => seconds + 1 / speed, 0);
}

/** One writer that waits for each write; several partitions can pass it by syncing at the same time. */
function durableLimit(batch: BatchCalibration): Pick<Limits, 'appendBytesPerSecond' | 'appendBy'> {
  if (batch.durableWriteP50Us === null) {
    throw new RangeError('durable cells need a calibration of fdatasync');
  }
  return {
    appendBytesPerSecond: (batch.batchBytes * 1e6) / batch.durableWriteP50Us,
    appendBy: 'write + fdatasync',
  };
}
