import { expect, test } from '@jest/globals';
import { sha1Hex, utf8 } from '../../base/index.ts';
import type { GetCall, ObjectStore } from '../../store/index.ts';
import { MemoryStore } from '../../store/testing/index.ts';
import { NO_INDEX } from '../compaction/compact.ts';
import { CompactedPart } from './compacted-part.ts';
import type { Range } from '../format/compaction-index.ts';
import { fragmentKey, type Fragment } from '../format/fragment.ts';
import type { Journal } from '../names.ts';
import type { Plan } from './plan.ts';
import { everythingFrom } from './wanted.ts';

/** Two fragments of ten bytes with a fence after the fourth byte of the first one, in a store that says which memory came back. */
async function made(): Promise<{
  readonly part: (from: number, wanted?: readonly Range[]) => CompactedPart;
  readonly back: string[];
}> {
  const inner = new MemoryStore();
  const back: string[] = [];
  const get = async (key: string, call?: GetCall): ReturnType<ObjectStore['get']> => {
    const found = await inner.get(key, call);
    const text = Buffer.from(found!.body).toString();
    return { ...found!, release: () => void back.push(text) };
  };
  const store = Object.create(inner, { get: { value: get } }) as ObjectStore;
  const journal: Journal = { store, name: 'tests/part', generation: 'g1' };
  const fragments: Fragment[] = [];
  for (const text of ['0123456789', 'abcdefghij']) {
    const content = utf8(text);
    const begin = fragments.length * 10;
    const fragment: Fragment = {
      begin,
      end: begin + 10,
      sha1: sha1Hex(content),
      codec: 'raw',
      storedBytes: 10,
    };
    await inner.create(fragmentKey(journal, fragment), content);
    fragments.push(fragment);
  }
  const index = { ...NO_INDEX, floor: 9, end: 20, fragments, fences: [{ seq: 5, offset: 4 }] };
  const plan: Plan = { seq: 9, index, session: 5, registers: {} };
  return {
    part: (from, wanted = everythingFrom(from)) => new CompactedPart(journal, plan, wanted, from, 0),
    back,
  };
}

async function nextData(part: CompactedPart): Promise<{ readonly text: string; readonly done: () => void }> {
  for (;;) {
    const event = await part.next(undefined);
    if (event.kind === 'data') return { text: Buffer.from(event.bytes).toString(), done: event.done! };
    if (event.kind !== 'fence') throw new Error(event.kind);
  }
}

test('memory goes back when its receiver is done with every part of it, in whatever order, and each once', async () => {
  const { part, back } = await made();
  const reading = part(0);
  const first = await nextData(reading);
  first.done();
  first.done();
  expect(back).toEqual([]); // the rest of it was not delivered yet
  const second = await nextData(reading);
  const third = await nextData(reading);
  expect([first.text, second.text, third.text]).toEqual(['0123', '456789', 'abcdefghij']);
  third.done();
  expect(back).toEqual(['abcdefghij']);
  second.done();
  expect(back).toEqual(['abcdefghij', '0123456789']);
});

test('what the receiver keeps stays his, and what he never saw goes back with the part that he did see', async () => {
  const { part, back } = await made();
  const reading = part(7);
  const kept = await nextData(reading);
  (await nextData(reading)).done();
  expect(kept.text).toBe('789');
  expect(back).toEqual(['abcdefghij']);
  kept.done();
  expect(back).toEqual(['abcdefghij', '0123456789']);
});

test('what is not wanted of a fragment goes back with what is', async () => {
  const { part, back } = await made();
  const reading = part(0, [
    { begin: 2, end: 3 },
    { begin: 5, end: 7 },
    { begin: 11, end: 12 },
  ]);
  const read = [await nextData(reading), await nextData(reading), await nextData(reading)];
  expect(read.map(({ text }) => text)).toEqual(['2', '56', 'b']);
  for (const { done } of read) done();
  expect(back).toEqual(['0123456789', 'abcdefghij']);
  expect(await reading.next(undefined)).toEqual({ kind: 'end' });
});
