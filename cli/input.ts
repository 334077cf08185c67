import { createReadStream, statSync } from 'node:fs';
import { VarveError } from '../engine/errors.js';

/** A file's bytes, or stdin's for `-`. */
export async function openInput(
  path: string,
): Promise<NodeJS.ReadableStream & { destroy(error?: Error): void }> {
  if (path === '-') return process.stdin;
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new VarveError('INVALID_ARGUMENT', `cannot read ${path}: it is a directory`);
  }
  const stream = createReadStream(path, { highWaterMark: 1 << 20 });
  try {
    await new Promise<void>((resolve, reject) => {
      stream.once('ready', resolve);
      stream.once('error', reject);
    });
  } catch (error) {
    throw new VarveError('NOT_FOUND', `cannot read ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return stream;
}
