import { readFileSync } from 'node:fs';
import { platform } from 'node:os';

/**
 * Memory of this process that no file backs, in bytes: what it really costs, since pages of mapped
 * segments belong to the page cache. Linux says it; elsewhere the heap and its buffers stand in.
 */
export function anonymousBytes(): number {
  if (platform() === 'linux') {
    const line = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    if (line?.[1] !== undefined) return Number(line[1]) * 1024;
  }
  const { heapTotal, external } = process.memoryUsage();
  return heapTotal + external;
}

/** Mappings of this process, or null where the system does not tell. */
export function mappingCount(): number | null {
  if (platform() !== 'linux') return null;
  return readFileSync('/proc/self/maps', 'utf8').split('\n').length - 1;
}
