/** What reading gives, to be compared with what was written. */
export interface ReadTotals {
  readonly records: number;
  readonly valueBytes: number;
  /** Sum of first and last byte of each value: cheap, and wrong bytes show. */
  readonly checksum: number;
}

/** Adds `value` to the checksum of `ReadTotals`. */
export function checksumOf(value: Uint8Array): number {
  return value.length === 0 ? 0 : (value[0] as number) + (value[value.length - 1] as number) * 256;
}

export function totalsOf(values: readonly Uint8Array[]): ReadTotals {
  let valueBytes = 0;
  let checksum = 0;
  for (const value of values) {
    valueBytes += value.length;
    checksum += checksumOf(value);
  }
  return { records: values.length, valueBytes, checksum };
}
