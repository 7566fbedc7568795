/**
 * resolve-hints: from what the annotations say to the values of the slots, wherever those are kept.
 *
 * V1  An object that is gone, or is not the one that was written, is damage of its slot with the reason (DESIGN I12). A store that does not answer is thrown: that
 *     is neither damage nor absence.
 */
import type { Annotations } from './annotated-object.ts';
import { CorruptError } from './errors.ts';
import { unpackObject } from './hints-forms.ts';
import {
  HINTS_SLOTS,
  readSlots,
  slotTitle,
  type AllSlots,
  type HintsKeys,
  type HintsRead,
  type HintsSlotName,
  type SlotRead,
} from './hints-slots.ts';

/** Where large values are kept. */
export interface HintsObjects {
  /** Stores the bytes under a name of their own; durable when it resolves. @returns the key @throws when they are not, or nobody knows */
  put(
    object: { readonly term: number; readonly sha256: string; readonly bytes: Uint8Array },
    signal?: AbortSignal,
  ): Promise<string>;
  /** Undefined: there is no such object, or it is none of this log's hints. @throws when the store does not say */
  get(key: string, signal?: AbortSignal): Promise<Uint8Array | undefined>;
  /** The slots, as written by `term` a moment ago, name these; others may be removed. Never rejects. */
  keep(
    kept: { readonly term: number; readonly named: ReadonlySet<string> },
    signal?: AbortSignal,
  ): Promise<void>;
}

/** The values of all slots of an object's annotations, as they were read a moment ago. @param objects undefined: large values count as damaged */
export async function resolveSlots(
  keys: HintsKeys,
  annotations: Annotations,
  objects: HintsObjects | undefined,
  signal?: AbortSignal,
): Promise<AllSlots<HintsRead>> {
  const slots = readSlots(keys, annotations);
  const [primary, newer, older] = await Promise.all(
    HINTS_SLOTS.map((slot) => resolve(slot, slots[slot], objects, signal)),
  );
  return { primary: primary!, 'backup-0': newer!, 'backup-1': older! };
}

async function resolve(
  slot: HintsSlotName,
  read: SlotRead,
  objects: HintsObjects | undefined,
  signal: AbortSignal | undefined,
): Promise<HintsRead> {
  if (read.kind !== 'spilled') return read;
  const { pointer, term, writtenAt } = read;
  const title = slotTitle(slot);
  try {
    if (!objects)
      throw new CorruptError(
        title,
        `its value is object ${pointer.object} of a store that is not known here`,
      );
    const value = await unpackObject(title, pointer, await objects.get(pointer.object, signal));
    return { kind: 'value', value, term, writtenAt };
  } catch (error) {
    if (error instanceof CorruptError) return { kind: 'corrupt', error };
    throw error;
  }
}
