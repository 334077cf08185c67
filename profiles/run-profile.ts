import { resolve } from 'node:path';
import { isBenchError } from '../benchmarks/model/bench-error.js';
import { colors } from '../cli/colors.js';
import { printJson } from '../cli/print-json.js';
import { interruptSignal, UsageError } from '../cli/run-program.js';
import { VarveError } from '../engine/errors.js';
import { attachProfile, requireCellIn } from './attach.js';
import { cellOfWords } from './cell-words.js';
import type { ProfileKind, Tool } from './kinds.js';
import { type ProfileRequest, profileCell } from './profile-cell.js';
import { summaryText } from './summary-text.js';

export interface ProfileFlags {
  readonly seconds: number;
  readonly warmup: number;
  readonly broker: number;
  readonly tool: Tool | 'auto';
  readonly live?: true;
  readonly out: string;
  readonly directory: string;
  readonly result?: string;
  readonly json?: true;
}

const DEFAULT_WIDTH = 120;
/** Below this the profile is of the start of a process. */
const LEAST_SECONDS = 0.2;

/** Runs the cell and prints what came out; what goes on meanwhile is said on stderr. */
export async function runProfile(
  kind: ProfileKind,
  words: readonly string[],
  flags: ProfileFlags,
): Promise<void> {
  const request = requestOf(kind, words, flags);
  const { result } = flags;
  const signal = interruptSignal();
  const onDoing = (text: string): void => {
    process.stderr.write(`${colors.dim(text)}\n`);
  };
  try {
    const summary = await profileCell(request, { onDoing, signal });
    if (result !== undefined) {
      const stored = attachProfile(result, summary.cell, summary.files.html);
      onDoing(
        `${result} has it as ${stored}: \`varve bench report ${result}\` shows it at its cell`,
      );
    }
    if (flags.json) printJson(summary);
    else {
      process.stdout.write(summaryText(summary, colors, process.stdout.columns ?? DEFAULT_WIDTH));
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw asVarveError(error);
  }
}

function requestOf(
  kind: ProfileKind,
  words: readonly string[],
  flags: ProfileFlags,
): ProfileRequest {
  if (flags.live && kind !== 'heap') throw new UsageError('--live is for heap');
  if (flags.seconds < LEAST_SECONDS) {
    throw new UsageError(`--seconds ${flags.seconds}: at least ${LEAST_SECONDS}`);
  }
  try {
    const cell = cellOfWords(words);
    if (flags.result !== undefined) requireCellIn(flags.result, cell);
    if (cell.target === 'cluster' && flags.broker > cell.brokers) {
      throw new UsageError(`--broker ${flags.broker}: brokers=${cell.brokers}`);
    }
    return {
      kind,
      cell,
      tool: flags.tool,
      brokerId: flags.broker,
      warmupSeconds: flags.warmup,
      measureSeconds: flags.seconds,
      isLive: flags.live === true,
      out: resolve(flags.out),
      directory: resolve(flags.directory),
    };
  } catch (error) {
    if (isBenchError(error)) throw new UsageError(error.message);
    throw error;
  }
}

/** What the suite throws, as the command line reports it: one line, and its code. */
function asVarveError(error: unknown): unknown {
  if (!isBenchError(error)) return error;
  return new VarveError('IO_FAILED', error.message, { cause: error });
}
