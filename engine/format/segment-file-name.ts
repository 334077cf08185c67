import { assert } from '../assert.js';
import { VarveError } from '../errors.js';
import { MAX_OFFSET } from '../types.js';

/** Files that belong to one base offset. A `.snapshot` bears the offset AFTER the state it holds. */
export const SEGMENT_FILE_KINDS = ['log', 'index', 'timeindex', 'txnindex', 'snapshot'] as const;
export type SegmentFileKind = (typeof SEGMENT_FILE_KINDS)[number];

/**
 * What a file is on its way to: `deleted` waits for removal, `cleaned` is compaction's unfinished
 * output, `swap` its finished output about to take the place of what it was made from.
 */
export const SEGMENT_FILE_SUFFIXES = ['deleted', 'cleaned', 'swap'] as const;
export type SegmentFileSuffix = (typeof SEGMENT_FILE_SUFFIXES)[number];

export interface SegmentFileName {
  readonly baseOffset: number;
  readonly kind: SegmentFileKind;
  readonly suffix: SegmentFileSuffix | null;
}

const OFFSET_DIGITS = 20;
const PATTERN = new RegExp(
  `^(\\d{${OFFSET_DIGITS}})\\.(${SEGMENT_FILE_KINDS.join('|')})(?:\\.(${SEGMENT_FILE_SUFFIXES.join('|')}))?$`,
);

/** Example: `formatSegmentFileName({ baseOffset: 42, kind: 'log', suffix: null })`: 00000000000000000042.log */
export function formatSegmentFileName({ baseOffset, kind, suffix }: SegmentFileName): string {
  assert(Number.isSafeInteger(baseOffset) && baseOffset >= 0, `base offset ${baseOffset}`);
  const name = `${String(baseOffset).padStart(OFFSET_DIGITS, '0')}.${kind}`;
  return suffix === null ? name : `${name}.${suffix}`;
}

/**
 * Null for any other file.
 *
 * @throws VarveError UNSUPPORTED_FORMAT for an offset beyond the safe integers: such a segment holds
 * data and must not be passed over as a foreign file.
 */
export function parseSegmentFileName(name: string): SegmentFileName | null {
  const match = PATTERN.exec(name);
  if (match === null) return null;
  const baseOffset = Number(match[1]);
  if (baseOffset > MAX_OFFSET) {
    throw new VarveError(
      'UNSUPPORTED_FORMAT',
      `${name}: base offset above ${MAX_OFFSET}, the largest varve reads`,
      { details: { name, maxOffset: MAX_OFFSET } },
    );
  }
  return {
    baseOffset,
    kind: match[2] as SegmentFileKind,
    suffix: (match[3] as SegmentFileSuffix | undefined) ?? null,
  };
}
