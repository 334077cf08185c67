import { VarveError } from '../errors.js';
import { corruptCheckpoint, quoted, splitLines } from './checkpoint-text.js';
import { isUuid, ZERO_UUID } from './uuid.js';

/*
 * A partition directory's link to its topic:
 *   version: 0
 *   topic_id: AAECAwQFBgcICQoLDA0ODw      (no line end after the last line)
 */
export const PARTITION_METADATA_FILE = 'partition.metadata';

export interface PartitionMetadata {
  /** Kafka's text form, never the zero UUID. */
  readonly topicId: string;
}

/** @throws VarveError INVALID_ARGUMENT for a topic id that is not a UUID or is the zero UUID. */
export function encodePartitionMetadata({ topicId }: PartitionMetadata): Buffer {
  const problem = topicIdProblem(topicId);
  if (problem !== null) {
    throw new VarveError('INVALID_ARGUMENT', `topic id ${quoted(topicId)} ${problem}`, {
      details: { topicId },
    });
  }
  return Buffer.from(`version: 0\ntopic_id: ${topicId}`);
}

/** @throws VarveError CORRUPT_CHECKPOINT, with the line. */
export function decodePartitionMetadata(bytes: Uint8Array): PartitionMetadata {
  const file = PARTITION_METADATA_FILE;
  const lines = splitLines(bytes);
  const version = fieldValue(lines, 0, 'version');
  if (version !== '0') throw corruptCheckpoint(file, 1, `version ${quoted(version)}, expected 0`);
  const topicId = fieldValue(lines, 1, 'topic_id');
  const problem = topicIdProblem(topicId);
  if (problem !== null) throw corruptCheckpoint(file, 2, `topic id ${quoted(topicId)} ${problem}`);
  if (lines.length > 2) throw corruptCheckpoint(file, 3, 'more than two lines');
  return { topicId };
}

function topicIdProblem(topicId: string): string | null {
  if (!isUuid(topicId)) return 'is not a UUID of 22 characters of base64url';
  return topicId === ZERO_UUID ? 'is the zero UUID' : null;
}

function fieldValue(lines: readonly string[], index: number, name: string): string {
  const match = /^(\S+)\s*:\s*(\S+)$/.exec(lines[index] ?? '');
  if (match?.[1] !== name) {
    throw corruptCheckpoint(
      PARTITION_METADATA_FILE,
      index + 1,
      `expected "${name}: ...", found ${quoted(lines[index] ?? '')}`,
    );
  }
  return match[2]!;
}
