/**
 * Verification while the store and others do what they do: strangers' names, damaged answers, hiccups, lists that lag, a busy writer.
 */
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import { seededRandom, VirtualClock } from '../../base/testing/index.ts';
import { StoreError, type ObjectStore } from '../../store/index.ts';
import { MemoryStore, type FaultRule } from '../../store/testing/index.ts';
import { slotPrefix, type Journal } from '../names.ts';
import { encodeSlot, MAX_PAYLOAD_BYTES } from '../format/slot.ts';
import {
  BuiltJournal,
  putObjects,
  verifiedKey as key,
  verifyBuilt as verify,
  verifyOn,
} from '../testing/index.ts';
import { MAX_SLOT_BYTES } from './check-bytes.ts';

const built = (): BuiltJournal => new BuiltJournal(seededRandom(3));
/** Content 0-9 in three slots behind a fence, a second session with 9-15, a third without content. */
const usual = (): BuiltJournal =>
  built().fence().data('one').data('two').data('six').fence().data('four').data('up').fence();

const flip =
  (seq: number, at: number) =>
  (objects: Map<string, Uint8Array>): void => {
    const bytes = objects.get(key(seq))!;
    bytes[at < 0 ? bytes.length + at : at]! ^= 0x10;
  };
describe('what others and the store do', () => {
  test('strangers’ names are told by name and hide nothing', async () => {
    const prefix = slotPrefix({ store: new MemoryStore(), name: 'test/verified', generation: 'g1' });
    const names = [`${key(3)}.bak`, `${prefix}ffffffffffffffff`, `${prefix}notes.txt`];
    const { findings, report } = await verify(usual(), (objects) =>
      names.forEach((name) => objects.set(name, utf8('x'))),
    );
    expect(findings.map((one) => [one.kind, one.severity, one.key])).toEqual(
      names.map((name) => ['stranger-key', 'warning', name]),
    );
    expect(report).toMatchObject({ verdict: 'clean', strangers: 3, lastSeq: 7 });
  });

  test('an answer damaged on the way is asked for again, and told as a warning', async () => {
    const rules: FaultRule[] = [
      { operation: 'get', key: key(2), times: 1, fault: { kind: 'corrupt', bit: 9 } },
    ];
    const { findings, report } = await verify(usual(), undefined, { rules });
    expect(findings).toEqual([
      expect.objectContaining({ kind: 'unstable-read', severity: 'warning', seq: 2 }),
    ]);
    expect(report.verdict).toBe('clean');
  });

  test('a store that hiccups is waited for', async () => {
    const rules: FaultRule[] = [
      { operation: 'get', times: 5, fault: { kind: 'status', status: 503 } },
      { operation: 'list', times: 2, fault: { kind: 'drop-request' } },
    ];
    expect((await verify(usual(), undefined, { rules })).findings).toEqual([]);
  });

  test('an object that the store does not give out is told and the pass goes on; a store that gives out none ends it', async () => {
    const denied = { kind: 'status', status: 403 } as const;
    const { findings, report } = await verify(usual(), flip(5, -1), {
      rules: [{ operation: 'get', key: key(2), fault: denied }],
    });
    expect(findings.map((one) => [one.kind, 'seq' in one && one.seq])).toEqual([
      ['unreadable', 2],
      ['payload-checksum', 5],
    ]);
    expect(report.findings).toEqual({ damage: 1, unverified: 1, warning: 0 });
    const long = built().fence();
    for (let i = 0; i < 60; i++) long.data('x');
    await expect(
      verify(long, undefined, { rules: [{ operation: 'get', fault: denied }] }),
    ).rejects.toMatchObject({ code: 'STORE_DENIED' });
  });

  test('a store that stays away ends it with the store’s error', async () => {
    await expect(
      verify(usual(), undefined, { rules: [{ operation: 'get', fault: { kind: 'status', status: 503 } }] }),
    ).rejects.toBeInstanceOf(StoreError);
  });

  test('a slot that only a GET finds is verified, and the LIST is blamed', async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore({ clock });
    const hiding: ObjectStore = Object.assign(Object.create(store) as ObjectStore, {
      create: store.create.bind(store),
      get: store.get.bind(store),
      list: async (...call: Parameters<ObjectStore['list']>) => {
        const page = await store.list(...call);
        return { ...page, objects: page.objects.filter((object) => object.key !== key(2)) };
      },
    });
    const journal: Journal = { store: hiding, name: 'test/verified', generation: 'g1' };
    await putObjects(store, usual().objects(journal));
    const { findings, report } = await verifyOn(journal, clock);
    expect(findings).toEqual([expect.objectContaining({ kind: 'unlisted', severity: 'warning', seq: 2 })]);
    expect(report).toMatchObject({ verdict: 'clean', slots: { data: 5 } });
  });

  test('what is appended meanwhile is left to the next one', async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore({ clock });
    const journal: Journal = { store, name: 'test/verified', generation: 'g1' };
    const from = usual();
    await putObjects(store, from.objects(journal));
    let grown = false;
    const { findings, report } = await verifyOn(journal, clock, {
      onProgress: () => {
        if (grown) return;
        grown = true;
        from.data('more');
        void store.create(key(8), encodeSlot(from.slots[8]!)); // the memory store never rejects
      },
    });
    expect(findings).toEqual([]);
    expect(report).toMatchObject({ lastSeq: 7, contentEnd: 15 });
  });

  test('the caller’s signal ends it', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const verifying = verify(usual(), undefined, {
      signal: stop.signal,
      onProgress: () => stop.abort(reason),
    });
    await expect(verifying).rejects.toBe(reason);
  });

  test('memory holds a bounded number of objects', async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore({ clock });
    let [now, most] = [0, 0];
    const counting: ObjectStore = Object.assign(Object.create(store) as ObjectStore, {
      list: store.list.bind(store),
      get: async (...call: Parameters<ObjectStore['get']>) => {
        most = Math.max(most, ++now);
        await clock.sleep(5);
        const found = await store.get(...call);
        now--;
        return found;
      },
    });
    const journal: Journal = { store: counting, name: 'test/verified', generation: 'g1' };
    const from = built().fence();
    for (let i = 0; i < 50; i++) from.data('x');
    await putObjects(store, from.objects(journal));
    await verifyOn(journal, clock);
    expect(most).toBe(8);
    expect(MAX_SLOT_BYTES).toBeGreaterThan(MAX_PAYLOAD_BYTES);
  });
});
