/** Written last at a clean close, deleted first at open. That it exists is what counts. */
export const CLEAN_SHUTDOWN_FILE = '.kafka_cleanshutdown';

export interface CleanShutdown {
  /** The closing broker's epoch; null in an older broker's empty file, or where it cannot be read. */
  readonly brokerEpoch: number | null;
}

export function encodeCleanShutdown({ brokerEpoch }: { readonly brokerEpoch: number }): Buffer {
  return Buffer.from(JSON.stringify({ version: 0, brokerEpoch }));
}

/** Never fails: Kafka, too, treats any content as a clean shutdown and only loses the epoch. */
export function decodeCleanShutdown(bytes: Uint8Array): CleanShutdown {
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return { brokerEpoch: null };
  }
  const { version, brokerEpoch } = (content ?? {}) as { version?: unknown; brokerEpoch?: unknown };
  const isReadable = version === 0 && Number.isSafeInteger(brokerEpoch);
  return { brokerEpoch: isReadable ? (brokerEpoch as number) : null };
}
