import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../environment.js';

export function varveVersion(): string {
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
