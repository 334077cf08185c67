import type { Cell, KnobName } from '../model/knobs.js';
import type { RunResult } from '../model/result.js';
import { byteRateText, digits, percentText } from '../model/text.js';
import type {
  KnobVerdict,
  ReportExplanation,
  Knee as ReportKnee,
  ScalingFit,
} from '../report/explanation.js';
import { answerOf } from './answer.js';
import { highestRateWithin, kneeOf, latencyCurves } from './knee.js';
import { explainKnobs, type KnobNote, knobNoteText } from './knobs.js';
import { type Scaling, scalingOf } from './scaling.js';
import type { Slo } from './slo.js';

/** Everything that is said of a result beside its figures, for reports. */
export function explainResult(result: RunResult, slo: Slo | null = null): ReportExplanation {
  const notes = explainKnobs(result);
  return {
    answer: answerOf(result, notes),
    knobs: notes.map(knobVerdict),
    scaling: scalingOf(result).flatMap((one) => {
      const fit = scalingFit(one, result);
      return fit === null ? [] : [fit];
    }),
    knees: latencyCurves(result).map((curve): ReportKnee => {
      const knee = kneeOf(curve);
      const bound = slo === null ? null : highestRateWithin(curve, slo);
      return {
        target: curve.cell.target,
        fixed: fixedOf(curve.cell, result, ['rate']),
        kneeBytesPerSecond: knee.kind === 'found' ? knee.bytesPerSecond : null,
        withinSloBytesPerSecond: bound?.met?.bytesPerSecond ?? null,
        text: [knee.kind === 'found' ? knee.text : `no knee: ${knee.reason}`, bound?.text]
          .filter((text) => text !== undefined)
          .join('; '),
      };
    }),
  };
}

function knobVerdict(note: KnobNote): KnobVerdict {
  const { effect, size, bestOverWorst } = note;
  return {
    target: effect.target,
    knob: effect.knob,
    ratio: bestOverWorst,
    verdict: size,
    text: knobNoteText(note),
  };
}

function scalingFit({ axis, cell, outcome }: Scaling, result: RunResult): ScalingFit | null {
  if (outcome.kind === 'cannot-tell') return null;
  const { fit } = outcome;
  const { peak } = fit;
  const peakText =
    peak.kind === 'within'
      ? `most at ${digits(peak.n)} (95 % between ${digits(peak.low)} and ${digits(peak.high)}), ${byteRateText(peak.rate)}`
      : peak.kind === 'beyond'
        ? `still rising at ${peak.atLeast}`
        : `where it peaks cannot be told: ${peak.reason}`;
  const parts = [
    `one does ${byteRateText(fit.lambda.value)}; sigma ${digits(fit.sigma.value)} (${digits(fit.sigma.low)} to ${digits(fit.sigma.high)}), kappa ${fit.kappa.value.toPrecision(2)} (${fit.kappa.low.toPrecision(2)} to ${fit.kappa.high.toPrecision(2)})`,
    peakText,
    `off by ${percentText(fit.relativeError)}${fit.rSquared === null ? '' : `, R2 ${fit.rSquared.toFixed(2)}`}`,
    ...fit.doubts,
  ];
  return {
    target: cell.target,
    over: axis,
    fixed: fixedOf(cell, result, [axis]),
    lambdaBytesPerSecond: fit.lambda.value,
    sigma: fit.sigma.value,
    kappa: fit.kappa.value,
    relativeError: fit.relativeError,
    peakAt: peak.kind === 'within' ? peak.n : null,
    text: parts.join('; '),
  };
}

/** The knobs that vary in this run for this target, at what this curve holds them. */
function fixedOf(
  cell: Cell,
  { cells }: RunResult,
  without: readonly KnobName[],
): Partial<Record<KnobName, string | number>> {
  const own = cells.filter((one) => one.cell.target === cell.target);
  const fixed: Partial<Record<KnobName, string | number>> = {};
  for (const name of Object.keys(cell) as KnobName[]) {
    if (name === 'target' || without.includes(name)) continue;
    if (new Set(own.map((one) => one.cell[name])).size > 1) fixed[name] = cell[name];
  }
  return fixed;
}
