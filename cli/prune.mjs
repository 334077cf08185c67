// After compiling: what an earlier build left of sources that are gone would still be found by whoever imports it.
// Only those, so that a program which runs from this build meanwhile finds its own.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const out = path.join(root, 'dist');
/** The bundles look after themselves. */
const OTHERS = path.join(out, 'bin') + path.sep;

const COMPILED = /(\.d\.ts|\.js)(\.map)?$/;

for (const entry of readdirSync(out, { recursive: true, withFileTypes: true })) {
  const file = path.join(entry.parentPath, entry.name);
  if (!entry.isFile() || file.startsWith(OTHERS) || !COMPILED.test(file)) continue;
  const source = path.join(root, path.relative(out, file)).replace(COMPILED, '.ts');
  if (!existsSync(source)) rmSync(file);
}
