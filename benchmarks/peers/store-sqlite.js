import { join } from 'node:path';
import Database from 'better-sqlite3';
import { GroupCommit } from '../../dist/benchmarks/embedded/group-commit.js';
import { versionOf } from './stores.js';

// Loading the native part here, so that a missing one is found before the runs.
new Database(':memory:').close();

export default {
  name: 'better-sqlite3',
  version: versionOf('better-sqlite3'),
  settings: (durable) =>
    `journal_mode WAL, synchronous ${durable ? 'FULL' : 'OFF'}, integer primary key, one transaction a batch, single records grouped by hand per turn`,
  async open(directory, { durable }) {
    const db = new Database(join(directory, 'log.sqlite'));
    db.pragma('journal_mode = WAL');
    db.pragma(`synchronous = ${durable ? 'FULL' : 'OFF'}`);
    db.exec('CREATE TABLE log (id INTEGER PRIMARY KEY, value BLOB NOT NULL)');
    const insert = db.prepare('INSERT INTO log (value) VALUES (?)');
    const insertAll = db.transaction((values) => {
      for (const value of values) insert.run(value);
    });
    const group = new GroupCommit(insertAll);
    return {
      append: insertAll,
      appendDurable: async (values) => insertAll(values),
      appendOne: (value) => group.append(value),
      read(visit) {
        const select = db.prepare('SELECT value FROM log ORDER BY id').pluck();
        for (const value of select.iterate()) visit(value);
      },
      close: () => {
        db.close();
      },
    };
  },
};
