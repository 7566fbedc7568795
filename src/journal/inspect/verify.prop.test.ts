/**
 * Verification against random journals: silent on every valid one, and never silent about a changed one.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { crc32c, deadline, HoldfastError, viewOf } from '../../base/index.ts';
import { seededRandom, VirtualClock } from '../../base/testing/index.ts';
import { MemoryStore } from '../../store/testing/index.ts';
import { slotKey, type Journal } from '../names.ts';
import { JournalReader } from '../read/reader.ts';
import { encodeSlot, HEADER_BYTES, type Slot } from '../format/slot.ts';
import { BuiltJournal, putObjects } from '../testing/index.ts';
import type { Finding } from './finding.ts';
import { verifyJournal, type VerifyReport } from './verify.ts';

const RUNS = 300;
const random = seededRandom(11);
const journalOn = (store: MemoryStore): Journal => ({ store, name: 'prop/journal', generation: 'g1' });
const NAMES = journalOn(new MemoryStore());

type Step =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'fence' }
  | { readonly kind: 'checkpoint' }
  /** Deletes what the newest CHECKPOINT allows. */
  | { readonly kind: 'reclaim' }
  | { readonly kind: 'void' }
  /** A leap fence with so many holes below it, filled. */
  | { readonly kind: 'leap'; readonly holes: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('data' as const),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'fence' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'checkpoint' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reclaim' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'void' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leap' as const), holes: fc.nat(4) }) },
);

const journals = fc
  .record({ seed: fc.nat(), steps: fc.array(step, { maxLength: 14 }) })
  .map(({ seed, steps }) => {
    const built = new BuiltJournal(seededRandom(seed)).fence();
    for (const one of steps) {
      if (one.kind === 'data') built.data(one.bytes);
      else if (one.kind === 'fence') built.fence();
      else if (one.kind === 'checkpoint') built.checkpoint();
      else if (one.kind === 'reclaim') built.reclaim();
      else if (one.kind === 'void') built.voidLeap();
      else {
        for (let i = 0; i < one.holes; i++) built.filler();
        built.fence({ leap: true });
      }
    }
    return built;
  });

/** One object changed; undefined where the change would not show in the log of itself, or is none. */
type Mutation = (built: BuiltJournal, at: number, n: number) => Slot | Uint8Array | 'gone' | undefined;

const bytesOf = (built: BuiltJournal, at: number): Uint8Array => encodeSlot(built.slots[at]!);
const other = (n: number): Uint8Array => seededRandom(n).bytes(16);
/** What a reader judges by its neighbours: not a FILLER, nor a leap fence, whose writers did not know their neighbours. */
const linked = (slot: Slot): boolean => slot.kind !== 'filler' && !slot.leap;

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'a bit flipped': (built, at, n) => {
    const bytes = bytesOf(built, at);
    bytes[Math.floor(n / 8) % bytes.length]! ^= 1 << (n % 8);
    return bytes;
  },
  cut: (built, at, n) => bytesOf(built, at).slice(0, n % bytesOf(built, at).length),
  lengthened: (built, at, n) => Uint8Array.of(...bytesOf(built, at), n & 255),
  deleted: (built, at) => (at < built.slots.length - 1 ? 'gone' : undefined),
  'replaced by another slot': (built, at, n) => {
    const from = n % built.slots.length;
    return from === at || !built.slots[from] ? undefined : bytesOf(built, from);
  },
  'replaced by the slot of another journal': (built, at, n) => {
    const slot = built.slots[at]!;
    if (slot.kind !== 'data') return undefined;
    return { ...slot, author: 1 + (n % 1000), putId: other(n), previousPutId: other(n + 1) };
  },
  'written with another put-id': (built, at, n) => {
    const next = built.slots[at + 1];
    return next && linked(next) ? { ...built.slots[at]!, putId: other(n) } : undefined;
  },
  'written with another one before it': (built, at, n) =>
    at > 0 && linked(built.slots[at]!) ? { ...built.slots[at]!, previousPutId: other(n) } : undefined,
  'written elsewhere': (built, at, n) => {
    const slot = built.slots[at]!;
    const by = 1 + (n % 100);
    return linked(slot) ? { ...slot, begin: slot.begin + by, end: slot.end + by } : undefined;
  },
  'written for another session': (built, at, n) => {
    const slot = built.slots[at]!;
    if (slot.kind !== 'data' && slot.kind !== 'checkpoint') return undefined;
    const session = n % at;
    return session === slot.session ? undefined : { ...slot, session };
  },
  'written by another author': (built, at, n) => {
    const slot = built.slots[at]!;
    return slot.kind === 'filler' ? undefined : { ...slot, author: (slot.author ^ (1 + (n % 1000))) >>> 0 };
  },
  'written with an older term': (built, at) => {
    const slot = built.slots[at]!;
    const term = Number(slot.registers['term']) - 2;
    return slot.kind === 'fence' && !slot.leap && term > 0
      ? { ...slot, registers: { ...slot.registers, term: String(term) } }
      : undefined;
  },
  'written with the term before': (built, at) => {
    const slot = built.slots[at]!;
    const term = Number(slot.registers['term']) - 1;
    return slot.kind === 'fence' && !slot.leap && term > 0
      ? { ...slot, registers: { ...slot.registers, term: String(term) } }
      : undefined;
  },
  'pointing to a CHECKPOINT that is none': (built, at, n) => {
    const slot = built.slots[at]!;
    const checkpoints = built.slots.flatMap((one) => (one?.kind === 'checkpoint' ? [one.seq] : []));
    const newest = checkpoints.filter((seq) => seq < at).at(-1) ?? -1;
    const named = newest + 1 + (n % 100);
    // What was below the floor is gone: nobody can tell whether it was a CHECKPOINT.
    if (!linked(slot) || named < built.floor) return undefined;
    return { ...slot, checkpoint: named };
  },
  'written with bytes that mean nothing': (built, at, n) => {
    const bytes = bytesOf(built, at);
    bytes[n % 2 === 0 ? 7 : 96 + (n % 28)]! |= 2 << (n % 6);
    const view = viewOf(bytes);
    const registers = bytes.subarray(HEADER_BYTES, HEADER_BYTES + view.getUint32(44, true));
    view.setUint32(124, crc32c(registers, crc32c(bytes.subarray(0, 124))), true);
    return bytes;
  },
};

/** Below the floor readers read nothing: what is told there is what a slot's own bytes show. */
const TOLD_BELOW_FLOOR: ReadonlySet<string> = new Set([
  'a bit flipped',
  'cut',
  'lengthened',
  'replaced by another slot',
  'written with bytes that mean nothing',
]);
const isTold = (built: BuiltJournal, mutation: string, seq: number): boolean =>
  seq >= built.floor ||
  TOLD_BELOW_FLOOR.has(mutation) ||
  (mutation === 'deleted' && built.slots[seq]!.kind === 'fence' && !built.slots[seq]!.leap); // no index names a void leap FENCE

function mutate(
  built: BuiltJournal,
  mutation: string,
  atRaw: number,
  n: number,
): { seq: number; objects: Map<string, Uint8Array> } | undefined {
  const seq = atRaw % built.slots.length;
  if (!built.slots[seq] || !isTold(built, mutation, seq)) return undefined;
  const changed = MUTATIONS[mutation]!(built, seq, n);
  if (changed === undefined) return undefined;
  const objects = built.objects(NAMES);
  if (changed === 'gone') objects.delete(slotKey(NAMES, seq));
  else objects.set(slotKey(NAMES, seq), changed instanceof Uint8Array ? changed : encodeSlot(changed));
  return { seq, objects };
}

async function verify(
  objects: ReadonlyMap<string, Uint8Array>,
): Promise<{ findings: Finding[]; report: VerifyReport }> {
  const clock = new VirtualClock();
  const store = new MemoryStore({ clock });
  await putObjects(store, objects);
  const findings: Finding[] = [];
  const report = await clock.run(
    verifyJournal(journalOn(store), { clock, random, onFinding: (finding) => findings.push(finding) }),
  );
  return { findings, report };
}

/** Whether a reader gets to the end: the truth that the verdict is held against. It may also wait for ever, for a hole to be filled. */
async function readerStops(objects: ReadonlyMap<string, Uint8Array>): Promise<boolean> {
  const clock = new VirtualClock();
  const store = new MemoryStore({ clock });
  await putObjects(store, objects);
  const reader = new JournalReader(journalOn(store), { clock, random });
  const patience = deadline(clock, 10_000, 'reading');
  const read = async (): Promise<boolean> => {
    try {
      while ((await reader.next(patience.signal)).kind !== 'tail');
      return false;
    } catch (error) {
      if (error instanceof HoldfastError) return true;
      throw error;
    } finally {
      patience.clear();
    }
  };
  return await clock.run(read());
}

const names = ({ findings }: { readonly findings: readonly Finding[] }, seq: number): boolean =>
  findings.some(
    (one) =>
      ('lastSeq' in one && one.seq <= seq && seq <= one.lastSeq) ||
      one.key === slotKey(NAMES, seq) ||
      ('before' in one && one.before?.key === slotKey(NAMES, seq)),
  );

describe('verification', () => {
  test('finds nothing in any valid journal, and counts all of it', async () => {
    await fc.assert(
      fc.asyncProperty(journals, async (built) => {
        const { findings, report } = await verify(built.objects(NAMES));
        expect(findings).toEqual([]);
        expect(report).toMatchObject({
          verdict: 'clean',
          contentEnd: built.end,
          floor: built.floor,
          lastSeq: built.slots.length - 1,
        });
      }),
      { numRuns: RUNS },
    );
  });

  test.each(Object.keys(MUTATIONS))('names the object when one is %s', async (mutation) => {
    let tried = 0;
    await fc.assert(
      fc.asyncProperty(journals, fc.nat(), fc.nat(100_000), async (built, at, n) => {
        const mutated = mutate(built, mutation, at, n);
        fc.pre(mutated !== undefined);
        tried++;
        const verified = await verify(mutated.objects);
        expect(verified.findings.map((one) => one.kind)).not.toEqual([]);
        expect(names(verified, mutated.seq)).toBe(true);
        if (await readerStops(mutated.objects)) expect(verified.report.verdict).not.toBe('clean');
      }),
      { numRuns: RUNS / 3, maxSkipsPerRun: 500 },
    );
    expect(tried).toBeGreaterThanOrEqual(RUNS / 3);
  });
});
