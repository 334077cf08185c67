import { join } from 'node:path';
import {
  formatSegmentFileName,
  type SegmentFileKind,
  type SegmentFileSuffix,
} from '../format/segment-file-name.js';

/** Files of one segment that share its base offset; the producer snapshot belongs to the log, not to a segment. */
export const SEGMENT_OWN_KINDS = ['log', 'index', 'timeindex', 'txnindex'] as const;

export function segmentPath(
  directory: string,
  baseOffset: number,
  kind: SegmentFileKind,
  suffix: SegmentFileSuffix | null = null,
): string {
  return join(directory, formatSegmentFileName({ baseOffset, kind, suffix }));
}
