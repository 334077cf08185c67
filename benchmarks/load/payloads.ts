import { BenchError } from '../model/bench-error.js';
import type { Cell } from '../model/knobs.js';
import { createFileSource, createGenerator, type PayloadSource } from '../payload.js';
import type { PayloadPlan } from './plan.js';

/** Apart enough that no two producers of a run make the same values. */
const SEED_STRIDE = 7919;

/** @throws BenchError INVALID_PAYLOAD */
export function openPayload(payload: PayloadPlan, cell: Cell, producer: number): PayloadSource {
  const { file, seed, spread, compressibility } = payload;
  if (file === null) {
    return createGenerator({
      recordBytes: cell.recordBytes,
      spread,
      compressibility,
      seed: seed + producer * SEED_STRIDE,
    });
  }
  try {
    return createFileSource(file);
  } catch (cause) {
    throw new BenchError(
      'INVALID_PAYLOAD',
      `payload ${file}: ${(cause as Error).message}; give a file that can be read, one value a line`,
      { cause },
    );
  }
}
