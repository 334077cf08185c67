import { assert } from '../assert.js';
import {
  checkpointNumber,
  corruptCheckpoint,
  decodeCheckpoint,
  encodeCheckpoint,
  quoted,
  wholeNumber,
} from './checkpoint-text.js';
import { topicNameProblem } from './topic-name.js';

/** The offset checkpoints of a data directory; all have one format. */
export const RECOVERY_POINT_CHECKPOINT_FILE = 'recovery-point-offset-checkpoint';
export const HIGH_WATERMARK_CHECKPOINT_FILE = 'replication-offset-checkpoint';
export const LOG_START_OFFSET_CHECKPOINT_FILE = 'log-start-offset-checkpoint';
export const CLEANER_OFFSET_CHECKPOINT_FILE = 'cleaner-offset-checkpoint';

const MAX_INT32 = 0x7fffffff;

export interface OffsetCheckpointEntry {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export function encodeOffsetCheckpoint(entries: readonly OffsetCheckpointEntry[]): Buffer {
  return encodeCheckpoint(
    entries.map(({ topic, partition, offset }) => {
      assert(topicNameProblem(topic) === null, `unvalidated topic ${quoted(topic)}`);
      return `${topic} ${checkpointNumber(partition)} ${checkpointNumber(offset)}`;
    }),
  );
}

/**
 * @param file Its name, for errors.
 * @throws VarveError CORRUPT_CHECKPOINT, with the line, for anything but whole lines that each name
 * another partition.
 */
export function decodeOffsetCheckpoint(
  bytes: Uint8Array,
  file = 'offset checkpoint',
): OffsetCheckpointEntry[] {
  const seen = new Set<string>();
  return decodeCheckpoint(bytes, file, 3).map(({ number: line, fields }) => {
    const topic = fields[0]!;
    const problem = topicNameProblem(topic);
    if (problem !== null) throw corruptCheckpoint(file, line, `topic ${quoted(topic)} ${problem}`);
    const partition = wholeNumber(fields[1]!, { file, line, name: 'partition' }, MAX_INT32);
    const offset = wholeNumber(fields[2]!, { file, line, name: 'offset' });
    const key = `${topic} ${partition}`;
    if (seen.has(key)) throw corruptCheckpoint(file, line, `${key} a second time`);
    seen.add(key);
    return { topic, partition, offset };
  });
}
