import { readFileSync } from 'node:fs';

/** The version in package.json, which lies beside `cli/` in the sources and one level higher in `dist/`. */
export function version(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const text = readFileSync(new URL(path, import.meta.url), 'utf8');
      const manifest: unknown = JSON.parse(text);
      if (isManifest(manifest) && manifest.name === 'varve') return manifest.version;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
  throw new Error('package.json of varve is not where it should be; install the package again');
}

function isManifest(value: unknown): value is { name: string; version: string } {
  return typeof value === 'object' && value !== null && 'name' in value && 'version' in value;
}
