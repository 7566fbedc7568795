import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { utf8 } from '../base/index.ts';
import { AppliedState } from './applied-state.ts';
import type { UpdateEnvelope } from './envelope.ts';
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

async function copyOf(state: State): Promise<State> {
  const chunks: Uint8Array[] = [];
  const write = (chunk: Uint8Array): Promise<void> => Promise.resolve(void chunks.push(chunk.slice()));
  await state.pin().save(write, signal);
  const copy = fresh();
  await copy.recover(
    (async function* () {
      yield* chunks;
    })(),
    signal,
  );
  return copy;
}

describe('entries', () => {
  test('are applied in order; a gap, a repetition or a term that goes back is refused and changes nothing', () => {
    const state = fresh();
    state.apply(batch(1, ['a', 'b'], 3));
    const before = state.stateHash();
    for (const wrong of [batch(2, ['x'], 3), batch(4, ['x'], 3), batch(3, ['x'], 2)])
      expect(() => state.apply(wrong)).toThrow(expect.objectContaining({ code: 'STATE_HISTORY_BROKEN' }));
    expect(state.stateHash()).toBe(before);
    state.apply({ kind: 'noop', term: logTerm(4), first: logIndex(3) });
    expect([state.index, state.term, state.lookup()]).toEqual([3, 4, ['a', 'b']]);
  });

  test('a repeated request takes effect once and has its first answer, also within one batch', () => {
    const state = fresh();
    const results = state.apply(
      batch(1, [
        ['r1', 'a'],
        ['r2', 'b'],
        ['r1', 'a'],
      ]),
    );
    expect(results.map(({ value }) => value)).toEqual([1, 2, 1]);
    expect(state.apply(batch(4, [['r2', 'b']])).map(({ value }) => value)).toEqual([2]);
    expect(state.lookup()).toEqual(['a', 'b']);
    expect(state.index).toBe(4);
  });

  test('a machine that throws stops everything for good', () => {
    const state = fresh();
    state.apply(batch(1, ['a']));
    const failed = expect.objectContaining({ code: 'STATE_MACHINE_FAILED' });
    expect(() => state.apply(batch(2, ['b', POISON]))).toThrow(failed);
    expect(() => state.apply(batch(2, ['b']))).toThrow(failed);
    expect(() => state.lookup()).toThrow(failed);
    expect(() => state.pin()).toThrow(failed);
  });

  const answering = (value: number, bytes: number) => (entries: readonly Entry[]) =>
    entries.map((entry) => ({ ...entry, result: { value, data: new Uint8Array(bytes) } }));

  test.each([
    ['answers too few', () => []],
    ['answers too many', (entries: readonly Entry[]) => answering(1, 0)([...entries, ...entries])],
    ['answers more bytes than a result may have', answering(1, MAX_RESULT_BYTES + 1)],
    ['answers less than nothing', answering(-1, 0)],
    ['answers a fraction', answering(0.5, 0)],
    ['answers what no number can tell exactly', answering(2 ** 53, 0)],
  ])('a machine that %s has failed, for good', (_, update) => {
    const state: State = new AppliedState(Object.assign(new ListMachine(), { update }));
    const failed = expect.objectContaining({ code: 'STATE_MACHINE_FAILED' });
    expect(() => state.apply(batch(1, [['r1', 'a']]))).toThrow(failed);
    expect(() => state.apply({ kind: 'noop', term: logTerm(1), first: logIndex(1) })).toThrow(failed);
    expect(() => state.stateHash()).toThrow(failed);
    expect(() => state.lookup()).toThrow(failed);
    expect(() => state.pin()).toThrow(failed);
  });

  test('the longest result that is allowed is one', () => {
    const state = new AppliedState(
      Object.assign(new ListMachine(), { update: answering(1, MAX_RESULT_BYTES) }),
    );
    expect(state.apply(batch(1, ['a']))).toHaveLength(1);
  });
});

const command = fc.tuple(fc.constantFrom('', 'r1', 'r2', 'r3'), fc.constantFrom('a', 'b', 'c'));

test('however commands are batched, state, results and request table are the same (Q1)', () => {
  fc.assert(
    fc.property(
      fc.array(command, { minLength: 1, maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 5 })),
      (commands, cuts) => {
        const one = fresh();
        const single = commands.flatMap((each, n) => one.apply(batch(n + 1, [each])));
        const many = fresh();
        const together: unknown[] = [];
        for (let at = 0, n = 0; at < commands.length; n++) {
          const size = cuts[n] ?? commands.length;
          together.push(...many.apply(batch(at + 1, commands.slice(at, at + size))));
          at += size;
        }
        expect(together).toEqual(single);
        expect(many.stateHash()).toBe(one.stateHash());
      },
    ),
  );
});

describe('a snapshot', () => {
  test('gives the same state, term, index and request table, and later entries do not change it', async () => {
    const state = fresh();
    state.apply(batch(1, [['r1', 'a'], 'b'], 2));
    const hash = state.stateHash();
    const copy = await copyOf(state);
    expect(copy.stateHash()).toBe(hash);
    state.apply(batch(3, ['c'], 2));
    expect(copy.stateHash()).toBe(hash);
    expect(copy.apply(batch(3, [['r1', 'a']], 2)).map(({ value }) => value)).toEqual([1]);
  });

  test('older than what is applied is refused', async () => {
    const state = fresh();
    state.apply(batch(1, ['a']));
    const chunks: Uint8Array[] = [];
    await state.pin().save((chunk) => Promise.resolve(void chunks.push(chunk)), signal);
    state.apply(batch(2, ['b']));
    const saved = (async function* () {
      yield* chunks;
    })();
    await expect(state.recover(saved, signal)).rejects.toMatchObject({ code: 'STATE_HISTORY_BROKEN' });
    expect(state.lookup()).toEqual(['a', 'b']);
  });
});
