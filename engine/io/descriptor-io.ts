import fs from 'node:fs';
import { promisify } from 'node:util';

const writeAsync = promisify(fs.write);

export const fdatasync = promisify(fs.fdatasync);
export const fsync = promisify(fs.fsync);
export const ftruncate = promisify(fs.ftruncate);

/** Reads until `into` is full or the file ends; returns the bytes read. */
export function readFully(
  fd: number,
  into: Uint8Array,
  position: number,
  length = into.length,
): number {
  let done = 0;
  while (done < length) {
    const bytes = fs.readSync(fd, into, done, length - done, position + done);
    if (bytes === 0) break;
    done += bytes;
  }
  return done;
}

/** Writes all of it; a system may take only a part per call. */
export function writeFully(
  fd: number,
  from: Uint8Array,
  at: number,
  length: number,
  position: number,
): void {
  let done = 0;
  while (done < length) {
    done += fs.writeSync(fd, from, at + done, length - done, position + done);
  }
}

/** Both, one behind the other, in one call where the system takes it all. */
export function writePartsFully(
  fd: number,
  head: Uint8Array,
  body: Uint8Array,
  position: number,
): void {
  if (head.length === 0) {
    writeFully(fd, body, 0, body.length, position);
    return;
  }
  const done = fs.writevSync(fd, [head, body], position);
  if (done < head.length) writeFully(fd, head, done, head.length - done, position + done);
  const inBody = Math.max(0, done - head.length);
  if (inBody < body.length) {
    writeFully(fd, body, inBody, body.length - inBody, position + head.length + inBody);
  }
}

export async function writeFullyAsync(fd: number, data: Uint8Array): Promise<void> {
  let done = 0;
  while (done < data.length) {
    const { bytesWritten } = await writeAsync(fd, data, done, data.length - done, done);
    done += bytesWritten;
  }
}
