import scriptCrc32c from 'crc-32/crc32c.js';
import { crc32c } from '../../engine/format/crc32c.js';
import { createGenerator } from '../payload.js';
import { expectEqual, type MicroTask, memoryGroup } from './task.js';

/** Around the engine's switch from tables to native code, and far above it. */
const SIZES = [100, 400, 1024, 16 * 1024, 1024 * 1024];

export const crcGroup = memoryGroup('crc', () => SIZES.map(crcTask));

function crcTask(bytes: number): MicroTask {
  const input = createGenerator({ recordBytes: bytes, spread: 'exact', seed: 1 }).values(1)[0];
  if (input === undefined) throw new Error('the generator made nothing');
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let checksum = 0;
  return {
    name: `crc32c of ${bytes} B`,
    unit: 'bytes',
    unitsPerCall: bytes,
    run: () => {
      checksum = crc32c(input, 0, input.length, view);
    },
    // Against another implementation of the same checksum.
    check: () => expectEqual('crc32c', checksum, scriptCrc32c.buf(input) >>> 0),
  };
}
