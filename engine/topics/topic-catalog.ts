import { join } from 'node:path';
import { parseTopicConfig } from '../config.js';
import { isVarveError, VarveError } from '../errors.js';
import { crc32c } from '../format/crc32c.js';
import { topicNameProblem } from '../format/topic-name.js';
import { isUuid, ZERO_UUID } from '../format/uuid.js';
import type { FileSystem } from '../io/port.js';
import { Mutex } from '../log/mutex.js';
import type { TopicOverrides } from './topic-settings.js';

/*
 * The catalog, a file in the root of a data directory. Kafka passes over files it does not know there.
 *   varve-topics 1 5f3a09c1                   name, version, CRC-32C of the rest in hex
 *   {"name":"orders","id":"...","partitions":3,"config":{"retention.ms":"-1"}}
 *   {"name":"old","id":"...","partitions":1,"config":{},"deleting":true}
 * One topic a line. `only` lists the partition numbers that are kept here where not all are.
 */
export const CATALOG_FILE = 'varve-topics';
export const MAX_PARTITIONS_PER_TOPIC = 100_000;
const MAX_CATALOG_BYTES = 256 * 1024 * 1024;
const HEADER = /^varve-topics (\d+) ([0-9a-f]{8})$/;
const MAX_INT32 = 0x7fffffff;

export interface CatalogEntry {
  readonly name: string;
  /** Kafka's text form of a UUID. */
  readonly id: string;
  /** One more than the highest partition number. */
  readonly partitionCount: number;
  /** The partition numbers kept here, ascending; null: all of them. A Kafka broker may hold only some. */
  readonly only: readonly number[] | null;
  readonly config: TopicOverrides;
  /** Its directories are being renamed for removal; that is finished when the directory is opened. */
  readonly isDeleting: boolean;
}

/** Numbers of the partitions a topic has here. */
export function partitionsOf(entry: CatalogEntry): readonly number[] {
  return entry.only ?? Array.from({ length: entry.partitionCount }, (_, n) => n);
}

/** The topics of a data directory, their ids and settings: in memory, and in one file replaced as a whole. */
export class TopicCatalog {
  readonly path: string;
  readonly #fs: FileSystem;
  readonly #entries = new Map<string, CatalogEntry>();
  readonly #writes = new Mutex();
  #isDirty = false;

  constructor(fs: FileSystem, directory: string) {
    this.#fs = fs;
    this.path = join(directory, CATALOG_FILE);
  }

  /**
   * Fails with CORRUPT_CHECKPOINT for a damaged file: opening without it would put its topics under default
   * settings, and default retention deletes.
   */
  load(): void {
    let bytes: Buffer;
    try {
      bytes = this.#fs.readFile(this.path, { maxBytes: MAX_CATALOG_BYTES });
    } catch (error) {
      if (isVarveError(error, 'NOT_FOUND')) return;
      throw error;
    }
    for (const entry of decodeCatalog(bytes, this.path)) this.#entries.set(entry.name, entry);
  }

  /** True while the file is behind what is in memory. */
  get isDirty(): boolean {
    return this.#isDirty;
  }

  entries(): IterableIterator<CatalogEntry> {
    return this.#entries.values();
  }

  get(name: string): CatalogEntry | undefined {
    return this.#entries.get(name);
  }

  set(entry: CatalogEntry): void {
    this.#entries.set(entry.name, entry);
    this.#isDirty = true;
  }

  delete(name: string): void {
    this.#entries.delete(name);
    this.#isDirty = true;
  }

  /** When it resolves, what was set before the call survives power loss. */
  save(): Promise<void> {
    return this.#writes.run(async () => {
      if (!this.#isDirty) return;
      this.#isDirty = false;
      try {
        await this.#fs.writeFileAtomic(this.path, encodeCatalog([...this.#entries.values()]));
      } catch (error) {
        this.#isDirty = true;
        throw error;
      }
    });
  }
}

export function encodeCatalog(entries: readonly CatalogEntry[]): Buffer {
  const lines = entries.map(({ name, id, partitionCount, only, config, isDeleting }) =>
    JSON.stringify({
      name,
      id,
      partitions: partitionCount,
      ...(only !== null && { only }),
      config,
      ...(isDeleting && { deleting: true }),
    }),
  );
  const body = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  return Buffer.concat([Buffer.from(`varve-topics 1 ${crcText(body)}\n`), body]);
}

/** @throws VarveError CORRUPT_CHECKPOINT with the line, UNSUPPORTED_FORMAT for another version. */
export function decodeCatalog(bytes: Buffer, path = CATALOG_FILE): CatalogEntry[] {
  const end = bytes.indexOf(0x0a);
  const header = HEADER.exec(bytes.toString('latin1', 0, Math.max(end, 0)));
  if (header === null) throw corrupt(path, 1, 'expected "varve-topics 1 CRC"');
  if (header[1] !== '1') {
    throw new VarveError('UNSUPPORTED_FORMAT', `${path}: version ${header[1]}, varve reads 1`, {
      details: { path, version: header[1] },
    });
  }
  const body = bytes.subarray(end + 1);
  if (crcText(body) !== header[2]) {
    throw corrupt(path, 1, `the CRC is ${crcText(body)}, expected ${header[2]}`);
  }
  const seen = new Set<string>();
  const lines = body.toString('utf8').split('\n');
  if (lines.pop() !== '') throw corrupt(path, lines.length + 2, 'the line does not end');
  return lines.map((line, i) => {
    const entry = decodeEntry(line, (reason) => corrupt(path, i + 2, reason));
    if (seen.has(entry.name)) throw corrupt(path, i + 2, `topic ${entry.name} a second time`);
    seen.add(entry.name);
    return entry;
  });
}

function decodeEntry(line: string, wrong: (reason: string) => VarveError): CatalogEntry {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw wrong('is not JSON');
  }
  const { name, id, partitions, only, config, deleting } = (value ?? {}) as Record<string, unknown>;
  const problem = typeof name === 'string' ? topicNameProblem(name) : 'is not a string';
  if (problem !== null) throw wrong(`the topic name ${problem}`);
  if (typeof id !== 'string' || !isUuid(id) || id === ZERO_UUID) throw wrong('id is not a UUID');
  if (!isCount(partitions, only === undefined ? MAX_PARTITIONS_PER_TOPIC : MAX_INT32 + 1)) {
    throw wrong(`partitions is ${String(partitions)}`);
  }
  if (only !== undefined && !isAscending(only, partitions)) {
    throw wrong('only is not an ascending list of partition numbers');
  }
  if (!isTextRecord(config)) throw wrong('config is not an object of texts');
  try {
    parseTopicConfig(config);
  } catch (error) {
    throw wrong(`config: ${(error as Error).message}`);
  }
  return {
    name: name as string,
    id,
    partitionCount: partitions,
    only: only === undefined ? null : (only as number[]),
    config,
    isDeleting: deleting === true,
  };
}

function isCount(value: unknown, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= max;
}

function isAscending(value: unknown, count: number): boolean {
  if (!Array.isArray(value) || value.length === 0) return false;
  let previous = -1;
  for (const n of value) {
    if (!Number.isInteger(n) || n <= previous || n >= count) return false;
    previous = n;
  }
  return true;
}

function isTextRecord(value: unknown): value is Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((text) => typeof text === 'string');
}

function crcText(body: Buffer): string {
  return (crc32c(body, 0, body.length) >>> 0).toString(16).padStart(8, '0');
}

function corrupt(path: string, line: number, reason: string): VarveError {
  return new VarveError(
    'CORRUPT_CHECKPOINT',
    `${path}, line ${line}: ${reason}. It holds the settings of every topic, so the directory is not opened without it: restore it, or move it away to open all topics with retention off`,
    { details: { path, line, reason } },
  );
}
