/**
 * The plan: where a journal's content is, as its newest CHECKPOINT says (s3log.md §6.5 T1, T3).
 *
 * A1  LIST only hints: it gives a slot to start from; what counts is that slot's own back-pointer. An old hint gives an older plan, which is
 *     right too until its objects are deleted; whoever meets their absence asks again.
 * A2  A leap fence or a FILLER may not know the newest CHECKPOINT (its writer had not read that far), and a damaged slot tells nothing: the next
 *     slot below is asked. Whoever reads the damaged one says so.
 */
import { sha1HexOf } from '../base/index.ts';
import { decodeCheckpoint, decodeIndex, type CompactionIndex } from './compaction-index.ts';
import type { JournalCursor } from './cursor.ts';
import { CorruptSlotError, JournalDeletedError } from './errors.ts';
import { indexKey, slotKey, slotPrefix, slotSeq, type Journal } from './names.ts';
import { readSlot } from './read-slot.ts';
import { decodeSlotHead, SLOT_HEAD_BYTES, type Registers, type Slot, type SlotHeader } from './slot.ts';

/** The newest CHECKPOINT, understood. */
export interface Plan {
  /** Slot of the CHECKPOINT. */
  readonly seq: number;
  readonly index: CompactionIndex;
  /** Session and registers at the floor (compaction-index.ts N2). */
  readonly session: number;
  readonly registers: Registers;
}

/** What a look at the end of the journal found. */
export interface JournalEnd {
  /** Number of the newest slot that a LIST shows; undefined for an empty journal. */
  readonly lastSeq: number | undefined;
  /** End of the content there: an estimate when that slot is a leap fence. */
  readonly offset: number;
  readonly plan: Plan | undefined;
}

/** How often a CHECKPOINT may be gone again before it could be read: each time a newer one exists. */
const MAX_MOVED = 8;
/** Leap fences and FILLERs passed over on the way to a slot that knows (A2): eight a leap, and a few leaps at once. */
const MAX_PASSED = 64;

/** Looks at the end of a journal. @throws StoreError, CorruptSlotError, JournalDeletedError, the signal's reason. */
export async function findEnd(journal: Journal, signal?: AbortSignal): Promise<JournalEnd> {
  for (let attempt = 1; ; attempt++) {
    const lastSeq = await lastListed(journal, signal);
    if (lastSeq === undefined) return { lastSeq, offset: 0, plan: undefined };
    const known = await knowingSlot(journal, lastSeq, signal);
    if (known === 'moved' && attempt < MAX_MOVED) continue;
    if (known === 'moved' || known === undefined) return { lastSeq, offset: 0, plan: undefined };
    const checkpointSeq = known.kind === 'checkpoint' ? known.seq : known.checkpoint;
    if (checkpointSeq === undefined) return { lastSeq, offset: known.end, plan: undefined };
    const slot = await readSlot(journal, checkpointSeq, signal);
    if (slot) return { lastSeq, offset: known.end, plan: await planOf(journal, slot, signal) };
    if (attempt === MAX_MOVED)
      throw new CorruptSlotError(
        `${journal.name} #${lastSeq}`,
        `names CHECKPOINT ${checkpointSeq}, which does not exist`,
      );
  }
}

/** The plan that a CHECKPOINT slot publishes. @throws CorruptSlotError, JournalDeletedError, StoreError */
export async function planOf(journal: Journal, slot: Slot, signal?: AbortSignal): Promise<Plan> {
  const where = `${journal.name} #${slot.seq}`;
  const content = decodeCheckpoint(slot.payload, where);
  const index =
    content.kind === 'index' ? content.index : await readIndexObject(journal, content.sha1, where, signal);
  if (index.deleted) throw new JournalDeletedError(journal.name, slot.seq);
  if (index.floor > slot.seq || index.floor <= slot.session)
    throw new CorruptSlotError(where, `its floor ${index.floor} is outside of its session`);
  return { seq: slot.seq, index, session: slot.session, registers: slot.registers };
}

/** The state of a reader that has everything below the floor. */
export function floorCursor({ seq, index, session, registers }: Plan): JournalCursor {
  return {
    nextSeq: index.floor,
    offset: index.end,
    session,
    registers,
    lastPutId: index.lastPutId,
    checkpointSeq: seq,
  };
}

async function readIndexObject(
  journal: Journal,
  sha1: string,
  where: string,
  signal: AbortSignal | undefined,
): Promise<CompactionIndex> {
  const found = await journal.store.get(indexKey(journal, sha1), { signal });
  if (!found) throw new CorruptSlotError(where, `its index object ${sha1} is gone`);
  const bytes = found.body.slice();
  if ((await sha1HexOf(bytes)) !== sha1)
    throw new CorruptSlotError(where, `its index object ${sha1} is damaged`);
  return decodeIndex(bytes, where);
}

async function lastListed(journal: Journal, signal: AbortSignal | undefined): Promise<number | undefined> {
  let last: number | undefined;
  for (let startAfter: string | undefined; ;) {
    const { objects, truncated } = await journal.store.list(slotPrefix(journal), { startAfter, signal });
    for (const { key } of objects) last = slotSeq(journal, key) ?? last;
    startAfter = objects.at(-1)?.key;
    if (!truncated || startAfter === undefined) return last;
  }
}

/** The newest slot at or below `seq` that knows the newest CHECKPOINT (A2); 'moved' when slots disappeared on the way. */
async function knowingSlot(
  journal: Journal,
  seq: number,
  signal: AbortSignal | undefined,
): Promise<SlotHeader | 'moved' | undefined> {
  const range = { start: 0, end: SLOT_HEAD_BYTES };
  let isTop = true;
  for (let at = seq; at >= 0 && at > seq - MAX_PASSED; at--) {
    const found = await journal.store.get(slotKey(journal, at), { range, signal });
    if (!found) {
      if (isTop) return 'moved';
      continue; // a hole that the owner of a leap fence is filling
    }
    isTop = false;
    const header = headOf(found.body, `${journal.name} #${at}`);
    if (header && header.kind !== 'filler' && !header.leap) return header;
  }
  return undefined;
}

function headOf(bytes: Uint8Array, where: string): SlotHeader | undefined {
  try {
    return decodeSlotHead(bytes, where);
  } catch (error) {
    if (error instanceof CorruptSlotError) return undefined; // A2
    throw error;
  }
}
