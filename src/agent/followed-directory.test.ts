import { expect, test } from '@jest/globals';
import type { DirectoryChange, LiveDirectory } from '../recoverylog/index.ts';
import { FollowedDirectory } from './followed-directory.ts';

/** What a player shows. */
class Shown implements LiveDirectory {
  readonly files = new Map<string, string>();
  readonly #listeners = new Set<(change: DirectoryChange) => void>();

  resolve(path: string): string | undefined {
    return this.files.get(path);
  }

  paths(): readonly string[] {
    return [...this.files.keys()];
  }

  subscribe(listener: (change: DirectoryChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  link(path: string, local: string): void {
    this.files.set(path, local);
    for (const listener of this.#listeners) listener({ path, kind: 'link' });
  }
}

test('whoever follows sees the files of a first attempt go, and those of the next one come; of the first nothing is heard any more', () => {
  const directory = new FollowedDirectory();
  const seen: string[] = [];
  directory.subscribe(
    ({ path, kind }) => void seen.push(`${kind} ${path} ${directory.resolve(path) ?? '-'}`),
  );
  expect(directory.paths()).toEqual([]);
  const [first, second] = [new Shown(), new Shown()];
  directory.show(first);
  first.link('/a', '1/a');
  first.link('/b', '1/b');
  second.link('/b', '2/b');
  directory.show(second);
  first.link('/c', '1/c');
  second.link('/d', '2/d');
  expect(seen).toEqual([
    'link /a 1/a',
    'link /b 1/b',
    'unlink /a -',
    'unlink /b 2/b',
    'link /b 2/b',
    'link /d 2/d',
  ]);
  expect(directory.paths()).toEqual(['/b', '/d']);
});

test('a follower that has left hears nothing', () => {
  const directory = new FollowedDirectory();
  const seen: string[] = [];
  const leave = directory.subscribe(({ path }) => void seen.push(path));
  const shown = new Shown();
  directory.show(shown);
  leave();
  shown.link('/a', 'a');
  expect(seen).toEqual([]);
});
