import { join } from 'node:path';
import type { FileSystem } from '../io/port.js';
import { BatchScan } from './inspect-scan.js';

const CHUNK_BYTES = 1024 * 1024;
/** No suffix that Kafka or varve knows: both pass over such files. */
const SET_ASIDE = /\.set-aside(-\d+)?$/;

export function isSetAside(name: string): boolean {
  return SET_ASIDE.test(name);
}

/** A name beside `name` that is not taken. */
export function asideName(fs: FileSystem, directory: string, name: string): string {
  for (let n = 1; ; n += 1) {
    const candidate = `${name}.set-aside${n === 1 ? '' : `-${n}`}`;
    if (fs.stat(join(directory, candidate)) === null) return candidate;
  }
}

/** Renames a file out of the way; says its new name. Durable after `syncDirectory`. */
export function setAside(fs: FileSystem, directory: string, name: string): string {
  const aside = asideName(fs, directory, name);
  fs.rename(join(directory, name), join(directory, aside));
  return aside;
}

/**
 * Copies the bytes [position, position + length) of a log file into a new file beside it, whose name says where they
 * were: `00000000000000000000.log.from-1234.set-aside`. Synced when it resolves.
 */
export async function copyTail(
  fs: FileSystem,
  directory: string,
  name: string,
  range: { readonly position: number; readonly length: number },
): Promise<string> {
  const aside = asideName(fs, directory, `${name}.from-${range.position}`);
  const source = new BatchScan(fs, join(directory, name), { checkCrcs: false });
  const copy = fs.openLog(join(directory, aside), {
    create: true,
    size: 0,
    maxBytes: range.length,
  });
  try {
    for (let done = 0; done < range.length; ) {
      const bytes = Math.min(CHUNK_BYTES, range.length - done);
      copy.reserve(bytes);
      copy.buffer.set(source.bytes(range.position + done, bytes), copy.at);
      copy.commit(bytes);
      done += bytes;
    }
    await copy.flush();
  } finally {
    source.close();
    await copy.close();
  }
  return aside;
}
