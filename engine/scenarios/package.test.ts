import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, expect, it } from 'vitest';

interface PackResult {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

let scratch: string;
let packed: PackResult;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'varve-package-'));
  const output = execFileSync(
    'npm',
    ['pack', '--ignore-scripts', '--json', '--pack-destination', scratch],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const results: unknown = JSON.parse(output);
  const list = Array.isArray(results) ? results : Object.values(results as object);
  packed = list[0] as PackResult;
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

it('holds the engine and the command line, and nothing that only tests need', () => {
  const paths = packed.files.map(({ path }) => path);
  expect(paths).toContain('dist/engine/index.js');
  expect(paths).toContain('dist/engine/index.d.ts');
  expect(paths).toContain('dist/cli/main.js');
  expect(paths).toContain('dist/bin/server-program.js');
  expect(paths).toContain('dist/bin/broker-process.js');
  expect(paths).toContain('LICENSE');
  const unwanted = paths.filter((path) =>
    /\.test\.|\.bench\.|testing\/|scenarios\/|dist\/benchmarks\/|fixtures/.test(path),
  );
  expect(unwanted).toEqual([]);
});

it('publint finds nothing to say', async () => {
  const tarball = readFileSync(join(scratch, packed.filename));
  const { messages, pkg } = await publint({
    pack: {
      tarball: tarball.buffer.slice(tarball.byteOffset, tarball.byteOffset + tarball.length),
    },
  });
  expect(messages.map((message) => formatMessage(message, pkg ?? {}))).toEqual([]);
});

it('its types resolve as its code does, wherever ES modules can be imported', async () => {
  const result = await checkPackage(
    createPackageFromTarballData(readFileSync(join(scratch, packed.filename))),
  );
  if (result.types === false) throw new Error('the package has no types');
  // It is an ES module only: `require` of it and TypeScript's old resolution are not served, by decision.
  const problems = result.problems.filter(
    (problem) =>
      problem.kind !== 'CJSResolvesToESM' &&
      !('resolutionKind' in problem && problem.resolutionKind === 'node10'),
  );
  expect(problems).toEqual([]);
});
