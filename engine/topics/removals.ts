import type { FileSystem } from '../io/port.js';
import { renameForDeletion } from './discover-topics.js';
import type { EmitEvent } from './events.js';
import { type PartitionEnvironment, partitionDirectory } from './partition-opener.js';

/**
 * Removes directories of deleted partitions, one after the other, behind everything else. What a crash or a close
 * leaves is found by its name, and goes on, at the next open.
 */
export class Removals {
  readonly #fs: FileSystem;
  readonly #emit: EmitEvent;
  readonly #waiting: string[] = [];
  #running: Promise<void> | null = null;
  #stopped = false;

  constructor(fs: FileSystem, emit: EmitEvent) {
    this.#fs = fs;
    this.#emit = emit;
  }

  add(paths: readonly string[]): void {
    this.#waiting.push(...paths);
    if (this.#waiting.length > 0) this.#running ??= this.#run();
  }

  /** Resolves when nothing waits for removal. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  /** Finishes the directory under way and leaves the others. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.idle();
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    for (let path = this.#waiting.shift(); path !== undefined; path = this.#waiting.shift()) {
      if (this.#stopped) break;
      try {
        await this.#fs.removeDirectory(path);
        this.#emit({ kind: 'directory-removed', path });
      } catch (cause) {
        this.#emit({ kind: 'removal-failed', path, cause });
      }
    }
    this.#running = null;
  }
}

/** Renames the directories of closed partitions for removal, durably; those that are not there are passed over. */
export async function renamePartitions(
  environment: PartitionEnvironment,
  topic: string,
  numbers: Iterable<number>,
): Promise<string[]> {
  const { fs, directory } = environment;
  const doomed: string[] = [];
  for (const partition of numbers) {
    const name = { topic, partition };
    if (fs.stat(partitionDirectory(environment, name)) === null) continue;
    doomed.push(renameForDeletion(fs, directory, name));
  }
  if (doomed.length > 0) await fs.syncDirectory(directory);
  return doomed;
}
