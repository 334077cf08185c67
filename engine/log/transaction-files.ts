import { isVarveError } from '../errors.js';
import type { LogState } from './log-state.js';
import type { Segment } from './segment.js';
import { segmentPath } from './segment-files.js';
import { TransactionIndex } from './transaction-index.js';

const MAX_TRANSACTION_INDEX_BYTES = 64 * 1024 * 1024;

/**
 * Reads the aborted transactions of `segments` into `transactions`. Returns the base offset from which on they must be
 * found again in the log: that of the first segment whose file is damaged; Infinity if none is.
 */
export function loadTransactions(
  { fs, directory }: LogState['context'],
  segments: readonly Segment[],
  transactions: TransactionIndex,
): number {
  for (const segment of segments) {
    const path = segmentPath(directory, segment.baseOffset, 'txnindex');
    if (fs.stat(path) === null) continue;
    try {
      const bytes = fs.readFile(path, { maxBytes: MAX_TRANSACTION_INDEX_BYTES });
      const { entries } = TransactionIndex.decode(bytes, segment.baseOffset);
      for (const entry of entries) transactions.append(entry);
    } catch (error) {
      if (!isVarveError(error, 'CORRUPT_INDEX')) throw error;
      return segment.baseOffset;
    }
  }
  return Number.POSITIVE_INFINITY;
}

/** Writes a segment's aborted transactions; a segment without any has no such file. Synced as its indexes are. */
export async function writeTransactions(state: LogState, segment: Segment): Promise<void> {
  const index = state.segments.indexOf(segment);
  if (index < 0) return;
  const end = state.segments.endOffset(index, state.nextOffset);
  const own = new TransactionIndex(segment.baseOffset);
  for (const entry of state.transactions.entries) {
    if (entry.lastOffset >= segment.baseOffset && entry.lastOffset < end) own.append(entry);
  }
  const { fs, directory } = state.context;
  const path = segmentPath(directory, segment.baseOffset, 'txnindex');
  if (own.count > 0) await segment.writeTransactionIndex(own.encode());
  else if (fs.stat(path) !== null) await fs.remove(path);
}
