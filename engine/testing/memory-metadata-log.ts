import type { MetadataBatch, MetadataLog } from '../cluster/ports.js';
import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type MetadataRecord,
} from '../metadata/records.js';

/** A controller's log in memory: what was appended is durable when the test says so, or at once. */
export class MemoryMetadataLog implements MetadataLog {
  /** As it would be loaded. */
  batches: MetadataBatch[] = [];
  version = 0;
  /** Thrown by the next append. */
  refusal: Error | null = null;
  snapshots = 0;
  #held: { resolve: () => void; reject: (error: Error) => void }[] | null = null;
  #broken: Error | null = null;

  async load(): Promise<readonly MetadataBatch[]> {
    return this.batches;
  }

  append(records: readonly MetadataRecord[]): { durable: Promise<void> } {
    if (this.refusal !== null) {
      const { refusal } = this;
      this.refusal = null;
      throw refusal;
    }
    this.version += records.length;
    const written = records.map((record) => decodeMetadataRecord(encodeMetadataRecord(record)));
    this.batches.push({ records: written, version: this.version });
    if (this.#broken !== null) return { durable: Promise.reject(this.#broken) };
    const held = this.#held;
    if (held === null) return { durable: Promise.resolve() };
    return { durable: new Promise((resolve, reject) => held.push({ resolve, reject })) };
  }

  appendSnapshot(records: readonly MetadataRecord[]): { durable: Promise<void> } {
    const appended = this.append(records);
    this.batches = this.batches.slice(-1);
    this.snapshots += 1;
    return appended;
  }

  async close(): Promise<void> {}

  /** Appends are not durable until `release`. */
  hold(): void {
    this.#held = [];
  }

  release(): void {
    for (const { resolve } of this.#held ?? []) resolve();
    this.#held = null;
  }

  /** The disk fails: what is held and what comes is not durable. */
  break(error: Error): void {
    this.#broken = error;
    for (const { reject } of this.#held ?? []) reject(error);
    this.#held = null;
  }
}
