import { fitUsl } from '../explain/usl.js';
import { cellId } from '../model/cell-name.js';
import { type Cell, cellOf } from '../model/knobs.js';
import type { CellResult } from '../model/result.js';
import { byteRateText, bytesText, digits, millisText, plural, secondsText } from '../model/text.js';
import type { Advice, AdviceLine, AdviceRequest, Measure, Recommendation } from './advice.js';
import { alternativesTo } from './alternatives.js';
import {
  chooseBatch,
  chooseCodec,
  chooseProducers,
  consumedPerPartition,
  FIRST_BATCH_BYTES,
  sweep,
} from './choose.js';
import {
  CONSUMER_LOAD,
  capacityAt,
  consumerBound,
  countAtLeast,
  largestOf,
  membersOf,
  producerBound,
  scalingText,
} from './partitions.js';
import { checkBrokers, replicationFor, replicationLine } from './replication.js';
import { rulesOfThumb } from './rules.js';
import { type Group, lingerFor, lingerLine, settle, verificationText } from './settle.js';

/**
 * Measures what one partition carries and how more of them add up, chooses, and runs the choice at the asked rate: the
 * advice is what was seen to do, not what should. Everything is measured through `measure`.
 */
export async function advise(request: AdviceRequest, measure: Measure): Promise<Advice> {
  checkBrokers(request);
  const limits: string[] = [];
  const reasoning: AdviceLine[] = [replicationLine(request)];
  const needed = request.rateBytesPerSecond * request.growth;
  const base = cellOf({
    target: request.target,
    brokers: request.brokers,
    recordBytes: request.recordBytes,
    batchBytes: Math.max(FIRST_BATCH_BYTES, request.recordBytes),
    flush: request.isSynced ? 'batch' : 'os',
    ...replicationFor(request),
  });
  const ask = remembered(measure, limits);

  const { batchBytes, line: batchLine } = await chooseBatch(base, ask);
  const { producers, single } = await chooseProducers({ ...base, batchBytes }, ask, limits);
  const swept = { ...base, batchBytes, producers };
  const points = await sweep(swept, single, needed, ask);
  const scaling = fitUsl(
    points.map(({ partitions, result }) => ({
      n: partitions,
      rates: result.runs.map(({ produced }) => produced.bytesPerSecond),
    })),
  );
  const byProducers = producerBound(points, scaling, needed);
  const byConsumers = consumerBound(
    needed,
    request.consumerBytesPerSecond,
    consumedPerPartition(points[0]),
  );
  const fewest = Math.max(byProducers.partitions ?? largestOf(points), byConsumers.partitions);
  const chosen = countAtLeast(fewest);
  const {
    codec,
    wireShare,
    line: codecLine,
  } = await chooseCodec({ ...swept, partitions: Math.min(chosen, largestOf(points)) }, ask);

  const first: Cell = {
    ...swept,
    codec,
    partitions: chosen,
    lingerMs: lingerFor(request, chosen, batchBytes, producers),
    rate: request.rateBytesPerSecond,
  };
  const groups = groupsOf(request, limits);
  const bounds = {
    fewestPartitions: byConsumers.partitions,
    groupOf: groups,
    loadOf: (partitions: number): number | null => {
      const capacity = capacityAt(partitions, points, scaling);
      return capacity === null ? null : needed / capacity;
    },
  };
  const tried = await settle(first, { ...bounds, request, ask });
  const cell = tried.recommended?.cell ?? first;
  const members = membersOf(cell.partitions, needed, byConsumers.usablePerConsumer);
  const diskBytes = (needed * request.retentionMs * cell.replicationFactor * wireShare) / 1000;

  reasoning.push({
    topic: 'partitions',
    text: partitionsText(request, cell, byProducers.partitions, byConsumers.partitions),
    evidence: [
      ...points.map(
        ({ partitions, bytesPerSecond, result }) =>
          `${plural(partitions, 'partition')}: ${byteRateText(bytesPerSecond)}, limit: ${result.summary?.attribution.bottleneck ?? 'unknown'}`,
      ),
      scalingText(scaling),
      byProducers.text,
    ],
  });
  reasoning.push({
    topic: 'consumers',
    text: `${plural(members, 'consumer')} in each group keep up with ${byteRateText(needed)}.`,
    evidence: [
      byConsumers.text,
      ...(members === byConsumers.partitions
        ? []
        : [
            `${plural(cell.partitions, 'partition')} go to ${plural(members, 'member')} as wholes: ${Math.ceil(cell.partitions / members)} each at most`,
          ]),
    ],
  });
  reasoning.push(batchLine, lingerLine(request, cell), codecLine, durabilityLine(request));
  reasoning.push({
    topic: 'disk',
    text: `${bytesText(Math.ceil(diskBytes))} on all brokers together, ${bytesText(Math.ceil(diskBytes / request.brokers))} on each of ${request.brokers} when replicas are spread evenly; keep a fifth more free, and a segment for each replica.`,
    evidence: [
      `${byteRateText(needed)}${request.growth > 1 ? ` (${digits(request.growth)}x growth in it)` : ''} x ${secondsText(request.retentionMs / 1000)} x ${cell.replicationFactor} ${cell.replicationFactor === 1 ? 'replica' : 'replicas'} x ${digits(wireShare)} (bytes on disk for a byte of values)`,
    ],
  });
  limits.push(...standingLimits(request, byProducers.isMeasured, cell));

  const recommendation: Recommendation = {
    partitions: cell.partitions,
    replicationFactor: cell.replicationFactor,
    acks: cell.acks,
    minInsyncReplicas: cell.minInsyncReplicas,
    batchBytes: cell.batchBytes,
    lingerMs: cell.lingerMs,
    codec: cell.codec,
    flush: cell.flush,
    consumersPerGroup: members,
    retentionMs: request.retentionMs,
    diskBytes,
    diskBytesPerBroker: diskBytes / request.brokers,
    cell,
  };
  const verdict =
    tried.recommended === null ? 'not verified' : tried.recommended.meets ? 'met' : 'not met';
  return {
    request,
    verdict,
    text: headline(request, recommendation, verdict),
    recommendation,
    reasoning,
    alternatives: await alternativesTo(cell, request, points, tried, ask),
    verification: {
      recommended: tried.recommended,
      cheaper: tried.cheaper,
      text: verificationText(tried, cell, bounds),
    },
    scaling,
    rulesOfThumb: rulesOfThumb({ request, recommendation, points, byProducers, byConsumers }),
    limits: [...new Set(limits)],
  };
}

/** Each cell once, however often it is asked for; what cannot be had is a limit of the advice. */
function remembered(measure: Measure, limits: string[]): Measure {
  const known = new Map<string, CellResult | null>();
  return async (cell, why) => {
    const id = cellId(cell);
    const before = known.get(id);
    if (before !== undefined) return before;
    const result = await measure(cell, why);
    const usable = result !== null && result.runs.length > 0 ? result : null;
    if (usable === null) {
      const reason = result?.failure?.message ?? 'it is not in the result';
      limits.push(`not measured: ${why} (${reason})`);
    }
    known.set(id, usable);
    return usable;
  };
}

/** Consumers are processes, and more of them than this would be the load themselves. */
const MOST_CONSUMERS = 16;

/** Consumers that take as long for their own work as was said, as many as there shall be. */
function groupsOf(
  { consumerBytesPerSecond, rateBytesPerSecond, growth }: AdviceRequest,
  limits: string[],
): (partitions: number) => Group {
  return (partitions) => {
    if (consumerBytesPerSecond === null) return { consumers: 1, consumerRate: 'max' };
    const needed = rateBytesPerSecond * growth;
    const consumers = membersOf(partitions, needed, consumerBytesPerSecond * CONSUMER_LOAD);
    if (consumers <= MOST_CONSUMERS) return { consumers, consumerRate: consumerBytesPerSecond };
    limits.push(
      `${plural(consumers, 'consumer')} were not run, ${MOST_CONSUMERS} at most are: one read at full speed instead`,
    );
    return { consumers: 1, consumerRate: 'max' };
  };
}

function durabilityLine({ isSynced, surviveBrokers }: AdviceRequest): AdviceLine {
  return {
    topic: 'durability',
    text: isSynced
      ? 'flush.messages=1: a record is on disk before it is acknowledged, so that even all machines losing power lose nothing.'
      : surviveBrokers > 0
        ? "Flushing is left to the operating system, Kafka's default: a record is in the memory of several machines when it is acknowledged; all of them losing power at once could lose the last seconds."
        : 'Flushing is left to the operating system: the death of the process loses nothing, a power failure could lose the last seconds.',
    evidence: [`asked: ${isSynced ? 'on disk before it is acknowledged' : 'nothing about disks'}`],
  };
}

function partitionsText(
  request: AdviceRequest,
  { partitions }: Cell,
  byProducers: number | null,
  byConsumers: number,
): string {
  const growth = request.growth > 1 ? `, with ${digits(request.growth)}x growth in it` : '';
  const why =
    byProducers === null
      ? `no count that was measured carries ${byteRateText(request.rateBytesPerSecond * request.growth)} with room`
      : byConsumers > byProducers
        ? `consumers need ${byConsumers}, producers ${byProducers}`
        : byProducers > byConsumers
          ? `producers need ${byProducers}, consumers ${byConsumers}`
          : `producers and consumers both need ${byProducers}`;
  return `${plural(partitions, 'partition')}: ${why}${growth}.`;
}

function standingLimits(
  { growth, target }: AdviceRequest,
  isMeasured: boolean,
  cell: Cell,
): string[] {
  const limits = [
    'one machine and its loopback: brokers on machines of their own have more processors and disks, and a network between them',
  ];
  if (target.includes('://'))
    limits[0] = 'the load came from this machine: its network and processors are in every figure';
  if (cell.consumerRate !== 'max')
    limits.push(
      "your consumers' own work is taken as you gave it: those that were run rest for it",
    );
  if (growth > 1)
    limits.push(
      `the rate with growth was not run, only the asked one: ${digits(growth)}x is from the highest rates`,
    );
  if (!isMeasured)
    limits.push(
      `the capacity of ${plural(cell.partitions, 'partition')} is a forecast or below what was asked, not a measurement with room`,
    );
  limits.push(
    'days of data: page cache, retention and compaction at that size were not part of it',
  );
  return limits;
}

function headline(
  { rateBytesPerSecond, latency }: AdviceRequest,
  { partitions, replicationFactor, acks, minInsyncReplicas, batchBytes, codec }: Recommendation,
  verdict: Advice['verdict'],
): string {
  const setting = `${plural(partitions, 'partition')}, replication factor ${replicationFactor}, acks=${acks}, min.insync.replicas ${minInsyncReplicas}, batches of ${bytesText(batchBytes)}, compression ${codec}`;
  const asked = `${byteRateText(rateBytesPerSecond)} with ${latency.percentile} within ${millisText(latency.limitMs)}`;
  if (verdict === 'met') return `${setting}: was run, and meets ${asked}.`;
  return verdict === 'not met'
    ? `Nothing that was tried meets ${asked} here; the closest is ${setting}.`
    : `${setting}: expected to meet ${asked}, but it was not run at that rate.`;
}
