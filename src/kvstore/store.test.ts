import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fromUtf8, toHex, utf8 } from '../base/index.ts';
import { type Command } from './command.ts';
import { bytesOf, keyOf } from './key.ts';
import { MAX_PAGE_BYTES, MAX_VALUE_BYTES } from './limits.ts';
import { KvState, type Page } from './store.ts';

const NONE = new Uint8Array();

function put(...pairs: [string, string][]): Command {
  return { kind: 'put', pairs: pairs.map(([k, v]) => ({ key: utf8(k), value: utf8(v) })) };
}

function cas(key: string, expected: string | undefined, value: string): Command {
  return {
    kind: 'cas',
    key: utf8(key),
    expected: expected === undefined ? undefined : utf8(expected),
    value: utf8(value),
  };
}

function del(key: string): Command {
  return { kind: 'delete', key: utf8(key) };
}

function contents(state: KvState): Record<string, string> {
  const page = state.page({ prefix: NONE, start: undefined, limit: 10_000 });
  return Object.fromEntries(page.pairs.map(({ key, value }) => [fromUtf8(key), fromUtf8(value)]));
}

describe('what commands do', () => {
  test.each<[string, Command[], number[], Record<string, string>]>([
    ['a batch sets every pair', [put(['a', '1'], ['b', '2'])], [2], { a: '1', b: '2' }],
    ['of equal keys in a batch the last wins', [put(['a', '1'], ['a', '2'])], [2], { a: '2' }],
    ['a put overwrites', [put(['a', '1']), put(['a', '2'])], [1, 1], { a: '2' }],
    ['an empty value is a value', [put(['a', ''])], [1], { a: '' }],
    ['a delete says whether the key was there', [put(['a', '1']), del('a'), del('a')], [1, 1, 0], {}],
    ['a delete of a key never written changes nothing', [put(['a', '1']), del('b')], [1, 0], { a: '1' }],
    ['cas creates what is absent', [cas('a', undefined, '1')], [1], { a: '1' }],
    ['cas does not create what is there', [put(['a', '1']), cas('a', undefined, '2')], [1, 0], { a: '1' }],
    ['cas replaces what it expected', [put(['a', '1']), cas('a', '1', '2')], [1, 1], { a: '2' }],
    ['cas leaves what it did not expect', [put(['a', '1']), cas('a', '0', '2')], [1, 0], { a: '1' }],
    ['cas with a value expected where nothing is fails without an error', [cas('a', '1', '2')], [0], {}],
    [
      'cas tells an empty value from absence',
      [put(['a', '']), cas('a', undefined, '1'), cas('a', '', '2')],
      [1, 0, 1],
      { a: '2' },
    ],
    [
      'cas after a delete sees absence',
      [put(['a', '1']), del('a'), cas('a', undefined, '2')],
      [1, 1, 1],
      { a: '2' },
    ],
  ])('%s', (_, commands, results, after) => {
    const state = new KvState();
    expect(commands.map((command) => state.apply(command))).toEqual(results);
    expect(contents(state)).toEqual(after);
    expect(state.keys).toBe(Object.keys(after).length);
    expect(state.dataBytes).toBe(Object.entries(after).reduce((n, [k, v]) => n + k.length + v.length, 0));
  });

  test('of ten creations of one key exactly one wins', () => {
    const state = new KvState();
    const wins = Array.from({ length: 10 }, (_, i) => state.apply(cas('leader', undefined, `n${i}`)));
    expect(wins.reduce((sum, won) => sum + won, 0)).toBe(1);
    expect(contents(state)).toEqual({ leader: 'n0' });
  });

  test('stored bytes are copies: the caller may reuse its buffers (S3)', () => {
    const state = new KvState();
    for (const value of [utf8('first'), Buffer.from('first')]) {
      const key = utf8('k');
      state.apply({ kind: 'put', pairs: [{ key, value }] });
      value.fill(0);
      key.fill(0);
      expect(contents(state)).toEqual({ k: 'first' });
    }
  });

  test('keys of any bytes keep their order and come back whole', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(bytesOf(keyOf(a))).toEqual(a);
        const byString = keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0;
        expect(byString).toBe(Buffer.compare(a, b));
      }),
    );
  });
});

describe('reading', () => {
  test('several keys are answered position by position, doubles and gaps included', () => {
    const state = new KvState();
    state.apply(put(['a', '1'], ['c', '']));
    const values = state.get(['c', 'b', 'a', 'a'].map(utf8));
    expect(values.map((value) => (value ? fromUtf8(value) : undefined))).toEqual(['', undefined, '1', '1']);
  });

  test('pages of any size join to the sorted pairs of the prefix', () => {
    const shortKey = fc
      .array(fc.constantFrom(0, 1, 97, 98, 255), { minLength: 1, maxLength: 4 })
      .map((numbers) => Uint8Array.from(numbers));
    fc.assert(
      fc.property(
        fc.array(shortKey, { maxLength: 60 }),
        fc.array(fc.constantFrom(0, 97, 255), { maxLength: 2 }),
        fc.integer({ min: 1, max: 7 }),
        (keys, prefixBytes, limit) => {
          const prefix = Uint8Array.from(prefixBytes);
          const state = new KvState();
          for (const key of keys) state.apply({ kind: 'put', pairs: [{ key, value: key }] });
          const seen: string[] = [];
          let start: Uint8Array | undefined;
          for (;;) {
            const page: Page = state.page({ prefix, start, limit });
            expect(page.pairs.length).toBeLessThanOrEqual(limit);
            for (const { key, value } of page.pairs) {
              expect(value).toEqual(key);
              seen.push(toHex(key));
            }
            if (!page.next) break;
            start = page.next;
          }
          const expected = [...new Set(keys.map(toHex))]
            .sort()
            .filter((hex) => hex.startsWith(toHex(prefix)));
          expect(seen).toEqual(expected);
        },
      ),
    );
  });

  test('a page ends by bytes too, but always has at least one pair', () => {
    const state = new KvState();
    for (const name of ['a', 'b', 'c', 'd'])
      state.apply({ kind: 'put', pairs: [{ key: utf8(name), value: new Uint8Array(MAX_VALUE_BYTES - 1) }] });
    const page = state.page({ prefix: NONE, start: undefined, limit: 100 });
    expect(page.pairs.map(({ key }) => fromUtf8(key))).toEqual(['a', 'b']);
    expect(page.pairs.length * MAX_VALUE_BYTES).toBeLessThanOrEqual(MAX_PAGE_BYTES);
    expect(fromUtf8(page.next!)).toBe('c');
  });
});

describe('the hash of the state (I7)', () => {
  test('depends on the contents alone, not on the way they came about', () => {
    const a = new KvState();
    const b = new KvState();
    for (let i = 0; i < 500; i++) a.apply(put([`k${i}`, `v${i}`]));
    for (let i = 499; i >= 0; i--) b.apply(put([`k${i}`, 'other'], [`x${i}`, 'gone']));
    for (let i = 0; i < 500; i++) {
      b.apply(put([`k${i}`, `v${i}`]));
      b.apply(del(`x${i}`));
    }
    expect(b.hash()).toBe(a.hash());
    b.apply(put(['k7', 'v8']));
    expect(b.hash()).not.toBe(a.hash());
  });

  test('keeps keys and values apart', () => {
    const hashes = [put(['ab', 'c']), put(['a', 'bc']), put(['a', 'b'], ['c', ''])].map((command) => {
      const state = new KvState();
      state.apply(command);
      return state.hash();
    });
    expect(new Set(hashes).size).toBe(3);
  });
});
