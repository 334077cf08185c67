import { type LogLevel, levelOf } from './levels.js';

/** One event, one line. */
export interface LogEntry {
  readonly level: LogLevel;
  /** ISO 8601. */
  readonly time: string;
  readonly source: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

type Fields = Readonly<Record<string, unknown>>;

/** Makes a line of what a part of a broker or cluster told: `source` and the event itself. */
export function entryOf(source: string, event: object, more: Fields = {}): LogEntry {
  const { kind, type, ...rest } = event as Record<string, unknown>;
  const name = String(kind ?? type ?? 'event');
  // A log's event comes wrapped in its directory's.
  if (name === 'log' && isFields(rest.event)) {
    const { event: inner, ...where } = rest;
    return entryOf('log', inner as object, { ...more, ...where });
  }
  const fields = plainFields({ ...more, ...rest });
  const time = new Date().toISOString();
  return { level: levelOf(source, name, fields), time, source, event: name, fields };
}

const MAX_DEPTH = 4;
const MAX_ITEMS = 50;

function plainFields(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, plain(value, 1)]),
  );
}

/** What JSON can hold, and what a line can: errors become text, large lists are cut. */
function plain(value: unknown, depth: number): unknown {
  if (value instanceof Error) return errorText(value);
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '...';
  if (isRecovery(value)) return recovery(value);
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => plain(item, depth + 1));
  if (value instanceof Set) return plain([...value], depth);
  if (value instanceof Map) return plain(Object.fromEntries(value), depth);
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, plain(item, depth + 1)]),
  );
}

function errorText(error: Error): string {
  const code = (error as { code?: unknown }).code;
  const text = typeof code === 'string' ? `${error.message} [${code}]` : error.message;
  return text === '' ? error.name : text;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

type Recovery = { readonly wasClean: boolean; readonly segments: readonly unknown[] };

function isRecovery(value: object): value is Recovery {
  return 'wasClean' in value && 'segments' in value && Array.isArray(value.segments);
}

/** A report has a part for each segment; a line has room for their number. */
function recovery({ segments, ...rest }: Recovery): Record<string, unknown> {
  return { ...rest, segments: segments.length };
}
