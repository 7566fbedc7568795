/**
 * What a reader holds in memory ahead of its caller, whatever the sizes of the slots (R2, R3 of slots-ahead.ts).
 */
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import { seededRandom, VirtualClock } from '../../base/testing/index.ts';
import { MemoryStore } from '../../store/testing/index.ts';
import type { GetCall, ObjectStore, StoredObject } from '../../store/index.ts';
import { JournalReader } from '../index.ts';
import { DECODED_AHEAD, READ_AHEAD, READ_AHEAD_BYTES, SlotsAhead } from './slots-ahead.ts';
import { slotOf } from './read-slot.ts';
import { MAX_PAYLOAD_BYTES } from '../format/slot.ts';
import { BuiltJournal } from '../testing/index.ts';

const LATENCY_MS = 5;
const MIB = 1024 * 1024;

/** A store that counts the bytes of slots that were asked for, and not yet delivered by the reader. */
function countingStore(clock: VirtualClock, objects: ReadonlyMap<string, Uint8Array>) {
  const inner: ObjectStore = new MemoryStore({ clock });
  const seen = { heldBytes: 0, mostBytes: 0, underWay: 0, mostUnderWay: 0, gets: 0 };
  const hold = (bytes: number): void => {
    seen.heldBytes += bytes;
    seen.mostBytes = Math.max(seen.mostBytes, seen.heldBytes);
  };
  const get = async (key: string, call: GetCall = {}): Promise<StoredObject | undefined> => {
    await inner.get(key, call); // which refuses what every store refuses
    const { range } = call;
    const whole = objects.get(key);
    const body = whole?.subarray(range?.start ?? 0, range?.end); // not copied: what is counted is what a store would send
    hold(body?.length ?? 0);
    seen.gets++;
    seen.mostUnderWay = Math.max(seen.mostUnderWay, ++seen.underWay);
    await clock.sleep(LATENCY_MS);
    seen.underWay--;
    return whole && { body: body!, size: whole.length, lastModifiedMs: undefined };
  };
  const list: ObjectStore['list'] = async (prefix, { startAfter = '', limit = 1000 } = {}) => {
    await clock.sleep(LATENCY_MS);
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > startAfter).sort();
    const page = keys.slice(0, limit);
    return {
      objects: page.map((key) => ({ key, size: 0, lastModifiedMs: undefined })),
      truncated: page.length < keys.length,
    };
  };
  const store: ObjectStore = {
    url: 'memory:counting',
    create: (key, body) => inner.create(key, body),
    head: (key) => inner.head(key),
    delete: (key) => inner.delete(key),
    close: () => inner.close(),
    get,
    list,
  };
  return { store, seen, release: (bytes: number) => hold(-bytes) };
}

/** Reads it all; a slot's bytes are given back when it is delivered. */
async function readAll(built: BuiltJournal) {
  const clock = new VirtualClock();
  const name = { name: 'test/journal', generation: 'g1' };
  const objects = built.objects({ ...name, store: new MemoryStore({ clock }) });
  const stored = [...objects.values()].map((body) => body.length);
  const { store, seen, release } = countingStore(clock, objects);
  const reader = new JournalReader({ ...name, store }, { clock, random: seededRandom(1) });
  const run = async (): Promise<number> => {
    let bytes = 0;
    for (let given = 0; ;) {
      const event = await reader.next();
      for (; given < reader.cursor.nextSeq; given++) release(stored[given]!);
      if (event.kind === 'tail') return bytes;
      if (event.kind === 'data') bytes += event.bytes.length;
    }
  };
  return { bytes: await clock.run(run()), seen };
}

/** A slot of zeros, the same memory for all. */
const LARGE = new Uint8Array(MAX_PAYLOAD_BYTES);

describe('reading ahead', () => {
  test('holds no more than it may when large slots come after many small ones', async () => {
    const built = new BuiltJournal(seededRandom(2)).fence();
    for (let i = 0; i < 2 * READ_AHEAD; i++) built.data('small');
    for (let i = 0; i < 24; i++) built.data(LARGE);
    const { bytes, seen } = await readAll(built);
    expect(bytes).toBe(built.end);
    expect(seen.mostUnderWay).toBeLessThanOrEqual(READ_AHEAD + 1 + DECODED_AHEAD); // those and the one in turn; rests
    expect(seen.mostUnderWay).toBeGreaterThan(READ_AHEAD / 2);
    // What may be held for its turn, and the rest of the slots that are made ready.
    expect(seen.mostBytes).toBeLessThanOrEqual(
      READ_AHEAD_BYTES + (1 + DECODED_AHEAD) * (MAX_PAYLOAD_BYTES + 512),
    );
  });

  test('costs one GET for a slot, small or large, while they stay as they are', async () => {
    for (const [slots, payload] of [
      [600, utf8('small')],
      [300, new Uint8Array(MIB)],
    ] as const) {
      const built = new BuiltJournal(seededRandom(3)).fence();
      for (let i = 0; i < slots; i++) built.data(payload);
      const { seen } = await readAll(built);
      const beyond = READ_AHEAD; // asked for behind the last slot
      expect(seen.gets).toBeLessThan(1.1 * slots + beyond);
    }
  });

  // Half of an odd length is half a byte: what the reader expected of the next slots was no range, and a restore ended where a large slot had small ones behind it.
  test('asks for whole bytes while slots become smaller', async () => {
    const built = new BuiltJournal(seededRandom(6)).fence();
    for (const odd of [1, 3, 5]) {
      built.data(new Uint8Array(MIB + odd));
      for (let i = 0; i < READ_AHEAD; i++) built.data('small');
    }
    expect((await readAll(built)).bytes).toBe(built.end);
  });

  test('makes no slot ready whose turn is far', async () => {
    const built = new BuiltJournal(seededRandom(4)).fence();
    for (let i = 0; i < 60; i++) built.data('small');
    const clock = new VirtualClock();
    const name = { name: 'test/journal', generation: 'g1' };
    const { store } = countingStore(clock, built.objects({ ...name, store: new MemoryStore({ clock }) }));
    let ready = 0;
    const ahead = new SlotsAhead({ ...name, store }, clock, async (journal, seq, bytes) => {
      ready++;
      return await slotOf(journal, seq, bytes);
    });
    const run = async (): Promise<void> => {
      for (let seq = 0; seq <= 60; seq++) {
        expect((await ahead.take(seq, undefined)).slot).toMatchObject({ seq });
        ahead.grow();
        await clock.sleep(2 * LATENCY_MS);
        expect(ready).toBeLessThanOrEqual(seq + 1 + DECODED_AHEAD);
      }
      expect(ready).toBe(61);
    };
    await clock.run(run());
  });
});
