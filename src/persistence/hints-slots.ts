/**
 * hints-slots: where the hints of a log are kept, the present ones and two older ones, and what a write makes of them (gazette.md §5; seeds.md F5.9, F5.10).
 * Pure; the effects are in stored-hints.ts.
 *
 * H1  Hints of an earlier term never replace those of a later one, wherever the values themselves are kept (DESIGN I6).
 * H2  The older ones move in the same commit in which new ones come in: no moment without a readable slot.
 * H3  A slot that cannot be read is told as corrupt, never as absent (I12). It does not keep a healthy primary from writing; what is replaced is
 *     named in the log by its digest, and is not carried on into a backup.
 */
import type { Annotations } from './annotated-object.ts';
import { decodeEnvelope, encodeEnvelope, type Envelope, type ObjectPointer } from './envelope.ts';
import { CorruptError, HintsStaleTermError } from './errors.ts';
import { unpackInline } from './hints-forms.ts';

/** From the newest to the oldest. */
export const HINTS_SLOTS = ['primary', 'backup-0', 'backup-1'] as const;
export type HintsSlotName = (typeof HINTS_SLOTS)[number];
export type HintsKeys = Readonly<Record<HintsSlotName, string>>;

/** What a slot holds. */
export type HintsRead =
  | { readonly kind: 'value'; readonly value: Uint8Array; readonly term: number; readonly writtenAt: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'corrupt'; readonly error: CorruptError };

/** What the annotation of a slot says: the value, or where it is kept. */
export type SlotRead =
  | HintsRead
  | {
      readonly kind: 'spilled';
      readonly pointer: ObjectPointer;
      readonly term: number;
      readonly writtenAt: string;
    };

export type AllSlots<Read> = Readonly<Record<HintsSlotName, Read>>;

/** Every slot of an object's annotations. Pure, so that the operator can read them off its cache. */
export function readSlots(keys: HintsKeys, annotations: Annotations): AllSlots<SlotRead> {
  const read = (slot: HintsSlotName): SlotRead => readSlot(slot, annotations[keys[slot]]);
  return { primary: read('primary'), 'backup-0': read('backup-0'), 'backup-1': read('backup-1') };
}

/** How a slot is called in errors. */
export function slotTitle(slot: HintsSlotName): string {
  return `hints slot ${slot}`;
}

function readSlot(slot: HintsSlotName, encoded: string | undefined): SlotRead {
  if (encoded === undefined) return { kind: 'absent' };
  try {
    const { body, term, writtenAt } = decodeEnvelope(slotTitle(slot), encoded);
    if (body.kind === 'object') return { kind: 'spilled', pointer: body.pointer, term, writtenAt };
    const value = body.kind === 'plain' ? body.value : unpackInline(slotTitle(slot), body.packed);
    return { kind: 'value', value, term, writtenAt };
  } catch (error) {
    if (error instanceof CorruptError) return { kind: 'corrupt', error };
    throw error;
  }
}

/** @throws HintsStaleTermError (H1) */
export function checkTerm(slots: AllSlots<SlotRead>, term: number): void {
  const latest = Math.max(0, ...Object.values(slots).map((slot) => ('term' in slot ? slot.term : 0)));
  if (term < latest) throw new HintsStaleTermError(term, latest);
}

export interface NewHints extends Omit<Envelope, 'revision'> {
  readonly rotate: boolean;
}

/** The annotations to set. @throws HintsStaleTermError (H1) */
export function nextSlots(
  keys: HintsKeys,
  current: Annotations,
  { rotate, ...hints }: NewHints,
): Annotations {
  const slots = readSlots(keys, current);
  checkTerm(slots, hints.term);
  const stored = current[keys.primary];
  const isReadable = 'term' in slots.primary;
  const revision = isReadable ? decodeEnvelope('hints', stored!).revision + 1 : 1;
  const next: Record<string, string> = { [keys.primary]: encodeEnvelope({ ...hints, revision }) };
  if (!rotate || !isReadable) return next; // H3
  next[keys['backup-0']] = stored!;
  if ('term' in slots['backup-0']) next[keys['backup-1']] = current[keys['backup-0']]!;
  return next;
}

/** Keys of the objects that the slots name; undefined while one of them cannot be read, because nobody knows what that one names. */
export function namedObjects(slots: AllSlots<SlotRead>): ReadonlySet<string> | undefined {
  const all = Object.values(slots);
  if (all.some(({ kind }) => kind === 'corrupt')) return undefined;
  return new Set(all.flatMap((slot) => (slot.kind === 'spilled' ? [slot.pointer.object] : [])));
}
