// Makes dist/bin: the command line and a broker's process as few files each. Node takes most of a millisecond to find
// and load a module, and a broker has some hundreds: as single files they were two thirds of its start.
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = path.join(root, 'dist/bin');
/** A program that runs may still load what was of the build it was started from. */
const KEPT_MS = 60 * 60 * 1000;

mkdirSync(out, { recursive: true });
const { metafile } = await build({
  absWorkingDir: root,
  // The cluster looks for the process's program beside itself: all files are in one directory.
  entryPoints: {
    varve: 'cli/main.ts',
    'broker-process': 'engine/cluster/broker-process.ts',
    'metered-broker-process': 'cli/broker/metered-broker-process.ts',
  },
  outdir: out,
  chunkNames: 'chunk-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  metafile: true,
  logLevel: 'warning',
});
const made = new Set(Object.keys(metafile.outputs).map((name) => path.basename(name)));
for (const name of readdirSync(out)) {
  if (made.has(name)) continue;
  const file = path.join(out, name);
  if (Date.now() - statSync(file).mtimeMs > KEPT_MS) rmSync(file);
}
