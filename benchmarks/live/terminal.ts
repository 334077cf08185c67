import pc from 'picocolors';
import { byteRateText, countText, microsText, secondsText } from '../model/text.js';
import { bar, spark } from '../report/terminal/curves.js';
import type { OnRunEvent } from '../run/events.js';
import { type LiveMessage, messageOf } from './message.js';
import { NOTHING_YET, nextState, type RunState } from './run-state.js';

/** The part of a terminal stream that progress needs. */
export interface LiveStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface TerminalView {
  readonly onEvent: OnRunEvent;
  /** Takes the status block away, so that what is printed next begins on a clean line. */
  close(): void;
}

/**
 * On a terminal a block of three lines that rewrites itself, with failures left standing above it; elsewhere (a file, CI)
 * a line for each run that is over.
 */
export function terminalView(
  stream: LiveStream,
  options: { readonly color: boolean },
): TerminalView {
  return stream.isTTY === true ? blockView(stream, options.color) : lineView(stream);
}

function lineView(stream: LiveStream): TerminalView {
  let state = NOTHING_YET;
  return {
    onEvent(event) {
      const message = messageOf(event);
      state = nextState(state, message);
      const line = plainLine(state, message);
      if (line !== null) stream.write(`${line}\n`);
    },
    close() {},
  };
}

/** null: nothing that a log needs. */
function plainLine(state: RunState, message: LiveMessage): string | null {
  const place = `[${state.done}/${state.runs}]`;
  switch (message.type) {
    case 'begun':
      return `${message.name}: ${message.runs} runs of ${message.cells.length} cells, about ${secondsText(message.estimateSeconds)}`;
    case 'doing':
      return message.text;
    case 'measured': {
      const run = state.measured.at(-1)!;
      const latency = run.p99Us === null ? '' : `, p99 ${microsText(run.p99Us)}`;
      return `${place} ${run.label}: ${byteRateText(run.bytesPerSecond)}${latency}`;
    }
    case 'failed': {
      const failure = state.failures.at(-1)!;
      return `${place} FAILED ${failure.label}: ${failure.message}`;
    }
    default:
      return null;
  }
}

function blockView(stream: LiveStream, color: boolean): TerminalView {
  let state = NOTHING_YET;
  let drawnLines = 0;
  const clear = (): void => {
    // To the first line of the block, then everything from there on.
    if (drawnLines > 0) stream.write(`\r${drawnLines > 1 ? `\x1b[${drawnLines - 1}A` : ''}\x1b[J`);
    drawnLines = 0;
  };
  const draw = (): void => {
    const lines = blockLines(state, (stream.columns ?? 80) - 1, color);
    clear();
    stream.write(lines.join('\n'));
    drawnLines = lines.length;
  };
  return {
    onEvent(event) {
      const message = messageOf(event);
      state = nextState(state, message);
      if (message.type === 'finished') return clear();
      if (message.type === 'failed') {
        clear();
        const failure = state.failures.at(-1)!;
        stream.write(
          `${pc.createColors(color).red('failed')} ${failure.label}: ${failure.message}\n`,
        );
      }
      draw();
    },
    close: clear,
  };
}

const BAR_WIDTH = 24;
const SPARK_WIDTH = 24;

/** At most three lines, none longer than `width`. */
export function blockLines(state: RunState, width: number, color: boolean): string[] {
  const colors = pc.createColors(color);
  const share = state.runs === 0 ? 0 : state.done / state.runs;
  const left =
    state.remainingSeconds === null
      ? ''
      : `  about ${secondsText(Math.ceil(state.remainingSeconds))} left`;
  const drawn = bar(share, BAR_WIDTH).padEnd(BAR_WIDTH, '\u00b7');
  const head = cut(`${drawn} ${state.done}/${state.runs}${left}  ${state.name}`, width);
  const lines = [head.replace(drawn, colors.cyan(drawn))];
  const { current } = state;
  if (state.doing !== '') lines.push(cut(state.doing, width));
  else if (current !== null) {
    const sample = current.samples.at(-1);
    const phase =
      sample === undefined ? '' : `  ${sample.phase} ${sample.elapsedSeconds.toFixed(1)} s`;
    lines.push(cut(`${current.label}  repeat ${current.repeat + 1}${phase}`, width));
  }
  const sample = state.doing === '' ? current?.samples.at(-1) : undefined;
  if (sample !== undefined) {
    const rates = current!.samples.slice(-SPARK_WIDTH).map((one) => one.producedBytesPerSecond);
    const latency =
      sample.p50Us === null || sample.p99Us === null
        ? ''
        : `  p50 ${microsText(sample.p50Us)}  p99 ${microsText(sample.p99Us)}`;
    const figures = `${byteRateText(sample.producedBytesPerSecond)}  ${countText(sample.producedRecordsPerSecond)} records/s${latency}`;
    lines.push(cut(`${spark(rates).padEnd(SPARK_WIDTH)} ${figures}`, width));
  }
  return lines;
}

function cut(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}\u2026`;
}
