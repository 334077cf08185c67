import { createTempDirectory, removeTempDirectory } from '../../dist/benchmarks/temp-directory.js';

const BYTES_BETWEEN_TURNS = 1024 * 1024;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/**
 * One run of one store: append everything, read everything back. Fails if a record is missing or wrong.
 * @param {import('./stores.js').Store} store
 * @param {import('./works.js').Work} work
 * @param {Buffer[][]} batches
 * @param {{directory: string, compareEveryByte: boolean}} options
 */
export async function measure(store, work, batches, options) {
  const directory = createTempDirectory(options.directory);
  const records = batches.length * work.batchRecords;
  const batchBytes = work.recordBytes * work.batchRecords;
  const open = await store.open(directory, {
    durable: work.durable,
    // Framing adds at most a quarter to the smallest records here.
    totalBytes: Math.ceil(records * (work.recordBytes + 32)),
    // The grouped commits of all writers land in one write.
    largestBatch: {
      records: work.batchRecords * work.writers,
      bytes: batchBytes * work.writers,
    },
  });
  try {
    globalThis.gc?.();
    const started = performance.now();
    await appendAll(open, work, batches);
    const appendMs = performance.now() - started;

    globalThis.gc?.();
    const expected = checksum(batches);
    const got = { records: 0, sum: 0 };
    const readStarted = performance.now();
    await open.read((value) => {
      got.records += 1;
      got.sum += value[0] + value[value.length - 1] * 256 + value.length;
    });
    const readMs = performance.now() - readStarted;
    if (got.records !== expected.records || got.sum !== expected.sum) {
      throw new Error(
        `${store.name}, ${work.name}: read back ${JSON.stringify(got)}, appended ${JSON.stringify(expected)}`,
      );
    }
    if (options.compareEveryByte) await compare(open, store, work, batches);
    return {
      appendPerSecond: (records * 1000) / appendMs,
      readPerSecond: (records * 1000) / readMs,
    };
  } finally {
    await open.close();
    removeTempDirectory(directory);
  }
}

async function appendAll(open, work, batches) {
  if (work.writers > 1) {
    let next = 0;
    const writer = async () => {
      while (next < batches.length) await open.appendOne(batches[next++][0]);
    };
    await Promise.all(Array.from({ length: work.writers }, writer));
    return;
  }
  if (work.durable) {
    for (const batch of batches) await open.appendDurable(batch);
    return;
  }
  let bytes = 0;
  for (const batch of batches) {
    const pending = open.append(batch);
    if (pending !== undefined) await pending;
    bytes += work.recordBytes * batch.length;
    if (bytes >= BYTES_BETWEEN_TURNS) {
      bytes = 0;
      await turn();
    }
  }
}

function checksum(batches) {
  let records = 0;
  let sum = 0;
  for (const batch of batches) {
    for (const value of batch) {
      records += 1;
      sum += value[0] + value[value.length - 1] * 256 + value.length;
    }
  }
  return { records, sum };
}

/** Every byte of every record, in order. */
async function compare(open, store, work, batches) {
  let at = 0;
  await open.read((value) => {
    const expected = batches[Math.floor(at / work.batchRecords)]?.[at % work.batchRecords];
    if (expected === undefined || !expected.equals(value)) {
      throw new Error(`${store.name}, ${work.name}: record ${at} is not what was appended`);
    }
    at += 1;
  });
}
