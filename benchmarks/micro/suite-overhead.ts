import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BatchPool } from '../load/batch-pool.js';
import { NS_PER_SECOND, nowNs } from '../load/clock.js';
import { ConsumerMeter } from '../load/consumer-meter.js';
import { openPayload } from '../load/payloads.js';
import type { PayloadPlan } from '../load/plan.js';
import { ProducerMeter } from '../load/producer-meter.js';
import { writeStamp } from '../load/stamp.js';
import { Window } from '../load/window.js';
import { type Cell, cellOf } from '../model/knobs.js';
import type { CellRun } from '../model/result.js';
import { startLoadProcess } from '../run/load-handle.js';
import { Measurer } from '../run/measurer.js';
import { median } from '../stats.js';
import { findTarget } from '../targets/index.js';

/**
 * What measuring takes of a cell's processor time: the calls of clocks, stamps and histograms that a batch causes in the
 * producer and in the consumer, timed by themselves, times the batches of a real run of the cell, over the processor time
 * of all its processes. Making, checksumming and sending batches is not measuring: any producer does it.
 */
export interface Overhead {
  readonly cell: Cell;
  readonly producerNsPerBatch: number;
  readonly consumerNsPerBatch: number;
  readonly megabytesPerSecond: number;
  /** Of the processor time of producers and consumers. */
  readonly shareOfGenerator: number;
  /** Of the processor time of the cell: producers, consumers, brokers. */
  readonly shareOfCell: number;
}

const PAYLOAD: PayloadPlan = { file: null, seed: 1, spread: 'exact', compressibility: null };
/** A quick answer: longer ones fall into fewer buckets, and cost less. */
const ANSWER_NS = 1e6;
const ROUNDS = 9;
const ROUND_MS = 100;

/** Nanoseconds of processor time of one call, the median of rounds: what else runs on the machine is not in it. */
function timed(call: () => void): number {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    let calls = 0;
    const startedMs = performance.now();
    const before = process.cpuUsage();
    while (performance.now() - startedMs < ROUND_MS) {
      for (let at = 0; at < 64; at++) call();
      calls += 64;
    }
    const { user, system } = process.cpuUsage(before);
    rounds.push(((user + system) * 1000) / calls);
  }
  return median(rounds);
}

/** The calls of one batch, as `Producer`, the loops and `ReadyConsumer` make them. */
export function measuringCosts(cell: Cell): { producerNs: number; consumerNs: number } {
  const payload = openPayload(PAYLOAD, cell, 0);
  const pool = new BatchPool({ payload, cell, keys: null, isPacked: false });
  const isOpenLoop = cell.rate !== 'max';
  const startNs = nowNs();
  const window = new Window({
    startNs,
    measureFromNs: startNs,
    measureToNs: startNs + 3600 * NS_PER_SECOND,
  });
  const producer = new ProducerMeter({ window, isOpenLoop, keepsAcknowledgements: false });
  const batch = pool.take(0);
  batch.finish({
    records: batch.capacity,
    producer: 0,
    isEachDue: isOpenLoop,
    isNumbered: false,
    nowMs: Date.now(),
    isEncoded: true,
  });
  const values = Buffer.alloc(batch.valueBytes + 16);
  const stamped = cell.recordBytes < 16 ? 0 : isOpenLoop ? batch.records : 1;
  const gapNs = isOpenLoop ? (cell.recordBytes * NS_PER_SECOND) / Number(cell.rate) : 0;
  const producerNs = timed(() => {
    const ns = nowNs();
    batch.plannedNs = ns;
    for (let at = 0; at < (isOpenLoop ? batch.records : 1); at++) {
      batch.dueNs[at] = ns + at * gapNs;
      if (isOpenLoop) producer.recordDue(ns);
    }
    for (let at = 0; at < stamped; at++) writeStamp(values, at * cell.recordBytes, ns, 0, at);
    batch.sentNs = nowNs();
    producer.requestSent(batch.sentNs);
    producer.batchSent(batch, batch.sentNs);
    const doneNs = nowNs() + batch.records * gapNs + ANSWER_NS;
    producer.requestDone(doneNs);
    producer.acknowledged(batch, doneNs);
  });
  const consumer = new ConsumerMeter({
    window,
    partitions: 1,
    measuresLatency: true,
    isExperiment: false,
  });
  for (let at = 0; at < batch.records && cell.recordBytes >= 16; at++)
    writeStamp(values, at * cell.recordBytes, at === 0 || isOpenLoop ? nowNs() : 0, 0, at);
  const consumerNs = timed(() => {
    const ns = nowNs();
    consumer.requestDone(ns);
    consumer.batchRead(ns, batch.wireBytes);
    for (let at = 0; at < batch.records; at++)
      consumer.stamp(0, values, at * cell.recordBytes, cell.recordBytes, ns);
    consumer.recordsRead(0, ns, batch.records, batch.valueBytes);
    consumer.endRun(ns);
  });
  return { producerNs, consumerNs };
}

export function overheadOf(cell: Cell, runs: readonly CellRun[]): Overhead {
  const { producerNs, consumerNs } = measuringCosts(cell);
  const shares = runs.map(({ produced, consumed, processes }) => {
    const seconds = (roles: readonly string[]): number =>
      processes
        .filter(({ role }) => roles.includes(role))
        .reduce((sum, { userSeconds, systemSeconds }) => sum + userSeconds + systemSeconds, 0);
    const own = (produced.batches * producerNs + (consumed?.batches ?? 0) * consumerNs) / 1e9;
    const generator = seconds(['producer', 'consumer']);
    return { ofGenerator: own / generator, ofCell: own / (generator + seconds(['broker'])) };
  });
  return {
    cell,
    producerNsPerBatch: producerNs,
    consumerNsPerBatch: consumerNs,
    megabytesPerSecond: median(runs.map(({ produced }) => produced.bytesPerSecond)) / 1e6,
    shareOfGenerator: median(shares.map(({ ofGenerator }) => ofGenerator)),
    shareOfCell: median(shares.map(({ ofCell }) => ofCell)),
  };
}

/** The highest rates: closed loops, and open loops at most of what those reached. */
export async function measureOverheads(
  shapes: readonly Partial<Cell>[],
  { repeats, seconds }: { readonly repeats: number; readonly seconds: number },
  onResult: (overhead: Overhead) => void,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'varve-overhead-'));
  const measurer = new Measurer({
    findTarget: (name) => findTarget(name),
    startLoad: startLoadProcess,
    payload: PAYLOAD,
    directory,
    repeats,
    warmupSeconds: seconds / 4,
    measureSeconds: seconds,
    onEvent: () => {},
    signal: new AbortController().signal,
  });
  try {
    for (const shape of shapes) {
      const closed = cellOf({ target: 'cluster', brokers: 1, acks: 1, ...shape });
      const { runs } = await measurer.measure(closed, 'the highest rate');
      onResult(overheadOf(closed, runs));
      const highest = median(runs.map(({ produced }) => produced.bytesPerSecond));
      const open: Cell = { ...closed, rate: Math.round(highest * OPEN_SHARE) };
      onResult(overheadOf(open, (await measurer.measure(open, 'most of it')).runs));
    }
  } finally {
    await measurer.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

const OPEN_SHARE = 0.8;
const SHAPES: readonly Partial<Cell>[] = [
  {},
  { batchBytes: 65_536 },
  { recordBytes: 100 },
  { recordBytes: 100, batchBytes: 65_536, partitions: 4 },
];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await measureOverheads(SHAPES, { repeats: 3, seconds: 2 }, (overhead) => {
    const { cell, ...figures } = overhead;
    const { recordBytes, batchBytes, partitions, rate } = cell;
    process.stdout.write(
      `${JSON.stringify({ recordBytes, batchBytes, partitions, loop: rate === 'max' ? 'closed' : 'open', ...figures })}\n`,
    );
  });
}
