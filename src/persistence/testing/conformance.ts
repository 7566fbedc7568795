/**
 * What every backend has to do, as cases with a name (seeds.md §2.4, §2.5, §5.5). Free of any test framework.
 *
 * C1  A case gets a store that is initialised and empty, and leaves values behind.
 */
import { fromUtf8, systemClock, systemRandom, utf8 } from '../../base/index.ts';
import { ConflictError, UsageError } from '../errors.ts';
import { logStatePersistence, updateState } from '../persistence.ts';
import type { RevisionStore } from '../types.ts';

export interface ConformanceCase {
  readonly name: string;
  /** Throws when the backend does otherwise (C1). */
  run(store: RevisionStore): Promise<void>;
}

const retry = { clock: systemClock, random: systemRandom };
/** As many writers at once as the original's suite has (F2.15). */
const WRITERS = 25;

export const CONFORMANCE: readonly ConformanceCase[] = [
  {
    name: 'a new store lists nothing; an id appears with its first value',
    run: async (store) => {
      const persistence = logStatePersistence(store);
      await persistence.init();
      await persistence.init();
      equal(await persistence.logs(), []);
      const ops = await persistence.writeOps('foo');
      equal(await persistence.logs(), []);
      await ops.set(utf8('foo cp'));
      ops.close();
      equal(await persistence.logs(), ['foo']);
    },
  },
  {
    name: 'an unknown id can be read, and holds nothing; an empty value is something',
    run: async (store) => {
      const persistence = logStatePersistence(store);
      equal((await persistence.readOps('unknown')).getLatest(), undefined);
      await (await persistence.writeOps('id')).set(new Uint8Array(0));
      equal((await persistence.readOps('id')).getLatest()?.length, 0);
    },
  },
  {
    name: 'a handle shows what was there when it was made',
    run: async (store) => {
      const persistence = logStatePersistence(store);
      const before = await persistence.readOps('id');
      await (await persistence.writeOps('id')).set(utf8('one'));
      equal(before.getLatest(), undefined);
      equal(fromUtf8((await persistence.readOps('id')).getLatest()!), 'one');
    },
  },
  {
    name: 'a write handle shows and commits against what was there when it was made, whatever happened since',
    run: async (store) => {
      const persistence = logStatePersistence(store);
      await (await persistence.writeOps('id')).set(utf8('one'));
      const late = await persistence.writeOps('id');
      await (await persistence.writeOps('id')).set(utf8('two'));
      equal(fromUtf8(late.getLatest()!), 'one');
      const refused = await rejects(late.set(utf8('three')), ConflictError);
      equal([refused.current?.revision, fromUtf8(refused.current!.value)], [2, 'two']);
      late.close();
      equal((await store.read('id'))!.revision, 2);
    },
  },
  {
    name: 'many handles on one id at once: somebody wins, the others are told, and what is read is the winner’s',
    run: async (store) => {
      const persistence = logStatePersistence(store);
      const outcomes = await Promise.allSettled(
        Array.from({ length: WRITERS }, async (_, n) => {
          const ops = await persistence.writeOps('id');
          await ops.set(utf8(`writer ${n}`));
          ops.close();
        }),
      );
      const won = outcomes.filter(({ status }) => status === 'fulfilled').length;
      for (const outcome of outcomes)
        if (outcome.status === 'rejected' && !(outcome.reason instanceof ConflictError)) throw outcome.reason;
      if (won === 0) throw new Error('nobody won');
      const stored = (await store.read('id'))!;
      equal(stored.revision, won);
      equal(outcomes[Number(fromUtf8(stored.value).slice('writer '.length))]!.status, 'fulfilled');
    },
  },
  {
    name: 'an open write handle is in nobody’s way, not in its own maker’s either',
    run: async (store) => {
      const persistence = logStatePersistence(store);
      const held = await persistence.writeOps('id');
      equal((await persistence.readOps('id')).getLatest(), undefined);
      await (await persistence.writeOps('other')).set(utf8('beside'));
      equal(await persistence.logs(), ['other']);
      await held.set(utf8('mine'));
      equal(await persistence.logs(), ['id', 'other']);
    },
  },
  {
    name: 'the witness: first use is trusted, what is older is refused with what is stored, the same again is a commit',
    run: async (store) => {
      const persistence = logStatePersistence(store);
      // The consumer that the four methods were made for (F2.18), its checkpoint being a size.
      const witness = async (size: number): Promise<string> => {
        const ops = await persistence.writeOps('log');
        try {
          const latest = ops.getLatest();
          if (latest && Number(fromUtf8(latest)) > size) return `stale, have ${fromUtf8(latest)}`;
          await ops.set(utf8(String(size)));
          return 'signed';
        } finally {
          ops.close();
        }
      };
      equal(
        [await witness(5), await witness(3), await witness(5), await witness(8)],
        ['signed', 'stale, have 5', 'signed', 'signed'],
      );
      equal((await store.read('log'))!.revision, 3);
    },
  },
  {
    name: 'of two handles on one value the first to commit wins, ten times over',
    run: async (store) => {
      const persistence = logStatePersistence(store);
      for (let round = 0; round < 10; round++) {
        const [first, second] = [await persistence.writeOps('id'), await persistence.writeOps('id')];
        await first.set(utf8(`success ${round}`));
        await rejects(second.set(utf8('too late')), ConflictError);
        first.close();
        second.close();
      }
      equal(fromUtf8((await persistence.readOps('id')).getLatest()!), 'success 9');
    },
  },
  {
    name: 'a value that went and came back is a change all the same',
    run: async (store) => {
      const revision = await store.compareAndSet('id', undefined, utf8('a'));
      await store.compareAndSet('id', await store.compareAndSet('id', revision, utf8('b')), utf8('a'));
      await rejects(store.compareAndSet('id', revision, utf8('c')), ConflictError);
    },
  },
  {
    name: 'one set a handle; close is harmless at any time, and an abandoned handle leaves no trace',
    run: async (store) => {
      const persistence = logStatePersistence(store);
      const ops = await persistence.writeOps('id');
      await ops.set(utf8('one'));
      await rejects(ops.set(utf8('two')), UsageError);
      await rejects(
        Promise.resolve().then(() => ops.getLatest()),
        UsageError,
      );
      ops.close();
      ops.close();
      await rejects(ops.set(utf8('three')), UsageError);
      const abandoned = await persistence.writeOps('id');
      abandoned.close();
      await rejects(abandoned.set(utf8('four')), UsageError);
      equal(await store.read('id').then((stored) => stored?.revision), 1);
    },
  },
  {
    name: 'bytes are copied in and out',
    run: async (store) => {
      const value = utf8('abc');
      await store.compareAndSet('id', undefined, value);
      value.fill(0);
      const read = (await store.read('id'))!.value;
      equal(fromUtf8(read), 'abc');
      read.fill(0);
      equal(fromUtf8((await store.read('id'))!.value), 'abc');
    },
  },
  {
    name: 'any bytes and any id come back as they were',
    run: async (store) => {
      const value = Uint8Array.from({ length: 256 }, (_, n) => n);
      for (const id of ['a', 'a/b', 'A b_c', 'żółw', '_']) await store.compareAndSet(id, undefined, value);
      equal(await store.list(), ['A b_c', '_', 'a', 'a/b', 'żółw']);
      equal([...(await store.read('żółw'))!.value], [...value]);
    },
  },
  {
    name: 'the closure sees the present value, and changes nothing when it throws or answers nothing',
    run: async (store) => {
      const seen: (string | undefined)[] = [];
      const put = (next: string | undefined): Promise<unknown> =>
        updateState(
          store,
          'id',
          (current) => {
            seen.push(current && fromUtf8(current));
            return next === undefined ? undefined : utf8(next);
          },
          retry,
        );
      await put('one');
      await put('two');
      await put(undefined);
      const thrown = new RangeError('no');
      const told = await rejects(
        updateState(store, 'id', () => Promise.reject(thrown), retry),
        RangeError,
      );
      if (told !== thrown) throw new Error('the closure’s own error was not handed on');
      equal(seen, [undefined, 'one', 'two']);
      equal((await store.read('id'))!.revision, 2);
    },
  },
  {
    name: 'many writers at once all get through, and the closure may read the same store',
    run: async (store) => {
      const add = (): Promise<unknown> =>
        updateState(
          store,
          'id',
          async (current) => {
            await store.read('other');
            await store.read('id');
            return utf8(String(Number(current ? fromUtf8(current) : '0') + 1));
          },
          retry,
        );
      await Promise.all(Array.from({ length: WRITERS }, add));
      equal(fromUtf8((await store.read('id'))!.value), String(WRITERS));
    },
  },
  {
    name: 'a call whose signal has aborted ends with its reason, and changes nothing',
    run: async (store) => {
      const reason = new RangeError('enough');
      const signal = AbortSignal.abort(reason);
      for (const call of [
        store.compareAndSet('id', undefined, utf8('a'), signal),
        store.read('id', signal),
        store.list(signal),
        updateState(store, 'id', () => utf8('a'), { ...retry, signal }),
      ])
        if ((await rejects(call, RangeError)) !== reason) throw new Error('not the signal’s reason');
      equal(await store.list(), []);
    },
  },
  {
    name: 'two ids do not disturb each other',
    run: async (store) => {
      await Promise.all(['a', 'b', 'c'].map((id) => store.compareAndSet(id, undefined, utf8(id))));
      equal(await store.list(), ['a', 'b', 'c']);
    },
  },
];

function equal(actual: unknown, expected: unknown): void {
  const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== e) throw new Error(`expected ${e}, got ${a}`);
}

async function rejects<T extends Error>(
  work: Promise<unknown>,
  kind: new (...args: never[]) => T,
): Promise<T> {
  try {
    await work;
  } catch (error) {
    if (error instanceof kind) return error;
    throw error;
  }
  throw new Error(`expected a ${kind.name}`);
}
