/**
 * A number as people write it on a command line, without a sign: `5`, `0.5`, `.5`, `5e6`, `2.5E-3`. To be put into the
 * pattern of something with a unit; `Number` reads it. JSON and YAML take the same, so that a value can be moved from a
 * suite file to a flag as it is.
 */
export const NUMBER = '(?:\\d+(?:\\.\\d+)?|\\.\\d+)(?:[eE][+-]?\\d+)?';

const WHOLE = /^\d+$|^\d+(?:\.\d+)?e\+?\d+$/i;

/** `1000` or `1e3`, without a sign. NaN where it is no whole number, or above `Number.MAX_SAFE_INTEGER`. */
export function parseWholeNumber(text: string): number {
  const value = WHOLE.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : Number.NaN;
}
