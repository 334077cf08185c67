import type { KnobName } from '../model/knobs.js';
import type { Bottleneck, CellResult } from '../model/result.js';
import { bytesText, digits, microsText, percentText } from '../model/text.js';
import type { KnobEffect, KnobPair } from './knob-effects.js';
import { type Measures, measuresOf } from './measures.js';

/** Two ends of a knob, as they were measured. */
interface Ends {
  readonly pairs: readonly { readonly from: Measures; readonly to: Measures }[];
  readonly results: readonly KnobPair[];
  /** It helped: then costs that grew are what came with it, not why. null: that cannot be told, or is not asked. */
  readonly isBetter: boolean | null;
}

type Explain = (ends: Ends) => string | null;

/** Smaller changes of a measure are not given as a reason for anything. */
const NOTABLE = 1.2;
const MOST_REASONS = 3;

/** Why a knob did what it did, or nothing: from the figures at both ends. Empty: nothing that was measured says. */
export function reasonOf(effect: KnobEffect, size: 'large' | 'some' | 'none' | 'unknown'): string {
  if (size === 'unknown') return '';
  const results = effect.whole.pairs;
  if (results.length === 0) return '';
  if (size === 'none') {
    const ends = endsOf(results, null);
    return [idleReason(effect.knob, ends), limitReason(ends)].filter(Boolean).join('; ');
  }
  const all = causesOf(effect);
  return all.length === 0 ? '' : `because ${all.join('; ')}`;
}

/** What changed in the direction that explains the effect, the likeliest first. */
export function causesOf({ knob, whole, better }: KnobEffect): string[] {
  if (whole.pairs.length === 0) return [];
  const isBetter = whole.ratio === null ? null : whole.ratio > 1 === (better === 'higher');
  const found = changesOf(knob, endsOf(whole.pairs, isBetter));
  const moved = bottleneckMoved(whole.pairs);
  return moved === null ? found : [...found, moved];
}

/** What else changed from one end to the other, the likeliest cause first: said of knobs whose effect cannot be told, too. */
export function changedAlong({ knob, whole }: KnobEffect): string[] {
  return changesOf(knob, endsOf(whole.pairs, null));
}

function changesOf(knob: KnobName, ends: Ends): string[] {
  return (BY_KNOB[knob] ?? [requestSize, brokerCpu, answerTime])
    .map((explain) => explain(ends))
    .filter((text) => text !== null)
    .slice(0, MOST_REASONS);
}

function endsOf(results: readonly KnobPair[], isBetter: boolean | null): Ends {
  return {
    results,
    isBetter,
    pairs: results.map(({ from, to }) => ({
      from: measuresOf(from.cell, from.runs),
      to: measuresOf(to.cell, to.runs),
    })),
  };
}

const requestSize: Explain = (ends) =>
  grew(
    ends,
    (one) => one.requestBytes,
    'a request carries',
    (value) => bytesText(Math.round(value)),
  );

const answerTime: Explain = (ends) =>
  grew(ends, (one) => one.serviceMeanUs, 'an answer takes', microsText, 'cost');

const inFlight: Explain = (ends) =>
  grew(ends, (one) => one.meanInFlight, 'requests under way are', digits);

const brokerCpu: Explain = (ends) =>
  grew(
    ends,
    (one) => cpuPerMillion(one, 'broker'),
    'processor time of brokers for a million records is',
    (value) => `${digits(value)} s`,
    'cost',
  );

const producerCpu: Explain = (ends) =>
  grew(
    ends,
    (one) => cpuPerMillion(one, 'producer'),
    'processor time of producers for a million records is',
    (value) => `${digits(value)} s`,
    'cost',
  );

const busiestBroker: Explain = (ends) =>
  grew(
    ends,
    (one) => one.processes.find(({ role }) => role === 'broker')?.cores ?? null,
    'the busiest broker uses',
    (value) => `${digits(value)} core`,
  );

const leadersSpread: Explain = (ends) =>
  grew(ends, leadingBrokers, 'brokers that lead are', digits);

const wireShare: Explain = (ends) =>
  grew(
    ends,
    (one) => (one.bytesPerSecond > 0 ? one.wireBytesPerSecond / one.bytesPerSecond : null),
    'bytes sent for a byte of values are',
    digits,
    'cost',
  );

const diskBytes: Explain = (ends) =>
  grew(
    ends,
    (one) =>
      one.diskWrittenBytesPerSecond === null || one.bytesPerSecond <= 0
        ? null
        : one.diskWrittenBytesPerSecond / one.bytesPerSecond,
    'bytes written to disks for a byte acknowledged are',
    digits,
    'cost',
  );

const syncs: Explain = (ends) =>
  grew(ends, (one) => one.syncsPerSecond, 'syncs a second are', digits);

const copies: Explain = ({ results }) => {
  const [pair] = results;
  if (pair === undefined) return null;
  const { from, to } = { from: pair.from.cell, to: pair.to.cell };
  return from.replicationFactor === to.replicationFactor
    ? null
    : `each byte is written ${to.replicationFactor} times instead of ${from.replicationFactor}`;
};

/** What each knob can act through, the likeliest first. */
const BY_KNOB: { readonly [N in KnobName]?: readonly Explain[] } = {
  partitions: [requestSize, leadersSpread, busiestBroker, brokerCpu, answerTime],
  brokers: [busiestBroker, leadersSpread, answerTime],
  replicationFactor: [copies, brokerCpu, diskBytes, answerTime],
  acks: [answerTime, inFlight, brokerCpu, requestSize],
  minInsyncReplicas: [answerTime],
  flush: [syncs, answerTime, diskBytes],
  batchBytes: [requestSize, brokerCpu, producerCpu],
  lingerMs: [requestSize, answerTime, brokerCpu],
  recordBytes: [requestSize, brokerCpu, producerCpu],
  codec: [wireShare, producerCpu, brokerCpu],
  producers: [inFlight, busiestBroker, producerCpu],
  inFlight: [inFlight, answerTime, requestSize],
  consumers: [brokerCpu, answerTime],
  groups: [brokerCpu, answerTime],
  client: [producerCpu, requestSize],
  keys: [busiestBroker, requestSize, answerTime],
};

/** Geometric mean over pairs of a measure at both ends, if it changed by a notable factor. */
function grew(
  { pairs, isBetter }: Ends,
  of: (measures: Measures) => number | null,
  what: string,
  text: (value: number) => string,
  kind: 'cost' | 'means' = 'means',
): string | null {
  const known = pairs.flatMap(({ from, to }) => {
    const [left, right] = [of(from), of(to)];
    return left === null || right === null || left <= 0 || right <= 0
      ? []
      : [[Math.log(left), Math.log(right)] as const];
  });
  if (known.length === 0) return null;
  const mean = (side: 0 | 1): number =>
    Math.exp(known.reduce((sum, pair) => sum + pair[side], 0) / known.length);
  const [before, after] = [mean(0), mean(1)];
  if (Math.abs(Math.log(after / before)) < Math.log(NOTABLE)) return null;
  if (kind === 'cost' && isBetter !== null && after < before !== isBetter) return null;
  return `${what} ${text(after)} instead of ${text(before)}`;
}

function cpuPerMillion({ processes, recordsPerSecond }: Measures, role: string): number | null {
  const own = processes.filter((one) => one.role === role);
  if (own.length === 0 || recordsPerSecond <= 0) return null;
  return (own.reduce((sum, { cores }) => sum + cores, 0) / recordsPerSecond) * 1e6;
}

function leadingBrokers({ processes }: Measures): number | null {
  const brokers = processes.filter(({ role, leaders }) => role === 'broker' && leaders !== null);
  return brokers.length === 0 ? null : brokers.filter(({ leaders }) => (leaders ?? 0) > 0).length;
}

/** Why this very knob cannot have done anything, whatever the machine. */
function idleReason(knob: KnobName, { results }: Ends): string | null {
  const cells = results.flatMap(({ from, to }) => [from.cell, to.cell]);
  const all = (is: (cell: CellResult['cell']) => boolean): boolean => cells.every(is);
  if (knob === 'acks' && all((cell) => cell.replicationFactor === 1))
    return 'with one replica the leader is all in-sync replicas there are';
  if (knob === 'minInsyncReplicas' && all((cell) => cell.acks !== 'all'))
    return 'minInsyncReplicas only counts with acks=all';
  if (knob === 'minInsyncReplicas')
    return 'acks=all waits for every in-sync replica; minInsyncReplicas only refuses writes when too few are left';
  if (knob === 'lingerMs' && all((cell) => cell.rate === 'max'))
    return 'in a closed loop batches are always full, so nothing lingers';
  if (knob === 'consumers' && all((cell) => cell.partitions === 1))
    return 'one partition goes to one consumer of a group';
  return null;
}

/** Each as the beginning of a sentence. */
export const LIMITS: { readonly [B in Bottleneck]?: string } = {
  machine: 'all processors of the machine are busy',
  leader: "the leading broker's processor is the limit",
  follower: "a follower's processor is the limit",
  generator: 'the load process is the limit',
  client: 'the client library is the limit',
  disk: 'the disk is the limit',
  network: 'the network is the limit',
  sync: 'waiting for the disk is the limit',
  batching: 'waiting for round trips is the limit',
  none: 'the asked rate was met',
};

/** What limited both ends alike: a knob that does not act on it can do nothing. */
function limitReason({ results }: Ends): string | null {
  const limits = results.flatMap(({ from, to }) => [limitOf(from), limitOf(to)]);
  const counts = new Map<Bottleneck, number>();
  for (const limit of limits) counts.set(limit, (counts.get(limit) ?? 0) + 1);
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  if (most === undefined) return null;
  const text = LIMITS[most[0]];
  if (text === undefined) return 'what limits these cells is not known';
  const share = most[1] / limits.length;
  return `${text} at both ends${share === 1 ? '' : ` in ${percentText(share)} of the cells`}, and this knob does not change that`;
}

function limitOf({ summary }: CellResult): Bottleneck {
  return summary?.attribution.bottleneck ?? 'unknown';
}

function bottleneckMoved(pairs: readonly KnobPair[]): string | null {
  const befores = new Set(pairs.map(({ from }) => limitOf(from)));
  const afters = new Set(pairs.map(({ to }) => limitOf(to)));
  const [[before], [after]] = [[...befores], [...afters]];
  if (befores.size !== 1 || afters.size !== 1 || before === undefined || after === undefined)
    return null;
  if (before === after || before === 'unknown' || after === 'unknown') return null;
  return `the limit moved from ${before} to ${after}`;
}
