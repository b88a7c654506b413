import { expect, test } from 'vitest';
import { GroupCommit } from './group-commit.ts';

/** Commits lists of numbers; one with a negative number fails. */
function recording(): { readonly group: GroupCommit<number>; readonly commits: (readonly number[])[] } {
  const commits: (readonly number[])[] = [];
  const group = new GroupCommit<number>(async (items) => {
    commits.push(items);
    await new Promise((resolve) => setImmediate(resolve));
    const bad = items.find((item) => item < 0);
    if (bad !== undefined) throw new RangeError(String(bad));
  });
  return { group, commits };
}

test('calls of one turn are one commit', async () => {
  const { group, commits } = recording();
  await Promise.all([group.add([1]), group.add([2, 3]), group.add([])]);
  await group.add([4]);
  expect(commits).toEqual([[1, 2, 3], [4]]);
});

test('calls that come while a commit runs are the next one', async () => {
  const { group, commits } = recording();
  const first = group.add([1]);
  while (commits.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await Promise.all([first, group.add([2]), group.add([3])]);
  expect(commits).toEqual([[1], [2, 3]]);
});

test('only the guilty call rejects, and the others are committed in order', async () => {
  const { group, commits } = recording();
  const results = await Promise.allSettled([
    group.add([1]),
    group.add([-1]),
    group.add([2]),
    group.add([-2]),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  expect(commits).toEqual([[1, -1, 2, -2], [1], [-1], [2], [-2]]);
  await expect(group.add([-3])).rejects.toThrow('-3');
  expect(commits.at(-1)).toEqual([-3]);
  await group.add([5]);
});

test('an exclusive task runs between commits', async () => {
  const { group, commits } = recording();
  const one = group.add([1]);
  await new Promise((resolve) => setImmediate(resolve));
  const task = group.exclusive(async () => {
    const seen = commits.length;
    await new Promise((resolve) => setImmediate(resolve));
    return [seen, commits.length];
  });
  const two = group.add([2]);
  expect(await task).toEqual([1, 1]);
  await Promise.all([one, two]);
  await expect(group.exclusive(() => Promise.reject(new RangeError('x')))).rejects.toThrow('x');
  await group.add([3]);
  expect(commits).toEqual([[1], [2], [3]]);
});
