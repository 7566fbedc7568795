/**
 * Reading a large fragment from a directory, range by range, into memory that is used again (read-fragment.ts).
 */
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { sha1Hex } from '../../base/index.ts';
import { openStore, type ObjectStore } from '../../store/index.ts';
import { CorruptFragmentError } from '../errors.ts';
import { fragmentKey, type Fragment } from '../format/fragment.ts';
import type { Journal } from '../names.ts';
import { readFragment, type Content } from './read-fragment.ts';

const MIB = 1024 * 1024;
/** Two whole ranges and a part of one, large or small. */
const LENGTHS = [19 * MIB, 16 * MIB + 100];

let dir: string;
let journal: Journal;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-fragment-'));
  journal = { store: openStore(`file://${dir}`), name: 'a/log', generation: 'g1' };
});
afterEach(async () => await rm(dir, { recursive: true }));

async function stored(length: number): Promise<Fragment> {
  const content = new Uint8Array(Uint32Array.from({ length: length / 4 }, (_, n) => n * 2654435761).buffer);
  const fragment: Fragment = {
    begin: 1000,
    end: 1000 + length,
    sha1: sha1Hex(content),
    codec: 'raw',
    storedBytes: length,
  };
  await journal.store.create(fragmentKey(journal, fragment), content);
  return fragment;
}

const digestOf = (content: Content): string => sha1Hex(Buffer.concat(content.map(({ bytes }) => bytes)));

/** The same store as one that streams: parts of any length, as they come. */
function streaming(store: ObjectStore, asked: unknown[]): ObjectStore {
  return {
    url: store.url,
    streams: true,
    create: (...call) => store.create(...call),
    head: (...call) => store.head(...call),
    list: (...call) => store.list(...call),
    delete: (...call) => store.delete(...call),
    close: () => store.close(),
    get: async (key, call) => {
      asked.push(call?.range);
      const found = await store.get(key, { ...call, onPart: undefined });
      if (!found || !call?.onPart) return found;
      for (let at = 0, length = 1; at < found.body.length; at += length, length = 3 * length + 1)
        call.onPart({ bytes: found.body.slice(at, at + length), release: () => undefined });
      return { ...found, body: new Uint8Array(0) };
    },
  };
}

test('a small compressed fragment comes whole, although its memory is let go of as soon as it was taken in', async () => {
  const content = new Uint8Array(50_000).fill(7);
  const object = zstdCompressSync(content);
  const fragment: Fragment = {
    begin: 0,
    end: content.length,
    sha1: sha1Hex(content),
    codec: 'zstd',
    storedBytes: object.length,
  };
  await journal.store.create(fragmentKey(journal, fragment), object);
  expect(digestOf((await readFragment(journal, fragment))!)).toBe(fragment.sha1);
});

describe.each(LENGTHS)('a fragment of %d bytes', (length) => {
  test('comes in one request from a store that streams', async () => {
    const fragment = await stored(length);
    const asked: unknown[] = [];
    const content = await readFragment({ ...journal, store: streaming(journal.store, asked) }, fragment);
    expect(digestOf(content!)).toBe(fragment.sha1);
    expect(asked).toEqual([{ start: 0, end: length }]);
  });

  test('comes whole and in order, also in memory that was used before', async () => {
    const fragment = await stored(length);
    for (let round = 0; round < 3; round++) {
      const content = (await readFragment(journal, fragment))!;
      expect(digestOf(content)).toBe(fragment.sha1);
      for (const { release } of content) release!();
    }
  });

  test('is refused when a bit of it is wrong', async () => {
    const fragment = await stored(length);
    const path = join(dir, fragmentKey(journal, fragment));
    const file = await open(path, 'r+');
    const [byte] = (await readFile(path)).subarray(9 * MIB, 9 * MIB + 1);
    await file.write(Uint8Array.of(byte! ^ 4), 0, 1, 9 * MIB);
    await file.close();
    await expect(readFragment(journal, fragment)).rejects.toThrow(CorruptFragmentError);
  });
});
