import { z } from 'zod';

/**
 * What can be turned in a benchmark. One cell of a matrix has one value of each; a matrix crosses any of them with any
 * other. Every knob has one place: its name, range, default and meaning here, nowhere else.
 */

const count = (low: number, high: number) => z.number().int().min(low).max(high);

const KIB = 1024;
const MIB = 1024 * KIB;

/** Records a second or bytes a second of an open loop: `max` is a closed loop, `50%` a share of the measured maximum. */
const rate = z.union([
  z.literal('max'),
  z
    .string()
    .regex(
      /^\d+(\.\d+)?%$/,
      'max, a share of the measured maximum such as 50%, or bytes a second as a number',
    ),
  z.number().positive().max(1e12),
]);

/** When a batch counts as on disk: left to the operating system, before each acknowledgement, or every so often. */
const flush = z.union([
  z.literal('os'),
  z.literal('batch'),
  z.string().regex(/^\d+ms$/, 'os, batch, or milliseconds such as 1000ms'),
]);

export const KNOBS = {
  target: z
    .string()
    .min(1)
    .default('cluster')
    .describe('what is measured: engine, cluster, local-kafka, kafka://host:port,...'),
  experiment: z
    .enum(['load', 'failover', 'crash', 'recovery', 'rebalance'])
    .default('load')
    .describe(
      'what happens meanwhile: only load; the leader of partition 0 goes; records are counted after a kill; ...',
    ),
  by: z
    .enum(['kill', 'stop', 'move'])
    .default('kill')
    .describe(
      'failover: its broker is killed (SIGKILL), stopped (SIGTERM), or another replica is elected; recovery: kill, stop',
    ),
  brokers: count(1, 9).default(3).describe('brokers of a cluster that is started for the run'),
  partitions: count(1, 10_000).default(1).describe('partitions of the topic'),
  replicationFactor: count(1, 9).default(1).describe('replicas of each partition'),
  acks: z
    .union([z.literal(0), z.literal(1), z.literal('all')])
    .default('all')
    .describe(
      'who has a batch when it is acknowledged: nobody known, the leader, all in-sync replicas',
    ),
  minInsyncReplicas: count(1, 9).default(1).describe('fewest in-sync replicas for acks=all'),
  recordBytes: count(1, 10 * MIB)
    .default(KIB)
    .describe('bytes of each value'),
  batchBytes: count(1, 64 * MIB)
    .default(16 * KIB)
    .describe('a batch is sent at the latest when it holds so many bytes of values (batch.size)'),
  lingerMs: z
    .number()
    .min(0)
    .max(60_000)
    .default(5)
    .describe(
      'open loop: a batch is sent at the latest so long after its first record (linger.ms)',
    ),
  codec: z
    .enum(['none', 'gzip', 'snappy', 'lz4', 'zstd'])
    .default('none')
    .describe('compression of batches'),
  flush: flush
    .default('os')
    .describe('when the log is synced: os, batch (flush.messages=1), or Nms (flush.ms)'),
  producers: count(1, 64).default(1).describe('processes that send'),
  inFlight: count(1, 1000)
    .default(5)
    .describe(
      'requests of a producer under way on one connection (max.in.flight.requests.per.connection)',
    ),
  consumers: count(0, 256)
    .default(1)
    .describe('processes that read in each group; 0: nobody reads'),
  groups: count(1, 32).default(1).describe('groups of consumers, each of which reads everything'),
  reading: z
    .enum(['tail', 'slow', 'catch-up'])
    .default('tail')
    .describe(
      'consumers follow the end; take a tenth of their time off; or one more reads from the start meanwhile',
    ),
  consumerRate: z
    .union([z.literal('max'), z.number().positive().max(1e12)])
    .default('max')
    .describe(
      'what each consumer gets through, as with work of its own: max, or bytes of values a second',
    ),
  keys: z
    .enum(['none', 'uniform', 'zipf', 'hot'])
    .default('none')
    .describe(
      'partition of a record: in turn; by uniform keys; by zipf keys; nine of ten to one partition',
    ),
  client: z
    .enum(['ready', 'kafkajs', 'platformatic', 'librdkafka'])
    .default('ready')
    .describe('who talks to brokers: ready batches (measures brokers), or a client library'),
  rate: rate
    .default('max')
    .describe('max (closed loop), bytes a second, or a share of the maximum such as 50%'),
  arrivals: z
    .enum(['uniform', 'poisson'])
    .default('uniform')
    .describe('open loop: when records are due'),
} as const;

export const cellSchema = z.strictObject(KNOBS);

/** One value of every knob: what one run measures. */
export type Cell = z.infer<typeof cellSchema>;
export type KnobName = keyof Cell;
export const KNOB_NAMES = Object.keys(KNOBS) as KnobName[];
export type Acks = Cell['acks'];
export type Codec = Cell['codec'];
export type ClientName = Cell['client'];

/** Defaults for what is not said. Throws what zod throws: use `matrix.ts` for messages to people. */
export function cellOf(knobs: Partial<Cell>): Cell {
  return cellSchema.parse(knobs);
}
