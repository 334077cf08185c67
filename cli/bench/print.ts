import type { RunResult } from '../../benchmarks/model/result.js';
import { renderTerminal } from '../../benchmarks/report/terminal.js';
import { colors } from '../colors.js';
import { explainedFor } from './explained.js';

/** A file or a pipe has no width of its own. */
const PLAIN_WIDTH = 120;

export function printResult(result: RunResult, slo: string | null): void {
  process.stdout.write(
    renderTerminal(result, {
      color: colors.isColorSupported,
      width: process.stdout.columns ?? PLAIN_WIDTH,
      ...explainedFor(result, slo),
    }),
  );
}
