import zlib from 'node:zlib';
import type { Producer } from '@platformatic/kafka';
import { stickyPartitioner } from '../../engine/embedded/partitioner.js';
import { VarveError } from '../../engine/errors.js';
import { RemoteError } from '../client/client-error.js';
import { clusterView } from '../client/cluster-view.js';
import { type KafkaClient, withClient } from '../client/kafka-client.js';
import { openInput } from '../input.js';
import { lines } from '../lines.js';
import { printJson } from '../print-json.js';
import { formatBytes, formatCount, Progress, plural } from '../progress.js';
import { interruptSignal, UsageError } from '../run-program.js';
import type { ProduceFlags } from './flags.js';
import { type OutgoingRecord, RecordReader } from './input-records.js';

/** Longer lines are no records anywhere: brokers take 1 MiB unless told otherwise. */
const MAX_LINE_BYTES = 128 * 1024 * 1024;
/** All partitions' batches together, where many keys fill many partitions slowly. */
const MAX_GATHERED_BYTES = 16 * 1024 * 1024;

/** Sends lines to a topic. */
export async function produce(topic: string, flags: ProduceFlags): Promise<void> {
  if (flags.compression === 'zstd' && !('zstdCompressSync' in zlib)) {
    throw new UsageError(
      `--compression zstd needs Node.js 22.15 or later, whose own zstd the client library uses; this is ${process.version}. Take lz4, snappy or gzip`,
    );
  }
  if (flags.json && flags.keySeparator !== undefined) {
    throw new UsageError('--key-separator does not go with --json, whose lines have their key');
  }
  const signal = interruptSignal();
  await withClient(flags, async (client) => {
    const sender = await Sender.open(client, topic, flags);
    try {
      await sendLines(sender, flags, signal);
    } finally {
      await sender.close();
    }
    signal.throwIfAborted();
  });
}

async function sendLines(sender: Sender, flags: ProduceFlags, signal: AbortSignal): Promise<void> {
  const reader = new RecordReader({
    isJson: flags.json ?? false,
    keySeparator: flags.keySeparator,
    nullValue: flags.nullValue,
    headers: flags.header ?? {},
  });
  const input = await openInput(flags.from);
  const stop = () => input.destroy();
  signal.addEventListener('abort', stop);
  const progress = new Progress('sending', 'records');
  const startedMs = performance.now();
  let linger: NodeJS.Timeout | undefined;
  try {
    for await (const some of lines(input, MAX_LINE_BYTES, 'are taken')) {
      clearTimeout(linger);
      for (const line of some) {
        const record = reader.read(line);
        if (record !== null) await sender.add(record);
      }
      progress.update(sender.records, null);
      linger = setTimeout(() => {
        sender.send().catch((error: Error) => input.destroy(error));
      }, flags.lingerMs);
    }
  } catch (error) {
    clearTimeout(linger);
    progress.end();
    // What could be read before it goes out, as it does when input ends.
    if (signal.aborted || isBadLine(error)) await sender.finish();
    if (!signal.aborted) throw withCount(error, sender.records);
  } finally {
    clearTimeout(linger);
    signal.removeEventListener('abort', stop);
    progress.end();
    input.destroy();
  }
  await sender.finish().catch((error: unknown) => {
    throw withCount(error, sender.records);
  });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(2);
  const size = `${plural(sender.records, 'record')}, ${formatBytes(sender.bytes)}`;
  process.stderr.write(`${sender.topic}: sent ${size}, in ${seconds} s\n`);
}

function isBadLine(error: unknown): error is VarveError {
  return error instanceof VarveError && error.details.line !== undefined;
}

function withCount(error: unknown, records: number): unknown {
  const note = `; ${formatCount(records)} records were sent before`;
  if (isBadLine(error)) return new VarveError(error.code, error.message + note, { cause: error });
  if (error instanceof RemoteError) return new RemoteError(error.code, error.message + note, error);
  return error;
}

interface Batch {
  readonly partition: number;
  readonly firstTimestampMs: number;
  readonly records: StampedRecord[];
  bytes: number;
}

type StampedRecord = OutgoingRecord & { readonly timestampMs: number };

/** About what a record takes in a batch beyond its key and value. */
const RECORD_BYTES = 12;

/**
 * A record's timestamp is stored as its distance to the batch's first, and the library writes distances of 2^31 ms (25
 * days) and more wrong.
 */
const MAX_TIMESTAMP_DISTANCE_MS = 0x7fff_ffff;

/** Gathers records by partition, and sends what has gathered while more is read. */
class Sender {
  readonly topic: string;
  /** Sent and, unless acks is 0, acknowledged. */
  records = 0;
  bytes = 0;
  readonly #client: KafkaClient;
  readonly #producer: Producer;
  readonly #flags: ProduceFlags;
  readonly #partitions: number;
  readonly #choose = stickyPartitioner();
  #gathered = new Map<number, Batch>();
  #gatheredBytes = 0;
  #sending: Promise<void> = Promise.resolve();

  private constructor(
    client: KafkaClient,
    producer: Producer,
    topic: string,
    partitions: number,
    flags: ProduceFlags,
  ) {
    this.#client = client;
    this.#producer = producer;
    this.topic = topic;
    this.#partitions = partitions;
    this.#flags = flags;
  }

  static async open(client: KafkaClient, topic: string, flags: ProduceFlags): Promise<Sender> {
    const { topics } = await clusterView(client, [topic]);
    const partitions = topics[0]?.partitions.length ?? 0;
    if (flags.partition !== undefined && flags.partition >= partitions) {
      throw new UsageError(
        `--partition ${flags.partition}: ${topic} has ${plural(partitions, 'partition')}, from 0`,
      );
    }
    const producer = new client.library.Producer({
      ...client.options,
      retries: 0,
      acks: acksOf(flags),
      idempotent: flags.acks === 'all',
      compression: flags.compression,
    });
    // All batches must be of one producer, also those that are sent together first.
    if (flags.acks === 'all') {
      await client.retrying(() => producer.initIdempotentProducer({ acks: acksOf(flags) }));
    }
    return new Sender(client, producer, topic, partitions, flags);
  }

  async close(): Promise<void> {
    await this.#producer.close(true);
  }

  async add(record: OutgoingRecord): Promise<void> {
    const partition =
      this.#flags.partition ??
      this.#choose({ topic: this.topic, ...record }, this.#partitions, this.#flags.batchBytes);
    const { timestampMs = Date.now() } = record;
    const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0) + RECORD_BYTES;
    let batch = this.#gathered.get(partition);
    if (
      batch !== undefined &&
      (batch.bytes + bytes > this.#flags.batchBytes ||
        Math.abs(timestampMs - batch.firstTimestampMs) > MAX_TIMESTAMP_DISTANCE_MS)
    ) {
      await this.send();
      batch = undefined;
    }
    if (batch === undefined) {
      batch = { partition, firstTimestampMs: timestampMs, records: [], bytes: 0 };
      this.#gathered.set(partition, batch);
    }
    batch.records.push({ ...record, timestampMs });
    batch.bytes += bytes;
    this.#gatheredBytes += bytes;
    if (this.#gatheredBytes >= MAX_GATHERED_BYTES) await this.send();
  }

  /** Resolves when what was sent before is acknowledged; one batch a partition is on its way at a time. */
  async send(): Promise<void> {
    await this.#sending;
    const batches = [...this.#gathered.values()];
    this.#gathered = new Map();
    this.#gatheredBytes = 0;
    this.#sending = Promise.all(batches.map((batch) => this.#sendBatch(batch))).then(
      () => undefined,
    );
    // Whoever awaits it next gets the error.
    this.#sending.catch(() => undefined);
  }

  async finish(): Promise<void> {
    await this.send();
    await this.#sending;
  }

  async #sendBatch({ partition, records, bytes }: Batch): Promise<void> {
    const acks = acksOf(this.#flags);
    const { offsets } = await this.#client.retrying(
      () => this.#producer.send({ messages: this.#messages(partition, records), acks }),
      () => `${this.topic}-${partition}`,
    );
    this.records += records.length;
    this.bytes += bytes - records.length * RECORD_BYTES;
    if (this.#flags.report) {
      const offset = acks === 0 ? null : Number(offsets?.[0]?.offset);
      printJson({ topic: this.topic, partition, offset, records: records.length });
    }
  }

  // The library writes into what it is given: each attempt gets its own.
  #messages(partition: number, records: readonly StampedRecord[]) {
    return records.map(({ key, value, headers, timestampMs }) => ({
      topic: this.topic,
      partition,
      ...(key !== null && { key }),
      ...(value !== null && { value }),
      // Null is a header's value in Kafka's format, and not in the library's type.
      ...(headers.length > 0 && { headers: new Map(headers) as Map<Buffer, Buffer> }),
      timestamp: BigInt(timestampMs),
    }));
  }
}

function acksOf({ acks }: ProduceFlags): number {
  return acks === 'all' ? -1 : Number(acks);
}
