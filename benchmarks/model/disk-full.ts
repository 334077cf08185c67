import { BenchError } from './bench-error.js';

export function diskFull(what: string, cause?: unknown): BenchError {
  return new BenchError(
    'DISK_FULL',
    `${what}. Make room, or measure on another disk with --directory DIRECTORY`,
    cause === undefined ? undefined : { cause },
  );
}

/** Anywhere in its chain of causes: the system's code, varve's, or what Kafka writes to its log. */
export function isDiskFull(error: unknown): boolean {
  for (const each of chainOf(error)) {
    if (each.code === 'ENOSPC' || each.code === 'EDQUOT' || each.code === 'DISK_FULL') return true;
    if (/ENOSPC|No space left on device|Disk quota exceeded/.test(each.message)) return true;
  }
  return false;
}

interface Link {
  readonly code: string;
  readonly message: string;
}

/** An error and its causes, the outermost first. */
export function chainOf(error: unknown): Link[] {
  const links: Link[] = [];
  for (let at = error; at instanceof Error && links.length < 10; at = at.cause) {
    const code = 'code' in at && typeof at.code === 'string' ? at.code : '';
    links.push({ code, message: at.message });
  }
  return links;
}
