/**
 * Hints slots under any series of writers, terms, sizes, damage and lost messages, against a model that knows what was written. Objects that no slot names
 * are removed at once: so none that a slot names is ever missing.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fromUtf8, toHex, utf8 } from '../base/index.ts';
import { seededRandom, VirtualClock } from '../base/testing/index.ts';
import { RESOURCES } from '../kube/index.ts';
import { HINTS_SLOTS, hintsSlots, PersistenceError, type HintsSlotName } from './index.ts';
import { MemoryObjects, ScriptedObject, type ObjectFault } from './testing/index.ts';

interface Step {
  readonly term: number;
  readonly rotate: boolean;
  readonly faults: readonly ObjectFault[];
  readonly size: 'small' | 'packed' | 'spilled';
  /** Slot that is damaged before the step. */
  readonly damage: HintsSlotName | undefined;
}

const KEYS = { primary: 'primary', 'backup-0': 'backup-0', 'backup-1': 'backup-1' } as const;
const NONE = { kind: 'absent' } as const;
type Slot =
  | { readonly kind: 'value'; readonly term: number; readonly text: string }
  | { readonly kind: 'corrupt' }
  | typeof NONE;
type Model = Readonly<Record<HintsSlotName, Slot>>;

const step: fc.Arbitrary<Step> = fc.record({
  term: fc.integer({ min: 1, max: 6 }),
  rotate: fc.boolean(),
  faults: fc.array(fc.constantFrom<ObjectFault>('lose-answer', 'lose-request', 'touched'), { maxLength: 3 }),
  size: fc.constantFrom('small', 'small', 'small', 'small', 'small', 'packed', 'spilled'),
  damage: fc.option(fc.constantFrom(...HINTS_SLOTS), { nil: undefined, freq: 5 }),
});

/** Longer than a slot's share; packed it fits, or it does not. */
const FILLER = {
  small: '',
  packed: 'segment '.repeat(10_000),
  spilled: toHex(seededRandom(1).bytes(50_000)),
} as const;

/** The rules H1-H3 in the plainest words. */
function expected(model: Model, { term, rotate }: Step, text: string): Model | 'stale' {
  const terms = HINTS_SLOTS.map((slot) => model[slot]).flatMap((slot) =>
    slot.kind === 'value' ? [slot.term] : [],
  );
  if (terms.some((stored) => stored > term)) return 'stale';
  const primary = { kind: 'value', term, text } as const;
  if (!rotate || model.primary.kind !== 'value') return { ...model, primary };
  const second = model['backup-0'];
  return {
    primary,
    'backup-0': model.primary,
    'backup-1': second.kind === 'value' ? second : model['backup-1'],
  };
}

test('slots hold what the rules say, whatever gets lost or damaged', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.integer(), async (steps, seed) => {
      const object = new ScriptedObject();
      const clock = new VirtualClock();
      const parts = { kube: object.kube, clock, random: seededRandom(seed) };
      const address = { resource: RESOURCES.secret, namespace: 'n', name: 'o' };
      const objects = new MemoryObjects();
      const slots = hintsSlots({ ...parts, ...address, annotations: KEYS, writer: 'test', objects });
      let model: Model = { primary: NONE, 'backup-0': NONE, 'backup-1': NONE };
      for (const [n, each] of steps.entries()) {
        if (each.damage) {
          object.touch({ [each.damage]: `damaged ${n}` });
          model = { ...model, [each.damage]: { kind: 'corrupt' } };
        }
        object.writes.splice(0, Infinity, ...each.faults);
        const text = `hints ${n} ${FILLER[each.size]}`;
        const next = expected(model, each, text);
        const outcome = await clock.run(
          slots.write({ term: each.term, value: utf8(text), rotate: each.rotate }).then(
            () => 'written',
            (error: unknown) => (error instanceof PersistenceError ? error.code : error),
          ),
        );
        expect(outcome).toBe(next === 'stale' ? 'HINTS_STALE_TERM' : 'written');
        if (next !== 'stale') model = next;
        const read = await slots.readAll();
        for (const slot of HINTS_SLOTS) {
          const found = read[slot];
          const shown =
            found.kind === 'value'
              ? { kind: found.kind, term: found.term, text: fromUtf8(found.value) }
              : { kind: found.kind };
          expect(shown).toEqual(model[slot]);
        }
        const isWhole = HINTS_SLOTS.every((slot) => read[slot].kind !== 'corrupt');
        if (outcome === 'written' && isWhole) expect(objects.all.size).toBeLessThanOrEqual(3);
      }
    }),
    { numRuns: 150 },
  );
}, 60_000);
