import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { utf8 } from '../base/index.ts';
import { AppliedState, type PinnedState } from './applied-state.ts';
import { NO_FILES, noFilesOf } from './snapshot-file/no-files.ts';
import { openSnapshot, type OpenedSnapshot, type UpdateEnvelope } from './envelope.ts';
import { MAX_RESULT_BYTES } from './limits.ts';
import { ListMachine, POISON } from './testing/index.ts';
import { logIndex, logTerm, type Entry } from './types.ts';

type State = AppliedState<void, readonly string[], readonly string[]>;
const fresh = (): State => new AppliedState(new ListMachine());
const { signal } = new AbortController();

function batch(first: number, commands: readonly (string | [string, string])[], term = 1): UpdateEnvelope {
  const list = commands.map((command) => {
    const [requestId, cmd] = typeof command === 'string' ? ['', command] : command;
    return { requestId: utf8(requestId), cmd: utf8(cmd) };
  });
  return { kind: 'batch', term: logTerm(term), first: logIndex(first), commands: list };
}

/** What came of commands that a machine in memory has applied at once. */
function resultsOf(state: State, update: UpdateEnvelope): readonly number[] {
  const outcomes = state.apply(update);
  if (outcomes instanceof Promise) throw new Error('it waits');
  return outcomes.map((outcome) => ('value' in outcome ? outcome.value : -1));
}

async function saveTo(chunks: Uint8Array[], pinned: PinnedState): Promise<void> {
  const write = (chunk: Uint8Array): Promise<void> => Promise.resolve(void chunks.push(chunk.slice()));
  await pinned.save(write, signal, NO_FILES);
}

async function opened(chunks: readonly Uint8Array[]): Promise<OpenedSnapshot> {
  return await openSnapshot(
    (async function* () {
      yield* chunks;
    })(),
  );
}

async function copyOf(state: State): Promise<State> {
  const chunks: Uint8Array[] = [];
  await saveTo(chunks, await state.pin());
  const copy = fresh();
  await copy.meetSnapshot(await opened(chunks), signal, noFilesOf);
  return copy;
}

describe('entries', () => {
  test('are applied in order; a gap, a repetition or a term that goes back is refused and changes nothing', async () => {
    const state = fresh();
    await state.apply(batch(1, ['a', 'b'], 3));
    const before = await state.stateHash();
    for (const wrong of [batch(2, ['x'], 3), batch(4, ['x'], 3), batch(3, ['x'], 2)])
      expect(() => state.apply(wrong)).toThrow(expect.objectContaining({ code: 'STATE_HISTORY_BROKEN' }));
    expect(await state.stateHash()).toBe(before);
    await state.apply({ kind: 'noop', term: logTerm(4), first: logIndex(3) });
    expect([state.index, state.term, state.lookup()]).toEqual([3, 4, ['a', 'b']]);
  });

  test('a repeated request takes effect once and has its first answer, also within one batch', () => {
    const state = fresh();
    const results = resultsOf(
      state,
      batch(1, [
        ['r1', 'a'],
        ['r2', 'b'],
        ['r1', 'a'],
      ]),
    );
    expect(results).toEqual([1, 2, 1]);
    expect(resultsOf(state, batch(4, [['r2', 'b']]))).toEqual([2]);
    expect(state.lookup()).toEqual(['a', 'b']);
    expect(state.index).toBe(4);
  });

  test('a machine that throws stops everything for good', async () => {
    const state = fresh();
    await state.apply(batch(1, ['a']));
    const failed = expect.objectContaining({ code: 'STATE_MACHINE_FAILED' });
    expect(() => state.apply(batch(2, ['b', POISON]))).toThrow(failed);
    expect(() => state.apply(batch(2, ['b']))).toThrow(failed);
    expect(() => state.lookup()).toThrow(failed);
    await expect(state.pin()).rejects.toEqual(failed);
  });

  const answering = (value: number, bytes: number) => (entries: readonly Entry[]) =>
    entries.map((entry) => ({ ...entry, result: { value, data: new Uint8Array(bytes) } }));

  test.each([
    ['answers too few', () => []],
    ['answers too many', (entries: readonly Entry[]) => answering(1, 0)([...entries, ...entries])],
    ['answers more bytes than a result may have', answering(1, MAX_RESULT_BYTES + 1)],
    [
      'answers for another entry',
      (entries: readonly Entry[]) =>
        answering(1, 0)(entries).map((each) => ({ ...each, index: logIndex(each.index + 1) })),
    ],
    ['answers less than nothing', answering(-1, 0)],
    ['answers a fraction', answering(0.5, 0)],
    ['answers what no number can tell exactly', answering(2 ** 53, 0)],
  ])('a machine that %s has failed, for good', async (_, update) => {
    const state: State = new AppliedState(Object.assign(new ListMachine(), { update }));
    const failed = expect.objectContaining({ code: 'STATE_MACHINE_FAILED' });
    expect(() => state.apply(batch(1, [['r1', 'a']]))).toThrow(failed);
    expect(() => state.apply({ kind: 'noop', term: logTerm(1), first: logIndex(1) })).toThrow(failed);
    await expect(state.stateHash()).rejects.toEqual(failed);
    expect(() => state.lookup()).toThrow(failed);
    await expect(state.pin()).rejects.toEqual(failed);
  });

  test('the longest result that is allowed is one', () => {
    const state = new AppliedState(
      Object.assign(new ListMachine(), { update: answering(1, MAX_RESULT_BYTES) }),
    );
    expect(state.apply(batch(1, ['a']))).toHaveLength(1);
  });
});

const command = fc.tuple(fc.constantFrom('', 'r1', 'r2', 'r3'), fc.constantFrom('a', 'b', 'c'));

test('however commands are batched, state, results and request table are the same (Q1)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { minLength: 1, maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 5 })),
      async (commands, cuts) => {
        const one = fresh();
        const single = commands.flatMap((each, n) => resultsOf(one, batch(n + 1, [each])));
        const many = fresh();
        const together: unknown[] = [];
        for (let at = 0, n = 0; at < commands.length; n++) {
          const size = cuts[n] ?? commands.length;
          together.push(...resultsOf(many, batch(at + 1, commands.slice(at, at + size))));
          at += size;
        }
        expect(together).toEqual(single);
        expect(await many.stateHash()).toBe(await one.stateHash());
      },
    ),
  );
});

describe('a snapshot', () => {
  test('gives the same state, term, index and request table, and later entries do not change it', async () => {
    const state = fresh();
    await state.apply(batch(1, [['r1', 'a'], 'b'], 2));
    const hash = await state.stateHash();
    const copy = await copyOf(state);
    expect(await copy.stateHash()).toBe(hash);
    await state.apply(batch(3, ['c'], 2));
    expect(await copy.stateHash()).toBe(hash);
    expect(resultsOf(copy, batch(3, [['r1', 'a']], 2))).toEqual([1]);
  });

  test('older than what is applied is passed over', async () => {
    const state = fresh();
    await state.apply(batch(1, ['a']));
    const chunks: Uint8Array[] = [];
    await saveTo(chunks, await state.pin());
    await state.apply(batch(2, ['b']));
    await state.meetSnapshot(await opened(chunks), signal, noFilesOf);
    expect(state.lookup()).toEqual(['a', 'b']);
  });
});
