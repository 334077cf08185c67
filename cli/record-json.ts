import type { LogRecord } from '../engine/types.js';
import { colors as pc } from './colors.js';
import { formatTime } from './columns.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text where the bytes are UTF-8, else base64 in an object of its own, so that nothing is lost. */
export function bytesToJson(bytes: Uint8Array | null): string | { base64: string } | null {
  if (bytes === null) return null;
  try {
    return utf8.decode(bytes);
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') };
  }
}

export function recordToJson(record: LogRecord): Record<string, unknown> {
  return {
    offset: record.offset,
    timestamp: record.timestamp,
    key: bytesToJson(record.key),
    value: bytesToJson(record.value),
    ...(record.headers.length > 0 && {
      headers: record.headers.map(({ key, value }) => ({ key, value: bytesToJson(value) })),
    }),
  };
}

const MAX_SHOWN = 200;

/** One line for people. */
export function recordToText(record: LogRecord, marker: string | null = null): string {
  const headers = record.headers.map(
    ({ key, value }) => `${JSON.stringify(key)}=${bytesToText(value)}`,
  );
  const parts = [
    `${pc.dim('offset')} ${record.offset}`,
    formatTime(record.timestamp),
    marker === null
      ? `${pc.dim('key')} ${bytesToText(record.key)}  ${pc.dim('value')} ${bytesToText(record.value)}`
      : pc.cyan(marker),
    headers.length === 0 ? '' : `${pc.dim('headers')} ${headers.join(' ')}`,
  ];
  return parts.filter((part) => part !== '').join('  ');
}

function bytesToText(bytes: Uint8Array | null): string {
  if (bytes === null) return 'null';
  const shown = bytes.subarray(0, MAX_SHOWN);
  const more = bytes.length > MAX_SHOWN ? pc.dim(`... ${bytes.length} bytes`) : '';
  try {
    // A new decoder: a cut character at the end stays in it.
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return `${JSON.stringify(decoder.decode(shown, { stream: bytes.length > MAX_SHOWN }))}${more}`;
  } catch {
    return `0x${Buffer.from(shown).toString('hex')}${more}`;
  }
}
