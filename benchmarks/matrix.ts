import type { Durability } from './embedded/target.js';

/** The knobs that are crossed. A new knob is a new axis here and a field of `Cell`. */
export interface Axes {
  readonly partitions: readonly number[];
  /** Empty when the payload comes from a file: then records have the sizes of its lines. */
  readonly recordBytes: readonly number[];
  readonly batchRecords: readonly number[];
  readonly durability: readonly Durability[];
}

/** One combination of all knobs: what one run measures. */
export interface Cell {
  readonly partitions: number;
  /** null when the payload comes from a file. */
  readonly recordBytes: number | null;
  readonly batchRecords: number;
  readonly durability: Durability;
}

/** Every combination, in the order of the axes (reports keep it; runs are shuffled). */
export function crossAxes(axes: Axes): Cell[] {
  const sizes: readonly (number | null)[] =
    axes.recordBytes.length === 0 ? [null] : axes.recordBytes;
  return axes.durability.flatMap((durability) =>
    sizes.flatMap((recordBytes) =>
      axes.batchRecords.flatMap((batchRecords) =>
        axes.partitions.map((partitions) => ({
          partitions,
          recordBytes,
          batchRecords,
          durability,
        })),
      ),
    ),
  );
}

export function cellName(cell: Cell): string {
  const size = cell.recordBytes === null ? 'payload' : `${cell.recordBytes} B`;
  return `${cell.partitions} partition${cell.partitions === 1 ? '' : 's'}, ${size} x ${cell.batchRecords}, durability ${cell.durability}`;
}
