import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../environment.js';

/** Of the varve in `root`. */
export function varveVersion(root = packageRoot()): string {
  const text = readFileSync(join(root, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
