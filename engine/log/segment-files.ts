import { join } from 'node:path';
import {
  formatSegmentFileName,
  type SegmentFileKind,
  type SegmentFileSuffix,
} from '../format/segment-file-name.js';

/** Files beside a segment's `.log`; the producer snapshot belongs to the log, not to a segment. */
export const SEGMENT_SIDE_KINDS = ['index', 'timeindex', 'txnindex'] as const;

export function segmentPath(
  directory: string,
  baseOffset: number,
  kind: SegmentFileKind,
  suffix: SegmentFileSuffix | null = null,
): string {
  return join(directory, formatSegmentFileName({ baseOffset, kind, suffix }));
}
