import { z } from 'zod';
import { cellSchema } from './knobs.js';

/**
 * The document that a run of the suite writes. `results/schema.json` is made from this file; docs are the descriptions
 * here. A change that a reader would misread gets a new `SCHEMA_VERSION`; further fields do not.
 *
 * Names end with their unit. Bytes are of record values unless the name says `wire` or `disk`.
 */
export const SCHEMA_VERSION = 2;

const number = z.number();
const orNull = <T extends z.ZodType>(type: T) => z.union([type, z.null()]);
/** Fields that older documents of this version do not have. */
const later = <T extends z.ZodType>(type: T) => z.union([type, z.null()]).default(null);

/** A median and the range that holds the true one; `confidence` (0-1) is what so few values can really cover. */
export const estimateSchema = z.object({
  median: number,
  low: number,
  high: number,
  confidence: number,
  count: z.number().int(),
});

/** Percentiles of one histogram, and the histogram itself (HdrHistogram V2, deflated, base64), so that they can be merged. */
export const latencySchema = z.object({
  count: z.number().int(),
  meanUs: number,
  p50Us: number,
  p75Us: number,
  p90Us: number,
  p99Us: number,
  p999Us: number,
  p9999Us: number,
  maxUs: number,
  histogram: z.string().describe('values are nanoseconds, 3 significant digits'),
});

export const trafficSchema = z.object({
  records: number,
  bytes: number.describe('of values'),
  wireBytes: number.describe('of record batches as they are sent, compressed'),
  batches: number,
  requests: number,
  errors: number.describe('records whose batch was refused or whose answer did not come'),
  recordsPerSecond: number,
  bytesPerSecond: number,
});

export const PROCESS_ROLES = [
  'producer',
  'consumer',
  'broker',
  'supervisor',
  'engine',
  'other',
] as const;

/** One process over the measured window, from /proc. null: not to be had here. */
export const processSchema = z.object({
  role: z.enum(PROCESS_ROLES),
  id: z.string().describe('broker 1, producer 0'),
  pid: z.number().int(),
  userSeconds: number,
  systemSeconds: number,
  peakRssBytes: number,
  diskWrittenBytes: orNull(number),
  networkReceivedBytes: later(number).describe('over its TCP sockets'),
  networkSentBytes: later(number),
  descriptors: orNull(number),
  mappings: orNull(number),
  leaders: orNull(number).describe('partitions of the topic that it leads'),
  replicas: orNull(number).describe('replicas of the topic that it holds, led ones included'),
});

export const machineSchema = z.object({
  cores: z.number().int(),
  busySeconds: number.describe('of all processors together'),
  idleSeconds: number,
  ioWaitSeconds: number,
  stealSeconds: number.describe('taken by the machine beneath'),
});

/** A part of the measured window, from the end of the one before it. */
export const tickSchema = z.object({
  atMs: number.describe('its end, from the start of the window'),
  producedRecords: number.describe('acknowledged in it'),
  consumedRecords: number.describe('read in it'),
  publishP50Us: later(number).describe(
    'publish latency of what was acknowledged in it; of several producers the highest; null: nothing was',
  ),
  publishP99Us: later(number),
});

export const failoverSchema = z.object({
  kind: z
    .enum(['kill', 'move', 'stop'])
    .describe('SIGKILL, an election of another replica, or SIGTERM'),
  longestGapMs: number.describe('between acknowledgements of partition 0'),
  untilNextAckMs: number.describe(
    'from the deed to the acknowledgement of partition 0 that ended the longest time without one',
  ),
});

/** Measured by killing (SIGKILL), not assumed. */
export const crashSchema = z.object({
  what: z.string().describe('who was killed, and when'),
  acknowledgedRecords: number,
  lostRecords: number.describe(
    'acknowledged and not there after the processes were started again or failed over',
  ),
  doubledRecords: number,
  unsyncedRecords: orNull(number).describe(
    'acknowledged at the kill and beyond the recovery point on every disk: what a power failure of all machines could take at most',
  ),
});

export const recoverySchema = z.object({
  logBytes: number,
  clean: z.boolean().describe('stopped as its users do, or killed'),
  untilServingMs: number,
});

export const rebalanceSchema = z.object({
  members: z.number().int(),
  kind: z.string(),
  untilAllConsumedMs: number,
});

export const cellRunSchema = z.object({
  repeat: z.number().int().describe('of the cell, from 0'),
  order: z.number().int().describe('in the whole run, from 0'),
  startedAt: z.string(),
  seconds: number.describe('measured window'),
  produced: trafficSchema,
  consumed: orNull(trafficSchema),
  latency: z.object({
    publish: orNull(latencySchema).describe(
      'from the intended time of sending to the acknowledgement',
    ),
    publishService: orNull(latencySchema).describe('from the real sending of the request'),
    endToEnd: orNull(latencySchema).describe('from the intended time of sending to the consumer'),
  }),
  generator: z.object({
    utilisation: number.describe(
      'share of time that the busiest load process was on a processor, 0-1',
    ),
    behindMs: number.describe('open loop: the longest that sending was behind its schedule'),
    achievedShare: orNull(number).describe(
      'open loop: acknowledged records of those that were due',
    ),
  }),
  requests: z.object({
    meanBytes: number,
    batchFill: number.describe('mean bytes of values in a batch over batchBytes, 0-1'),
    meanInFlight: number,
  }),
  processes: z.array(processSchema),
  machine: orNull(machineSchema),
  syncs: orNull(number).describe('fsync and fdatasync calls, where a target counts them'),
  timeline: z.array(tickSchema),
  deedAtMs: later(number).describe(
    'when the experiment killed, stopped or moved, from the start of the window',
  ),
  failover: orNull(failoverSchema),
  crash: orNull(crashSchema),
  recovery: orNull(recoverySchema),
  rebalance: orNull(rebalanceSchema),
});

export const BOTTLENECKS = [
  'none',
  'generator',
  'client',
  'network',
  'leader',
  'follower',
  'machine',
  'disk',
  'sync',
  'batching',
  'unknown',
] as const;

export const attributionSchema = z.object({
  bottleneck: z.enum(BOTTLENECKS),
  text: z.string().describe('one sentence for people'),
  evidence: z.array(z.string()),
});

export const cellSummarySchema = z.object({
  producedRecordsPerSecond: estimateSchema,
  producedBytesPerSecond: estimateSchema,
  consumedRecordsPerSecond: orNull(estimateSchema),
  consumedBytesPerSecond: orNull(estimateSchema),
  publish: orNull(latencySchema).describe('all repeats merged'),
  publishService: orNull(latencySchema),
  endToEnd: orNull(latencySchema),
  cpuSecondsPerMillionRecords: z.record(z.string(), number).describe('by role of process'),
  peakRssBytes: z.record(z.string(), number),
  diskBytesPerByte: orNull(number).describe('written to disk by all brokers per acknowledged byte'),
  networkBytesPerByte: later(z.object({ received: number, sent: number })).describe(
    'received and sent by all brokers per acknowledged byte, what they send to each other in both; null: not counted',
  ),
  attribution: attributionSchema,
});

export const cellResultSchema = z.object({
  id: z
    .string()
    .describe('the knobs that differ from defaults; the same cell of two runs has the same id'),
  cell: cellSchema,
  runs: z.array(cellRunSchema),
  summary: orNull(cellSummarySchema).describe('null: no run of it was finished'),
  failure: orNull(z.object({ code: z.string(), message: z.string() })),
  profile: orNull(z.string()).describe(
    'path of a profile of this cell, relative to the result file',
  ),
});

export const environmentSchema = z.object({
  cpuModel: z.string(),
  cores: z.number().int(),
  memoryBytes: number,
  platform: z.string(),
  kernel: z.string(),
  fileSystem: z.string(),
  freeDiskBytes: number,
  nodeVersion: z.string(),
  v8Version: z.string(),
  varveVersion: z.string(),
  gitCommit: orNull(z.string()),
  gitDirty: orNull(z.boolean()),
});

/** What the machine could do at best, measured in the same run. */
export const calibrationSchema = z.object({
  memcpy64KiBBytesPerSecond: number,
  crc32c64KiBBytesPerSecond: number,
  pwrite64KiBBytesPerSecond: number,
  fdatasync4KiBP50Us: number,
  fdatasync4KiBP99Us: number,
  loopbackBytesPerSecond: number,
  clockReadNs: number,
  cpuNoiseP99: number,
});

export const generatorLimitSchema = z.object({
  client: z.string(),
  recordBytes: number,
  batchBytes: number,
  recordsPerSecond: number,
  bytesPerSecond: number,
});

export const targetInfoSchema = z.object({
  name: z.string(),
  software: z.string().describe('varve 0.1.0, Apache Kafka 4.2.0'),
  brokers: z.number().int(),
  settings: z.record(z.string(), z.union([z.string(), number, z.boolean()])),
});

export const resultSchema = z.object({
  schemaVersion: z.literal(SCHEMA_VERSION),
  name: z.string(),
  startedAt: z.string(),
  finishedAt: z.string(),
  status: z.enum(['complete', 'partial', 'failed']),
  statusReason: orNull(z.string()),
  command: z.array(z.string()).describe('arguments, without secrets'),
  plan: z.object({
    suite: z.string().describe('preset or file'),
    repeats: z.number().int(),
    seed: number,
    warmupSeconds: number,
    measureSeconds: number,
    budgetSeconds: orNull(number),
    payload: z.string(),
    axes: z
      .array(z.string())
      .describe('knobs with more than one value, in the order that was given'),
  }),
  environment: environmentSchema,
  calibration: z.object({
    before: orNull(calibrationSchema),
    after: orNull(calibrationSchema),
    noise: z.object({ verdict: z.enum(['quiet', 'noisy', 'unknown']), text: z.string() }),
  }),
  generatorLimits: z.array(generatorLimitSchema),
  targets: z.array(targetInfoSchema),
  cells: z.array(cellResultSchema),
});

export type Estimate = z.infer<typeof estimateSchema>;
export type LatencySummary = z.infer<typeof latencySchema>;
export type Traffic = z.infer<typeof trafficSchema>;
export type ProcessRole = (typeof PROCESS_ROLES)[number];
export type ProcessUsage = z.infer<typeof processSchema>;
export type MachineUsage = z.infer<typeof machineSchema>;
export type Tick = z.infer<typeof tickSchema>;
export type Failover = z.infer<typeof failoverSchema>;
export type Crash = z.infer<typeof crashSchema>;
export type Recovery = z.infer<typeof recoverySchema>;
export type Rebalance = z.infer<typeof rebalanceSchema>;
export type CellRun = z.infer<typeof cellRunSchema>;
export type Bottleneck = (typeof BOTTLENECKS)[number];
export type Attribution = z.infer<typeof attributionSchema>;
export type CellSummary = z.infer<typeof cellSummarySchema>;
export type CellResult = z.infer<typeof cellResultSchema>;
export type EnvironmentInfo = z.infer<typeof environmentSchema>;
export type CalibrationInfo = z.infer<typeof calibrationSchema>;
export type GeneratorLimit = z.infer<typeof generatorLimitSchema>;
export type TargetInfo = z.infer<typeof targetInfoSchema>;
export type RunResult = z.infer<typeof resultSchema>;
