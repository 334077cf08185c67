import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where brokers' processes count their syncs: a file each, named after the process, of one number of 64 bits. */
export const SYNCS_VARIABLE = 'VARVE_BENCH_SYNCS';

const NUMBER_BYTES = 8;

/** Of all processes that have counted there, ended ones too. */
export function syncsIn(directory: string): number {
  let sum = 0;
  for (const name of readdirSync(directory)) {
    const bytes = readFileSync(join(directory, name));
    // One that has not synced yet has written nothing.
    if (bytes.length >= NUMBER_BYTES) sum += Number(bytes.readBigUInt64LE());
  }
  return sum;
}
