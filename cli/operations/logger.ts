import picocolors from 'picocolors';
import type { Logger as PinoLogger } from 'pino';
import { isWritten, type LogLevel } from './levels.js';
import { entryOf, type LogEntry } from './log-entry.js';

export type LogFormat = 'json' | 'text';

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Default: to stderr. For a live table, which lines must not tear. */
  readonly write?: (line: string) => void;
}

/** Lines of one kind in so short a time are more than anybody reads; the rest is counted. */
const BURST_LINES = 50;
const BURST_MS = 10_000;
const OPEN_AFTER_MS = 50;

/**
 * Log lines on stderr: JSON by pino, or text for people. pino is loaded when the first moment of the program is over
 * (`openSoon`), and until then lines wait.
 */
export class Logger {
  readonly #options: LoggerOptions;
  readonly #bursts = new Map<string, { sinceMs: number; lines: number }>();
  #waiting: LogEntry[] = [];
  #write: ((entry: LogEntry) => void) | null;

  constructor(options: LoggerOptions) {
    this.#options = options;
    this.#write = options.format === 'text' ? textWriter(options) : null;
  }

  event(source: string, event: object, fields?: Readonly<Record<string, unknown>>): void {
    this.log(entryOf(source, event, fields));
  }

  log(entry: LogEntry): void {
    if (!isWritten(entry.level, this.#options.level) || this.#isTooMuch(entry)) return;
    if (this.#write === null) this.#waiting.push(entry);
    else this.#write(entry);
  }

  /** `open` in a moment: the first requests come before pino. */
  openSoon(): void {
    setTimeout(() => void this.open(), OPEN_AFTER_MS).unref();
  }

  /** Writes what waits, and from now on at once. Before the program ends, too. */
  async open(): Promise<void> {
    if (this.#write !== null) return;
    const write = jsonWriter((await import('pino')).default, this.#options);
    this.#write ??= write;
    for (const entry of this.#waiting) this.#write(entry);
    this.#waiting = [];
  }

  #isTooMuch({ source, event, level }: LogEntry): boolean {
    if (level === 'fatal') return false;
    const key = `${source} ${event}`;
    const nowMs = performance.now();
    const burst = this.#bursts.get(key);
    if (burst === undefined || nowMs - burst.sinceMs > BURST_MS) {
      this.#bursts.set(key, { sinceMs: nowMs, lines: 1 });
      const left = (burst?.lines ?? 0) - BURST_LINES;
      if (left > 0) {
        const fields = { of: event, lines: left };
        this.log({
          level,
          time: new Date().toISOString(),
          source,
          event: 'lines-left-out',
          fields,
        });
      }
      return false;
    }
    burst.lines += 1;
    return burst.lines > BURST_LINES;
  }
}

function jsonWriter(pino: typeof import('pino'), options: LoggerOptions) {
  const logger: PinoLogger = pino(
    {
      level: options.level,
      base: null,
      messageKey: 'event',
      // Of the event, which may have waited.
      timestamp: false,
      formatters: { level: (label) => ({ level: label }) },
    },
    // Synchronous: a line about what ends the process is written before it ends.
    pino.destination({ fd: 2, sync: true }),
  );
  return ({ level, time, source, event, fields }: LogEntry): void => {
    if (level !== 'silent') logger[level]({ time, source, ...fields }, event);
  };
}

function textWriter({ write = (line) => process.stderr.write(line) }: LoggerOptions) {
  const { env, stderr } = process;
  const pc = picocolors.createColors(
    !env.NO_COLOR && (Boolean(env.FORCE_COLOR) || stderr.isTTY === true),
  );
  const paint = { debug: pc.dim, info: pc.green, warn: pc.yellow, error: pc.red, fatal: pc.red };
  return ({ level, time, source, event, fields }: LogEntry): void => {
    if (level === 'silent') return;
    const rest = Object.entries(fields).map(
      ([name, value]) => `${pc.dim(`${name}=`)}${text(value)}`,
    );
    const head = `${pc.dim(time.slice(11, 23))} ${paint[level](level.toUpperCase().padEnd(5))}`;
    write(`${[head, pc.dim(source), event, ...rest].join(' ')}\n`);
  };
}

function text(value: unknown): string {
  return typeof value === 'string' && !/[\s"]/.test(value) ? value : JSON.stringify(value);
}
