import { join } from 'node:path';
import { isVarveError, VarveError } from '../errors.js';
import {
  decodeMetaProperties,
  encodeMetaProperties,
  META_PROPERTIES_FILE,
  type MetaProperties,
} from '../format/meta-properties.js';
import { randomUuid } from '../format/uuid.js';
import type { FileSystem } from '../io/port.js';

const MAX_FILE_BYTES = 64 * 1024;

/** To whom a data directory must belong. What is left out may be anything. */
export interface ExpectedIdentity {
  readonly clusterId?: string | undefined;
  readonly nodeId?: number | undefined;
}

/**
 * Reads `meta.properties`, or writes it where there is none (cluster and directory id drawn at random, node 0,
 * unless given). A file that is there is never changed.
 *
 * Fails with CORRUPT_CHECKPOINT, UNSUPPORTED_FORMAT, or INVALID_CONFIG if the directory belongs to another
 * cluster or node [Kafka: InconsistentClusterIdException].
 */
export async function loadIdentity(
  fs: FileSystem,
  directory: string,
  expected: ExpectedIdentity,
): Promise<MetaProperties> {
  const path = join(directory, META_PROPERTIES_FILE);
  const found = readIdentity(fs, directory);
  if (found === null) {
    const made = {
      clusterId: expected.clusterId ?? randomUuid(),
      nodeId: expected.nodeId ?? 0,
      directoryId: randomUuid(),
    };
    await fs.writeFileAtomic(path, encodeMetaProperties(made));
    return { version: 1, ...made };
  }
  requireSame(path, 'cluster.id', found.clusterId, expected.clusterId);
  requireSame(path, 'node.id', found.nodeId, expected.nodeId);
  return found;
}

/** What `meta.properties` says; null where there is none. Fails with CORRUPT_CHECKPOINT, UNSUPPORTED_FORMAT. */
export function readIdentity(fs: FileSystem, directory: string): MetaProperties | null {
  try {
    const path = join(directory, META_PROPERTIES_FILE);
    return decodeMetaProperties(fs.readFile(path, { maxBytes: MAX_FILE_BYTES }));
  } catch (error) {
    if (isVarveError(error, 'NOT_FOUND')) return null;
    throw error;
  }
}

function requireSame<T>(path: string, name: string, found: T | null, expected: T | undefined) {
  if (expected === undefined || found === null || found === expected) return;
  throw new VarveError(
    'INVALID_CONFIG',
    `${path} belongs to ${name} ${found}, not ${expected}: open another directory, or leave ${name} out`,
    { details: { path, name, found, expected } },
  );
}
