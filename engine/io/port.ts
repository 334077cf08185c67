import type { VarveError } from '../errors.js';

/**
 * The port to files, mappings and the clock: the only way the engine touches the machine.
 *
 * Implementations: mmap (Linux, through koffi), portable (positioned reads and writes, everywhere),
 * simulated (in memory, for tests: faults and power failures from a seed). One conformance suite
 * (`engine/testing/io-conformance.ts`) runs against all of them.
 *
 * Errors of every method: a `VarveError` whose `cause` is the system's error and whose `details` hold
 * `path` and `operation`:
 *   ENOSPC, EDQUOT -> DISK_FULL (retriable) · EMFILE, ENFILE -> TOO_MANY_OPEN_FILES (retriable)
 *   EROFS, EACCES, EPERM -> READ_ONLY · ENOENT -> NOT_FOUND · EEXIST -> ALREADY_EXISTS
 *   anything else -> IO_FAILED.
 * A method that throws has changed nothing, unless its own text says otherwise.
 */
export interface FileSystem {
  readonly kind: 'mmap' | 'portable' | 'simulated';
  readonly clock: Clock;

  /**
   * Opens a segment's `.log` file for appending at `size` and for reading below it.
   * With `create` the file must not exist yet (ALREADY_EXISTS) and starts at size 0; it is empty and
   * costs no reserved space until the first `reserve`. Without `create`, `size` says where the data
   * ends (at most the file's length); what the file holds beyond it is ignored and is cut or
   * overwritten by zeros before the first append. Synchronous.
   * The caller makes the directory entry durable with `syncDirectory`.
   */
  openLog(path: string, options: OpenLogOptions): LogFile;

  /** Whole content of a small file. Fails with IO_FAILED if it is longer than `maxBytes`. */
  readFile(path: string, options: { readonly maxBytes: number }): Buffer;

  /** Creates or replaces the file and syncs its data. Not atomic: a crash may leave any prefix. */
  writeFile(path: string, data: Uint8Array): Promise<void>;

  /**
   * Replaces the file so that after a crash at any moment it holds the old or the new content, whole:
   * `<path>.tmp` is written and synced, renamed over `path`, and the directory synced. When it resolves
   * the new content survives power loss. Calls for one path must not overlap.
   */
  writeFileAtomic(path: string, data: Uint8Array): Promise<void>;

  /** Entries of a directory, in no particular order, without `.` and `..`. */
  list(directory: string): DirectoryEntry[];

  /** Size and modification time, or null when there is no such file. */
  stat(path: string): FileStat | null;

  /** Creates the directory and its missing parents; fine if it is there. */
  makeDirectory(path: string): void;

  /**
   * Renames a file or directory, replacing a file of the new name. Atomic, but durable only after
   * `syncDirectory`. A `LogFile` open on it, or below it, goes on under the new name.
   */
  rename(from: string, to: string): void;

  /**
   * Deletes a file; fine if it is not there. Views of its content stay valid. Durable after
   * `syncDirectory`. A `LogFile` still open on it may fail with NOT_FOUND from then on: close it first.
   */
  remove(path: string): Promise<void>;

  /** Deletes a directory and everything in it; fine if it is not there. */
  removeDirectory(path: string): Promise<void>;

  /** Resolves when creations, renames and deletions in `directory` so far survive power loss. */
  syncDirectory(directory: string): Promise<void>;

  /** Sets the modification time, in milliseconds since 1970. */
  setModifiedTime(path: string, timeMs: number): void;

  /**
   * Takes the exclusive lock named by the file `path` (created if missing) or fails with
   * DIRECTORY_LOCKED, `details.holder` telling who holds it (pid, host, since) where known.
   * Excludes other processes and other threads of this one. Gone when its holder dies, however it dies.
   */
  lock(path: string): DirectoryLock;

  /** Open descriptors, mappings and bytes reserved beyond data: what this object holds right now. */
  usage(): FileSystemUsage;
}

export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump, also backwards. */
  now(): number;
  /** Monotonic milliseconds, for durations. */
  monotonic(): number;
}

export interface OpenLogOptions {
  readonly create: boolean;
  /** Where the data ends, in bytes. 0 with `create`. */
  readonly size: number;
  /** Largest size the caller will let the file grow to (segment.bytes): a reservation never goes beyond, except for a single larger batch. */
  readonly maxBytes: number;
  /** Only read: never reserves, `reserve` fails with READ_ONLY. Default false. */
  readonly readOnly?: boolean;
}

/**
 * A segment's log file. Not safe for use by several threads; methods of one object may be called
 * in any order, also while a `flush` is under way. Positions are file positions in bytes.
 */
export interface LogFile {
  readonly path: string;
  /** Bytes of data: the position of the next append. */
  readonly size: number;

  /**
   * Makes at least `bytes` contiguous bytes writable at `buffer[at]`, standing for position `size`.
   * Allocation-free while the current window has room. The space may hold anything. On a full disk
   * this or the `commit` after it fails (DISK_FULL) and nothing has changed. After any failure the file
   * is as before. A reservation without a commit is simply replaced by the next one.
   */
  reserve(bytes: number): void;
  /** Where to write after `reserve`; stale after `commit`, `truncate`, `seal` or `close`. A batch lies wholly in one buffer. */
  readonly buffer: Buffer;
  /** A DataView over the same bytes as `buffer` (same indexes). */
  readonly view: DataView;
  /** Index into `buffer` that stands for position `size`. */
  readonly at: number;

  /**
   * Accepts the `bytes` bytes written at `buffer[at]`, at most what the last `reserve` asked for, and
   * uses that reservation up: `size` grows by it. When it returns, the bytes
   * are in the page cache: they survive the death of this process, not power loss. Where the write
   * happens here (portable) it can fail, and then `size` has not changed.
   */
  commit(bytes: number): void;

  /**
   * Whether `bytes` bytes that are ready somewhere are cheaper to append with `appendParts` than to copy into what
   * `reserve` gives. A reservation made before is gone. Not there where that is never so.
   */
  prefersParts?(bytes: number): boolean;

  /** Right after `prefersParts` said true: appends `head` and then `body`, with the promises of `commit`. */
  appendParts?(head: Uint8Array, body: Uint8Array): void;

  /**
   * A window for looking, not for keeping: it holds at least positions [position, position + length)
   * and is valid until the next call of any method of this object, or the next await. `length` must
   * end at or below `size`. May hold more: the implementation chooses how much it maps or reads ahead.
   * Allocation-free when the current window covers the range.
   */
  window(position: number, length: number): Window;

  /**
   * The same range as a view that may be kept and given to callers: valid and unchanged for as long as
   * it is referenced, also after `truncate`, `seal`, `close`, and after the file is removed.
   */
  bytes(position: number, length: number): Buffer;

  /**
   * Tells that positions from `position` on will be read in order (a scan): the implementation may
   * prepare ahead. No effect on results.
   */
  willRead(position: number, length: number): void;

  /**
   * Resolves when every byte committed before the call survives power loss (fdatasync; a grown size too).
   * After a failure the state of the unsynced bytes is unknown: the caller must not append again or
   * call `flush` a second time hoping for better news.
   */
  flush(): Promise<void>;

  /**
   * Cuts the file to `size` bytes and makes that durable. Bytes beyond it will never be read again,
   * not even after power loss. Views of the cut bytes stay as they are.
   */
  truncate(size: number): Promise<void>;

  /** Ends appending: gives back what is reserved beyond the data, so the file's length is `size`. Not synced. */
  seal(): Promise<void>;

  /** Releases descriptor and mappings (mappings with live views once those are gone). Trims like `seal` first unless `keepReserved`. Idempotent. */
  close(options?: { readonly keepReserved?: boolean }): Promise<void>;
}

/** `buffer[i]` stands for position `start + i`, up to position `end`. `view` covers the same bytes. */
export interface Window {
  readonly buffer: Buffer;
  readonly view: DataView;
  readonly start: number;
  /** First position that is not in the window or not committed yet. */
  readonly end: number;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly isDirectory: boolean;
}

export interface FileStat {
  readonly size: number;
  readonly modifiedMs: number;
  readonly isDirectory: boolean;
}

export interface DirectoryLock {
  readonly path: string;
  release(): void;
}

export interface FileSystemUsage {
  readonly openFiles: number;
  readonly mappings: number;
  readonly mappedBytes: number;
  /** Disk space reserved ahead of data, in bytes. */
  readonly reservedBytes: number;
}

export type IoError = VarveError;
