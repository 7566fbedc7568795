import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fromUtf8, toHex, utf8 } from '../../base/index.ts';
import { logIndex, type Entry } from '../../statemachine/index.ts';
import { commandDigest, encodeCommand, type AnyCommand, type Command } from '../command.ts';
import { KvFormatError } from '../errors.ts';
import { bytesOf, keyOf } from '../key.ts';
import { MAX_PAGE_BYTES, MAX_VALUE_BYTES } from '../limits.ts';
import { PURGE_LEAST, REPLACE_PATIENCE_MS } from './limits.ts';
import { RESULT_BUSY } from './state.ts';
import { ENGINES } from './testing/driver.ts';
import { cas, contentsOf, del, pair, put, withDriver } from './testing/world.ts';
import { type Page } from './types.ts';

const NONE = new Uint8Array();
const NOW = 1_000_000;

describe.each(ENGINES)('what commands do, in the %s engine', (name) => {
  test.each<[string, AnyCommand[], number[], Record<string, string>]>([
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
    ['a pair that will expire is there', [put(['a', '1', NOW + 1])], [1], { a: '1' }],
    [
      'a pair that has expired is accepted and not there',
      [put(['a', '1', NOW], ['b', '2'])],
      [2],
      { b: '2' },
    ],
    ['cas creates what has expired', [put(['a', '1', NOW]), cas('a', undefined, '2')], [1, 1], { a: '2' }],
    ['cas finds no value in what has expired', [put(['a', '1', NOW]), cas('a', '1', '2')], [1, 0], {}],
    ['a delete of what has expired finds nothing', [put(['a', '1', NOW]), del('a')], [1, 0], {}],
    ['cas sets the expiry that it is given', [put(['a', '1']), cas('a', '1', '2', NOW)], [1, 1], {}],
    [
      'cas without expiry makes a pair that stays',
      [put(['a', '1', NOW + 1]), cas('a', '1', '2'), put(['b', '', NOW + 1])],
      [1, 1, 1],
      { a: '2', b: '' },
    ],
  ])('%s', async (_, commands, results, after) => {
    await withDriver(name, async (driver) => {
      driver.clock.jumpWall(NOW - driver.clock.wallMs());
      expect(driver.apply(commands)).toEqual(results);
      for (const checkpoint of [false, true]) {
        if (checkpoint) await driver.checkpoint();
        expect(contentsOf(driver)).toEqual(after);
        const { keys, dataBytes } = driver.lookup({ kind: 'stats' });
        expect(keys).toBe(Object.keys(after).length);
        expect(dataBytes).toBe(Object.entries(after).reduce((n, [k, v]) => n + k.length + v.length, 0));
      }
    });
  });

  test('a command of version 1, from an old log, is applied at the time of the last one', async () => {
    await withDriver(name, async (driver) => {
      driver.apply([put(['a', '1', NOW])], NOW - 1);
      const { value } = await driver.propose(encodeCommand(cas('a', '1', '2')));
      expect([value, contentsOf(driver)]).toEqual([1, { a: '2' }]);
      expect(driver.lookup({ kind: 'stats' }).now).toBe(NOW - 1);
    });
  });

  test('a proposer whose clock is behind does not bring an expired pair back', async () => {
    await withDriver(name, (driver) => {
      driver.clock.jumpWall(-driver.clock.wallMs());
      driver.apply([put(['a', '1', NOW])], NOW - 1);
      driver.apply([put(['b', '1'])], NOW);
      expect(driver.apply([cas('a', '1', '2'), cas('a', undefined, '3')], NOW - 1)).toEqual([0, 1]);
      expect(driver.lookup({ kind: 'stats' }).now).toBe(NOW);
    });
  });

  test('of ten creations of one key exactly one wins', async () => {
    await withDriver(name, (driver) => {
      const wins = driver.apply(Array.from({ length: 10 }, (_, i) => cas('leader', undefined, `n${i}`)));
      expect(wins.reduce((sum, won) => sum + won, 0)).toBe(1);
      expect(contentsOf(driver)).toEqual({ leader: 'n0' });
    });
  });

  test('answers every entry in order with its result and the digest of its request (Z1)', async () => {
    await withDriver(name, ({ engine }) => {
      const entries = [put(['a', '1']), del('b'), cas('a', '1', '2')].map((command, n): Entry => ({
        index: logIndex(7 + n),
        cmd: encodeCommand(command, NOW + n),
      }));
      const applied = engine.update(entries);
      expect(applied.map(({ index, result }) => [index, result.value])).toEqual([
        [7, 1],
        [8, 0],
        [9, 1],
      ]);
      applied.forEach(({ cmd, result }) => expect(result.data).toEqual(commandDigest(cmd)));
      expect(applied[0]!.result.data).toEqual(commandDigest(encodeCommand(put(['a', '1']), NOW + 9)));
    });
  });

  test('keeps nothing of the entry it was given: the log may reuse its buffer (S4)', async () => {
    await withDriver(name, ({ engine }) => {
      const cmd = encodeCommand(put(['k', 'value']), NOW);
      engine.update([{ index: logIndex(2), cmd }]);
      cmd.fill(0);
      expect(engine.lookup({ kind: 'get', keys: [utf8('k')] })).toEqual([utf8('value')]);
    });
  });

  test('a command it cannot read halts it rather than being passed over', async () => {
    await withDriver(name, (driver) => {
      expect(() => driver.engine.update([{ index: logIndex(2), cmd: Uint8Array.of(9) }])).toThrow(
        KvFormatError,
      );
    });
  });
});

describe.each(ENGINES)('time to live, in the %s engine', (name) => {
  test('reads judge by the clock of the reader, also while no command comes (PutTTLAndGet)', async () => {
    await withDriver(name, (driver) => {
      const now = driver.clock.wallMs();
      driver.apply([put(['soon', '1', now + 2000], ['past', '2', now - 2000], ['never', '3'])]);
      expect(contentsOf(driver)).toEqual({ soon: '1', never: '3' });
      driver.clock.jumpWall(2000);
      expect(contentsOf(driver)).toEqual({ never: '3' });
      expect(driver.lookup({ kind: 'get', keys: [utf8('soon')] })).toEqual([undefined]);
      expect(driver.lookup({ kind: 'pairs', keys: [utf8('never')] })).toEqual([pair('never', '3')]);
    });
  });

  test('commands remove what has expired, what expired first before the rest, however much it is (CompactionFilterOnExpiredKeys)', async () => {
    await withDriver(name, async (driver) => {
      const names = Array.from({ length: 500 }, (_, i) => `k${String(i).padStart(3, '0')}`);
      for (const [i, key] of names.entries()) driver.apply([put([key, 'x', NOW + 1000 - i])], NOW);
      const keys = (): number => driver.lookup({ kind: 'stats' }).keys;
      await driver.checkpoint();
      driver.apply([put(['other', ''])], NOW + 1000);
      expect(keys()).toBe(501 - PURGE_LEAST - 1);
      const left = [...driver.lookup({ kind: 'changes', from: driver.index, max: 1 })[0]!.operations];
      expect(left.slice(1).map(({ key }) => fromUtf8(key))).toEqual(
        names.slice(-PURGE_LEAST - 1).toReversed(),
      );
      for (let n = 0; n < 10; n++) {
        driver.apply([del('nothing')], NOW + 1000);
        if (n === 3) await driver.checkpoint();
      }
      expect([keys(), contentsOf(driver)]).toEqual([1, { other: '' }]);
      await driver.checkpoint();
      expect([keys(), contentsOf(driver)]).toEqual([1, { other: '' }]);
    });
  });

  test('a pair that is written again lives as long as the new one says', async () => {
    await withDriver(name, async (driver) => {
      driver.apply([put(['a', '1', NOW + 1], ['b', '1', NOW + 1], ['c', '1', NOW + 9])], NOW);
      await driver.checkpoint();
      driver.apply([put(['a', '2'], ['b', '2', NOW + 5], ['c', '2', NOW + 2])], NOW);
      driver.apply([put(['x', ''])], NOW + 4);
      expect(driver.lookup({ kind: 'stats' }).keys).toBe(3);
      driver.clock.jumpWall(NOW + 4 - driver.clock.wallMs());
      expect(contentsOf(driver)).toEqual({ a: '2', b: '2', x: '' });
    });
  });
});

describe.each(ENGINES)('replacing the contents, in the %s engine', (name) => {
  const id = utf8('one');
  const part = (n: number, ...pairs: [string, string][]): AnyCommand => ({
    kind: 'replace-part',
    id,
    part: n,
    pairs: pairs.map(([key, value]) => pair(key, value)),
  });

  test('takes effect at the commit, all at once; until then writes are busy and reads see the old (S6)', async () => {
    await withDriver(name, async (driver) => {
      driver.apply([put(['a', 'old'], ['b', 'old'])]);
      expect(driver.apply([{ kind: 'begin-replace', id }, part(0, ['b', 'new'])])).toEqual([1, 1]);
      expect(driver.apply([put(['c', '']), del('a'), cas('a', 'old', '')])).toEqual([
        RESULT_BUSY,
        RESULT_BUSY,
        RESULT_BUSY,
      ]);
      await driver.checkpoint();
      await driver.restart();
      expect(driver.lookup({ kind: 'stats' }).replacing).toBe(true);
      expect(driver.apply([part(1, ['d', 'new'])])).toEqual([1]);
      expect(contentsOf(driver)).toEqual({ a: 'old', b: 'old' });
      expect(driver.apply([{ kind: 'commit-replace', id, pairs: 2 }, put(['e', 'after'])])).toEqual([1, 1]);
      for (let n = 0; n < 3; n++) {
        expect(contentsOf(driver)).toEqual({ b: 'new', d: 'new', e: 'after' });
        await driver.checkpoint();
        await driver.restart();
      }
    });
  });

  test('one at a time; parts of another, out of order or incomplete, are refused and change nothing', async () => {
    await withDriver(name, (driver) => {
      driver.apply([put(['a', 'old'])]);
      const other = utf8('two');
      expect(
        driver.apply([
          part(0, ['x', '']),
          { kind: 'begin-replace', id },
          { kind: 'begin-replace', id: other },
          { kind: 'abort-replace', id: other },
          part(1, ['x', '']),
          part(0, ['x', '']),
          { kind: 'commit-replace', id, pairs: 2 },
          { kind: 'commit-replace', id, pairs: 1 },
          put(['b', 'goes on']),
        ]),
      ).toEqual([0, 1, 0, 0, 0, 1, 0, 0, 1]);
      expect(contentsOf(driver)).toEqual({ a: 'old', b: 'goes on' });
      expect(
        driver.apply([
          { kind: 'begin-replace', id: other },
          { kind: 'abort-replace', id: other },
        ]),
      ).toEqual([1, 1]);
      expect(driver.lookup({ kind: 'stats' })).toMatchObject({ replacing: false, keys: 2 });
    });
  });

  test('one that nobody feeds any more is given up, by the time of commands', async () => {
    await withDriver(name, (driver) => {
      driver.apply([{ kind: 'begin-replace', id }], NOW);
      expect(driver.apply([put(['a', '1'])], NOW + REPLACE_PATIENCE_MS)).toEqual([RESULT_BUSY]);
      expect(driver.apply([put(['a', '1'])], NOW + REPLACE_PATIENCE_MS + 1)).toEqual([1]);
      expect(driver.apply([part(0, ['x', ''])], NOW)).toEqual([0]);
    });
  });
});

describe.each(ENGINES)('reading, in the %s engine', (name) => {
  test('several keys are answered position by position, doubles and gaps included', async () => {
    await withDriver(name, (driver) => {
      driver.apply([put(['a', '1'], ['c', ''])]);
      const values = driver.lookup({ kind: 'get', keys: ['c', 'b', 'a', 'a'].map(utf8) });
      expect(values.map((value) => (value ? fromUtf8(value) : undefined))).toEqual(['', undefined, '1', '1']);
    });
  });

  test('pages of any size join to the sorted pairs of the prefix', async () => {
    const shortKey = fc
      .array(fc.constantFrom(0, 1, 97, 98, 255), { minLength: 1, maxLength: 4 })
      .map((numbers) => Uint8Array.from(numbers));
    await fc.assert(
      fc.asyncProperty(
        fc.array(shortKey, { maxLength: 60 }),
        fc.array(fc.constantFrom(0, 97, 255), { maxLength: 2 }),
        fc.integer({ min: 1, max: 7 }),
        fc.nat(60),
        async (keys, prefixBytes, limit, checkpointAt) => {
          await withDriver(name, async (driver) => {
            const prefix = Uint8Array.from(prefixBytes);
            for (const [n, key] of keys.entries()) {
              if (n === checkpointAt) await driver.checkpoint();
              driver.apply([{ kind: 'put', pairs: [{ key, value: key }] }]);
            }
            const seen: string[] = [];
            for (let start: Uint8Array | undefined; ;) {
              const page: Page = driver.lookup({ kind: 'page', page: { prefix, start, limit } });
              expect(page.pairs.length).toBeLessThanOrEqual(limit);
              for (const { key, value } of page.pairs) {
                expect(value).toEqual(key);
                seen.push(toHex(key));
              }
              if (!page.next) break;
              start = page.next;
            }
            const all = [...new Set(keys.map(toHex))].sort();
            expect(seen).toEqual(all.filter((hex) => hex.startsWith(toHex(prefix))));
          });
        },
      ),
      { numRuns: name === 'memory' ? 50 : 15 },
    );
  });

  test('a page ends by bytes too, but always has at least one pair', async () => {
    await withDriver(name, (driver) => {
      for (const key of ['a', 'b', 'c', 'd'])
        driver.apply([
          { kind: 'put', pairs: [{ key: utf8(key), value: new Uint8Array(MAX_VALUE_BYTES - 1) }] },
        ]);
      const page = driver.lookup({ kind: 'page', page: { prefix: NONE, start: undefined, limit: 100 } });
      expect(page.pairs.map(({ key }) => fromUtf8(key))).toEqual(['a', 'b']);
      expect(page.pairs.length * MAX_VALUE_BYTES).toBeLessThanOrEqual(MAX_PAGE_BYTES);
      expect(fromUtf8(page.next!)).toBe('c');
    });
  });

  test('an iteration is a point in time, in ascending order, from a start and within a prefix (IteratorPrefixScan, IteratorFromStartKey)', async () => {
    await withDriver(name, async (driver) => {
      const now = driver.clock.wallMs();
      const names = Array.from({ length: 300 }, (_, i) => `b${String(i).padStart(3, '0')}`);
      driver.apply([put(['a', 'x'], ['c', 'x'], ['b1', 'gone', now - 1])]);
      for (const key of names) driver.apply([put([key, 'before', now + 9999])]);
      await driver.checkpoint();
      driver.apply([put(['b298', 'fresh'])]);
      const options = { prefix: utf8('b'), start: utf8('b100') };
      const seen = [...driver.lookup({ kind: 'iterate', options })].map(
        ({ key, value }) => `${fromUtf8(key)} ${fromUtf8(value)}`,
      );
      expect(seen).toEqual(names.slice(100).map((key) => `${key} ${key === 'b298' ? 'fresh' : 'before'}`));
      const whole = [...driver.lookup({ kind: 'iterate', options: {} })].map(({ key }) => fromUtf8(key));
      expect(whole).toEqual(['a', ...names, 'c']);
    });
  });

  test('what is written, removed and committed while an iteration goes on is not in it', async () => {
    await withDriver(name, async (driver) => {
      const names = Array.from({ length: 300 }, (_, i) => `b${String(i).padStart(3, '0')}`);
      for (const [i, key] of names.entries()) {
        driver.apply([put([key, 'before'])]);
        if (i === 200) await driver.checkpoint();
      }
      const iteration = driver.lookup({ kind: 'iterate', options: { prefix: utf8('b') } });
      const seen: string[] = [];
      await iteration.forEach(async ({ key, value }) => {
        seen.push(`${fromUtf8(key)} ${fromUtf8(value)}`);
        const n = seen.length;
        driver.apply([
          put([`b${n}x`, 'new'], [names[(n * 7) % 300]!, 'changed']),
          del(names[(n * 11) % 300]!),
        ]);
        if (n % 50 === 0) await driver.checkpoint();
      });
      expect(seen).toEqual(names.map((key) => `${key} before`));
      expect([...iteration]).toEqual([]);
    });
  });

  test('a start outside the prefix is refused (IterationOptionsValidation)', async () => {
    await withDriver(name, (driver) => {
      const options = { prefix: utf8('b'), start: utf8('a') };
      expect(() => driver.lookup({ kind: 'iterate', options })).toThrow(
        expect.objectContaining({ code: 'INVALID_QUERY' }),
      );
    });
  });
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

describe('the hash of the state (I7)', () => {
  test('keeps keys, values and expiries apart', async () => {
    const commands: Command[] = [
      put(['ab', 'c']),
      put(['a', 'bc']),
      put(['a', 'bc', NOW + 1]),
      put(['a', 'b'], ['c', '']),
    ];
    const hashes = await Promise.all(
      commands.map((command) =>
        withDriver('memory', (driver) => {
          driver.apply([command], NOW);
          return driver.engine.stateHash();
        }),
      ),
    );
    expect(new Set(hashes).size).toBe(4);
  });
});
