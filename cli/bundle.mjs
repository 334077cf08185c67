// Makes dist/bin: the command line's programs and a broker's process as few files each. Node takes most of a millisecond
// to find and load a module, and a broker has some hundreds: one by one they were most of its start.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundlePages, PAGES } from '../benchmarks/report/client/bundle.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = path.join(root, 'dist/bin');
/** What is loaded first; `cli/main.ts` and the cluster find them by these names, all in one directory. */
const PROGRAMS = {
  program: 'cli/program.ts',
  'server-program': 'cli/server-program.ts',
  'broker-process': 'engine/cluster/broker-process.ts',
  'metered-broker-process': 'cli/broker/metered-broker-process.ts',
  'load-process': 'benchmarks/load/process.ts',
  'null-sink': 'benchmarks/load/null-sink.ts',
  'cluster-supervisor': 'benchmarks/targets/cluster-supervisor.ts',
  'counted-broker-process': 'benchmarks/targets/counted-broker-process.ts',
  'group-member': 'benchmarks/targets/experiments/group-member.ts',
  'engine-writer': 'benchmarks/targets/experiments/engine-writer.ts',
};
const NAMES = [...Object.keys(PROGRAMS), ...Object.keys(PAGES)];
/**
 * What an installed package has beside it, or may have, is loaded from there. Everything else the programs use (charts,
 * schemas) is in the bundles, so that who embeds the engine does not install it.
 */
const { dependencies, optionalDependencies } = JSON.parse(
  readFileSync(path.join(root, 'package.json'), 'utf8'),
);
const EXTERNAL = [
  ...Object.keys({ ...dependencies, ...optionalDependencies }),
  'kafkajs',
  '@resvg/resvg-js',
  '@confluentinc/kafka-javascript',
];
/** A program that runs may still load what was of the build it was started from. */
const KEPT_MS = 60 * 60 * 1000;

const bundler = await import('esbuild').catch((/** @type {Error} */ error) => error);
if (bundler instanceof Error) {
  withoutBundles(bundler);
} else {
  mkdirSync(out, { recursive: true });
  try {
    removeOthers(await bundle(bundler));
  } catch (error) {
    // Messages about the sources are theirs; anything else is the bundler's, such as a binary of another machine.
    if (!(error instanceof Error) || 'errors' in error) throw error;
    withoutBundles(error);
  }
}

/**
 * Each program by itself: files shared among them would be many and small.
 * @param {typeof import('esbuild')} esbuild
 */
async function bundle(esbuild) {
  const programs = Object.entries(PROGRAMS);
  const names = await Promise.all([
    ...programs.map((program) => bundleOne(esbuild, program)),
    bundlePages(esbuild, out),
  ]);
  return new Set(names.flat());
}

/** @param {typeof import('esbuild')} esbuild @param {[string, string]} program */
async function bundleOne({ build }, [name, source]) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { [name]: source },
    outdir: out,
    chunkNames: 'chunk-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: EXTERNAL,
    // Parts of CommonJS packages in the bundle ask for Node's own modules this way.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    // For `--enable-source-maps`; the bundle itself is not minified, so that stack traces can be read without.
    sourcemap: 'linked',
    sourcesContent: false,
    metafile: true,
    logLevel: 'warning',
  });
  return Object.keys(metafile.outputs).map((file) => path.basename(file));
}

/** @param {Set<string>} made */
function removeOthers(made) {
  for (const name of readdirSync(out)) {
    if (made.has(name)) continue;
    const file = path.join(out, name);
    const isOld = Date.now() - statSync(file).mtimeMs > KEPT_MS;
    if (isOld || NAMES.includes(path.parse(name).name)) rmSync(file);
  }
}

/** @param {Error} error */
function withoutBundles(error) {
  // None of an earlier build either: `cli/main.ts` would run it.
  rmSync(out, { recursive: true, force: true });
  console.warn(
    `varve: esbuild cannot run here, so the command starts from its compiled sources, which takes about 0.1 s longer: ${error.message}`,
  );
}
