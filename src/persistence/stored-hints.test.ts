/**
 * Hints that are too large for an annotation: which form they take, and what becomes of them on bad days.
 */
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { equalBytes, sha256Hex, systemClock, systemRandom, toHex, utf8 } from '../base/index.ts';
import { RESOURCES } from '../kube/index.ts';
import { encodeEnvelope } from './envelope.ts';
import {
  HINTS_SLOT_BYTES,
  hintsSlots,
  MAX_ANNOTATION_BYTES,
  MAX_HINTS_BYTES,
  readSlots,
  resolveSlots,
  type HintsRead,
  type HintsSlots,
} from './index.ts';
import { MemoryObjects, ScriptedObject } from './testing/index.ts';

const KEYS = { primary: 'primary', 'backup-0': 'backup-0', 'backup-1': 'backup-1' } as const;
/** Text that gzip makes half as long, as it does with hexadecimal digits. */
const noise = (bytes: number): Uint8Array => utf8(toHex(systemRandom.bytes(bytes / 2)));
const SMALL = utf8('{"log":"a/b"}');
const REPETITIVE = utf8('{"fnode":1},'.repeat(20_000));

interface Made {
  readonly object: ScriptedObject;
  readonly objects: MemoryObjects;
  readonly slots: HintsSlots;
}

function made(): Made {
  const object = new ScriptedObject();
  const objects = new MemoryObjects();
  const slots = hintsSlots({
    kube: object.kube,
    resource: RESOURCES.secret,
    namespace: 'n',
    name: 'o',
    annotations: KEYS,
    writer: 'test',
    clock: systemClock,
    random: systemRandom,
    objects,
  });
  return { object, objects, slots };
}

const holds = (read: HintsRead, value: Uint8Array): boolean =>
  read.kind === 'value' && equalBytes(read.value, value);

describe('the form of a hints value', () => {
  test.each([
    ['plain', 'small', SMALL],
    ['plain', 'almost as large as the share of a slot', noise(HINTS_SLOT_BYTES - 1000)],
    ['gzip', 'larger, but small when it is packed', REPETITIVE],
    ['object', 'larger even when it is packed', noise(200_000)],
    ['object', 'so large that it is packed on another thread', noise(2_000_000)],
  ] as const)('is %s when it is %s, and what is read is what was written', async (form, _, value) => {
    const { slots, object, objects } = made();
    expect(await slots.write({ term: 1, value, rotate: true })).toBe(form);
    expect(object.annotations['primary']!.length).toBeLessThanOrEqual(HINTS_SLOT_BYTES);
    expect(objects.all.size).toBe(form === 'object' ? 1 : 0);
    const { primary } = await slots.readAll();
    expect(holds(primary, value)).toBe(true);
  });

  test('is never larger than the share of a slot, whatever its size and its characters', async () => {
    const parts = fc.array(fc.constantFrom('"', '\\', 'é', 'segment', '0', ' '), {
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(
        parts,
        fc.integer({ min: 20_000, max: 130_000 }),
        fc.boolean(),
        async (of, bytes, noisy) => {
          const { slots, object } = made();
          const value = noisy ? noise(bytes) : utf8(of.join('').repeat(Math.ceil(bytes / of.length)));
          await slots.write({ term: 1, value, rotate: true });
          expect(Buffer.byteLength(object.annotations['primary']!)).toBeLessThanOrEqual(HINTS_SLOT_BYTES);
          expect(holds((await slots.readAll()).primary, value)).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });

  test('is one that leaves room: three full slots and much of others fit, and what others take on top of it goes to the store', async () => {
    const { slots, object, objects } = made();
    const full = HINTS_SLOT_BYTES - 1000;
    object.touch({ others: 'x'.repeat(MAX_ANNOTATION_BYTES - 3 * HINTS_SLOT_BYTES - 100) });
    for (const term of [1, 2, 3])
      expect(await slots.write({ term, value: noise(full), rotate: true })).toBe('plain');
    object.touch({ more: 'x'.repeat(3000) });
    const value = noise(full);
    expect(await slots.write({ term: 4, value, rotate: true })).toBe('object');
    expect(objects.all.size).toBe(1);
    const read = await slots.readAll();
    expect(holds(read.primary, value)).toBe(true);
    expect(Object.values(read).map((slot) => (slot.kind === 'value' ? slot.term : slot.kind))).toEqual([
      4, 3, 2,
    ]);
  });

  test('is none at all above any use: the writer is told, and nothing is stored', async () => {
    const { slots, object } = made();
    const value = new Uint8Array(MAX_HINTS_BYTES + 1);
    await expect(slots.write({ term: 1, value, rotate: true })).rejects.toMatchObject({
      code: 'STATE_TOO_LARGE',
    });
    expect(object.annotations).toEqual({});
  });
});

describe('a value in the store', () => {
  const spilled = async (
    terms: readonly number[],
  ): Promise<Made & { readonly values: readonly Uint8Array[] }> => {
    const all = made();
    const values = terms.map(() => noise(150_000));
    for (const [i, term] of terms.entries()) await all.slots.write({ term, value: values[i]!, rotate: true });
    return { ...all, values };
  };

  test('moves through the slots by its name, and goes when the last slot names it no more', async () => {
    const { slots, objects, values } = await spilled([1, 2, 3]);
    expect(objects.all.size).toBe(3);
    const read = await slots.readAll();
    expect(
      [read.primary, read['backup-0'], read['backup-1']].map((slot, i) => holds(slot, values[2 - i]!)),
    ).toEqual([true, true, true]);
    for (const term of [4, 5, 6]) await slots.write({ term, value: SMALL, rotate: true });
    expect(objects.all.size).toBe(0);
  });

  test('keeps its term: an earlier one replaces nothing, and leaves no object behind', async () => {
    const { slots, objects, values } = await spilled([5]);
    await expect(slots.write({ term: 4, value: noise(150_000), rotate: true })).rejects.toMatchObject({
      code: 'HINTS_STALE_TERM',
      fields: { stored: 5 },
    });
    await expect(slots.write({ term: 4, value: SMALL, rotate: true })).rejects.toMatchObject({
      code: 'HINTS_STALE_TERM',
    });
    expect(objects.all.size).toBe(1);
    expect(holds((await slots.readAll()).primary, values[0]!)).toBe(true);
  });

  test('is not made while the API server cannot be reached', async () => {
    const { slots, object, objects } = made();
    object.reads.push('lose-request');
    await expect(slots.write({ term: 1, value: noise(150_000), rotate: true })).rejects.toMatchObject({
      code: 'STATE_UNAVAILABLE',
    });
    expect(objects.all.size).toBe(0);
  });

  test('is named only when it is stored: a store that fails leaves the older hints in force', async () => {
    const { slots, objects, values } = await spilled([1]);
    objects.failures.push(new Error('the store is away'));
    await expect(slots.write({ term: 2, value: noise(150_000), rotate: true })).rejects.toThrow(
      'the store is away',
    );
    expect(holds((await slots.readAll()).primary, values[0]!)).toBe(true);
  });

  test.each(['lose-answer', 'lose-request', 'touched'] as const)(
    'is written once when a message is lost: %s',
    async (fault) => {
      const { slots, object, objects, values } = await spilled([1]);
      object.writes.push(fault);
      const value = noise(150_000);
      await slots.write({ term: 2, value, rotate: true });
      const read = await slots.readAll();
      expect([
        holds(read.primary, value),
        holds(read['backup-0'], values[0]!),
        read['backup-1'].kind,
      ]).toEqual([true, true, 'absent']);
      expect(objects.all.size).toBe(2);
    },
  );

  test.each<[string, string, (objects: MemoryObjects, key: string) => void]>([
    ['is gone', 'does not exist', (objects, key) => objects.all.delete(key)],
    [
      'is shorter',
      'bytes instead of',
      (objects, key) => objects.all.set(key, objects.all.get(key)!.subarray(1)),
    ],
    ['has a flipped bit', 'digest differs', (objects, key) => (objects.all.get(key)![1000]! ^= 4)],
  ])(
    'that %s is a damaged slot with its reason, and the backups are still there',
    async (_, reason, damage) => {
      const { slots, object, objects, values } = await spilled([1, 2]);
      const { primary } = readSlots(KEYS, object.annotations);
      damage(objects, primary.kind === 'spilled' ? primary.pointer.object : '');
      const read = await slots.readAll();
      expect(read.primary).toMatchObject({ kind: 'corrupt', error: { code: 'STATE_CORRUPT' } });
      expect(read.primary.kind === 'corrupt' && read.primary.error.message).toContain(reason);
      expect(holds(read['backup-0'], values[0]!)).toBe(true);
    },
  );

  test('whose bytes are what was promised, but no packed value, is damage too', async () => {
    const { slots, object, objects } = made();
    const bytes = gzipSync(SMALL).subarray(0, -4);
    const pointer = { object: 'hints/1', sha256: sha256Hex(bytes), bytes: bytes.length };
    objects.all.set(pointer.object, bytes);
    const fields = { term: 1, revision: 1, writer: 'w', writtenAt: '' };
    object.touch({ primary: encodeEnvelope({ ...fields, body: { kind: 'object', pointer } }) });
    expect((await slots.readAll()).primary).toMatchObject({ kind: 'corrupt' });
  });

  test('cannot be told while the store does not answer: that is no damage, and no absence', async () => {
    const { slots, objects } = await spilled([1]);
    objects.failures.push(new Error('the store is away'));
    await expect(slots.readAll()).rejects.toThrow('the store is away');
  });

  test('that goes while it is being asked for is looked for again: the slots have moved on', async () => {
    const { slots, objects } = await spilled([1]);
    const value = noise(150_000);
    objects.beforeAnswer = () => slots.write({ term: 2, value, rotate: false });
    expect(holds((await slots.readAll()).primary, value)).toBe(true);
  });

  test('is damage to a reader who knows no store', async () => {
    const { object } = await spilled([1]);
    expect((await resolveSlots(KEYS, object.annotations, undefined)).primary).toMatchObject({
      kind: 'corrupt',
    });
  });
});
