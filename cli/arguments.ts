import { InvalidArgumentError } from 'commander';
import { NUMBER, parseWholeNumber } from '../benchmarks/model/written-number.js';

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1024,
  kib: 1024,
  m: 1024 ** 2,
  mib: 1024 ** 2,
  g: 1024 ** 3,
  gib: 1024 ** 3,
};

const SIZE = new RegExp(`^(${NUMBER})\\s*([a-z]*)$`, 'i');

/** Parser of an offset or a count. */
export function wholeNumber(text: string): number {
  const value = parseWholeNumber(text);
  if (!Number.isNaN(value)) return value;
  throw new InvalidArgumentError(`It is a whole number from 0 to ${Number.MAX_SAFE_INTEGER}.`);
}

/** Parser of a size in bytes, with or without a unit: 65536, 64k, 64KiB, 1e6. */
export function byteCount(least: number): (text: string) => number {
  const most = 0x7fff_ffff;
  return (text) => {
    const match = SIZE.exec(text);
    const unit = UNITS[match?.[2]?.toLowerCase() ?? '?'];
    const value = match === null || unit === undefined ? Number.NaN : Number(match[1]) * unit;
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(
      `It is a number of bytes from ${least} to ${most}: 65536, 64k, 64KiB.`,
    );
  };
}

/** Parser of a point in time: milliseconds since 1970, or a date as ISO 8601 has it. */
export function timestamp(text: string): number {
  const written = parseWholeNumber(text);
  const ms = Number.isNaN(written) ? Date.parse(text) : written;
  if (Number.isSafeInteger(ms) && ms >= 0 && ms <= 8.64e15) return ms;
  throw new InvalidArgumentError(
    'It is milliseconds since 1970, or a date such as 2024-01-31T12:00:00Z.',
  );
}

/** Parser of an option that may be given several times: `name=value`, the value may be empty or hold more of `=`. */
export function nameAndValue(
  text: string,
  before: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It is name=value.');
  const name = text.slice(0, at).trim();
  if (before !== undefined && Object.hasOwn(before, name)) {
    throw new InvalidArgumentError(`${name} is given twice.`);
  }
  return { ...before, [name]: text.slice(at + 1) };
}

/** Parser of an option that may be given several times. */
export function several(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}

/** Parser of a whole number of at least `least`. */
export function wholeNumberFrom(least: number, most = 0x7fff_ffff): (text: string) => number {
  return (text) => {
    const value = parseWholeNumber(text);
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
  };
}

/** Parser of a text between fields; `\t`, `\n`, `\0` and `\\` stand for what they do elsewhere. */
export function separator(text: string): string {
  const escapes: Readonly<Record<string, string>> = { t: '\t', n: '\n', '0': '\0', '\\': '\\' };
  const plain = text.replace(/\\(.)/g, (all, name: string) => escapes[name] ?? all);
  if (plain === '') throw new InvalidArgumentError('It cannot be empty.');
  return plain;
}
