#!/usr/bin/env node
import { existsSync } from 'node:fs';
import module from 'node:module';

/*
 * Runs the command line from as few files as the build could make of it (`cli/bundle.mjs`), or from the compiled
 * sources where it could make none. A process loads one of the bundles, so no class is there twice.
 */
const SERVERS: ReadonlySet<string | undefined> = new Set(['broker', 'cluster']);

keepCompiledCode();
const name = SERVERS.has(process.argv[2]) ? 'server-program' : 'program';
const bundle = new URL(`../bin/${name}.js`, import.meta.url);
await import(existsSync(bundle) ? bundle.href : `./${name}.js`);

/** What V8 compiles is there for the next start, where Node can keep it (22.8), and for the processes of brokers. */
function keepCompiledCode(): void {
  const { enableCompileCache } = module as unknown as {
    enableCompileCache?: () => { readonly directory?: string };
  };
  const directory = enableCompileCache?.().directory;
  if (directory !== undefined) process.env.NODE_COMPILE_CACHE ??= directory;
}
