import { BenchError } from './bench-error.js';
import { NUMBER, parseWholeNumber } from './written-number.js';

/**
 * Quantities as people write them: `50MB/s`, `1KiB`, `20ms`, `3x`, `5e6/s`. One spelling for the command line, suite files and the
 * advisor. Decimal (`kB`, `MB`) and binary (`KiB`, `MiB`) units are kept apart, because 64 MB and 64 MiB are 5 % apart.
 * Every refusal names the value, what it was for, and a form that would do.
 */

const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

const MILLISECONDS: Readonly<Record<string, number>> = {
  us: 1e-3,
  ms: 1,
  s: 1e3,
  min: 60e3,
  h: 3600e3,
  d: 24 * 3600e3,
};

/** Of a second. */
const PER: Readonly<Record<string, number>> = {
  s: 1,
  sec: 1,
  min: 60,
  h: 3600,
  d: 24 * 3600,
};

const COUNTS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9 };

/** `1KiB`, `64 kB`, `1.5GiB`, `100B`, or a plain number of bytes. A whole number of bytes, at least 1. */
export function parseBytes(text: string, what = 'a size'): number {
  const match = new RegExp(`^(${NUMBER})\\s*([a-z]*)$`, 'i').exec(text.trim());
  const scale = match === null ? undefined : BYTES[(match[2] as string).toUpperCase() || 'B'];
  if (match === null || scale === undefined)
    throw refusal(text, what, 'bytes such as 1KiB, 64kB, 1.5GiB or 1024');
  const bytes = Math.round(Number(match[1]) * scale);
  if (bytes < 1 || !Number.isSafeInteger(bytes))
    throw refusal(text, what, `bytes from 1B to ${Number.MAX_SAFE_INTEGER}B`);
  return bytes;
}

export interface RateOptions {
  /** Lets records be counted too: `20k records/s` becomes bytes of values. Without it they are refused. */
  readonly recordBytes?: number;
}

/** `50MB/s`, `3GB/h`, and with `recordBytes` also `20000records/s` or `20k/s`. Bytes of values a second, above 0. */
export function parseByteRate(text: string, what = 'a rate', options: RateOptions = {}): number {
  const form =
    options.recordBytes === undefined
      ? 'bytes over time such as 50MB/s, 512KiB/s or 3GB/h'
      : 'bytes or records over time such as 50MB/s or 20k records/s';
  const [amount = '', per, ...more] = text.trim().split('/');
  const seconds = per === undefined ? undefined : PER[per.trim().toLowerCase()];
  if (seconds === undefined || more.length > 0) {
    const isAmount = per === undefined && /^\d/.test(amount);
    throw refusal(text, what, isAmount ? `${form}: a time is missing, as in ${amount}/s` : form);
  }
  const records = new RegExp(`^(${NUMBER})\\s*([kMG]?)\\s*(?:records?|msgs?|messages?)?$`).exec(
    amount.trim(),
  );
  if (records !== null) {
    if (options.recordBytes === undefined) throw refusal(text, what, form);
    return positive(
      (Number(records[1]) * (COUNTS[records[2] as string] as number) * options.recordBytes) /
        seconds,
      text,
      what,
      form,
    );
  }
  const match = new RegExp(`^(${NUMBER})\\s*([a-z]+)$`, 'i').exec(amount.trim());
  const scale = match === null ? undefined : BYTES[(match[2] as string).toUpperCase()];
  if (match === null || scale === undefined) throw refusal(text, what, form);
  return positive((Number(match[1]) * scale) / seconds, text, what, form);
}

/** `20ms`, `250us`, `1.5s`, `10min`, `24h`, `7d`. Milliseconds, above 0. A bare number is refused: of what unit is it? */
export function parseDuration(text: string, what = 'a duration'): number {
  const form = 'a time with its unit such as 250us, 20ms, 1.5s, 10min, 24h or 7d';
  const match = new RegExp(`^(${NUMBER})\\s*(us|µs|ms|s|sec|m|min|h|d)$`).exec(text.trim());
  if (match === null) throw refusal(text, what, form);
  const unit = ALIASES[match[2] as string] ?? (match[2] as string);
  return positive(Number(match[1]) * (MILLISECONDS[unit] as number), text, what, form);
}

const ALIASES: Readonly<Record<string, string>> = { µs: 'us', sec: 's', m: 'min' };

/** `3x`, `1.5x` or `3`. At least 1. */
export function parseFactor(text: string, what = 'a factor'): number {
  const match = new RegExp(`^(${NUMBER})\\s*[x×]?$`, 'i').exec(text.trim());
  const factor = match === null ? Number.NaN : Number(match[1]);
  if (!(factor >= 1) || !Number.isFinite(factor))
    throw refusal(text, what, 'a factor of 1x or more, such as 3x or 1.5x');
  return factor;
}

/** A whole number from `low` to `high`. */
export function parseCount(
  text: string,
  what: string,
  range: { readonly low: number; readonly high: number },
): number {
  const value = parseWholeNumber(text.trim());
  if (!(value >= range.low && value <= range.high))
    throw refusal(text, what, `a whole number from ${range.low} to ${range.high}`);
  return value;
}

function positive(value: number, text: string, what: string, form: string): number {
  if (!(value > 0) || !Number.isFinite(value)) throw refusal(text, what, `${form}, above zero`);
  return value;
}

function refusal(text: string, what: string, form: string): BenchError {
  return new BenchError('INVALID_KNOB', `${JSON.stringify(text)} is not ${what}: give ${form}`);
}
