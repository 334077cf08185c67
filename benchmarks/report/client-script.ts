import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BenchError } from '../model/bench-error.js';

/** Scripts of pages, which the build bundles (`client/bundle.mjs`). */
export type ClientScript = 'report-client' | 'page-client' | 'live-client';

/** Where they are from a bundled program, from compiled sources, and from the sources themselves. */
const PLACES = ['./', '../../bin/', '../../dist/bin/'] as const;

/** Throws when the build could not bundle, with what to do. */
export function readClientScript(name: ClientScript): string {
  for (const place of PLACES) {
    try {
      return readFileSync(fileURLToPath(new URL(`${place}${name}.js`, import.meta.url)), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new BenchError(
    'INVALID_RESULT',
    `dist/bin/${name}.js is missing, so a page would have no charts: run npm run build where esbuild works`,
  );
}
