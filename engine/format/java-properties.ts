import { VarveError } from '../errors.js';

/*
 * Java's .properties text (java.util.Properties): ISO-8859-1, `key=value` a line, '#' or '!' begins a
 * comment, '\' escapes and joins lines, '=', ':' or blanks end a key.
 */
const BLANKS = /^[ \t\f]+/;
const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

/** Entries in order of first appearance; a key that comes twice has its last value, as in Java. */
export function decodeProperties(bytes: Uint8Array, file: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (const { text, line } of logicalLines(Buffer.from(bytes).toString('latin1'))) {
    const keyEnd = endOfKey(text);
    const rest = text.slice(keyEnd).replace(BLANKS, '');
    const value = /^[=:]/.test(rest) ? rest.slice(1).replace(BLANKS, '') : rest;
    entries.set(unescapeText(text.slice(0, keyEnd), file, line), unescapeText(value, file, line));
  }
  return entries;
}

export function encodeProperties(entries: ReadonlyMap<string, string>, comment: string): Buffer {
  let text = `#${comment.replaceAll(/[\r\n]+/g, ' ')}\n`;
  for (const [key, value] of entries)
    text += `${escapeText(key, true)}=${escapeText(value, false)}\n`;
  return Buffer.from(text, 'latin1');
}

/** Natural lines joined where they end in an odd number of '\', without comments and blank lines. */
function logicalLines(text: string): { text: string; line: number }[] {
  const result: { text: string; line: number }[] = [];
  let joined: { text: string; line: number } | null = null;
  text.split(/\r\n|\r|\n/).forEach((natural, index) => {
    const trimmed = natural.replace(BLANKS, '');
    if (joined === null && (trimmed === '' || /^[#!]/.test(trimmed))) return;
    const current: { text: string; line: number } = joined ?? { text: '', line: index + 1 };
    const slashes = trimmed.length - trimmed.replace(/\\+$/, '').length;
    const continues = slashes % 2 === 1;
    current.text += continues ? trimmed.slice(0, -1) : trimmed;
    joined = continues ? current : null;
    if (!continues) result.push(current);
  });
  if (joined !== null) result.push(joined);
  return result;
}

function endOfKey(text: string): number {
  let at = 0;
  while (at < text.length && !/[=: \t\f]/.test(text[at]!)) at += text[at] === '\\' ? 2 : 1;
  return Math.min(at, text.length);
}

function unescapeText(text: string, file: string, line: number): string {
  return text.replaceAll(/\\(u[0-9a-fA-F]{4}|.)/gs, (_whole, escaped: string) => {
    if (escaped.length === 5) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    if (escaped === 'u') {
      throw new VarveError('CORRUPT_CHECKPOINT', `${file}, line ${line}: malformed \\u escape`, {
        details: { file, line },
      });
    }
    return ESCAPES[escaped] ?? escaped;
  });
}

function escapeText(text: string, isKey: boolean): string {
  let result = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    const code = text.charCodeAt(at);
    if (char === ' ') result += isKey || at === 0 ? '\\ ' : ' ';
    else if ('=:#!\\'.includes(char)) result += `\\${char}`;
    else if (char === '\t') result += '\\t';
    else if (char === '\n') result += '\\n';
    else if (char === '\r') result += '\\r';
    else if (char === '\f') result += '\\f';
    else if (code < 0x20 || code > 0x7e) result += `\\u${code.toString(16).padStart(4, '0')}`;
    else result += char;
  }
  return result;
}
