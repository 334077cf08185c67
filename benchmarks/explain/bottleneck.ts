import type { Cell } from '../model/knobs.js';
import type {
  Attribution,
  Bottleneck,
  CalibrationInfo,
  CellRun,
  GeneratorLimit,
} from '../model/result.js';
import { byteRateText, bytesText, digits, microsText, percentText, plural } from '../model/text.js';
import { evidenceOf } from './evidence.js';
import { type BottleneckFacts, factsOf } from './facts.js';
import { type Measures, measuresOf } from './measures.js';

/**
 * What limits a cell, as a decision table over facts (`facts.ts` says how each comes from the measures).
 * Read from the top; `-` is any. Every combination of facts matches exactly one case, which a test proves.
 *
 * | case | acknowledged | rate met | machine full | process at its limit | library | generator's limit | disk | network | sync | window | verdict |
 * |---|---|---|---|---|---|---|---|---|---|---|---|
 * | A | no  | -   | -   | -        | -   | -   | -   | -   | -   | -   | unknown: nothing was acknowledged |
 * | B | yes | yes | -   | -        | -   | -   | -   | -   | -   | -   | none |
 * | C | yes | no  | yes | -        | -   | -   | -   | -   | -   | -   | machine |
 * | D | yes | no  | no  | producer | yes | -   | -   | -   | -   | -   | client |
 * | E | yes | no  | no  | producer | no  | -   | -   | -   | -   | -   | generator |
 * | F | yes | no  | no  | leader   | -   | -   | -   | -   | -   | -   | leader |
 * | G | yes | no  | no  | follower | -   | -   | -   | -   | -   | -   | follower |
 * | H | yes | no  | no  | none     | yes | yes | -   | -   | -   | -   | client |
 * | I | yes | no  | no  | none     | no  | yes | -   | -   | -   | -   | generator |
 * | J | yes | no  | no  | none     | -   | no  | yes | -   | -   | -   | disk |
 * | K | yes | no  | no  | none     | -   | no  | no  | yes | -   | -   | network |
 * | L | yes | no  | no  | none     | -   | no  | no  | no  | yes | -   | sync |
 * | M | yes | no  | no  | none     | -   | no  | no  | no  | no  | yes | batching: waiting for round trips |
 * | N | yes | no  | no  | none     | -   | no  | no  | no  | no  | no  | unknown |
 */
export const CASES: readonly BottleneckCase[] = [
  {
    letter: 'A',
    when: { isAcknowledged: false },
    bottleneck: 'unknown',
    text: () => 'Nothing was acknowledged, so nothing can be said of a limit.',
  },
  {
    letter: 'B',
    when: { isAcknowledged: true, isRateMet: true },
    bottleneck: 'none',
    text: ({ measures }) =>
      `The asked rate was met (${byteRateText(measures.bytesPerSecond)}): nothing limited it.`,
  },
  {
    letter: 'C',
    when: { isAcknowledged: true, isRateMet: false, isMachineFull: true },
    bottleneck: 'machine',
    text: machineSentence,
  },
  {
    letter: 'D',
    when: notFull({ atLimit: 'producer', isLibrary: true }),
    bottleneck: 'client',
    text: ({ facts, measures }) =>
      `The client library ${measures.cell.client} uses one core in full (${busiest(facts)}): more producers, or another client, before anything of the brokers.`,
  },
  {
    letter: 'E',
    when: notFull({ atLimit: 'producer', isLibrary: false }),
    bottleneck: 'generator',
    text: ({ facts }) =>
      `The load process uses one core in full (${busiest(facts)}): the target can do more than this figure; use more producers.`,
  },
  {
    letter: 'F',
    when: notFull({ atLimit: 'leader' }),
    bottleneck: 'leader',
    text: leaderSentence,
  },
  {
    letter: 'G',
    when: notFull({ atLimit: 'follower' }),
    bottleneck: 'follower',
    text: ({ facts }) =>
      `A follower uses one core in full (${busiest(facts)}) and leads nothing: replicas cost more than leading; fewer replicas, or leaders spread over more brokers.`,
  },
  {
    letter: 'H',
    when: notFull({ atLimit: 'none', isLibrary: true, isAtGeneratorLimit: true }),
    bottleneck: 'client',
    text: limitSentence,
  },
  {
    letter: 'I',
    when: notFull({ atLimit: 'none', isLibrary: false, isAtGeneratorLimit: true }),
    bottleneck: 'generator',
    text: limitSentence,
  },
  {
    letter: 'J',
    when: idle({ isDiskFull: true }),
    bottleneck: 'disk',
    text: ({ measures }) =>
      `The disk is the limit (${diskFigures(measures)}) while processors wait for it.`,
  },
  {
    letter: 'K',
    when: idle({ isDiskFull: false, isNetworkFull: true }),
    bottleneck: 'network',
    text: ({ measures, calibration }) =>
      `The network is the limit: ${byteRateText(trafficOf(measures))} in all, where one loopback connection carried ${byteRateText(calibration?.loopbackBytesPerSecond ?? 0)}.`,
  },
  {
    letter: 'L',
    when: idle({ isDiskFull: false, isNetworkFull: false, isSyncing: true }),
    bottleneck: 'sync',
    text: ({ measures, calibration }) =>
      `Every batch waits for the disk (flush=batch): half of all requests took ${microsText(measures.serviceP50Us ?? 0)} or more, where one fdatasync took ${microsText(calibration?.fdatasync4KiBP50Us ?? 0)}; larger batches, or more requests that share a sync, raise the rate.`,
  },
  {
    letter: 'M',
    when: idle({
      isDiskFull: false,
      isNetworkFull: false,
      isSyncing: false,
      isWindowFull: true,
    }),
    bottleneck: 'batching',
    text: windowSentence,
  },
  {
    letter: 'N',
    when: idle({
      isDiskFull: false,
      isNetworkFull: false,
      isSyncing: false,
      isWindowFull: false,
    }),
    bottleneck: 'unknown',
    text: ({ facts }) => `Nothing that was measured is at its limit${facts.unseen}.`,
  },
];

/** What a sentence is made of. */
export interface BottleneckView {
  readonly measures: Measures;
  readonly facts: BottleneckFacts;
  readonly calibration: CalibrationInfo | null;
  readonly generatorLimit: GeneratorLimit | null;
}

export interface BottleneckCase {
  readonly letter: string;
  readonly when: Partial<DecidingFacts>;
  readonly bottleneck: Bottleneck;
  readonly text: (view: BottleneckView) => string;
}

/** The facts that the table looks at. */
export type DecidingFacts = Omit<BottleneckFacts, 'busiest' | 'unseen'>;

/** What limits the rate of a cell, and why that is thought. */
export function attributeCell(
  cell: Cell,
  runs: readonly CellRun[],
  calibration: CalibrationInfo | null,
  generatorLimit: GeneratorLimit | null,
): Attribution {
  const measures = measuresOf(cell, runs);
  const facts = factsOf(measures, calibration, generatorLimit);
  const { bottleneck, text } = caseOf(facts);
  const view = { measures, facts, calibration, generatorLimit };
  return { bottleneck, text: text(view), evidence: evidenceOf(view) };
}

export function caseOf(facts: DecidingFacts): BottleneckCase {
  const found = CASES.find((one) => matches(one, facts));
  if (found === undefined)
    throw new Error(`no case of the table matches ${JSON.stringify(facts)}: the table has a hole`);
  return found;
}

export function matches({ when }: BottleneckCase, facts: DecidingFacts): boolean {
  return (Object.keys(when) as (keyof DecidingFacts)[]).every((name) => when[name] === facts[name]);
}

function notFull(more: Partial<DecidingFacts>): Partial<DecidingFacts> {
  return { isAcknowledged: true, isRateMet: false, isMachineFull: false, ...more };
}

function idle(more: Partial<DecidingFacts>): Partial<DecidingFacts> {
  return notFull({ atLimit: 'none', isAtGeneratorLimit: false, ...more });
}

function busiest({ busiest: process }: BottleneckFacts): string {
  return process === null ? 'no process seen' : `${process.id} at ${digits(process.cores)} core`;
}

function machineSentence({ measures }: BottleneckView): string {
  const { machine } = measures;
  const all =
    machine === null ? '' : `${digits(machine.busyShare * machine.cores)} of ${machine.cores}`;
  const shares = coresByRole(measures)
    .filter(([, cores]) => cores >= WORTH_NAMING)
    .map(([role, cores]) => `${NAMES[role] ?? role} ${digits(cores)}`);
  const others = machine?.otherCores ?? 0;
  const stranger =
    machine !== null && others > 0.2 * machine.busyShare * machine.cores
      ? ` Programs that are no part of this took ${digits(others)} of them: measure again on a quiet machine.`
      : '';
  return `All processors are busy (${all} cores: ${shares.join(', ')}), so whatever uses less of them raises the rate.${stranger}`;
}

/** Of a core. */
const WORTH_NAMING = 0.01;

const NAMES: Readonly<Record<string, string>> = {
  broker: 'brokers',
  producer: 'producers',
  consumer: 'consumers',
  other: 'other',
};

/** Cores used by all processes of a role together, most first. */
export function coresByRole({ processes }: Measures): [string, number][] {
  const sums = new Map<string, number>();
  for (const { role, cores } of processes) sums.set(role, (sums.get(role) ?? 0) + cores);
  return [...sums].sort((a, b) => b[1] - a[1]);
}

function leaderSentence({ facts, measures }: BottleneckView): string {
  const { busiest: process } = facts;
  if (process?.role === 'engine') {
    return `The process with the engine uses one core in full (${busiest(facts)}): fewer and larger batches, or several processes with a directory each.`;
  }
  const leading = process?.leaders;
  const led =
    leading === null || leading === undefined
      ? 'it leads partitions'
      : `it leads ${leading} of ${plural(measures.cell.partitions, 'partition')}`;
  const idlers = measures.processes.filter(
    ({ role, cores }) => role === 'broker' && cores < 0.6,
  ).length;
  const advice =
    idlers > 0
      ? `${plural(idlers, 'broker')} had time left: more partitions, so that leaders spread`
      : 'more brokers, or larger batches';
  return `A broker that leads uses one core in full (${busiest(facts)}; ${led}): ${advice}.`;
}

function limitSentence({ measures, generatorLimit }: BottleneckView): string {
  const limit = generatorLimit?.bytesPerSecond ?? 0;
  return `The rate is ${percentText(measures.bytesPerSecond / (limit * measures.cell.producers))} of what ${measures.cell.client === 'ready' ? 'the load processes' : `the client ${measures.cell.client}`} could send to a target that only answers (${byteRateText(limit)} a process): the target can do more than this figure.`;
}

function diskFigures({ diskWrittenBytesPerSecond, machine }: Measures): string {
  const parts: string[] = [];
  if (diskWrittenBytesPerSecond !== null)
    parts.push(`${byteRateText(diskWrittenBytesPerSecond)} written`);
  if (machine !== null)
    parts.push(`${percentText(machine.ioWaitShare)} of processor time waiting for it`);
  return parts.join(', ');
}

/** What crosses sockets: sent, copied to followers, read by groups. */
export function trafficOf({
  cell,
  wireBytesPerSecond,
  consumedWireBytesPerSecond,
}: Measures): number {
  return wireBytesPerSecond * cell.replicationFactor + (consumedWireBytesPerSecond ?? 0);
}

function windowSentence({ measures }: BottleneckView): string {
  const { cell, meanInFlight, requestBytes, serviceMeanUs, wireBytesPerSecond } = measures;
  const replicas =
    cell.acks === 'all' && cell.replicationFactor > 1
      ? ', each until its followers have fetched it'
      : '';
  return `Producers wait for answers, and nobody's processor is at its limit: ${digits(meanInFlight)} requests under way x ${bytesText(Math.round(requestBytes))} / ${microsText(serviceMeanUs ?? 0)}${replicas} is the rate (${byteRateText(wireBytesPerSecond)}); larger batches, more in flight, more partitions or more producers would raise it.`;
}
