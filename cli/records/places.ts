import { InvalidArgumentError } from 'commander';

/** A place in each partition. */
export type Place =
  | { readonly at: 'beginning' | 'end' }
  | { readonly at: 'offset'; readonly offset: number }
  /** So many records before the end. */
  | { readonly at: 'last'; readonly records: number }
  /** The first record at or after it. */
  | { readonly at: 'time'; readonly timestampMs: number };

/** Parser of `--from`. */
export function placeOf(text: string): Place {
  if (text === 'beginning' || text === 'earliest') return { at: 'beginning' };
  if (text === 'end' || text === 'latest') return { at: 'end' };
  if (/^-\d{1,15}$/.test(text)) return { at: 'last', records: -Number(text) };
  if (/^\d{1,16}$/.test(text)) return { at: 'offset', offset: safe(Number(text)) };
  return { at: 'time', timestampMs: timeOf(text) };
}

export type Until =
  | { readonly at: 'end' }
  | { readonly at: 'offset'; readonly offset: number }
  | { readonly at: 'time'; readonly timestampMs: number };

/** Parser of `--until`. */
export function untilOf(text: string): Until {
  const place = placeOf(text);
  switch (place.at) {
    case 'end':
      return { at: 'end' };
    case 'offset':
    case 'time':
      return place;
    default:
      throw new InvalidArgumentError('It is end, an offset, or a time.');
  }
}

/** Parser of a list such as 0,3,5. */
export function partitionList(text: string): number[] {
  if (!/^\d{1,9}(,\d{1,9})*$/.test(text)) {
    throw new InvalidArgumentError(
      'It is a partition number, or several with commas between them.',
    );
  }
  return [...new Set(text.split(',').map(Number))];
}

function timeOf(text: string): number {
  const ms = /^@\d{1,16}$/.test(text) ? Number(text.slice(1)) : isoTime(text);
  if (Number.isSafeInteger(ms) && ms >= 0 && ms <= 8.64e15) return ms;
  throw new InvalidArgumentError(
    'It is beginning, end, an offset, -N, or a time: 2024-01-31T12:00:00Z, @1706702400000.',
  );
}

/** Date.parse takes almost any text for a date. */
function isoTime(text: string): number {
  return /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?$/.test(text) ? Date.parse(text) : Number.NaN;
}

function safe(offset: number): number {
  if (Number.isSafeInteger(offset)) return offset;
  throw new InvalidArgumentError(`It is at most ${Number.MAX_SAFE_INTEGER}.`);
}
