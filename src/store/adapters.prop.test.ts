/**
 * Whatever is done to it, the file store answers as the memory store does: the simplest adapter is the model of the other.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { utf8 } from '../base/index.ts';
import { openStore, type ObjectStore } from './index.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-store-'));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

// every name ends its own way, so that no key continues below another (F4 of the file store); order around the slash matters most
const directory = fc.constantFrom('a', 'a-', 'a!', 'a0', 'b', 'é');
const key = fc
  .tuple(
    fc.array(directory, { maxLength: 2 }),
    fc.constantFrom('x', 'x-', 'x0', 'X', '~', '\u{1f600}', '\u{ffee}'),
  )
  .map(([directories, name]) => [...directories, name].join('/'));
const prefix = fc.oneof(fc.constant(''), key, fc.constantFrom('a', 'a/', 'a-/', 'b/x', 'nothing'));
const range = fc
  .tuple(fc.nat(8), fc.integer({ min: 1, max: 8 }))
  .map(([start, length]) => ({ start, end: start + length }));

type Step = (store: ObjectStore, at: string) => Promise<unknown>;
const keysOf = async (
  store: ObjectStore,
  at: string,
  p: string,
  options: { startAfter?: string; limit: number },
): Promise<unknown> => {
  const page = await store.list(at + p, options);
  return { keys: page.objects.map((o) => [o.key, o.size]), truncated: page.truncated };
};
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(key, fc.string({ maxLength: 6 })).map(
    ([k, text]) =>
      (s: ObjectStore, at: string) =>
        s.create(at + k, utf8(text)),
  ),
  key.map((k) => (s: ObjectStore, at: string) => s.delete(at + k)),
  key.map((k) => async (s: ObjectStore, at: string) => (await s.get(at + k))?.body),
  fc.tuple(key, range).map(([k, r]) => async (s: ObjectStore, at: string) => {
    const found = await s.get(at + k, { range: r });
    return found && [found.body, found.size];
  }),
  key.map((k) => async (s: ObjectStore, at: string) => (await s.head(at + k))?.size),
  fc.tuple(prefix, fc.option(key, { nil: undefined }), fc.integer({ min: 1, max: 12 })).map(
    ([p, after, limit]) =>
      (s: ObjectStore, at: string) =>
        keysOf(s, at, p, after === undefined ? { limit } : { startAfter: at + after, limit }),
  ),
);

test('file and memory give the same answers to the same calls', async () => {
  const [memory, file] = [openStore('memory:'), openStore(`file://${root}`)];
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      run += 1;
      for (const one of steps)
        expect(await one(file, `run-${run}/`)).toEqual(await one(memory, `run-${run}/`));
    }),
    { numRuns: 40 },
  );
}, 60_000);
