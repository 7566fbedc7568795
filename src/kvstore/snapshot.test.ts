import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { concatBytes, utf8 } from '../base/index.ts';
import { KvFormatError } from './errors.ts';
import { MAX_VALUE_BYTES } from './limits.ts';
import { readSnapshot, snapshotChunks } from './snapshot.ts';
import { KvState } from './store.ts';

async function* cutInto(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

function load(bytes: Uint8Array, size = 4096): Promise<KvState> {
  return readSnapshot(cutInto(bytes, size), undefined);
}

function filled(count: number): KvState {
  const state = new KvState();
  for (let i = 0; i < count; i++)
    state.apply({ kind: 'put', pairs: [{ key: utf8(`key ${i}`), value: utf8(`value ${i}`) }] });
  return state;
}

describe('snapshots', () => {
  test('any state comes back with the same hash, whatever the chunks it is read in', async () => {
    const pairs = fc.array(
      fc.record({
        key: fc.uint8Array({ minLength: 1, maxLength: 9 }),
        value: fc.uint8Array({ maxLength: 50 }),
      }),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(pairs, fc.integer({ min: 1, max: 70 }), async (list, size) => {
        const state = new KvState();
        for (const pair of list) state.apply({ kind: 'put', pairs: [pair] });
        const loaded = await load(concatBytes([...snapshotChunks(state.view())]), size);
        expect(loaded.hash()).toBe(state.hash());
        expect(loaded.dataBytes).toBe(state.dataBytes);
      }),
    );
  });

  test('many frames and the largest values come back, and no chunk is larger than a frame and a value', async () => {
    const state = filled(20_000);
    for (const name of ['a', 'l', 'z'])
      state.apply({
        kind: 'put',
        pairs: [{ key: utf8(name), value: new Uint8Array(MAX_VALUE_BYTES).fill(7) }],
      });
    const chunks = [...snapshotChunks(state.view())];
    expect(chunks.length).toBeGreaterThan(4);
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThan(MAX_VALUE_BYTES + 300 * 1024);
    expect((await load(concatBytes(chunks), 32 * 1024)).hash()).toBe(state.hash());
  });

  test('a snapshot shows the state at its start although commands go on between its chunks', async () => {
    const state = filled(20_000);
    const before = state.hash();
    const chunks: Uint8Array[] = [];
    let n = 0;
    for (const chunk of snapshotChunks(state.view())) {
      chunks.push(chunk);
      for (let i = 0; i < 2000; i++, n++) {
        state.apply({ kind: 'delete', key: utf8(`key ${19_999 - n}`) });
        state.apply({ kind: 'put', pairs: [{ key: utf8(`key ${n}`), value: utf8('changed') }] });
      }
    }
    expect(state.hash()).not.toBe(before);
    expect((await load(concatBytes(chunks))).hash()).toBe(before);
  });

  test('cut anywhere, it is refused (P2)', async () => {
    const whole = concatBytes([...snapshotChunks(filled(20).view())]);
    for (let end = 0; end < whole.length; end++)
      await expect(load(whole.subarray(0, end))).rejects.toBeInstanceOf(KvFormatError);
  });

  test.each<[string, (whole: Uint8Array) => Uint8Array]>([
    ['bytes after the end', (whole) => concatBytes([whole, Uint8Array.of(0)])],
    ['another version', (whole) => Uint8Array.of(2, ...whole.subarray(1))],
    ['a pair less than announced', (whole) => Uint8Array.of(1, whole[1]! + 1, ...whole.subarray(2))],
    ['a frame longer than any writer makes', (whole) => Uint8Array.of(1, whole[1]!, 0x7f, 0, 0, 0)],
    ['a count without end', () => Uint8Array.of(1, 255, 255, 255, 255, 255, 255, 255)],
  ])('%s is refused', async (_, damage) => {
    await expect(load(damage(concatBytes([...snapshotChunks(filled(20).view())])))).rejects.toBeInstanceOf(
      KvFormatError,
    );
  });

  test('loading stops when its signal aborts', async () => {
    const abort = new AbortController();
    abort.abort(new Error('stop'));
    const bytes = concatBytes([...snapshotChunks(filled(20).view())]);
    await expect(readSnapshot(cutInto(bytes, 10), abort.signal)).rejects.toThrow('stop');
  });
});
