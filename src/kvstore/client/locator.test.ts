import { describe, expect, test } from '@jest/globals';
import { Locator } from './locator.ts';

const signal = new AbortController().signal;
const origins = ['http://a:1', 'http://b:1', 'http://c:1'];
const nameOf = async (locator: Locator): Promise<string> => (await locator.next(signal)).hostname;

describe('where the next attempt goes', () => {
  test('an endpoint that answers is kept; one that fails is followed by the next, round and round (L1)', async () => {
    const locator = new Locator({ endpoints: origins });
    expect([await nameOf(locator), await nameOf(locator)]).toEqual(['a', 'a']);
    const seen: string[] = [];
    for (let i = 0; i < 4; i++) {
      locator.failed(await locator.next(signal), undefined);
      seen.push(await nameOf(locator));
    }
    expect(seen).toEqual(['b', 'c', 'a', 'b']);
  });

  test('whom a replica names as primary is asked next, and kept while it answers (L2)', async () => {
    const locator = new Locator({ endpoints: origins });
    locator.failed(await locator.next(signal), 'http://elsewhere:9');
    expect([await nameOf(locator), await nameOf(locator)]).toEqual(['elsewhere', 'elsewhere']);
    locator.failed(await locator.next(signal), undefined);
    expect(await nameOf(locator)).toBe('b');
  });

  test('two replicas that name each other do not hold the search up', async () => {
    const locator = new Locator({ endpoints: ['http://a:1', 'http://p:1'] });
    locator.failed(await locator.next(signal), 'http://x:1');
    locator.failed(await locator.next(signal), 'http://a:1');
    expect(await nameOf(locator)).toBe('p');
  });

  test('a name that is no URL is passed over', async () => {
    const locator = new Locator({ endpoints: origins });
    locator.failed(await locator.next(signal), 'no url');
    expect(await nameOf(locator)).toBe('b');
  });

  test('a resolver is asked before every attempt', async () => {
    let asked = 0;
    const locator = new Locator({ resolve: () => Promise.resolve(new URL(`http://n${++asked}:1`)) });
    expect([await nameOf(locator), await nameOf(locator)]).toEqual(['n1', 'n2']);
  });

  test.each([
    {},
    { endpoints: [] },
    { endpoints: origins, resolve: () => Promise.resolve(new URL('http://a')) },
  ])('neither or both of the ways is a mistake (%#)', (options) => {
    expect(() => new Locator(options)).toThrow('either resolve or endpoints');
  });
});
