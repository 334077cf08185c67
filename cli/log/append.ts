import { isVarveError, VarveError } from '../../engine/errors.js';
import { BATCH_OVERHEAD, MAX_RECORD_OVERHEAD } from '../../engine/format/layout.js';
import { PartitionLog } from '../../engine/log/partition-log.js';
import type { CompressionType } from '../../engine/types.js';
import { openInput } from '../input.js';
import { lines } from '../lines.js';
import { formatBytes, formatCount, Progress } from '../progress.js';
import { interruptSignal } from '../run-program.js';

export interface AppendCommandOptions {
  /** A file, or `-` for stdin. */
  readonly from: string;
  readonly batchBytes: number;
  readonly maxMessageBytes: number;
  readonly compression: CompressionType;
  readonly durable: boolean;
  readonly json: boolean;
}

const FITS_A_RECORD = 'fit a record (--max-message-bytes less the overhead of a batch)';

/** About what a record takes in a batch beyond its value: short deltas and lengths are one or two bytes each. */
const RECORD_BYTES = 12;

/** A batch that is not full is appended when its input pauses for so long: `tail -f` may never fill one. */
const LINGER_MS = 100;

/** Appends a file, or stdin for `-`, to one partition: a line a record, without its line end. */
export async function appendLines(directory: string, options: AppendCommandOptions): Promise<void> {
  const signal = interruptSignal();
  const input = await openInput(options.from);
  const stop = () => input.destroy();
  signal.addEventListener('abort', stop);
  const progress = new Progress('appending', 'bytes');
  const startedMs = performance.now();
  const log = await PartitionLog.open({
    directory,
    config: { maxMessageBytes: options.maxMessageBytes },
    onProgress: ({ scannedBytes, totalBytes }) => progress.update(scannedBytes, totalBytes),
  });
  const appender = new Appender(log, options);
  let linger: NodeJS.Timeout | undefined;
  let lingered = Promise.resolve();
  const sendPaused = () => {
    lingered = appender.send();
    lingered.catch((error: Error) => input.destroy(error));
  };
  try {
    const limit = options.maxMessageBytes - BATCH_OVERHEAD - MAX_RECORD_OVERHEAD;
    for await (const some of lines(input, limit, FITS_A_RECORD)) {
      clearTimeout(linger);
      for (const line of some) {
        if (appender.isFull(line)) await appender.send();
        appender.add(line);
      }
      progress.update(appender.bytes, null);
      linger = setTimeout(sendPaused, LINGER_MS);
    }
    clearTimeout(linger);
    await lingered;
    await appender.send();
  } catch (error) {
    if (signal.aborted) {
      await appender.send();
    } else {
      const isBadLine = isVarveError(error) && error.details.line !== undefined;
      if (isBadLine) await appender.send();
      throw keptSoFar(error, appender, directory);
    }
  } finally {
    clearTimeout(linger);
    signal.removeEventListener('abort', stop);
    progress.end();
    input.destroy();
    await log.close();
  }
  if (signal.aborted) throw interrupted(appender, directory);
  report(directory, appender, (performance.now() - startedMs) / 1000, options.json);
}

/** Gathers lines into batches. */
class Appender {
  readonly first: number;
  bytes = 0;
  readonly #log: PartitionLog;
  readonly #options: AppendCommandOptions;
  #batch: { value: Uint8Array }[] = [];
  #batchBytes = BATCH_OVERHEAD;

  constructor(log: PartitionLog, options: AppendCommandOptions) {
    this.#log = log;
    this.#options = options;
    this.first = log.logEndOffset;
  }

  /** Records in the log by now. */
  get records(): number {
    return this.#log.logEndOffset - this.first;
  }

  isFull(line: Uint8Array): boolean {
    const isEmpty = this.#batch.length === 0;
    return !isEmpty && this.#batchBytes + line.length + RECORD_BYTES > this.#options.batchBytes;
  }

  add(line: Uint8Array): void {
    this.#batch.push({ value: line });
    this.#batchBytes += line.length + RECORD_BYTES;
    this.bytes += line.length;
  }

  async send(): Promise<void> {
    if (this.#batch.length === 0) return;
    this.#log.append(this.#batch, { compression: this.#options.compression });
    this.#batch = [];
    this.#batchBytes = BATCH_OVERHEAD;
    if (this.#options.durable) await this.#log.flush();
  }
}

function keptSoFar(error: unknown, appender: Appender, directory: string): unknown {
  if (!isVarveError(error)) return error;
  return new VarveError(
    error.code,
    `${error.message}; ${formatCount(appender.records)} records before it are in ${directory}`,
    { cause: error, details: { ...error.details, records: appender.records } },
  );
}

function interrupted(appender: Appender, directory: string): VarveError {
  return new VarveError(
    'ABORTED',
    `interrupted; the ${formatCount(appender.records)} records appended so far are in ${directory}`,
    { details: { records: appender.records } },
  );
}

function report(directory: string, appender: Appender, seconds: number, json: boolean): void {
  const { first, records, bytes } = appender;
  if (json) {
    console.log(JSON.stringify({ directory, firstOffset: first, records, bytes, seconds }));
    return;
  }
  const range = records === 0 ? '' : `, offsets ${first}..${first + records - 1}`;
  console.log(
    `${directory}: appended ${formatCount(records)} records, ${formatBytes(bytes)}${range}, in ${seconds.toFixed(2)} s`,
  );
}
