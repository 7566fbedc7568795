/**
 * Large hints in the object store: stored once whatever gets lost, removed after their grace and not before, and after a crash at any step nothing that a slot
 * names is missing, and nothing that none names stays.
 */
import { describe, expect, test } from '@jest/globals';
import { sha256Hex, silentLogger, toHex, utf8 } from '../base/index.ts';
import { seededRandom, VirtualClock } from '../base/testing/index.ts';
import {
  hintsKey,
  hintsPrefix,
  listJournals,
  listSlots,
  verifyJournal,
  type Journal,
} from '../journal/index.ts';
import { RESOURCES, type KubeClient } from '../kube/index.ts';
import { HINTS_SLOTS, hintsSlots, type HintsSlots } from '../persistence/index.ts';
import { ScriptedObject } from '../persistence/testing/index.ts';
import type { ObjectStore } from '../store/index.ts';
import { FaultyStore, MemoryStore } from '../store/testing/index.ts';
import { hintsObjects } from './hints-objects.ts';

const GRACE_MS = 15 * 60_000;
/** Between two writes of a primary, ms. */
const TURN_MS = 60_000;
const KEYS = { primary: 'p', 'backup-0': 'b0', 'backup-1': 'b1' } as const;
const random = seededRandom(7);
const FILLER = toHex(seededRandom(1).bytes(48_000)); // packed it is just longer than the share of a slot
const large = (n: number): Uint8Array => utf8(`${n} ${FILLER}`);

const journalOf = (store: ObjectStore): Journal => ({ store, name: 'default/s', generation: 'g1' });

interface World {
  readonly clock: VirtualClock;
  readonly store: FaultyStore;
  readonly object: ScriptedObject;
  /** The slots as a new process sees them, through these. */
  readonly process: (store?: ObjectStore, kube?: KubeClient) => HintsSlots;
  /** What is stored beside the log, sorted. */
  readonly keys: () => Promise<string[]>;
}

function newWorld(): World {
  const clock = new VirtualClock();
  const memory = new MemoryStore({ clock });
  const store = new FaultyStore(memory, { clock, random });
  const object = new ScriptedObject();
  return {
    clock,
    store,
    object,
    process: (through = store, kube = object.kube) =>
      hintsSlots({
        kube,
        resource: RESOURCES.secret,
        namespace: 'n',
        name: 'o',
        annotations: KEYS,
        writer: 'test',
        clock,
        random,
        objects: hintsObjects({ journal: journalOf(through), clock, random, log: silentLogger }),
      }),
    keys: async () => {
      const { objects } = await memory.list(hintsPrefix(journalOf(memory)));
      return objects.map(({ key }) => key);
    },
  };
}

/** Runs a story to its end on the world's clock. */
async function tell<T>(story: (world: World) => Promise<T>): Promise<T> {
  const world = newWorld();
  return await world.clock.run(story(world));
}

const first = async (slots: HintsSlots): Promise<string> => {
  const { primary } = await slots.readAll();
  return primary.kind === 'value'
    ? String(Number.parseInt(Buffer.from(primary.value).toString(), 10))
    : primary.kind;
};

describe('a large value', () => {
  test('is stored although answers are lost, under one name', () =>
    tell(async ({ store, process, keys }) => {
      store.add({ operation: 'create', times: 2, fault: { kind: 'drop-response', waitMs: 10 } });
      const slots = process();
      await slots.write({ term: 1, value: large(1), rotate: true });
      expect(await first(slots)).toBe('1');
      expect((await keys()).length).toBe(1);
    }));

  test('is not named while nobody knows whether it is stored, and is the next time', () =>
    tell(async ({ store, process }) => {
      const slots = process();
      await slots.write({ term: 1, value: large(1), rotate: true });
      const away = store.add({ operation: 'create', fault: { kind: 'drop-request', waitMs: 10 } });
      await expect(slots.write({ term: 1, value: large(2), rotate: false })).rejects.toMatchObject({
        code: 'STORE_UNREACHABLE',
      });
      expect(await first(slots)).toBe('1');
      away.remove();
      await slots.write({ term: 1, value: large(2), rotate: false });
      expect(await first(slots)).toBe('2');
    }));

  test('is not named when another object has its name', () =>
    tell(async ({ store, process }) => {
      const key = hintsKey(journalOf(store), 1, 'f'.repeat(64));
      await store.create(key, utf8('someone else'));
      const { clock } = newWorld();
      const objects = hintsObjects({ journal: journalOf(store), clock, random, log: silentLogger });
      const bytes = utf8('ours');
      await expect(objects.put({ term: 1, sha256: 'f'.repeat(64), bytes })).rejects.toMatchObject({
        code: 'HINTS_OBJECT_TAKEN',
        fields: { key },
      });
      expect(await first(process())).toBe('absent');
    }));

  test('is looked for below its own log only', () =>
    tell(async ({ store, clock }) => {
      const other = { ...journalOf(store), generation: 'g2' };
      const bytes = utf8('hints');
      const parts = { clock, random, log: silentLogger };
      const theirs = await hintsObjects({ ...parts, journal: other }).put({
        term: 1,
        sha256: sha256Hex(bytes),
        bytes,
      });
      expect(await hintsObjects({ ...parts, journal: journalOf(store) }).get(theirs)).toBeUndefined();
      expect(await hintsObjects({ ...parts, journal: other }).get(theirs)).toEqual(bytes);
    }));

  test('is no journal, no slot and no damage to those who look into the store', () =>
    tell(async ({ store, process, clock }) => {
      await process().write({ term: 1, value: large(1), rotate: true });
      const journal = journalOf(store);
      expect(await Array.fromAsync(listJournals(store))).toEqual([]);
      expect(await Array.fromAsync(listSlots(journal))).toEqual([]);
      expect(await verifyJournal(journal, { clock, random })).toMatchObject({ verdict: 'clean' });
    }));
});

describe('an object that no slot names any more', () => {
  test('stays for a grace and then goes, also when hints have become small', () =>
    tell(async ({ clock, process, keys }) => {
      const slots = process();
      const turns = async (forMs: number, value: (n: number) => Uint8Array): Promise<void> => {
        const untilMs = clock.monotonicMs() + forMs;
        for (let n = 0; clock.monotonicMs() < untilMs; n++) {
          await slots.write({ term: 1, value: value(n), rotate: n === 0 });
          await clock.sleep(TURN_MS);
        }
      };
      await turns(GRACE_MS - TURN_MS, large);
      expect((await keys()).length).toBe(GRACE_MS / TURN_MS - 1);
      await turns(2 * GRACE_MS, large);
      const most = (await keys()).length;
      expect(most).toBeLessThanOrEqual((1.4 * GRACE_MS) / TURN_MS + 3); // what came in a grace and the pause of the sweeps
      for (const n of [1, 2, 3]) await turns(2 * GRACE_MS, () => utf8(`${n}`));
      expect(await keys()).toEqual([]);
    }));

  test('is asked for once in the life of a process whose hints are small', () =>
    tell(async ({ clock, store, process }) => {
      const lists = store.add({ operation: 'list', fault: { kind: 'delay' } });
      const slots = process();
      for (let n = 0; n < 100; n++) {
        await slots.write({ term: 1, value: utf8(`${n}`), rotate: false });
        await clock.sleep(TURN_MS);
      }
      expect(lists.struck).toBe(1);
    }));

  test('of a later term is not ours to remove', () =>
    tell(async ({ clock, store, process, keys }) => {
      const journal = journalOf(store);
      const later = await hintsObjects({ journal, clock, random, log: silentLogger }).put({
        term: 9,
        sha256: 'e'.repeat(64),
        bytes: utf8('x'),
      });
      const slots = process();
      for (let n = 0; n < 40; n++) {
        await slots.write({ term: 1, value: large(0), rotate: false });
        await clock.sleep(TURN_MS);
      }
      expect(await keys()).toContain(later);
    }));

  test('stays while a slot is damaged: nobody knows what that one names', () =>
    tell(async ({ clock, object, process, keys }) => {
      const slots = process();
      for (const term of [1, 2, 3]) await slots.write({ term, value: large(term), rotate: true });
      object.touch({ b1: object.annotations['b1']!.slice(1) });
      for (let n = 0; n < 40; n++) {
        await slots.write({ term: 3, value: utf8('small'), rotate: false });
        await clock.sleep(TURN_MS);
      }
      expect((await keys()).length).toBe(3);
    }));

  test('stays for now when the store does not let it go; the hints are written nevertheless', () =>
    tell(async ({ clock, store, process, keys }) => {
      const slots = process();
      const refused = store.add({ operation: ['delete', 'list'], fault: { kind: 'status', status: 403 } });
      const turns = async (): Promise<void> => {
        for (let n = 0; n < 40; n++) {
          await slots.write({ term: 1, value: large(n % 2), rotate: false });
          await clock.sleep(TURN_MS);
        }
      };
      await turns();
      expect((await keys()).length).toBe(2);
      refused.remove();
      for (let n = 0; n < 40; n++) {
        await slots.write({ term: 1, value: large(3), rotate: false });
        await clock.sleep(TURN_MS);
      }
      expect((await keys()).length).toBe(1);
    }));
});

type When = 'before the effect' | 'after the effect';

/** A process that dies at its `at`-th change of the store or of the annotations. */
function mortal(
  world: World,
  at: number,
  when: When,
): { slots: HintsSlots; died: Promise<void>; changes: () => number } {
  let changes = 0;
  const death = Promise.withResolvers<void>();
  const never = (): Promise<never> => new Promise(() => undefined);
  const through = <T extends object>(target: T, changing: readonly string[]): T =>
    new Proxy(target, {
      get(_, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]): Promise<unknown> => {
          if (changes >= at) return await never();
          const act = async (): Promise<unknown> =>
            await (value as (...all: unknown[]) => unknown).apply(target, args);
          if (!changing.includes(String(name)) || ++changes < at) return await act();
          if (when === 'after the effect') await act();
          death.resolve();
          return await never();
        };
      },
    });
  const store = through<ObjectStore>(world.store, ['create', 'delete']);
  const kube = through(world.object.kube, ['mergePatch']);
  return { slots: world.process(store, kube), died: death.promise, changes: () => changes };
}

test.each<When>(['before the effect', 'after the effect'])(
  'a crash at any change, %s: every slot can be read, the newest hints are the last or the last but one, and in the end only what is named is there',
  async (when) => {
    /** Large and small, rotated and not, over more than a grace. @returns changes made */
    const life = async (at: number): Promise<number> =>
      await tell(async (world) => {
        const { clock, object, process, keys } = world;
        const { slots, died, changes } = mortal(world, at, when);
        let written = 0;
        const work = (async () => {
          for (let n = 1; n <= 9; n++) {
            const value = n % 4 === 3 ? utf8(`${n}`) : large(n);
            await slots.write({ term: 1, value, rotate: n % 2 === 0 });
            written = n;
            await clock.sleep(GRACE_MS / 3);
          }
        })();
        await Promise.race([work, died]);

        const heir = process();
        const read = await heir.readAll();
        for (const slot of HINTS_SLOTS) expect(read[slot].kind).not.toBe('corrupt');
        expect(['absent', `${written}`, `${written + 1}`]).toContain(await first(heir));
        if (written > 0) expect(await first(heir)).not.toBe('absent');

        await heir.write({ term: 2, value: large(100), rotate: true });
        for (let n = 0; n < 6; n++) {
          await clock.sleep(GRACE_MS / 2);
          await heir.write({ term: 2, value: large(100), rotate: false });
        }
        const texts = Object.values(object.annotations);
        const stored = await keys();
        expect(stored.filter((key) => !texts.some((text) => text.includes(key)))).toEqual([]);
        expect(stored.length).toBeGreaterThan(0);
        for (const read2 of Object.values(await heir.readAll())) expect(read2.kind).not.toBe('corrupt');
        return changes();
      });
    const total = await life(Number.POSITIVE_INFINITY);
    expect(total).toBeGreaterThan(17); // 9 annotations, 7 objects, and some of those removed
    for (let at = 1; at <= total; at++) await life(at);
  },
  60_000,
);
