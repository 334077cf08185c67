import { join } from 'node:path';
import { open } from 'lmdb';
import { versionOf } from './stores.js';

export default {
  name: 'lmdb',
  version: versionOf('lmdb'),
  settings: (durable) =>
    `${durable ? 'sync on every commit (overlappingSync off)' : 'noSync, noMetaSync'}, uint32 keys, binary values, no compression, one transaction a batch`,
  async open(directory, { durable }) {
    const db = open({
      path: join(directory, 'lmdb'),
      encoding: 'binary',
      keyEncoding: 'uint32',
      compression: false,
      ...(durable ? { overlappingSync: false } : { noSync: true, noMetaSync: true }),
    });
    let next = 0;
    const putAll = (values) =>
      db.transactionSync(() => {
        for (const value of values) db.putSync(next++, value);
      });
    return {
      append: putAll,
      // The transaction has synced when it returns.
      appendDurable: async (values) => putAll(values),
      // lmdb groups the puts of one turn into a transaction by itself.
      appendOne: (value) => db.put(next++, value).then(() => {}),
      read(visit) {
        for (const { value } of db.getRange({ snapshot: true })) visit(value);
      },
      close: () => db.close(),
    };
  },
};
