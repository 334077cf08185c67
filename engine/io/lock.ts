import fs from 'node:fs';
import { hostname } from 'node:os';
import { VarveError } from '../errors.js';
import { readFully, writeFully } from './descriptor-io.js';
import { errnoName } from './io-error.js';
import { type Libc, loadLibc } from './libc.js';
import type { DirectoryLock } from './port.js';

/** What a lock file says about who holds the lock. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** When the lock was taken, ISO 8601. */
  readonly since: string;
  readonly title: string;
}

const MAX_HOLDER_BYTES = 4096;

/**
 * Takes the exclusive lock named by `path`.
 *
 * On Linux it is a lock of the open file (`F_OFD_SETLK`): the kernel drops it when its holder dies,
 * it excludes other threads of this process too, and it conflicts with the `FileChannel` lock that
 * Kafka takes on the same `.lock` file. Elsewhere it is the file's existence; see `lockByExistence`.
 */
export function lockDirectory(path: string): DirectoryLock {
  const libc = loadLibc();
  return libc instanceof Error ? lockByExistence(path) : lockByKernel(libc, path);
}

function lockByKernel(libc: Libc, path: string): DirectoryLock {
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o644);
  try {
    if (!libc.tryLock(fd)) throw lockedError(path, holderOfKernelLock(libc, fd));
    const description = describeSelf();
    fs.ftruncateSync(fd, 0);
    writeFully(fd, description, 0, description.length, 0);
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
  let held = true;
  return {
    path,
    release() {
      if (!held) return;
      held = false;
      // The file stays: unlinking it would let a third process lock a new file of the same name
      // while a second one still waits with the old one open.
      try {
        fs.ftruncateSync(fd, 0);
      } finally {
        fs.closeSync(fd);
      }
    },
  };
}

/** Kafka leaves its lock file empty, but the kernel knows the process behind its kind of lock. */
function holderOfKernelLock(libc: Libc, fd: number): Partial<LockHolder> {
  const described = parseHolder(readHolder(fd));
  if (described !== null) return described;
  const pid = libc.lockHolder(fd);
  return pid > 0 ? { pid } : {};
}

/**
 * The lock of systems without `F_OFD_SETLK`: the file is created whole or not at all, and it belongs
 * to the process it names until that process is gone. Limits: a process id that was given to another
 * process keeps the lock until the file is deleted by hand; processes on different hosts that share
 * the directory refuse each other for ever after a crash.
 */
export function lockByExistence(path: string): DirectoryLock {
  const mine = describeSelf();
  const draft = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  fs.writeFileSync(draft, mine, { flag: 'wx' });
  try {
    for (let attempt = 0; ; attempt++) {
      try {
        fs.linkSync(draft, path);
        break;
      } catch (error) {
        if (errnoName(error) !== 'EEXIST' || attempt === 8) throw error;
      }
      takeAwayIfStale(path, draft);
    }
  } finally {
    fs.rmSync(draft, { force: true });
  }
  let held = true;
  return {
    path,
    release() {
      if (!held) return;
      held = false;
      if (readWholeFile(path)?.equals(mine)) fs.rmSync(path, { force: true });
    },
  };
}

function takeAwayIfStale(path: string, draft: string): void {
  const found = readWholeFile(path);
  if (found === null) return;
  const holder = parseHolder(found);
  if (holder !== null && (holder.host !== hostname() || isAlive(holder.pid))) {
    throw lockedError(path, holder);
  }
  // Of several processes that see the same dead holder, one rename wins. If it caught a newer lock
  // instead, that one is put back.
  const aside = `${draft}.stale`;
  try {
    fs.renameSync(path, aside);
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return;
    throw error;
  }
  try {
    if (!readWholeFile(aside)?.equals(found)) fs.linkSync(aside, path);
  } finally {
    fs.rmSync(aside, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoName(error) !== 'ESRCH';
  }
}

let locksTaken = 0;

function describeSelf(): Buffer {
  const holder: LockHolder & { readonly n: number } = {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
    title: process.title.slice(0, 200),
    // Tells two locks of one process apart.
    n: locksTaken++,
  };
  return Buffer.from(`${JSON.stringify(holder)}\n`);
}

function readHolder(fd: number): Buffer {
  const content = Buffer.alloc(MAX_HOLDER_BYTES);
  return content.subarray(0, readFully(fd, content, 0));
}

function readWholeFile(path: string): Buffer | null {
  let fd: number;
  try {
    fd = fs.openSync(path, 'r');
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    return readHolder(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function parseHolder(content: Buffer): LockHolder | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content.toString('utf8'));
  } catch {
    return null;
  }
  if (typeof parsed !== 'object' || parsed === null) return null;
  const { pid, host, since, title } = parsed as Record<string, unknown>;
  if (!Number.isSafeInteger(pid) || (pid as number) <= 0 || typeof host !== 'string') return null;
  return { pid: pid as number, host, since: String(since), title: String(title) };
}

function lockedError(path: string, holder: Partial<LockHolder>): VarveError {
  const who =
    holder.pid === undefined
      ? 'another process'
      : `process ${holder.pid}${holder.title ? ` (${holder.title})` : ''}`;
  const where = holder.host === undefined ? '' : ` on ${holder.host}`;
  const since = holder.since === undefined ? '' : ` since ${holder.since}`;
  return new VarveError(
    'DIRECTORY_LOCKED',
    `${path} is held by ${who}${where}${since}: stop it, or use another directory`,
    { details: { path, operation: 'lock', holder } },
  );
}
