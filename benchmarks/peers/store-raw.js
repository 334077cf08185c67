import { readSync } from 'node:fs';
import { join } from 'node:path';
import { FramedFile, framedBytes, walkFrames } from '../../dist/benchmarks/embedded/framed-file.js';
import { GroupCommit } from '../../dist/benchmarks/embedded/group-commit.js';

const READ_BYTES = 1024 * 1024;

/** No engine at all: what the machine gives for the least work. */
export default {
  name: 'raw file',
  version: '-',
  settings: (durable) =>
    `values behind their length, no checksum, no index, one write a batch${durable ? ', into blocks that hold written zeros, fdatasync' : ''}, single records grouped by hand per turn`,
  async open(directory, { durable, totalBytes, largestBatch }) {
    const file = new FramedFile(join(directory, 'raw'), {
      largestBatchBytes: framedBytes(largestBatch.records, largestBatch.bytes),
      ...(durable ? { preparedBytes: totalBytes } : {}),
    });
    const appendDurable = (values) => {
      file.append(values);
      return file.flush();
    };
    const group = new GroupCommit(appendDurable);
    return {
      append: (values) => file.append(values),
      appendDurable,
      appendOne: (value) => group.append(value),
      read(visit) {
        const buffer = Buffer.allocUnsafe(READ_BYTES);
        for (let position = 0; position < file.size; ) {
          const length = Math.min(buffer.length, file.size - position);
          const got = readSync(file.descriptor, buffer, 0, length, position);
          const used = walkFrames(buffer, got, visit);
          if (used === 0) throw new Error(`no whole record at byte ${position}`);
          position += used;
        }
      },
      close: () => file.close(),
    };
  },
};
