import { countText, digits, percentText, plural, secondsText } from '../model/text.js';
import { countAtLeast } from './partitions.js';

/** A group on a topic at one moment, as its cluster tells. */
export interface GroupSample {
  readonly atMs: number;
  /** Ids of members. */
  readonly members: readonly string[];
  readonly partitions: readonly PartitionSample[];
}

export interface PartitionSample {
  readonly partition: number;
  /** High watermark. */
  readonly endOffset: number;
  /** What the group has finished; null: it never committed here. */
  readonly committedOffset: number | null;
  /** Who reads it; null: nobody. */
  readonly member: string | null;
}

export type WatchAction =
  | 'nothing'
  | 'start consumers'
  | 'add consumers'
  | 'add partitions'
  | 'fix hot key'
  | 'fix slow consumer'
  | 'cannot tell';

/** Would more partitions, or more consumers, help this group? */
export interface WatchVerdict {
  /** Of the table, `CASES`. */
  readonly letter: string;
  readonly action: WatchAction;
  readonly text: string;
  readonly evidence: readonly string[];
  readonly totals: WatchTotals;
}

export interface WatchTotals {
  readonly seconds: number;
  readonly partitions: number;
  readonly members: number;
  readonly lag: number;
  /** Records a second. */
  readonly produced: number;
  readonly consumed: number;
  readonly lagGrowth: number;
}

/** The facts that decide. */
export interface WatchFacts {
  readonly isEnough: boolean;
  readonly isGrowing: boolean;
  readonly members: 'none' | 'fewer than partitions' | 'one for each partition';
  /** What of the lag grows: that of one or few partitions that get more than others, of one member, or of most. */
  readonly where: 'hot partitions' | 'one member' | 'most';
}

/**
 * Read from the top; every combination of facts matches exactly one case.
 *
 * | case | enough | lag grows | members | where | what helps |
 * |---|---|---|---|---|---|
 * | A | no  | -   | -              | -          | cannot tell |
 * | B | yes | no  | -              | -          | nothing |
 * | C | yes | yes | none           | -          | start consumers |
 * | D | yes | yes | some           | hot        | the keys: more partitions do not split a key |
 * | E | yes | yes | fewer          | one member | that member, or more members to share its partitions |
 * | F | yes | yes | one each       | one member | that member |
 * | G | yes | yes | fewer          | most       | more consumers |
 * | H | yes | yes | one each       | most       | more partitions, and as many consumers |
 */
export const CASES: readonly WatchCase[] = [
  { letter: 'A', action: 'cannot tell', matches: ({ isEnough }) => !isEnough },
  {
    letter: 'B',
    action: 'nothing',
    matches: ({ isEnough, isGrowing }) => isEnough && !isGrowing,
  },
  {
    letter: 'C',
    action: 'start consumers',
    matches: (facts) => grows(facts) && facts.members === 'none',
  },
  {
    letter: 'D',
    action: 'fix hot key',
    matches: (facts) => hasMembers(facts) && facts.where === 'hot partitions',
  },
  {
    letter: 'E',
    action: 'add consumers',
    matches: (facts) =>
      facts.members === 'fewer than partitions' && grows(facts) && facts.where === 'one member',
  },
  {
    letter: 'F',
    action: 'fix slow consumer',
    matches: (facts) =>
      facts.members === 'one for each partition' && grows(facts) && facts.where === 'one member',
  },
  {
    letter: 'G',
    action: 'add consumers',
    matches: (facts) =>
      facts.members === 'fewer than partitions' && grows(facts) && facts.where === 'most',
  },
  {
    letter: 'H',
    action: 'add partitions',
    matches: (facts) =>
      facts.members === 'one for each partition' && grows(facts) && facts.where === 'most',
  },
];

export interface WatchCase {
  readonly letter: string;
  readonly action: WatchAction;
  readonly matches: (facts: WatchFacts) => boolean;
}

function grows({ isEnough, isGrowing }: WatchFacts): boolean {
  return isEnough && isGrowing;
}

function hasMembers(facts: WatchFacts): boolean {
  return grows(facts) && facts.members !== 'none';
}

/** Commits come every few seconds, and lag jumps with each: some of them must be in what is looked at. */
export const FEWEST_SECONDS = 20;
const FEWEST_SAMPLES = 5;
/** Of what was produced: lag that grows by less is noise of commits. */
const GROWTH = 0.05;
/** Of the growth of all, that some partitions must have to be the cause. */
const MOST_OF_GROWTH = 0.8;
/** A hot partition gets so many times its share. */
const HOT = 2;

/** `samples` in the order of time; partitions that came meanwhile count from then on. */
export function judgeGroup(samples: readonly GroupSample[]): WatchVerdict {
  const trends = trendsOf(samples);
  const last = samples.at(-1);
  const totals = totalsOf(samples, trends);
  const hot = hotPartitions(trends, totals);
  const slow = slowMember(trends, totals);
  const facts: WatchFacts = {
    isEnough:
      samples.length >= FEWEST_SAMPLES && totals.seconds >= FEWEST_SECONDS && trends.length > 0,
    isGrowing:
      totals.lagGrowth > GROWTH * Math.max(totals.produced, 1e-9) && isSteady(trends, totals),
    members:
      totals.members === 0
        ? 'none'
        : totals.members < (last?.partitions.length ?? 0)
          ? 'fewer than partitions'
          : 'one for each partition',
    where: hot.length > 0 ? 'hot partitions' : slow !== null ? 'one member' : 'most',
  };
  const { letter, action } = caseOf(facts);
  return {
    letter,
    action,
    totals,
    text: sentence(letter, { totals, hot, slow }),
    evidence: evidenceOf(totals, trends),
  };
}

export function caseOf(facts: WatchFacts): WatchCase {
  const found = CASES.find(({ matches }) => matches(facts));
  if (found === undefined)
    throw new Error(`no case for ${JSON.stringify(facts)}: the table has a hole`);
  return found;
}

/** One partition over the time looked at; rates in records a second. */
interface Trend {
  readonly partition: number;
  readonly member: string | null;
  readonly lag: number;
  readonly produced: number;
  readonly consumed: number;
  readonly lagGrowth: number;
  /** Standard deviation of lag around its line: what commits make it jump. */
  readonly jitter: number;
}

function trendsOf(samples: readonly GroupSample[]): Trend[] {
  const last = samples.at(-1);
  if (last === undefined) return [];
  return last.partitions.flatMap(({ partition, member }) => {
    const seen = samples.flatMap(({ atMs, partitions }) => {
      const one = partitions.find((sample) => sample.partition === partition);
      return one === undefined
        ? []
        : [{ seconds: atMs / 1000, end: one.endOffset, done: one.committedOffset ?? 0 }];
    });
    const [first, final] = [seen[0], seen.at(-1)];
    if (first === undefined || final === undefined || final.seconds <= first.seconds) return [];
    const seconds = final.seconds - first.seconds;
    const lag = line(seen.map((one) => ({ x: one.seconds, y: one.end - one.done })));
    const produced = (final.end - first.end) / seconds;
    return [
      {
        partition,
        member,
        lag: final.end - final.done,
        produced,
        consumed: produced - lag.slope,
        lagGrowth: lag.slope,
        jitter: lag.jitter,
      },
    ];
  });
}

function line(points: readonly { readonly x: number; readonly y: number }[]): {
  slope: number;
  jitter: number;
} {
  const count = points.length;
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / count;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / count;
  let xx = 0;
  let xy = 0;
  for (const { x, y } of points) {
    xx += (x - meanX) ** 2;
    xy += (x - meanX) * (y - meanY);
  }
  const slope = xx === 0 ? 0 : xy / xx;
  const squares = points.reduce((sum, { x, y }) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  return { slope, jitter: Math.sqrt(squares / Math.max(1, count - 2)) };
}

function totalsOf(samples: readonly GroupSample[], trends: readonly Trend[]): WatchTotals {
  const [first, last] = [samples[0], samples.at(-1)];
  const sum = (of: (trend: Trend) => number): number =>
    trends.reduce((total, trend) => total + of(trend), 0);
  return {
    seconds: first === undefined || last === undefined ? 0 : (last.atMs - first.atMs) / 1000,
    partitions: last?.partitions.length ?? 0,
    members: new Set(last?.members ?? []).size,
    lag: sum(({ lag }) => lag),
    produced: sum(({ produced }) => produced),
    consumed: sum(({ consumed }) => consumed),
    lagGrowth: sum(({ lagGrowth }) => lagGrowth),
  };
}

/** Lag grew by more over the time than commits make it jump. */
function isSteady(trends: readonly Trend[], { seconds, lagGrowth }: WatchTotals): boolean {
  const jitter = Math.sqrt(trends.reduce((sum, trend) => sum + trend.jitter ** 2, 0));
  return lagGrowth * seconds > 2 * jitter;
}

/** Few partitions that have most of the growth, because they get more than their share. */
function hotPartitions(trends: readonly Trend[], { lagGrowth, produced }: WatchTotals): Trend[] {
  if (trends.length < 2) return [];
  const share = produced / trends.length;
  const hot = trends.filter((trend) => trend.produced >= HOT * share && trend.lagGrowth > 0);
  const growth = hot.reduce((sum, trend) => sum + trend.lagGrowth, 0);
  return growth >= MOST_OF_GROWTH * lagGrowth ? hot : [];
}

/** One member of several whose partitions have most of the growth. */
function slowMember(trends: readonly Trend[], { lagGrowth }: WatchTotals): string | null {
  const growth = new Map<string, number>();
  for (const { member, lagGrowth: own } of trends)
    if (member !== null) growth.set(member, (growth.get(member) ?? 0) + own);
  if (growth.size < 2) return null;
  const [most] = [...growth].sort((a, b) => b[1] - a[1]);
  return most !== undefined && most[1] >= MOST_OF_GROWTH * lagGrowth ? most[0] : null;
}

function sentence(
  letter: string,
  { totals, hot, slow }: { totals: WatchTotals; hot: readonly Trend[]; slow: string | null },
): string {
  const { members, partitions, lag, lagGrowth, produced, consumed } = totals;
  const perMember = members === 0 ? 0 : consumed / members;
  const needed = perMember > 0 ? Math.ceil((produced * 1.2) / perMember) : members + 1;
  const hotNames = hot.map(({ partition }) => partition).join(', ');
  const hotShare = produced > 0 ? hot.reduce((sum, one) => sum + one.produced, 0) / produced : 0;
  switch (letter) {
    case 'A':
      return `Not enough was seen: ${secondsText(totals.seconds)} of ${FEWEST_SECONDS} s at least.`;
    case 'B':
      return lagGrowth < 0 && lag > 0
        ? `Lag falls by ${countText(-lagGrowth)} records/s and is gone in ${secondsText(lag / -lagGrowth)}: nothing to do.`
        : 'Lag does not grow: nothing to do.';
    case 'C':
      return `Nobody reads, and ${countText(produced)} records/s come in: start consumers.`;
    case 'D':
      return `Partition ${hotNames} gets ${percentText(hotShare)} of all records and has the growing lag: more partitions do not split a key; spread the key, or make its consumer faster.`;
    case 'E':
      return `The lag that grows is on the partitions of ${slow}: see what is slow there; ${plural(partitions, 'partition')} and ${plural(members, 'member')} leave room for more members to share them.`;
    case 'F':
      return `The lag that grows is on the partitions of ${slow} alone: that member is slow; more partitions would not help it.`;
    case 'G':
      return `Lag grows everywhere by ${countText(lagGrowth)} records/s, and ${plural(members, 'member')} read ${plural(partitions, 'partition')}: add members, to ${Math.min(partitions, Math.max(needed, members + 1))}; more partitions alone would not help.`;
    default:
      return `Lag grows everywhere by ${countText(lagGrowth)} records/s, and every partition has a member of its own that gets through ${countText(perMember)} records/s: more partitions help, with as many members (${countAtLeast(Math.max(needed, partitions + 1))} of each). Keys will change their partition.`;
  }
}

function evidenceOf(totals: WatchTotals, trends: readonly Trend[]): string[] {
  const worst = [...trends].sort((a, b) => b.lagGrowth - a.lagGrowth).slice(0, 3);
  return [
    `${secondsText(totals.seconds)}: ${digits(totals.produced)} records/s in, ${digits(totals.consumed)} records/s read; lag ${countText(totals.lag)}, ${totals.lagGrowth >= 0 ? 'growing' : 'falling'} by ${digits(Math.abs(totals.lagGrowth))} records/s`,
    `${plural(totals.partitions, 'partition')}, ${plural(totals.members, 'member')}`,
    ...worst.map(
      ({ partition, member, lag, lagGrowth, produced }) =>
        `partition ${partition}${member === null ? '' : ` (${member})`}: lag ${countText(lag)}, ${lagGrowth >= 0 ? '+' : ''}${digits(lagGrowth)} records/s, ${digits(produced)} records/s in`,
    ),
  ];
}
