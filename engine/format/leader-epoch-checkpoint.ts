import {
  checkpointNumber,
  corruptCheckpoint,
  decodeCheckpoint,
  encodeCheckpoint,
  wholeNumber,
} from './checkpoint-text.js';

export const LEADER_EPOCH_CHECKPOINT_FILE = 'leader-epoch-checkpoint';
const MAX_INT32 = 0x7fffffff;

export interface LeaderEpochEntry {
  readonly epoch: number;
  /** Offset of the first record written under this epoch. */
  readonly startOffset: number;
}

export function encodeLeaderEpochCheckpoint(entries: readonly LeaderEpochEntry[]): Buffer {
  return encodeCheckpoint(
    entries.map(
      ({ epoch, startOffset }) => `${checkpointNumber(epoch)} ${checkpointNumber(startOffset)}`,
    ),
  );
}

/**
 * @throws VarveError CORRUPT_CHECKPOINT, with the line, for anything but whole lines whose epochs
 * and start offsets both ascend.
 */
export function decodeLeaderEpochCheckpoint(bytes: Uint8Array): LeaderEpochEntry[] {
  const file = LEADER_EPOCH_CHECKPOINT_FILE;
  let previous: LeaderEpochEntry | undefined;
  return decodeCheckpoint(bytes, file, 2).map(({ number: line, fields }) => {
    const entry = {
      epoch: wholeNumber(fields[0]!, { file, line, name: 'epoch' }, MAX_INT32),
      startOffset: wholeNumber(fields[1]!, { file, line, name: 'start offset' }),
    };
    if (previous !== undefined && entry.epoch <= previous.epoch) {
      throw corruptCheckpoint(file, line, `epoch ${entry.epoch} after epoch ${previous.epoch}`);
    }
    if (previous !== undefined && entry.startOffset <= previous.startOffset) {
      throw corruptCheckpoint(
        file,
        line,
        `start offset ${entry.startOffset} after start offset ${previous.startOffset}`,
      );
    }
    previous = entry;
    return entry;
  });
}
