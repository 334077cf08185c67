import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from './environment.js';

/**
 * The file of a program that runs as a process of its own: the bundle, which starts in a fraction of the time, or the
 * compiled sources where the build could make none. Compiled in any case: a test runner does not reach into processes.
 */
export function programPath(bundle: string, compiled: string, root = packageRoot()): string {
  const dist = join(root, 'dist');
  const bundled = join(dist, 'bin', `${bundle}.js`);
  return existsSync(bundled) ? bundled : join(dist, 'benchmarks', compiled);
}
