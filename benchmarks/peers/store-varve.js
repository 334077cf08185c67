import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openEngineLog, readValues } from '../../dist/benchmarks/embedded/engine.js';

const manifest = join(import.meta.dirname, '..', '..', 'package.json');

export default {
  name: 'varve',
  version: JSON.parse(readFileSync(manifest, 'utf8')).version,
  settings: (durable) =>
    `defaults: Kafka record batches with CRC-32C, offset and time index, ${durable ? 'appendDurable (fdatasync, group commit)' : 'append (page cache)'}`,
  async open(directory) {
    const log = await openEngineLog(join(directory, 'log-0'), { largestBatchBytes: 0 });
    // The records a caller would hold: made from the values inside the timer, as for every store.
    const toRecords = (values) => values.map((value) => ({ value }));
    return {
      append: (values) => {
        log.append(toRecords(values));
      },
      appendDurable: async (values) => {
        await log.appendDurable(toRecords(values));
      },
      appendOne: async (value) => {
        await log.appendDurable([{ value }]);
      },
      read: (visit) => readValues(log, visit),
      close: () => log.close(),
    };
  },
};
