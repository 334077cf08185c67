import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
/** What pages run, by the name of their file in `dist/bin`. */
export const PAGES = {
  'report-client': 'benchmarks/report/client/main.ts',
  'page-client': 'benchmarks/report/client/page.ts',
  'live-client': 'benchmarks/live/client/main.ts',
};

/**
 * One script each, without imports: it is written into a page.
 * @param {typeof import('esbuild')} esbuild @param {string} out a directory
 * @returns {Promise<string[]>} names of the files
 */
export async function bundlePages({ build }, out) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: PAGES,
    outdir: out,
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    // `</script` would end the element that the script is written into.
    charset: 'ascii',
    legalComments: 'none',
    banner: { js: '/* Charts: Apache ECharts, Apache License 2.0, and zrender, BSD 3-Clause. */' },
    metafile: true,
    logLevel: 'warning',
  });
  return Object.keys(metafile.outputs).map((file) => path.basename(file));
}
