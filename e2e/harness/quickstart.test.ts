import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { quickstartFolder } from './quickstart.ts';

const contents = async (path: string): Promise<string[]> =>
  Promise.all((await readdir(path)).sort().map((name) => readFile(join(path, name), 'utf8')));

test('the quickstart is applied as it is written, or differs in the one endpoint only', async () => {
  const own = await quickstartFolder('http://127.0.0.1:7480');
  const other = await quickstartFolder('http://127.0.0.1:31234');
  try {
    expect([own.asWritten, other.asWritten]).toEqual([true, false]);
    const restored = (await contents(other.path)).map((text) =>
      text.replace('http://127.0.0.1:31234', 'http://127.0.0.1:7480'),
    );
    expect(restored).toEqual(await contents(own.path));
  } finally {
    await Promise.all([own.remove(), other.remove()]);
  }
  expect(await contents(own.path)).toHaveLength(2); // what belongs to the repository is not removed
  await expect(readdir(other.path)).rejects.toThrow();
});
