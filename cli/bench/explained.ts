import { explainResult } from '../../benchmarks/explain/explanation.js';
import { type Slo as Bound, parseSlo } from '../../benchmarks/explain/slo.js';
import type { RunResult } from '../../benchmarks/model/result.js';
import type { ReportExplanation } from '../../benchmarks/report/explanation.js';
import type { Slo } from '../../benchmarks/report/model.js';

/** What every view of a result is given beside it. `slo` as on the command line: `p99=10ms`; it is checked here too. */
export function explainedFor(
  result: RunResult,
  slo: string | null,
): { readonly explanation: ReportExplanation; readonly slo: Slo | null } {
  const bound = slo === null ? null : parseSlo(slo);
  return {
    explanation: explainResult(result, bound),
    slo: bound === null ? null : drawable(bound),
  };
}

const DRAWN: Readonly<Record<string, Slo['percentile']>> = {
  p50: 'p50',
  p99: 'p99',
  'p99.9': 'p999',
};

/** Charts draw publish latencies of a few percentiles; bounds on others are in the text only. */
function drawable({ kind, percentile, limitMs }: Bound): Slo | null {
  const drawn = DRAWN[percentile];
  return kind !== 'publish' || drawn === undefined
    ? null
    : { percentile: drawn, us: limitMs * 1e3 };
}
