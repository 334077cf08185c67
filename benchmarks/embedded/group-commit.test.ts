import { expect, test } from 'vitest';
import { GroupCommit } from './group-commit.js';

const value = (text: string): Buffer => Buffer.from(text);

test('writers of one turn share a commit, and what comes meanwhile shares the next', async () => {
  const commits: string[][] = [];
  const group = new GroupCommit(async (values) => {
    commits.push(values.map(String));
    await new Promise((resolve) => setTimeout(resolve, 5));
  });
  const first = [group.append(value('a')), group.append(value('b'))];
  setTimeout(() => void group.append(value('c')), 2);
  await Promise.all(first);
  await group.append(value('d'));
  expect(commits).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ]);
});

test('a failed commit fails its writers and nobody else', async () => {
  let calls = 0;
  const group = new GroupCommit(() => {
    calls += 1;
    if (calls === 1) throw new Error('disk');
  });
  await expect(group.append(value('a'))).rejects.toThrow('disk');
  await expect(group.append(value('b'))).resolves.toBeUndefined();
});
