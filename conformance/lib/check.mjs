// What must hold of partition directories by the word of Kafka's own dump tool, and of what it prints, file against file.
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { dump, dumpableFiles, indexSanityCheck } from './dump.mjs';

/**
 * @typedef {import('./dump.mjs').DumpedFile} DumpedFile
 * @typedef {import('./dump.mjs').DumpedBatch} DumpedBatch
 *
 * @typedef {object} Partition
 * @property {string} directory
 * @property {boolean} [gaps] a compacted log: offsets may be missing, batches empty
 * @property {boolean} [unclean] left by a killed process: indexes padded or not there yet, zeros after the data, no final time entry
 *
 * @typedef {{ partitions: number, files: number, batches: number, records: number, indexEntries: number, timeIndexEntries: number, abortedTransactions: number, producers: number }} Counts
 */

/**
 * @param {import('./kafka.mjs').Kafka} kafka @param {Partition[]} partitions
 * @returns {Promise<{ problems: string[], counts: Counts }>}
 */
export async function checkPartitions(kafka, partitions) {
  /** @type {string[]} */ const problems = [];
  const counts = {
    partitions: 0,
    files: 0,
    batches: 0,
    records: 0,
    indexEntries: 0,
    timeIndexEntries: 0,
    abortedTransactions: 0,
    producers: 0,
  };
  const wanted = partitions.flatMap(({ directory, unclean }) => {
    const files = dumpableFiles(directory);
    if (!files.some((file) => file.endsWith('.log'))) problems.push(`${directory}: no segments`);
    for (const log of files.filter((file) => file.endsWith('.log'))) {
      // The dump tool would create a missing index and find nothing wrong with it.
      for (const suffix of ['.index', '.timeindex']) {
        const index = log.replace(/\.log$/, suffix);
        // varve writes them when a segment ends or the log closes: after a kill, recovery makes them.
        if (unclean) continue;
        if (!existsSync(index)) problems.push(`${index}: missing`);
      }
    }
    return files;
  });
  if (problems.length > 0) return { problems, counts };

  const { status, stderr, files } = await dump(kafka, wanted);
  const dumped = new Set(files.map((file) => file.file));
  const missed = wanted.filter((file) => !dumped.has(file));
  if (status !== 0 || missed.length > 0) {
    problems.push(
      `DumpLogSegments ended with status ${status} at ${files.at(-1)?.file}, ${missed.length} files unread: ${stderr}`,
    );
    return { problems, counts };
  }

  for (const partition of partitions) {
    const own = files.filter((file) => path.dirname(file.file) === partition.directory);
    counts.partitions++;
    problems.push(...checkPartition(partition, own, counts));
  }
  problems.push(...reported(stderr, partitions, files));
  problems.push(...(await indexSanityCheck(kafka, cleanOnly(partitions, wanted))));
  return { problems, counts };
}

function cleanOnly(/** @type {Partition[]} */ partitions, /** @type {string[]} */ files) {
  const unclean = new Set(partitions.filter((p) => p.unclean).map((p) => p.directory));
  return files.filter((file) => !unclean.has(path.dirname(file)));
}

/** The mismatches the tool reports on standard error, but for the two it also finds in a log Kafka itself compacted. */
function reported(
  /** @type {string} */ stderr,
  /** @type {Partition[]} */ partitions,
  /** @type {DumpedFile[]} */ files,
) {
  const problems = [];
  let heading = '';
  for (const line of stderr.split('\n')) {
    if (line === '') continue;
    if (!line.startsWith(' ') && !line.startsWith('Indexed offset: ')) heading = line;
    const file = heading.replace(
      /^(Non-consecutive offsets in |Found timestamp mismatch in :|Mismatches in :|Found out of order timestamp in :)/,
      '',
    );
    const gaps = partitions.some((p) => p.gaps && p.directory === path.dirname(file));
    if (gaps && heading.startsWith('Non-consecutive offsets in ')) continue;
    if (gaps && heading.startsWith('Found timestamp mismatch in :')) {
      // An entry that names a batch whose records are all gone: the tool sees no timestamp in it.
      const entry = /^ {2}Index timestamp: (-?\d+), log timestamp: -1$/.exec(line);
      if (line === heading || (entry !== null && namesEmptyBatch(files, file, Number(entry[1]))))
        continue;
    }
    problems.push(line === heading ? line : `${heading}: ${line.trim()}`);
  }
  return problems;
}

function namesEmptyBatch(
  /** @type {DumpedFile[]} */ files,
  /** @type {string} */ timeIndex,
  /** @type {number} */ timestamp,
) {
  const entries = files.find((f) => f.file === timeIndex)?.entries ?? [];
  const offset = entries.find((e) => e.timestamp === timestamp)?.offset;
  const log = files.find((f) => f.file === timeIndex.replace(/\.timeindex$/, '.log'));
  return log?.batches.some((b) => b.lastOffset === offset && b.count === 0) ?? false;
}

/** @returns {string[]} */
function checkPartition(
  /** @type {Partition} */ partition,
  /** @type {DumpedFile[]} */ files,
  /** @type {Counts} */ counts,
) {
  /** @type {string[]} */ const problems = [];
  /** @type {DumpedBatch[]} */ const all = [];
  const logs = files.filter((f) => f.kind === 'log');
  let previous = { lastOffset: -1, file: '' };
  for (const file of files) {
    counts.files++;
    for (const complaint of file.complaints) {
      if (!(partition.unclean && /^Found \d+ invalid bytes at the end of /.test(complaint)))
        problems.push(`${file.file}: ${complaint}`);
    }
  }
  for (const log of logs) {
    const complain = (/** @type {string} */ what) => problems.push(`${log.file}: ${what}`);
    const next = logs[logs.indexOf(log) + 1];
    const first = log.batches[0];
    if (previous.file !== '' && log.baseOffset <= previous.lastOffset)
      complain(`begins at ${log.baseOffset}, inside ${previous.file}`);
    if (first !== undefined && first.baseOffset < log.baseOffset)
      complain(`holds offset ${first.baseOffset}, below its name`);
    if (!partition.gaps && first !== undefined && first.baseOffset !== log.baseOffset)
      complain(`first offset is ${first.baseOffset}, not its name`);
    const last = log.batches.at(-1);
    if (!partition.gaps && next !== undefined && (last?.lastOffset ?? -1) + 1 !== next.baseOffset) {
      complain(`ends at offset ${last?.lastOffset}, the next segment begins at ${next.baseOffset}`);
    }
    let bytes = 0;
    for (const batch of log.batches) {
      problems.push(...checkBatch(partition, log.file, batch, previous.lastOffset));
      if (batch.position !== bytes)
        complain(`batch ${batch.baseOffset} at ${batch.position}, after ${bytes} bytes of batches`);
      bytes += batch.size;
      counts.batches++;
      counts.records += batch.records.length;
      previous = { lastOffset: batch.lastOffset, file: log.file };
      all.push(batch);
    }
    if (!partition.unclean && bytes !== statSync(log.file).size)
      complain(`${statSync(log.file).size} bytes, ${bytes} of them batches`);
    problems.push(...checkIndexes(partition, log, files, counts));
  }
  if (!partition.gaps) problems.push(...checkAborts(partition, files, all));
  for (const file of files) {
    if (file.kind === 'txnindex') problems.push(...checkTransactionIndex(file, all, counts));
    if (file.kind === 'snapshot') problems.push(...checkSnapshot(file, all, counts));
  }
  return problems;
}

/** @returns {string[]} */
function checkBatch(
  /** @type {Partition} */ partition,
  /** @type {string} */ file,
  /** @type {DumpedBatch} */ batch,
  /** @type {number} */ previousOffset,
) {
  const problems = [];
  if (!batch.isValid) problems.push('isvalid: false');
  if (batch.baseOffset <= previousOffset)
    problems.push(`not above the offset before it, ${previousOffset}`);
  if (!partition.gaps && previousOffset >= 0 && batch.baseOffset !== previousOffset + 1)
    problems.push(`follows offset ${previousOffset}`);
  if (batch.count !== batch.records.length)
    problems.push(`count ${batch.count}, ${batch.records.length} records`);
  if (!partition.gaps && batch.count !== batch.lastOffset - batch.baseOffset + 1)
    problems.push(`count ${batch.count} up to offset ${batch.lastOffset}`);
  let offset = batch.baseOffset - 1;
  let maxTimestamp = -1;
  for (const record of batch.records) {
    if (record.offset <= offset || record.offset > batch.lastOffset)
      problems.push(`holds record ${record.offset} after ${offset}`);
    offset = record.offset;
    maxTimestamp = Math.max(maxTimestamp, record.timestamp);
    if (batch.isControl && batch.isTransactional && record.marker === undefined)
      problems.push(`control record ${record.offset} has no marker`);
  }
  if (batch.records.length > 0 && maxTimestamp !== batch.maxTimestamp)
    problems.push(`maxTimestamp ${batch.maxTimestamp}, largest in its records ${maxTimestamp}`);
  return problems.map(
    (problem) => `${file}: batch ${batch.baseOffset} at ${batch.position}: ${problem}`,
  );
}

/** @returns {string[]} */
function checkIndexes(
  /** @type {Partition} */ partition,
  /** @type {DumpedFile} */ log,
  /** @type {DumpedFile[]} */ files,
  /** @type {Counts} */ counts,
) {
  const problems = [];
  const of = (/** @type {string} */ kind) =>
    files.find((f) => f.kind === kind && f.baseOffset === log.baseOffset);
  const [index, timeIndex] = [of('index'), of('timeindex')];
  for (const { file, entryBytes } of [
    { file: index, entryBytes: 8 },
    { file: timeIndex, entryBytes: 12 },
  ]) {
    if (file === undefined) continue;
    // The tool stops in silence at an entry of zeros.
    const bytes = statSync(file.file).size;
    if (!partition.unclean && bytes !== file.entries.length * entryBytes)
      problems.push(
        `${file.file}: ${bytes} bytes, ${file.entries.length} entries of ${entryBytes} read`,
      );
  }
  const positions = new Map(log.batches.map((b) => [b.position, b.lastOffset]));
  let before = { offset: -1, position: -1 };
  for (const { offset, position } of index?.entries ?? []) {
    counts.indexEntries++;
    if (offset == null || position == null || positions.get(position) !== offset)
      problems.push(
        `${index?.file}: entry (${offset}, ${position}) is not a batch's last offset and position`,
      );
    else if (offset <= before.offset || position <= before.position)
      problems.push(
        `${index?.file}: entry (${offset}, ${position}) after (${before.offset}, ${before.position})`,
      );
    else before = { offset, position };
  }
  counts.timeIndexEntries += timeIndex?.entries.length ?? 0;
  const largest = Math.max(-1, ...log.batches.map((b) => b.maxTimestamp));
  const indexed = timeIndex?.entries.at(-1)?.timestamp ?? -1;
  if (!partition.unclean && indexed !== largest)
    problems.push(
      `${timeIndex?.file}: last timestamp ${indexed}, largest in the segment ${largest}`,
    );
  return problems;
}

/**
 * Every transaction that the log shows aborted is in a transaction index, or read_committed consumers would be given it.
 * @param {Partition} partition
 * @param {DumpedFile[]} files
 * @param {DumpedBatch[]} batches
 * @returns {string[]}
 */
function checkAborts(partition, files, batches) {
  const key = (/** @type {unknown[]} */ ...parts) => parts.join(' ');
  const indexed = new Set(
    files
      .filter((file) => file.kind === 'txnindex')
      .flatMap((file) => file.entries.map((e) => key(e.producerId, e.firstOffset, e.lastOffset))),
  );
  const problems = [];
  /** @type {Map<number, number>} */ const open = new Map();
  for (const batch of batches) {
    if (!batch.isTransactional) continue;
    const first = open.get(batch.producerId);
    if (!batch.isControl) {
      if (first === undefined) open.set(batch.producerId, batch.baseOffset);
      continue;
    }
    open.delete(batch.producerId);
    const aborted = batch.records[0]?.marker === 'ABORT' && first !== undefined;
    if (aborted && !indexed.has(key(batch.producerId, first, batch.baseOffset))) {
      problems.push(
        `${partition.directory}: the transaction of producer ${batch.producerId} aborted from ${first} to ${batch.baseOffset} is in no .txnindex`,
      );
    }
  }
  return problems;
}

/** @returns {string[]} */
function checkTransactionIndex(
  /** @type {DumpedFile} */ file,
  /** @type {DumpedBatch[]} */ batches,
  /** @type {Counts} */ counts,
) {
  const problems = [];
  if (statSync(file.file).size !== file.entries.length * 34)
    problems.push(
      `${file.file}: ${statSync(file.file).size} bytes, ${file.entries.length} entries`,
    );
  for (const { producerId, firstOffset, lastOffset } of file.entries) {
    counts.abortedTransactions++;
    const marker = batches.find(
      (b) => b.baseOffset === lastOffset && b.isControl && b.producerId === producerId,
    );
    if (marker?.records[0]?.marker !== 'ABORT')
      problems.push(
        `${file.file}: offset ${lastOffset} is not an ABORT marker of producer ${producerId}`,
      );
    if (Number(firstOffset) > Number(lastOffset))
      problems.push(`${file.file}: aborted from ${firstOffset} to ${lastOffset}`);
  }
  return problems;
}

/** @returns {string[]} */
function checkSnapshot(
  /** @type {DumpedFile} */ file,
  /** @type {DumpedBatch[]} */ batches,
  /** @type {Counts} */ counts,
) {
  const problems = [];
  for (const { producerId, lastOffset, lastSequence, producerEpoch } of file.entries) {
    counts.producers++;
    // A producer known only by a marker has no last batch; a batch can be older than the log start.
    if (lastOffset == null || lastOffset < 0) continue;
    if (lastOffset >= file.baseOffset)
      problems.push(
        `${file.file}: producer ${producerId} at offset ${lastOffset}, past the snapshot`,
      );
    const batch = batches.find((b) => b.lastOffset === lastOffset);
    if (
      batch !== undefined &&
      (batch.producerId !== producerId ||
        batch.lastSequence !== lastSequence ||
        batch.producerEpoch > Number(producerEpoch))
    ) {
      problems.push(
        `${file.file}: producer ${producerId} epoch ${producerEpoch} sequence ${lastSequence} at offset ${lastOffset}; the log says producer ${batch.producerId} epoch ${batch.producerEpoch} sequence ${batch.lastSequence}`,
      );
    }
  }
  return problems;
}
