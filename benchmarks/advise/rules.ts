import { byteRateText, plural, ratioText } from '../model/text.js';
import type { AdviceRequest, Recommendation, RuleOfThumb } from './advice.js';
import type { CapacityPoint, ConsumerBound, ProducerBound } from './partitions.js';

export interface RuleInput {
  readonly request: AdviceRequest;
  readonly recommendation: Recommendation;
  readonly points: readonly CapacityPoint[];
  readonly byProducers: ProducerBound;
  readonly byConsumers: ConsumerBound;
}

/** What people repeat to each other, against what was measured here. */
export function rulesOfThumb(input: RuleInput): RuleOfThumb[] {
  return [startSmall(input), onlyGrow(input), threeReplicas(input), maxOfBoth(input)];
}

function startSmall({ recommendation: { partitions } }: RuleInput): RuleOfThumb {
  const isSmall = partitions <= 4;
  return {
    rule: 'start with 2 or 4 partitions and grow by lag',
    verdict: isSmall ? 'agrees' : 'disagrees',
    text: isSmall
      ? `${plural(partitions, 'partition')} carry what was asked; watch the lag (varve advise watch)`
      : `what was asked needs ${partitions}: starting with fewer would mean growing soon, and keys would change their partition`,
  };
}

function onlyGrow({ request, recommendation: { partitions } }: RuleInput): RuleOfThumb {
  return {
    rule: 'partitions only ever grow, so plan ahead',
    verdict: 'agrees',
    text:
      request.growth > 1
        ? `${partitions} have the growth in them, because a later change moves keys to other partitions`
        : `no growth was given, so ${partitions} are for today: with --growth they would be for later too`,
  };
}

function threeReplicas({ request, recommendation }: RuleInput): RuleOfThumb {
  const { replicationFactor } = recommendation;
  const lost = request.surviveBrokers;
  return {
    rule: 'three replicas',
    verdict: replicationFactor === 3 ? 'agrees' : 'disagrees',
    text: `surviving ${plural(lost, 'lost broker')} and going on takes ${replicationFactor}`,
  };
}

/** Partitions add up evenly in the rule; here they do not where the curve bends. */
const LINEAR = 0.8;

function maxOfBoth({ request, points, byProducers, byConsumers }: RuleInput): RuleOfThumb {
  const rule = 'partitions = max(t/p, t/c)';
  const single = points.find(({ partitions }) => partitions === 1);
  const largest = points.at(-1);
  if (single === undefined || largest === undefined || largest.partitions === 1)
    return { rule, verdict: 'not tested', text: 'one partition and several were not measured' };
  const t = request.rateBytesPerSecond * request.growth;
  const simple = Math.max(Math.ceil(t / single.bytesPerSecond), byConsumers.partitions);
  const measured = Math.max(
    byProducers.partitions ?? Number.POSITIVE_INFINITY,
    byConsumers.partitions,
  );
  const grown = largest.bytesPerSecond / single.bytesPerSecond;
  const figures = `p is ${byteRateText(single.bytesPerSecond)} alone, and ${largest.partitions} partitions do ${ratioText(grown)} of that`;
  if (!Number.isFinite(measured))
    return {
      rule,
      verdict: 'disagrees',
      text: `it says ${simple}, and no count carries it: ${figures}`,
    };
  const isLinear = grown >= LINEAR * largest.partitions;
  return {
    rule,
    verdict: simple === measured ? 'agrees' : 'disagrees',
    text: `it says ${simple}, measured with room it is ${measured}: ${figures}${isLinear ? '' : ', so that p is not the same for each'}`,
  };
}
