import { VarveError } from '../errors.js';
import type { AppendOptions } from '../log/log-options.js';
import type { PartitionLog } from '../log/partition-log.js';
import type { BytesOrText, CompressionType, RecordInput } from '../types.js';
import { type PartitionSource, partitionKey } from './partition-source.js';
import { type Partitioner, stickyPartitioner } from './partitioner.js';

/**
 * When a send resolves: `memory`: the record survives the death of the process; `disk`: power loss too. A topic's
 * flush.messages does not change that: it starts syncs beside the sends, and is an acknowledgement's business only where
 * a broker gives it.
 */
export type Durability = 'memory' | 'disk';

export interface ProducerOptions {
  /** Bytes after which a partition's batch is appended without waiting. Kafka: batch.size. Default 16384. */
  readonly batchBytes?: number;
  /** Milliseconds to wait for more records; 0: to the end of the tick. Kafka: linger.ms. Default 0. */
  readonly lingerMs?: number;
  /** A topic's own compression.type goes before it. Default `none`. */
  readonly compression?: CompressionType;
  readonly compressionLevel?: number;
  /** Default `memory`; a send may ask for its own. */
  readonly durability?: Durability;
  /** Default: by key with murmur2, else sticky. */
  readonly partitioner?: Partitioner;
}

export interface ProducerRecord extends RecordInput {
  readonly topic: string;
  /** Default: the partitioner's choice. */
  readonly partition?: number;
}

export interface RecordMetadata {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

interface Waiting {
  readonly resolve: (metadata: RecordMetadata) => void;
  readonly reject: (error: unknown) => void;
}

const NOT_A_BATCH_FAULT = new Set([
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
]);

/**
 * Writes to partitions in this process, without sockets. Sends to one partition keep their order. Keys and values
 * are taken by reference until their batch is appended, at the latest when `lingerMs` is over: do not change them.
 */
export class Producer {
  readonly #source: PartitionSource;
  readonly #batchBytes: number;
  readonly #lingerMs: number;
  readonly #durability: Durability;
  readonly #partitioner: Partitioner;
  readonly #append: AppendOptions;
  readonly #onClose: () => void;
  readonly #batches = new Map<string, Accumulator>();
  #drainScheduled = false;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  /** `onClose` tells an owner that keeps a list of its clients. */
  constructor(source: PartitionSource, options: ProducerOptions = {}, onClose = () => {}) {
    this.#source = source;
    this.#onClose = onClose;
    this.#batchBytes = wholeNumber('batchBytes', options.batchBytes ?? 16_384, 1, 2 ** 31 - 1);
    this.#lingerMs = wholeNumber('lingerMs', options.lingerMs ?? 0, 0, 2 ** 31 - 1);
    this.#durability = options.durability ?? 'memory';
    this.#partitioner = options.partitioner ?? stickyPartitioner();
    this.#append = {
      ...(options.compression && { compression: options.compression }),
      ...(options.compressionLevel !== undefined && { compressionLevel: options.compressionLevel }),
    };
  }

  /**
   * Sends one record. Resolves with its offset when it is as durable as asked for. Rejects with the log's own
   * errors (INVALID_RECORD, MESSAGE_TOO_LARGE, DISK_FULL, LOG_POISONED, PARTITION_OFFLINE ...) or CLOSED; a record
   * that is refused does not take the others of its batch with it.
   */
  send(
    record: ProducerRecord,
    options: { readonly durability?: Durability } = {},
  ): Promise<RecordMetadata> {
    return new Promise((resolve, reject) => {
      const batch = this.#accumulatorFor(record);
      const isDurable = (options.durability ?? this.#durability) === 'disk';
      batch.add(record, { resolve, reject }, isDurable);
      if (batch.bytes >= this.#batchBytes) batch.drain();
      else this.#schedule();
    });
  }

  #accumulatorFor(record: ProducerRecord): Accumulator {
    if (this.#closed) throw new VarveError('CLOSED', 'the producer is closed');
    const { topic } = record;
    const partitions = this.#source.partitionCount(topic);
    const partition = record.partition ?? this.#partitioner(record, partitions, this.#batchBytes);
    if (!Number.isInteger(partition) || partition < 0 || partition >= partitions) {
      throw new VarveError(
        'UNKNOWN_TOPIC_OR_PARTITION',
        `topic ${topic} has partitions 0..${partitions - 1}, not ${partition}`,
        { details: { topic, partition, partitions } },
      );
    }
    const key = partitionKey(topic, partition);
    const log = this.#source.partition(topic, partition);
    let batch = this.#batches.get(key);
    if (batch === undefined || batch.log !== log) {
      batch?.drain();
      batch = new Accumulator(topic, partition, log, this.#append);
      this.#batches.set(key, batch);
    }
    return batch;
  }

  #schedule(): void {
    if (this.#drainScheduled) return;
    this.#drainScheduled = true;
    const drain = () => this.#drain();
    if (this.#lingerMs === 0) process.nextTick(drain);
    else this.#timer = setTimeout(drain, this.#lingerMs);
  }

  #drain(): void {
    this.#drainScheduled = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const batch of this.#batches.values()) batch.drain();
  }

  /** Appends what is waiting, and resolves when everything sent so far survives power loss. */
  async flush(): Promise<void> {
    this.#drain();
    const logs = new Set([...this.#batches.values()].map(({ log }) => log));
    await Promise.all([...logs].map((log) => log.flush()));
  }

  /** Appends what is waiting and refuses more. Does not wait for the disk: call `flush` first for that. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#drain();
    this.#batches.clear();
    this.#onClose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Records on their way to one partition. */
class Accumulator {
  readonly topic: string;
  readonly partition: number;
  readonly log: PartitionLog;
  readonly #options: AppendOptions;
  #records: RecordInput[] = [];
  #waiting: Waiting[] = [];
  #isDurable = false;
  /** Estimated bytes of records waiting. */
  bytes = 0;

  constructor(topic: string, partition: number, log: PartitionLog, options: AppendOptions) {
    this.topic = topic;
    this.partition = partition;
    this.log = log;
    const { compressionType } = log.config;
    this.#options =
      compressionType === 'producer'
        ? options
        : {
            ...options,
            compression: compressionType === 'uncompressed' ? 'none' : compressionType,
          };
  }

  add(record: RecordInput, waiting: Waiting, isDurable: boolean): void {
    this.#records.push(record);
    this.#waiting.push(waiting);
    if (isDurable) this.#isDurable = true;
    this.bytes += 16 + lengthOf(record.key) + lengthOf(record.value);
  }

  drain(): void {
    if (this.#records.length === 0) return;
    const records = this.#records;
    const waiting = this.#waiting;
    const isDurable = this.#isDurable;
    this.#records = [];
    this.#waiting = [];
    this.#isDurable = false;
    this.bytes = 0;
    this.#send(records, waiting, isDurable);
  }

  #send(records: RecordInput[], waiting: Waiting[], isDurable: boolean): void {
    let baseOffset: number;
    try {
      baseOffset = this.log.append(records, this.#options).baseOffset;
    } catch (error) {
      const canSplit = error instanceof VarveError && NOT_A_BATCH_FAULT.has(error.code);
      if (canSplit && records.length > 1) {
        const half = records.length >>> 1;
        this.#send(records.slice(0, half), waiting.slice(0, half), isDurable);
        this.#send(records.slice(half), waiting.slice(half), isDurable);
      } else for (const { reject } of waiting) reject(error);
      return;
    }
    const acknowledge = () => {
      const { topic, partition } = this;
      for (let i = 0; i < waiting.length; i += 1) {
        waiting[i]!.resolve({ topic, partition, offset: baseOffset + i });
      }
    };
    if (!isDurable) acknowledge();
    else {
      this.log.flush().then(acknowledge, (error: unknown) => {
        for (const { reject } of waiting) reject(error);
      });
    }
  }
}

function lengthOf(value: BytesOrText | null | undefined): number {
  return value === null || value === undefined ? 0 : value.length;
}

function wholeNumber(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new VarveError(
    'INVALID_CONFIG',
    `${name} ${value} is not a whole number in [${least}, ${most}]`,
    { details: { name, value, least, most } },
  );
}
