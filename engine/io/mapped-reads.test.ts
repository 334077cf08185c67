import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openFileSystem } from './index.js';

const LINUX = process.platform === 'linux';

describe.skipIf(!LINUX)('mappings that many files are read through', () => {
  it('come back within the limit once others were needed, though the files stay open', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'varve-io-'));
    const fs = openFileSystem({ kind: 'mmap', maxMappings: 4 });
    try {
      const options = { create: false, size: 1, maxBytes: 1, readOnly: true };
      const files = Array.from({ length: 40 }, (_, i) => {
        const path = join(directory, `${i}`);
        return { path, i };
      });
      for (const { path, i } of files) await fs.writeFile(path, Buffer.from([i]));
      const logs = files.map(({ path }) => fs.openLog(path, options));
      for (const log of logs) log.window(0, 1);
      const deadline = performance.now() + 5000;
      while (fs.usage().mappings > 4 && performance.now() < deadline) {
        globalThis.gc!();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expect(fs.usage().mappings).toBeLessThanOrEqual(4);
      for (const [i, log] of logs.entries()) expect(log.window(0, 1).buffer[0]).toBe(i);
      for (const log of logs) await log.close();
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
