import type { RunResult } from '../../benchmarks/model/result.js';
import type { ReportExplanation } from '../../benchmarks/report/explanation.js';
import type { Slo } from '../../benchmarks/report/model.js';

/** What every view of a result is given beside it. */
export function explainedFor(
  _result: RunResult,
  _slo: string | null,
): { readonly explanation: ReportExplanation | null; readonly slo: Slo | null } {
  return { explanation: null, slo: null };
}
