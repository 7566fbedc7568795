/**
 * A fragment that passes by: believed only when all of it was right (V1 of pass-fragment.ts).
 */
import { expect, test } from '@jest/globals';
import { concatBytes, sha1Hex, systemRandom } from '../../base/index.ts';
import type { GetCall, ObjectStore, StoredObject } from '../../store/index.ts';
import { MemoryStore } from '../../store/testing/index.ts';
import { compress, type Codec } from '../format/codec.ts';
import { fragmentKey, type Fragment } from '../format/fragment.ts';
import type { Journal } from '../names.ts';
import { isWhole, passFragment } from './pass-fragment.ts';

const MIB = 1024 * 1024;
const CODECS: readonly Codec[] = ['raw', 'gzip', 'zstd'];

interface Seen {
  gets: number;
  fresh: number;
  underWay: number;
  mostUnderWay: number;
}

/** A fragment of a few ranges, at a store that answers as `twist` makes it. */
async function fragmentOf(
  codec: Codec,
  bytes: number,
  twist: (found: StoredObject, seen: Seen) => StoredObject | undefined = (found) => found,
): Promise<{
  readonly journal: Journal;
  readonly fragment: Fragment;
  readonly content: Uint8Array;
  readonly seen: Seen;
}> {
  const content = systemRandom.bytes(bytes);
  const stored = await compress(codec, content);
  const inner = new MemoryStore();
  const seen: Seen = { gets: 0, fresh: 0, underWay: 0, mostUnderWay: 0 };
  const get = async (key: string, call: GetCall = {}): Promise<StoredObject | undefined> => {
    seen.gets++;
    if (call.freshConnection) seen.fresh++;
    seen.mostUnderWay = Math.max(seen.mostUnderWay, ++seen.underWay);
    await new Promise<void>((resolve) => void setImmediate(resolve));
    seen.underWay--;
    const found = await inner.get(key, call);
    return found && twist(found, seen);
  };
  const store = Object.create(inner, { get: { value: get } }) as ObjectStore;
  const journal: Journal = { store, name: 'a/log', generation: 'g1' };
  const fragment: Fragment = {
    begin: 7,
    end: 7 + bytes,
    sha1: sha1Hex(content),
    codec,
    storedBytes: stored.length,
  };
  await inner.create(fragmentKey(journal, fragment), stored);
  return { journal, fragment, content, seen };
}

test.each(CODECS)(
  'all of it passes in its order, two requests at a time, and is right: %s',
  async (codec) => {
    for (const bytes of [1, 9 * MIB + 11]) {
      const { journal, fragment, content, seen } = await fragmentOf(codec, bytes);
      const parts: Uint8Array[] = [];
      const into = async (piece: Uint8Array): Promise<void> => void parts.push(piece.slice());
      expect(await passFragment(journal, fragment, { into, fresh: false })).toBe('right');
      expect(Buffer.compare(concatBytes(parts), content)).toBe(0);
      expect(seen).toMatchObject({ gets: bytes === 1 ? 1 : 3, underWay: 0, fresh: 0 });
      expect(seen.mostUnderWay).toBeLessThanOrEqual(2);
    }
  },
);

const flip = (found: StoredObject): StoredObject => {
  const body = found.body.slice();
  body[body.length >> 1]! ^= 4;
  return { ...found, body };
};

test.each(CODECS)('a damaged answer is asked for again, on new connections: %s', async (codec) => {
  const once = await fragmentOf(codec, 9 * MIB, (found, { gets }) => (gets === 2 ? flip(found) : found));
  expect(await isWhole(once.journal, once.fragment)).toBe(true);
  expect(once.seen.fresh).toBeGreaterThanOrEqual(3);
  const always = await fragmentOf(codec, 100, flip);
  await expect(isWhole(always.journal, always.fragment)).rejects.toMatchObject({
    code: 'CORRUPT_FRAGMENT',
    fields: { begin: 7, end: 107 },
  });
  expect(always.seen.gets).toBe(3);
});

test('an object of another length is damage, and none is an answer', async () => {
  const cut = await fragmentOf('raw', 100, (found) => ({ ...found, body: found.body.subarray(1) }));
  await expect(isWhole(cut.journal, cut.fragment)).rejects.toMatchObject({ code: 'CORRUPT_FRAGMENT' });
  const long = await fragmentOf('raw', 100, (found) => ({ ...found, size: 101 }));
  await expect(isWhole(long.journal, long.fragment)).rejects.toMatchObject({ code: 'CORRUPT_FRAGMENT' });
  const gone = await fragmentOf('zstd', 9 * MIB, (found, { gets }) => (gets < 3 ? found : undefined));
  expect(await isWhole(gone.journal, gone.fragment)).toBe(false);
  expect(gone.seen.underWay).toBe(0);
});

test('the failure of whoever takes it, and the signal, end it with nothing under way', async () => {
  const { journal, fragment, seen } = await fragmentOf('gzip', 9 * MIB);
  const full = new Error('no room');
  const into = (): Promise<void> => Promise.reject(full);
  await expect(passFragment(journal, fragment, { into, fresh: false })).rejects.toBe(full);
  expect(seen.underWay).toBe(0);
  const stop = new AbortController();
  const reason = new Error('enough');
  stop.abort(reason);
  await expect(isWhole(journal, fragment, stop.signal)).rejects.toBe(reason);
});
