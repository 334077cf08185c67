import type { LogRecord } from '../../engine/types.js';

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
