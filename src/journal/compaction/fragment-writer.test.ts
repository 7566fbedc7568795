/**
 * Fragments as they come to the store: their names, their memory, and what is read back of them (W1-W3 of fragment-writer.ts, C3 and C4 of compact.ts).
 */
import { describe, expect, test } from '@jest/globals';
import { concatBytes, sha1Hex } from '../../base/index.ts';
import { seededRandom, VirtualClock } from '../../base/testing/index.ts';
import { copyOf, piecesOf, StoreError, type Body, type CreateOutcome } from '../../store/index.ts';
import { MemoryStore } from '../../store/testing/index.ts';
import { decompress } from '../format/codec.ts';
import { fragmentKey, type Fragment } from '../format/fragment.ts';
import type { Journal } from '../names.ts';
import { FragmentWriter, type WriteOptions } from './fragment-writer.ts';

const FRAGMENT_BYTES = 1000;

/** A store whose creates may come to nothing, or to nobody's knowledge; it holds the bodies as it was given them. */
class HoldingStore extends MemoryStore {
  /** Each body, as it was and as its giver holds it. */
  readonly bodies: { readonly key: string; readonly was: Uint8Array; readonly held: Body }[] = [];
  readonly gets: string[] = [];
  /** What happens to the next creates; then all is well. */
  script: ('undecided' | 'effect, undecided' | 'ok')[] = [];

  override async create(key: string, body: Body): Promise<CreateOutcome> {
    this.bodies.push({ key, was: copyOf(body), held: body });
    const fate = this.script.shift() ?? 'ok';
    const outcome = fate === 'undecided' ? undefined : await super.create(key, body);
    const cause = new StoreError('STORE_UNREACHABLE', 'reset', { retryable: true });
    return fate === 'ok' && outcome ? outcome : { kind: 'undecided', cause };
  }

  override get: MemoryStore['get'] = async (key, call) => {
    this.gets.push(key);
    return await MemoryStore.prototype.get.call(this, key, call);
  };
}

interface Written {
  readonly store: HoldingStore;
  readonly journal: Journal;
  readonly fragments: readonly Fragment[];
}

const CONTENT = seededRandom(7).bytes(3500);

async function write(
  store: HoldingStore,
  options: Partial<WriteOptions> & { readonly verified?: boolean } = {},
): Promise<Written> {
  const clock = new VirtualClock();
  const journal: Journal = { store, name: 'a/log', generation: 'g1' };
  const range = { begin: 40, end: 40 + CONTENT.length };
  const { verified = true, ...rest } = options;
  const writer = new FragmentWriter(journal, range, verified, {
    codec: 'raw',
    fragmentBytes: FRAGMENT_BYTES,
    giveUpMs: 60_000,
    clock,
    random: { ...seededRandom(3), below: () => 1 }, // no sample
    ...rest,
  });
  const run = async (): Promise<readonly Fragment[]> => {
    for (let at = 0; at < CONTENT.length; at += 130) {
      const lent = CONTENT.slice(at, at + 130);
      await writer.push(lent);
      lent.fill(0);
    }
    return writer.finish();
  };
  return { store, journal, fragments: await clock.run(run()) };
}

async function contentOf({ store, journal, fragments }: Written): Promise<Uint8Array> {
  const parts = fragments.map(async (fragment) => {
    const { body } = (await store.get(fragmentKey(journal, fragment)))!;
    expect(body.length).toBe(fragment.storedBytes);
    const content = await decompress(fragment.codec, body, fragment.end - fragment.begin);
    expect(sha1Hex(content)).toBe(fragment.sha1);
    return content;
  });
  return concatBytes(await Promise.all(parts));
}

test.each(['raw', 'gzip', 'zstd'] as const)(
  'content is cut at the length of a fragment, whatever it comes in: %s',
  async (codec) => {
    const told: Fragment[] = [];
    const written = await write(new HoldingStore(), { codec, onFragment: (fragment) => told.push(fragment) });
    const ranges = written.fragments.map(({ begin, end }) => [begin, end]);
    expect(ranges).toEqual([
      [40, 1040],
      [1040, 2040],
      [2040, 3040],
      [3040, 3540],
    ]);
    expect(told).toEqual(written.fragments);
    expect(Buffer.compare(await contentOf(written), CONTENT)).toBe(0);
  },
);

describe('memory of a body', () => {
  test('is used again for the next one when the store has it', async () => {
    const { store } = await write(new HoldingStore());
    expect(new Set(store.bodies.flatMap(({ held }) => piecesOf(held).map(({ buffer }) => buffer))).size).toBe(
      1,
    );
  });

  test('is left alone where an attempt may still be on its way, decided or not', async () => {
    const store = new HoldingStore();
    store.script = ['ok', 'undecided', 'ok', 'effect, undecided', 'ok', 'ok'];
    const written = await write(store);
    expect(Buffer.compare(await contentOf(written), CONTENT)).toBe(0);
    const late = store.bodies.filter(({ key }, i) => [1, 2, 3, 4].includes(i) && key !== '');
    expect(late.map(({ key }) => key)).toEqual(
      [1, 1, 2, 2].map((i) => fragmentKey(written.journal, written.fragments[i]!)),
    );
    for (const { was, held } of late) expect(Buffer.compare(copyOf(held), was)).toBe(0);
  });
});

describe('what is read back', () => {
  const readBack = ({ store, journal, fragments }: Written): readonly number[] =>
    fragments.flatMap((fragment, i) => (store.gets.includes(fragmentKey(journal, fragment)) ? [i] : []));

  test('is the first fragment of a process', async () => {
    expect(readBack(await write(new HoldingStore(), { verified: false }))).toEqual([0]);
    expect(readBack(await write(new HoldingStore()))).toEqual([]);
  });

  test('is one whose key was taken', async () => {
    const store = new HoldingStore();
    store.script = ['ok', 'ok', 'effect, undecided'];
    expect(readBack(await write(store))).toEqual([2]);
  });

  test('has to be the content: a taken key with anything else ends the compaction', async () => {
    const { journal, fragments } = await write(new HoldingStore());
    const store = new HoldingStore();
    const other = CONTENT.slice(0, FRAGMENT_BYTES).fill(1, 500, 501);
    await store.create(fragmentKey(journal, fragments[0]!), other);
    await expect(write(store)).rejects.toMatchObject({ code: 'CORRUPT_FRAGMENT' });
  });
});

test('more content than was announced, and less, are mistakes of the caller', async () => {
  const journal: Journal = { store: new MemoryStore(), name: 'a/log', generation: 'g1' };
  const options = {
    codec: 'raw',
    fragmentBytes: 8,
    giveUpMs: 1,
    clock: new VirtualClock(),
    random: seededRandom(1),
  } as const;
  const writer = new FragmentWriter(journal, { begin: 0, end: 10 }, true, options);
  await writer.push(new Uint8Array(9));
  expect(() => writer.finish()).toThrow(/W2/);
  await expect(writer.push(new Uint8Array(2))).rejects.toMatchObject({ code: 'INVARIANT_BROKEN' });
});
