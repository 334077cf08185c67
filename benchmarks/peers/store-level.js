import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { GroupCommit } from '../../dist/benchmarks/embedded/group-commit.js';
import { versionOf } from './stores.js';

const READ_ENTRIES = 1000;

export default {
  name: 'classic-level',
  version: versionOf('classic-level'),
  settings: (durable) =>
    `LevelDB, sync ${durable ? 'on' : 'off'} for each batch, 8-byte keys, no compression, write buffer 64 MiB, single records grouped by hand per turn`,
  async open(directory, { durable }) {
    const db = new ClassicLevel(join(directory, 'level'), {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      compression: false,
      writeBufferSize: 64 * 1024 * 1024,
    });
    await db.open();
    let next = 0;
    const putAll = (values) => {
      const batch = db.batch();
      for (const value of values) {
        const key = Buffer.allocUnsafe(8);
        key.writeUInt32BE(0, 0);
        key.writeUInt32BE(next++, 4);
        batch.put(key, value);
      }
      return batch.write({ sync: durable });
    };
    const group = new GroupCommit(putAll);
    return {
      append: putAll,
      appendDurable: putAll,
      appendOne: (value) => group.append(value),
      async read(visit) {
        const values = db.values({ highWaterMarkBytes: 1024 * 1024 });
        try {
          for (;;) {
            const some = await values.nextv(READ_ENTRIES);
            if (some.length === 0) break;
            for (const value of some) visit(value);
          }
        } finally {
          await values.close();
        }
      },
      close: () => db.close(),
    };
  },
};
