import { VarveError } from '../errors.js';
import { quoted } from './checkpoint-text.js';
import { decodeProperties, encodeProperties } from './java-properties.js';
import { isUuid } from './uuid.js';

/** Says to which cluster and node a data directory belongs. */
export const META_PROPERTIES_FILE = 'meta.properties';
const MAX_INT32 = 0x7fffffff;

export interface MetaProperties {
  /** 1; or 0 in directories of brokers that used ZooKeeper, where the node id is `broker.id`. */
  readonly version: 0 | 1;
  readonly clusterId: string | null;
  readonly nodeId: number | null;
  /** A UUID in Kafka's text form. */
  readonly directoryId: string | null;
}

/** Always writes version 1. */
export function encodeMetaProperties(properties: Omit<MetaProperties, 'version'>): Buffer {
  const entries = new Map<string, string>();
  const { clusterId, directoryId, nodeId } = properties;
  if (clusterId !== null) entries.set('cluster.id', clusterId);
  if (directoryId !== null) entries.set('directory.id', directoryId);
  if (nodeId !== null) entries.set('node.id', String(nodeId));
  entries.set('version', '1');
  return encodeProperties(entries, 'varve');
}

/**
 * Reads versions 0 and 1; other keys are passed over, as Kafka passes over them.
 *
 * @throws VarveError UNSUPPORTED_FORMAT for another version, CORRUPT_CHECKPOINT for no version or a
 * malformed value, with the key.
 */
export function decodeMetaProperties(bytes: Uint8Array): MetaProperties {
  const entries = decodeProperties(bytes, META_PROPERTIES_FILE);
  const version = wholeNumber(entries, 'version');
  if (version === null) throw corrupt('version', 'is missing');
  if (version !== 0 && version !== 1) {
    throw new VarveError(
      'UNSUPPORTED_FORMAT',
      `${META_PROPERTIES_FILE}: version ${version}, varve reads 0 and 1`,
      { details: { version } },
    );
  }
  const directoryId = entries.get('directory.id') ?? null;
  if (directoryId !== null && !isUuid(directoryId)) {
    throw corrupt('directory.id', `${quoted(directoryId)} is not a UUID`);
  }
  return {
    version,
    clusterId: entries.get('cluster.id') ?? null,
    nodeId: wholeNumber(entries, version === 0 ? 'broker.id' : 'node.id'),
    directoryId,
  };
}

function wholeNumber(entries: ReadonlyMap<string, string>, key: string): number | null {
  const text = entries.get(key);
  if (text === undefined) return null;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= MAX_INT32)) {
    throw corrupt(key, `${quoted(text)} is not a whole number 0..${MAX_INT32}`);
  }
  return value;
}

function corrupt(key: string, reason: string): VarveError {
  return new VarveError('CORRUPT_CHECKPOINT', `${META_PROPERTIES_FILE}: ${key} ${reason}`, {
    details: { file: META_PROPERTIES_FILE, key, reason },
  });
}
