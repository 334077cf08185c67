import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const main = join(root, 'dist/cli/main.js');
let work: string;

beforeEach(() => {
  work = fs.mkdtempSync(join(tmpdir(), 'varve-bundle-'));
});

afterEach(() => fs.rmSync(work, { recursive: true, force: true }));

function run(program: string, args: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
}

/** What of dist/ a run of the command loads. */
function loadedBy(args: readonly string[]): string[] {
  const { status } = run(main, args, { NODE_V8_COVERAGE: work });
  expect(status).toBe(0);
  const dist = pathToFileURL(join(root, 'dist/')).href;
  return fs
    .readdirSync(work)
    .flatMap((name) => JSON.parse(fs.readFileSync(join(work, name), 'utf8')).result)
    .map(({ url }: { url: string }) => url)
    .filter((url) => url.startsWith(dist))
    .map((url) => url.slice(dist.length));
}

test.each([
  ['broker', 'bin/server-program.js'],
  ['cluster', 'bin/server-program.js'],
  ['topic', 'bin/program.js'],
])(
  'varve %s runs from its bundle, and nothing of the compiled sources beside it',
  (command, bundle) => {
    const loaded = loadedBy([command, '--help']);
    expect(loaded).toContain(bundle);
    expect(loaded.filter((file) => !file.startsWith('bin/'))).toEqual(['cli/main.js']);
    // All of a command's definitions in a few files.
    expect(loaded.length).toBeLessThan(20);
  },
);

test.each([
  [['--version']],
  [['--help']],
  [['broker', '--help']],
  [['help', 'cluster']],
  [['log', 'dump', '--help']],
  [['broker', '--no-such-flag']],
])('the bundle and the compiled sources answer alike: varve %j', (args) => {
  const bundled = run(main, args);
  expect(bundled.stdout + bundled.stderr).not.toBe('');
  expect(bundled).toEqual(run(join(root, 'dist/cli/program.js'), args));
});

test('--version is that of package.json', () => {
  const { version } = JSON.parse(fs.readFileSync(join(root, 'package.json'), 'utf8'));
  expect(run(main, ['--version']).stdout).toBe(`${version}\n`);
});

test('without bundles the compiled sources run', () => {
  fs.writeFileSync(join(work, 'package.json'), '{"type":"module"}');
  fs.mkdirSync(join(work, 'cli'));
  fs.copyFileSync(main, join(work, 'cli/main.js'));
  for (const name of ['program', 'server-program']) {
    fs.writeFileSync(join(work, `cli/${name}.js`), `console.log('compiled ${name}');`);
  }
  const copy = join(work, 'cli/main.js');
  expect(run(copy, ['topic', 'list']).stdout).toBe('compiled program\n');
  expect(run(copy, ['broker']).stdout).toBe('compiled server-program\n');
  fs.mkdirSync(join(work, 'bin'));
  fs.writeFileSync(join(work, 'bin/program.js'), `console.log('bundle');`);
  expect(run(copy, ['topic', 'list']).stdout).toBe('bundle\n');
});

test('a build whose bundler cannot run says so, succeeds, and leaves no bundle of an earlier one', () => {
  fs.mkdirSync(join(work, 'cli'));
  fs.mkdirSync(join(work, 'dist/bin'), { recursive: true });
  fs.writeFileSync(join(work, 'dist/bin/program.js'), '');
  fs.mkdirSync(join(work, 'benchmarks/report/client'), { recursive: true });
  for (const file of ['cli/bundle.mjs', 'benchmarks/report/client/bundle.mjs', 'package.json']) {
    fs.copyFileSync(join(root, file), join(work, file));
  }
  const { status, stderr } = run(join(work, 'cli/bundle.mjs'), []);
  expect(status).toBe(0);
  expect(stderr).toMatch(/esbuild cannot run here.*compiled sources/);
  expect(fs.existsSync(join(work, 'dist/bin'))).toBe(false);
});
