import type { Axes } from './matrix.js';
import type { SizeSpread } from './payload.js';

/** Everything that decides what a run of the suite does. Written into the result file. */
export interface Settings {
  readonly name: string;
  readonly preset: string;
  readonly target: string;
  readonly axes: Axes;
  readonly repeats: number;
  readonly seed: number;
  readonly payloadFile: string | null;
  readonly spread: SizeSpread;
  /** Where data is written: a folder of its own is made in it, and deleted. */
  readonly directory: string;
  /** A run of a cell ends after this time or this many bytes of values, whichever comes first. */
  readonly cellSeconds: number;
  readonly cellBytes: number;
  readonly warmupSeconds: number;
  readonly calibrationEffort: number;
}

export type PresetName = 'quick' | 'full' | 'smoke';

export interface Preset
  extends Pick<
    Settings,
    'axes' | 'repeats' | 'cellSeconds' | 'cellBytes' | 'warmupSeconds' | 'calibrationEffort'
  > {
  readonly description: string;
}

const MIB = 1024 * 1024;

export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  quick: {
    description: 'the main shapes, under a minute on 2 cores',
    axes: {
      partitions: [1, 16],
      recordBytes: [100, 1024],
      batchRecords: [1, 1000],
      durability: ['none', 'batch'],
    },
    repeats: 3,
    cellSeconds: 0.3,
    cellBytes: 192 * MIB,
    warmupSeconds: 0.1,
    calibrationEffort: 1,
  },
  full: {
    description: 'every knob over its range, about 40 minutes',
    axes: {
      partitions: [1, 4, 16, 64],
      recordBytes: [100, 1024, 10_240],
      batchRecords: [1, 10, 100, 1000],
      durability: ['none', 'end', 'batch'],
    },
    repeats: 5,
    cellSeconds: 2,
    cellBytes: 1024 * MIB,
    warmupSeconds: 0.5,
    calibrationEffort: 3,
  },
  smoke: {
    description: 'a second or two, to see that everything works; the figures mean little',
    axes: {
      partitions: [1, 2],
      recordBytes: [100],
      batchRecords: [10],
      durability: ['none', 'batch'],
    },
    repeats: 2,
    cellSeconds: 0.02,
    cellBytes: MIB,
    warmupSeconds: 0.01,
    calibrationEffort: 0.03,
  },
};
