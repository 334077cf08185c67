import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** The programs in the README, each run as a newcomer would: pasted into a file of a project that has varve. */
const programs: { title: string; code: string }[] = [];
for (const [, title, code] of readFileSync('README.md', 'utf8').matchAll(
  /^## (.+)$|```js\n([\s\S]*?)```/gm,
)) {
  if (title !== undefined) programs.push({ title, code: '' });
  else programs.at(-1)!.code += code;
}
const runnable = programs.filter(({ code }) => code.includes('import '));

let project: string;
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'varve-readme-'));
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(resolve('.'), join(project, 'node_modules', 'varve'), 'dir');
  symlinkSync(resolve('node_modules/kafkajs'), join(project, 'node_modules', 'kafkajs'), 'dir');
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

function run(title: string): string {
  const program = runnable.find((candidate) => candidate.title === title);
  if (program === undefined) throw new Error(`the README has no program under "${title}"`);
  const file = join(project, 'program.mjs');
  writeFileSync(file, program.code);
  return execFileSync(process.execPath, [file], {
    cwd: project,
    encoding: 'utf8',
    timeout: 30_000,
  });
}

it('has five programs', () => {
  expect(runnable.map(({ title }) => title)).toEqual([
    'A Kafka for tests',
    'An embedded event log',
    'Consumer groups without sockets',
    'A tail',
    'A replay from a time',
  ]);
});

it('a Kafka for tests prints the record that was sent', () => {
  expect(run('A Kafka for tests')).toBe('0 customer-1 a book\n');
});

it('a group of workers does every job', () => {
  expect(run('Consumer groups without sockets')).toBe('8 done, 0 left, 1 worker\n');
});

it('an embedded event log prints what was sent, in order', () => {
  const lines = run('An embedded event log').trim().split('\n');
  expect(lines.map((line) => line.split(' ').slice(2).join(' '))).toEqual(['signed in', 'paid']);
});

it('a tail prints what happens after it started', () => {
  expect(run('A tail')).toBe('0 something happened\n');
});

it('a replay prints the last five minutes', () => {
  const lines = run('A replay from a time').trim().split('\n');
  expect(lines).toHaveLength(5);
  expect(lines[0]).toMatch(/reading 55$/);
});
