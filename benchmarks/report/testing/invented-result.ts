import { Latencies } from '../../latency.js';
import { cellId } from '../../model/cell-name.js';
import { type Cell, cellOf } from '../../model/knobs.js';
import type {
  Bottleneck,
  CellResult,
  CellRun,
  CellSummary,
  LatencySummary,
  ProcessUsage,
  RunResult,
  Traffic,
} from '../../model/result.js';
import { createRandom, type Random } from '../../random.js';
import { estimate } from '../../stats.js';

/**
 * INVENTED figures with the shape of a real result, to test and to look at reports without running a benchmark. Nothing
 * here was measured, no figure of it may be quoted, and every document says so in its name.
 */
export interface Invented {
  readonly seed?: number;
  readonly repeats?: number;
  readonly targets?: readonly string[];
  readonly partitions?: readonly number[];
  readonly replicationFactors?: readonly number[];
  readonly acks?: readonly Cell['acks'][];
  /** Cells of the other kinds: rates, flush, failover, crash, recovery. Default true. */
  readonly extras?: boolean;
  /** Multiplies every rate: a slower or faster commit to compare with. */
  readonly speed?: number;
}

const SECONDS = 2;
const RECORD_BYTES = 1024;

export function inventedResult(options: Invented = {}): RunResult {
  const random = createRandom(options.seed ?? 7);
  const targets = options.targets ?? ['cluster', 'local-kafka'];
  const cells: Cell[] = [];
  for (const target of targets) {
    for (const partitions of options.partitions ?? [1, 2, 4, 8, 16, 32]) {
      for (const replicationFactor of options.replicationFactors ?? [1, 2, 3]) {
        for (const acks of options.acks ?? ([0, 1, 'all'] as const)) {
          cells.push(cellOf({ target, partitions, replicationFactor, acks }));
        }
      }
    }
  }
  if (options.extras !== false) cells.push(...extraCells(targets));
  let order = 0;
  const results = cells.map((cell): CellResult => {
    const runs = Array.from({ length: options.repeats ?? 3 }, (_, repeat) =>
      inventedRun(cell, repeat, order++, random, options.speed ?? 1),
    );
    return {
      id: cellId(cell),
      cell,
      runs,
      summary: inventedSummary(cell, runs),
      failure: null,
      profile: null,
    };
  });
  if (options.extras !== false) results.push(failedCell());
  return {
    schemaVersion: 2,
    name: 'invented figures (test data)',
    startedAt: '2026-01-02T03:04:05.000Z',
    finishedAt: '2026-01-02T03:38:12.000Z',
    status: 'complete',
    statusReason: null,
    command: ['bench', 'run', '--suite', 'invented'],
    plan: {
      suite: 'invented',
      repeats: options.repeats ?? 3,
      seed: options.seed ?? 7,
      warmupSeconds: 0.5,
      measureSeconds: SECONDS,
      budgetSeconds: null,
      payload: 'generated log events, exact 1024 B, seed 1',
      axes: ['target', 'partitions', 'replicationFactor', 'acks'],
    },
    environment: {
      cpuModel: 'Invented CPU @ 0.00GHz',
      cores: 2,
      memoryBytes: 24 * 2 ** 30,
      platform: 'linux',
      kernel: '6.1.0-invented',
      fileSystem: 'ext4',
      freeDiskBytes: 80e9,
      nodeVersion: 'v20.19.4',
      v8Version: '11.3',
      varveVersion: '0.1.0',
      gitCommit: '0123456789abcdef0123456789abcdef01234567',
      gitDirty: false,
    },
    calibration: {
      before: calibration(1),
      after: calibration(1.03),
      noise: { verdict: 'quiet', text: 'Before and after agree within 3 %.' },
    },
    generatorLimits: [
      {
        client: 'ready',
        recordBytes: RECORD_BYTES,
        batchBytes: 16384,
        recordsPerSecond: 1.9e6,
        bytesPerSecond: 1.9e6 * RECORD_BYTES,
      },
    ],
    targets: targets.map((name) => ({
      name,
      software: name === 'cluster' ? 'varve 0.1.0 (invented)' : 'Apache Kafka 4.2.0 (invented)',
      brokers: 3,
      settings: { 'log.segment.bytes': 1073741824, 'num.network.threads': 3 },
    })),
    cells: results,
  };
}

function extraCells(targets: readonly string[]): Cell[] {
  const first = targets[0] ?? 'cluster';
  const rates = ['1%', '10%', '25%', '50%', '75%', '90%', '100%', '105%'] as const;
  return [
    ...[1, 3].flatMap((replicationFactor) =>
      rates.map((rate) => cellOf({ target: first, partitions: 4, replicationFactor, rate })),
    ),
    ...[1, 3].map((replicationFactor) =>
      cellOf({ target: first, partitions: 4, replicationFactor, flush: 'batch' }),
    ),
    ...([1, 'all'] as const).flatMap((acks) =>
      (['failover', 'crash'] as const).map((experiment) =>
        cellOf({ target: first, partitions: 4, replicationFactor: 3, acks, experiment }),
      ),
    ),
    cellOf({ target: first, partitions: 4, replicationFactor: 1, acks: 1, experiment: 'crash' }),
    cellOf({ target: first, partitions: 4, replicationFactor: 1, acks: 0, experiment: 'crash' }),
    cellOf({ target: first, partitions: 16, replicationFactor: 1, experiment: 'recovery' }),
  ];
}

function failedCell(): CellResult {
  const cell = cellOf({
    target: 'cluster',
    partitions: 4,
    replicationFactor: 3,
    minInsyncReplicas: 3,
    acks: 'all',
    codec: 'zstd',
    experiment: 'failover',
  });
  return {
    id: cellId(cell),
    cell,
    runs: [],
    summary: null,
    failure: { code: 'TARGET_FAILED', message: 'broker 2 ended with code 1 <while> "invented"' },
    profile: null,
  };
}

/** Little's laws of an invented world: what a knob does to the rate, so that pictures look like pictures of something. */
function bytesPerSecondOf(cell: Cell): number {
  const base = cell.target === 'cluster' ? 74e6 : 52e6;
  const n = cell.partitions;
  const scaled = (base * n) / (1 + 0.32 * (n - 1) + 0.0045 * n * (n - 1));
  const copies = 1 / (1 + 0.42 * (cell.replicationFactor - 1));
  const acks =
    cell.acks === 0 ? 1.08 : cell.acks === 1 ? 1 : 1 - 0.09 * (cell.replicationFactor - 1);
  const flush = cell.flush === 'batch' ? 0.09 : 1;
  return scaled * copies * acks * flush;
}

function shareOf(cell: Cell): number {
  if (typeof cell.rate === 'number' || cell.rate === 'max') return 1;
  return Number.parseFloat(cell.rate) / 100;
}

function inventedRun(
  cell: Cell,
  repeat: number,
  order: number,
  random: Random,
  speed: number,
): CellRun {
  const noise = 1 + (random.next() - 0.5) * 0.07;
  const most = bytesPerSecondOf(cell) * speed;
  const bytesPerSecond = most * Math.min(0.985, shareOf(cell)) * (cell.rate === 'max' ? noise : 1);
  const produced = traffic(bytesPerSecond, cell);
  const load = Math.min(0.985, shareOf(cell));
  const queue = cell.rate === 'max' ? 6 : 1 / (1 - load);
  const oneMs =
    (0.28 + (cell.acks === 'all' ? 0.35 * (cell.replicationFactor - 1) : 0)) *
    (cell.flush === 'batch' ? 9 : 1) *
    (cell.acks === 0 ? 0.12 : 1);
  const millions = produced.records / 1e6;
  const cpu = (perMillion: number) => perMillion * millions;
  const copies = cell.replicationFactor;
  return {
    repeat,
    order,
    startedAt: '2026-01-02T03:05:00.000Z',
    seconds: SECONDS,
    produced,
    consumed: traffic(bytesPerSecond * 0.99, cell),
    latency: {
      publish: latencies(oneMs * queue, random),
      publishService: cell.acks === 0 ? null : latencies(oneMs * Math.sqrt(queue), random),
      endToEnd: latencies(oneMs * queue + 0.9, random),
    },
    generator: {
      utilisation: 0.31,
      behindMs: load > 0.95 ? 40 : 0.4,
      achievedShare: cell.rate === 'max' ? null : load / shareOf(cell),
    },
    requests: { meanBytes: 48_000, batchFill: 0.96, meanInFlight: 4.2 },
    processes: [
      usage('producer', 'producer 0', cpu(0.7)),
      usage('consumer', 'consumer 0', cpu(0.5)),
      ...[1, 2, 3].map((id) => usage('broker', `broker ${id}`, cpu(0.3 + 0.32 * copies))),
      usage('supervisor', 'supervisor', 0.02),
    ],
    machine: { cores: 2, busySeconds: 3.4, idleSeconds: 0.5, ioWaitSeconds: 0.1, stealSeconds: 0 },
    syncs: cell.flush === 'batch' ? 1800 : 0,
    timeline: Array.from({ length: 20 }, (_, at) => {
      const isStall = cell.experiment === 'failover' && at > 8 && at < 13;
      return {
        atMs: (at + 1) * 100,
        producedRecords: isStall ? 0 : Math.round((produced.records / 20) * (0.9 + 0.2 * noise)),
        consumedRecords: Math.round(produced.records / 20.5),
        publishP50Us: isStall ? null : oneMs * queue * 1e3,
        publishP99Us: isStall ? null : oneMs * queue * (at === 13 ? 40e3 : 3e3),
      };
    }),
    deedAtMs: cell.experiment === 'load' ? null : 905,
    failover:
      cell.experiment === 'failover'
        ? { kind: 'kill', longestGapMs: 410 + repeat * 13, untilNextAckMs: 395 + repeat * 11 }
        : null,
    crash:
      cell.experiment === 'crash'
        ? {
            what: 'the leader of partition 0, after 2 s of load',
            acknowledgedRecords: produced.records,
            lostRecords:
              cell.acks === 0
                ? 1200 + repeat * 90
                : cell.acks === 1 && copies > 1
                  ? 310 + repeat * 4
                  : 0,
            doubledRecords: 0,
            unsyncedRecords: cell.flush === 'batch' ? 0 : 52_000 + repeat * 100,
          }
        : null,
    recovery:
      cell.experiment === 'recovery'
        ? { logBytes: 4e9, clean: false, untilServingMs: 830 + repeat * 20 }
        : null,
    rebalance: null,
  };
}

function traffic(bytesPerSecond: number, cell: Cell): Traffic {
  const records = Math.round((bytesPerSecond * SECONDS) / cell.recordBytes);
  const bytes = records * cell.recordBytes;
  const batches = Math.ceil(bytes / cell.batchBytes);
  return {
    records,
    bytes,
    wireBytes: bytes + batches * 61 + records * 9,
    batches,
    requests: Math.ceil(batches / 3),
    errors: 0,
    recordsPerSecond: records / SECONDS,
    bytesPerSecond: bytes / SECONDS,
  };
}

function usage(role: ProcessUsage['role'], id: string, seconds: number): ProcessUsage {
  return {
    role,
    id,
    pid: 1000,
    userSeconds: seconds * 0.7,
    systemSeconds: seconds * 0.3,
    peakRssBytes: role === 'broker' ? 190e6 : 96e6,
    diskWrittenBytes: role === 'broker' ? 260e6 : null,
    networkReceivedBytes: role === 'supervisor' ? null : 120e6,
    networkSentBytes: role === 'supervisor' ? null : 110e6,
    descriptors: 60,
    mappings: 240,
    leaders: role === 'broker' ? 2 : null,
    replicas: role === 'broker' ? 4 : null,
  };
}

const SAMPLES = 300;

/** Lognormal with a heavy tail: `medianMs` is its median. */
function latencies(medianMs: number, random: Random): LatencySummary {
  const all = new Latencies();
  for (let at = 0; at < SAMPLES; at++) {
    const normal =
      Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
    const tail = random.next() < 0.01 ? 6 + 14 * random.next() : 1;
    all.recordNs(medianMs * 1e6 * Math.exp(normal * 0.38) * tail, 1 + random.below(120));
  }
  return all.encoded()!;
}

function inventedSummary(cell: Cell, runs: readonly CellRun[]): CellSummary {
  const all = (of: (run: CellRun) => LatencySummary | null): LatencySummary | null => {
    const merged = new Latencies();
    for (const run of runs) {
      const one = of(run);
      if (one !== null) merged.mergeEncoded(one.histogram);
    }
    return merged.encoded();
  };
  const records = runs.reduce((sum, run) => sum + run.produced.records, 0);
  const cpu: Record<string, number> = {};
  for (const { role, userSeconds, systemSeconds } of runs.flatMap((run) => run.processes)) {
    cpu[role] = (cpu[role] ?? 0) + ((userSeconds + systemSeconds) / records) * 1e6;
  }
  return {
    producedRecordsPerSecond: estimate(runs.map((run) => run.produced.recordsPerSecond)),
    producedBytesPerSecond: estimate(runs.map((run) => run.produced.bytesPerSecond)),
    consumedRecordsPerSecond: estimate(runs.map((run) => run.consumed!.recordsPerSecond)),
    consumedBytesPerSecond: estimate(runs.map((run) => run.consumed!.bytesPerSecond)),
    publish: all((run) => run.latency.publish),
    publishService: all((run) => run.latency.publishService),
    endToEnd: all((run) => run.latency.endToEnd),
    cpuSecondsPerMillionRecords: cpu,
    peakRssBytes: { broker: 570e6, producer: 96e6, consumer: 96e6 },
    diskBytesPerByte: cell.replicationFactor * 1.02,
    networkBytesPerByte: {
      received: cell.replicationFactor * 1.01,
      sent: cell.replicationFactor * 1.02,
    },
    attribution: attribution(cell),
  };
}

function attribution(cell: Cell): CellSummary['attribution'] {
  const bottleneck: Bottleneck =
    shareOf(cell) < 0.95
      ? 'none'
      : cell.flush === 'batch'
        ? 'sync'
        : cell.partitions === 1
          ? 'leader'
          : cell.partitions === 2
            ? cell.replicationFactor > 1
              ? 'follower'
              : 'leader'
            : 'machine';
  const texts: Partial<Record<Bottleneck, string>> = {
    none: 'The target rate was met.',
    sync: 'Waiting for the disk: every batch is synced before it is acknowledged.',
    leader: 'One broker leads everything and its thread was busy 97 % of the time.',
    follower: 'The followers of the busiest partition were at 95 % of a core.',
    machine: 'Both processors of this machine were busy: more partitions had nothing left to use.',
  };
  return {
    bottleneck,
    text: texts[bottleneck] ?? '',
    evidence: ['leader: 0.97 cores', 'machine: 94 % busy', 'load processes: 31 % of a core'],
  };
}

function calibration(drift: number) {
  return {
    memcpy64KiBBytesPerSecond: 8.1e9 * drift,
    crc32c64KiBBytesPerSecond: 5.2e9 * drift,
    pwrite64KiBBytesPerSecond: 2.2e9 * drift,
    fdatasync4KiBP50Us: 310 * drift,
    fdatasync4KiBP99Us: 1900 * drift,
    loopbackBytesPerSecond: 2.6e9 * drift,
    clockReadNs: 38,
    cpuNoiseP99: 0.08,
  };
}
