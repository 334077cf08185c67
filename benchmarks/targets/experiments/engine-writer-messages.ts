import type { Cell } from '../../model/knobs.js';

/* What an experiment on the engine and the process that it kills say to each other. */

export interface WriterOptions {
  readonly directories: readonly string[];
  readonly cell: Pick<Cell, 'recordBytes' | 'batchBytes' | 'flush'>;
  readonly config: Readonly<Record<string, string>>;
}

export type FromWriter =
  /** By partition: records whose append, and sync where the cell asks for one, has returned. */
  | { readonly kind: 'acknowledged'; readonly records: readonly number[] }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };
