import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { compareWithin } from '../../benchmarks/compare/compare.js';
import { packageRoot } from '../../benchmarks/environment.js';
import { otherClusterTarget } from '../../benchmarks/targets/cluster.js';
import type { Target } from '../../benchmarks/targets/target.js';
import { EXIT, interruptSignal, UsageError } from '../run-program.js';
import { printComparison } from './compare.js';
import { type RunFlags, requestOf } from './request.js';
import { runRequest } from './run.js';

const run = promisify(execFile);

/** Two commits of this clone, built apart and measured in turn: the same cell of both, one right after the other. */
export async function compareCommits(a: string, b: string, flags: RunFlags): Promise<void> {
  const root = packageRoot();
  if (!existsSync(join(root, '.git'))) {
    throw new UsageError('two commits can be compared in a git clone of varve only');
  }
  if (Object.hasOwn(flags, 'target')) {
    throw new UsageError('--target is the two commits: leave it out');
  }
  const [commitA, commitB] = [await commitOf(root, a), await commitOf(root, b)];
  if (commitA === commitB) throw new UsageError(`${a} and ${b} are the same commit ${commitA}`);
  const work = mkdtempSync(join(tmpdir(), 'varve-ab-'));
  const targets = new Map<string, Target>();
  try {
    for (const commit of [commitA, commitB]) {
      interruptSignal().throwIfAborted();
      const name = nameOf(commit);
      process.stderr.write(`building ${commit}\n`);
      const tree = await build(root, work, commit);
      targets.set(name, otherClusterTarget(name, tree));
    }
    const request = requestOf({ ...flags, name: flags.name ?? `${commitA}-${commitB}` });
    const both = request.cells.flatMap((cell) =>
      [...targets.keys()].map((target) => ({ ...cell, target })),
    );
    const result = await runRequest({ ...request, cells: both }, flags, (name) =>
      targets.get(name),
    );
    const comparison = compareWithin(result, 'target', { a: nameOf(commitA), b: nameOf(commitB) });
    printComparison(comparison);
    if (comparison.overall.isRegression) process.exitCode = EXIT.failed;
  } finally {
    for (const commit of [commitA, commitB]) {
      await run('git', ['worktree', 'remove', '--force', join(work, commit)], { cwd: root }).catch(
        () => undefined,
      );
    }
    rmSync(work, { recursive: true, force: true });
    await run('git', ['worktree', 'prune'], { cwd: root });
  }
}

const nameOf = (commit: string): string => `cluster@${commit}`;

async function commitOf(root: string, revision: string): Promise<string> {
  try {
    const { stdout } = await run(
      'git',
      ['rev-parse', '--short=10', '--verify', '--end-of-options', `${revision}^{commit}`],
      { cwd: root },
    );
    return stdout.trim();
  } catch {
    throw new UsageError(`${revision} is no commit of ${root}`);
  }
}

/** A work tree of the commit with its own build; what is installed is shared where the lock files are the same. */
async function build(root: string, work: string, commit: string): Promise<string> {
  const tree = join(work, commit);
  await run('git', ['worktree', 'add', '--detach', tree, commit], { cwd: root });
  const lock = (directory: string): string =>
    readFileSync(join(directory, 'package-lock.json'), 'utf8');
  if (lock(root) === lock(tree))
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
  else await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: tree });
  await run('npm', ['run', 'build', '--silent'], { cwd: tree, maxBuffer: 64 * 1024 * 1024 });
  return tree;
}
