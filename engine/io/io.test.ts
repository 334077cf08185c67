import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ioConformance } from '../testing/io-conformance.js';
import { openFileSystem } from './index.js';

for (const kind of ['portable', 'mmap'] as const) {
  ioConformance(kind, () => {
    const directory = mkdtempSync(join(tmpdir(), 'varve-io-'));
    return {
      fs: openFileSystem({ kind }),
      directory,
      cleanup: () => rmSync(directory, { recursive: true, force: true }),
    };
  });
}

for (const kind of ['portable', 'mmap'] as const) {
  ioConformance(`${kind} without syncs`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'varve-io-'));
    return {
      fs: openFileSystem({ kind, syncs: false }),
      directory,
      cleanup: () => rmSync(directory, { recursive: true, force: true }),
    };
  });
}

// As small as they come: everything is evicted all the time.
ioConformance('mmap with two mappings and two open files', () => {
  const directory = mkdtempSync(join(tmpdir(), 'varve-io-'));
  return {
    fs: openFileSystem({
      kind: 'mmap',
      maxMappings: 2,
      maxMappedBytes: 32 * 1024 * 1024,
      maxOpenFiles: 2,
    }),
    directory,
    cleanup: () => rmSync(directory, { recursive: true, force: true }),
  };
});
