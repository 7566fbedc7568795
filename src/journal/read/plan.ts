/**
 * The plan: where a journal's content is, as its newest CHECKPOINT says (s3log.md §6.5 T1, T3).
 *
 * A1  LIST only hints: it gives a slot to start from; what counts is that slot's own back-pointer. An old hint gives an older plan, which is
 *     right too until its objects are deleted; whoever meets their absence asks again.
 * A2  A leap fence or a FILLER may not know the newest CHECKPOINT (its writer had not read that far), and a damaged slot tells nothing: the next
 *     slot below is asked. Whoever reads the damaged one says so.
 * A3  Many slots may have to be asked, so that one failure among them does not begin the whole look anew (lossy.test.ts).
 * A4  A slot that is gone although it was listed has been removed since, so that a newer CHECKPOINT exists: the LIST is asked again. What lies below
 *     such a slot knows nothing of it, and who believed that would speak of lost content (compactor.test.ts).
 * A5  Where a CHECKPOINT was, somebody who slept may have put a FENCE since; and its index object goes a moment before it does (reclaim.ts K3). Either tells
 *     that it is removed, no more.
 */
import { sha1HexOf } from '../../base/index.ts';
import { decodeCheckpoint, decodeIndex, type CompactionIndex } from '../format/compaction-index.ts';
import type { JournalCursor } from './cursor.ts';
import { CorruptSlotError, IndexGoneError, JournalDeletedError } from '../errors.ts';
import { MAX_LEFT_BY_LEAPS } from '../open/leap-holes.ts';
import { highestSlots } from './listed-slots.ts';
import { indexKey, type Journal } from '../names.ts';
import { readSlot, readSlotHead } from './read-slot.ts';
import { oneOfMany } from '../retry.ts';
import { StoreError } from '../../store/index.ts';
import type { Registers, Slot, SlotHeader } from '../format/slot.ts';

/** The newest CHECKPOINT, understood. */
export interface Plan {
  /** Slot of the CHECKPOINT. */
  readonly seq: number;
  readonly index: CompactionIndex;
  /** Session and registers at the floor (compaction-index.ts N2). */
  readonly session: number;
  readonly registers: Registers;
}

/** How often a listed slot, or the CHECKPOINT that one names, may be gone again before it could be read: each time a newer CHECKPOINT exists. */
const MAX_MOVED = 8;

/** What one LIST and the slots that it leads to tell of a journal. */
export interface Survey {
  /** Undefined for a journal that was never compacted. */
  readonly plan: Plan | undefined;
  /** End offset of the newest slot that could be read: a first idea of where the journal ends, for progress and estimates, since a LIST may lag. */
  readonly head: number;
}

/** The plan of the newest CHECKPOINT; undefined for a journal that was never compacted. @throws as surveyJournal */
export async function findPlan(journal: Journal, signal?: AbortSignal): Promise<Plan | undefined> {
  return (await surveyJournal(journal, signal)).plan;
}

/** Where the content is and about where it ends. @throws StoreError, CorruptSlotError, JournalDeletedError, the signal's reason. */
export async function surveyJournal(journal: Journal, signal?: AbortSignal): Promise<Survey> {
  for (let attempt = 1; ; attempt++) {
    const found = await knowingSlot(journal, signal);
    if (found === 'removed') {
      if (attempt === MAX_MOVED) throw staleList(journal);
      continue;
    }
    if (!found) return { plan: undefined, head: 0 };
    const { known, head } = found;
    const seq = known.kind === 'checkpoint' ? known.seq : known.checkpoint;
    if (seq === undefined) return { plan: undefined, head };
    const slot = await readSlot(journal, seq, signal);
    try {
      if (slot?.kind === 'checkpoint') return { plan: await planOf(journal, slot, signal), head };
    } catch (error) {
      if (!(error instanceof IndexGoneError) || attempt === MAX_MOVED) throw error; // A5
    }
    if (attempt === MAX_MOVED)
      throw new CorruptSlotError(
        `${journal.name} #${known.seq}`,
        `names CHECKPOINT ${seq}, which does not exist`,
      );
  }
}

/** The plan that a CHECKPOINT slot publishes. @throws CorruptSlotError, JournalDeletedError, StoreError */
export async function planOf(journal: Journal, slot: Slot, signal?: AbortSignal): Promise<Plan> {
  const where = `${journal.name} #${slot.seq}`;
  const content = decodeCheckpoint(slot.payload, where);
  if (content.kind === 'reference' && content.deleted) throw new JournalDeletedError(journal.name, slot.seq);
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

/** @throws CorruptSlotError when it is gone or damaged, StoreError */
export async function readIndexObject(
  journal: Journal,
  sha1: string,
  where: string,
  signal: AbortSignal | undefined,
): Promise<CompactionIndex> {
  const found = await journal.store.get(indexKey(journal, sha1), { signal });
  if (!found) throw new IndexGoneError(where, `its index object ${sha1} is gone`);
  const bytes = found.body.slice();
  if ((await sha1HexOf(bytes)) !== sha1)
    throw new CorruptSlotError(where, `its index object ${sha1} is damaged`);
  return decodeIndex(bytes, where);
}

/**
 * The newest slot that knows the newest CHECKPOINT (A2), and the end of the newest that could be read; undefined when there is no such slot; 'removed' when what
 * a LIST has shown is gone (A4).
 * @throws CorruptSlotError, StoreError
 */
async function knowingSlot(
  journal: Journal,
  signal: AbortSignal | undefined,
): Promise<{ readonly known: SlotHeader; readonly head: number } | 'removed' | undefined> {
  const listed = await highestSlots(journal, MAX_LEFT_BY_LEAPS + 1, signal);
  let head: number | undefined;
  for (const seq of listed) {
    const header = await knownHead(journal, seq, signal);
    if (header === 'removed') return header;
    if (header === 'damaged') continue;
    head ??= header.end;
    if (header.kind !== 'filler' && !header.leap) return { known: header, head };
  }
  if (listed.length <= MAX_LEFT_BY_LEAPS) return undefined;
  throw new CorruptSlotError(
    `${journal.name} #${listed[0]}`,
    `nor can any of the ${MAX_LEFT_BY_LEAPS} slots below it be read`,
  );
}

function staleList(journal: Journal): StoreError {
  return new StoreError(
    'STORE_BAD_RESPONSE',
    `The store lists slots of journal ${journal.name} that do not exist. If this lasts, its LIST lags behind; holdfast store probe tells.`,
    { retryable: true },
  );
}

async function knownHead(
  journal: Journal,
  seq: number,
  signal: AbortSignal | undefined,
): Promise<SlotHeader | 'removed' | 'damaged'> {
  try {
    return (await oneOfMany(() => readSlotHead(journal, seq, signal), signal)) ?? 'removed'; // A3
  } catch (error) {
    if (error instanceof CorruptSlotError) return 'damaged'; // A2
    throw error;
  }
}
