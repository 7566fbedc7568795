/**
 * One compaction: the content of confirmed slots becomes fragments, and a CHECKPOINT publishes them (s3log.md §6.7).
 *
 * C1  Only confirmed slots, read back from the store and checked like any reader checks them: what is compacted is what was durable.
 * C2  The digest is of the uncompressed content. C3 The PUT creates; a taken key has the same content or the verification says so.
 * C4  Every fragment is verified before it is named: its length always, its content for the first of a process, for a taken key, and for a sample.
 * C5  The CHECKPOINT is a slot of the session: a zombie cannot publish (hazard H12). Before it nothing has changed for anybody: a crash leaves
 *     an object that nobody names.
 * C7  Held are one fragment body, at most `fragmentBytes`, and SLOTS_AHEAD_BYTES of slots: content flows from its slots through digest and compressor into the
 *     body (fragment-body.ts, docs/decisions/0039).
 * Small fragments at the end are merged into the new one while they are not larger than it, so their number grows with the logarithm.
 * Deletion (C6) is reclaim.ts.
 */
import { assert, sha1HexOf } from '../../base/index.ts';
import {
  checkpointPayload,
  encodeIndex,
  indexProblem,
  type CompactionIndex,
  type PastFence,
} from '../format/compaction-index.ts';
import { advance, START, type JournalCursor } from '../read/cursor.ts';
import { DataLossError, type CorruptFragmentError } from '../errors.ts';
import type { Fragment } from '../format/fragment.ts';
import { indexKey, type Journal } from '../names.ts';
import { corrupt, passFragment } from '../read/pass-fragment.ts';
import { floorCursor, planOf, type Plan } from '../read/plan.ts';
import { CORRUPT_ATTEMPTS } from '../read/read-fragment.ts';
import { readSlot, slotOf } from '../read/read-slot.ts';
import { SlotsAhead } from '../read/slots-ahead.ts';
import { createObject } from './create-object.ts';
import { FragmentWriter, type WriteOptions } from './fragment-writer.ts';
import { indexesNamedBy } from './reclaim.ts';
import type { Session } from '../session/session.ts';
import { PUT_ID_BYTES, type Slot } from '../format/slot.ts';

/** A store that stays away longer than `giveUpMs` ends the compaction; the next one begins anew. */
export type CompactOptions = WriteOptions;

/** What a compaction brought about. */
export interface Compacted {
  readonly plan: Plan;
  /** Slots below the new floor that are neither FENCE nor FILLER, ascending. */
  readonly deletable: readonly number[];
  /** Index objects of the CHECKPOINTs among them. */
  readonly indexes: readonly string[];
  /** Fragments written, and their content bytes. */
  readonly written: readonly Fragment[];
}

/** An index of a journal that was never compacted. */
export const NO_INDEX: CompactionIndex = {
  floor: 0,
  end: 0,
  lastPutId: new Uint8Array(PUT_ID_BYTES),
  fragments: [],
  pruned: [],
  fences: [],
  retired: [],
  reclaimed: 0,
  proof: undefined,
  deleted: false,
};

/** GETs of slots at once. Compaction is never urgent, and a session has reads of its own. */
const SLOTS_IN_FLIGHT = 8;
/**
 * Bytes of slots that are asked for or wait for their turn: two of 4 MiB, for each of which twice as much is set aside, or eight small ones. A distant
 * store then gives them faster than one connection takes the fragment.
 */
const SLOTS_AHEAD_BYTES: number = 16 * 1024 * 1024;

/** The trailing fragments to merge with `newBytes` of new content that begins at `begin`; pure. The rest stays. */
export function splitForMerge(
  fragments: readonly Fragment[],
  begin: number,
  newBytes: number,
  fragmentBytes: number,
): { readonly kept: readonly Fragment[]; readonly merged: readonly Fragment[] } {
  if (newBytes === 0) return { kept: fragments, merged: [] };
  let first = fragments.length;
  let at = begin;
  let bytes = newBytes;
  while (first > 0) {
    const fragment = fragments[first - 1]!;
    const length = fragment.end - fragment.begin;
    if (fragment.end !== at || length > bytes || length + bytes > fragmentBytes) break;
    first--;
    at = fragment.begin;
    bytes += length;
  }
  return { kept: fragments.slice(0, first), merged: fragments.slice(first) };
}

/**
 * Compacts everything confirmed so far; undefined when there is nothing below the head that is not compacted.
 * @param base the newest plan of the journal; undefined when it was never compacted
 * @param verified whether a fragment of this process was read back already (C4)
 * @throws DataLossError, CorruptSlotError, CorruptFragmentError, CompactionError, StoreError, FencedError and the other errors of a session
 */
export async function compact(
  session: Session,
  base: Plan | undefined,
  verified: boolean,
  options: CompactOptions,
): Promise<Compacted | undefined> {
  const { journal } = session;
  const target = session.confirmed;
  const index = base?.index ?? NO_INDEX;
  if (target.nextSeq <= index.floor) return undefined;
  const { kept, merged } = splitForMerge(
    index.fragments,
    index.end,
    target.offset - index.end,
    options.fragmentBytes,
  );
  const range = { begin: merged[0]?.begin ?? index.end, end: target.offset };
  const begin = (): FragmentWriter => new FragmentWriter(journal, range, verified, options);
  const writer = await writerBehind(journal, merged, begin, options);
  const fences: PastFence[] = [];
  const deletable: number[] = [];
  const indexes: string[] = [];
  let cursor: JournalCursor = base ? floorCursor(base) : START;
  try {
    for await (const slot of slotsOf(journal, index.floor, target.nextSeq, index.end, options)) {
      const step = advance(cursor, slot);
      cursor = step.cursor;
      if (slot.kind === 'data' || slot.kind === 'checkpoint') deletable.push(slot.seq);
      indexes.push(...indexesNamedBy(journal, slot));
      if (!step.live) continue;
      if (slot.kind === 'fence') fences.push({ seq: slot.seq, offset: cursor.offset });
      if (slot.kind === 'data') await writer.push(slot.payload);
    }
  } finally {
    writer.stop();
  }
  assert(cursor.offset === target.offset, 'C1: the slots hold what the session confirmed', {
    slots: cursor.offset,
    session: target.offset,
  });
  const written = writer.finish();
  const next: CompactionIndex = {
    floor: target.nextSeq,
    end: target.offset,
    lastPutId: cursor.lastPutId!,
    fragments: [...kept, ...written],
    pruned: index.pruned,
    fences: [...index.fences, ...fences],
    retired: [...index.retired, ...merged],
    reclaimed: index.reclaimed,
    proof: undefined,
    deleted: false,
  };
  return { plan: await publish(session, next, options), deletable, indexes, written };
}

/** The newest plan as a session has found the journal; undefined when it was never compacted. @throws DataLossError, CorruptSlotError, StoreError */
export async function basePlan(session: Session, signal?: AbortSignal): Promise<Plan | undefined> {
  const { journal, confirmed } = session;
  const seq = confirmed.checkpointSeq;
  if (seq === undefined) return undefined;
  const slot = await readSlot(journal, seq, signal);
  if (slot?.kind !== 'checkpoint')
    throw new DataLossError(journal.name, 0, undefined, `CHECKPOINT slot ${seq} is missing`);
  return await planOf(journal, slot, signal);
}

/** Publishes an index in a CHECKPOINT of the session (C5). @throws CompactionError and the errors of a session */
export async function publish(
  session: Session,
  index: CompactionIndex,
  options: CompactOptions,
): Promise<Plan> {
  const problem = indexProblem(index);
  assert(problem === undefined, 'N1: an index accounts for every byte', { problem });
  assert(index.floor > session.fenceSeq, 'N2: the floor lies behind the fence of the session');
  const bytes = encodeIndex(index);
  const payload = checkpointPayload(bytes, index.deleted);
  if (payload !== bytes) {
    const key = indexKey(session.journal, await sha1HexOf(bytes));
    await createObject(session.journal, key, bytes, options);
  }
  const seq = await session.checkpoint(payload);
  return { seq, index, session: session.fenceSeq, registers: session.registers };
}

/**
 * A writer that has taken the content of all fragments that are merged. All of it goes into one fragment, of which nothing is written before there is new
 * content too: so a damaged answer costs no more than a new beginning.
 * @throws DataLossError, CorruptFragmentError, StoreError
 */
async function writerBehind(
  journal: Journal,
  merged: readonly Fragment[],
  begin: () => FragmentWriter,
  options: CompactOptions,
): Promise<FragmentWriter> {
  for (let attempt = 1; ; attempt++) {
    const writer = begin();
    const damage = await takeMerged(journal, merged, writer, attempt > 1, options);
    if (!damage) return writer;
    writer.stop();
    if (attempt === CORRUPT_ATTEMPTS) throw damage;
  }
}

/** Merges fragments into a writer; what was wrong with one of them. */
async function takeMerged(
  journal: Journal,
  merged: readonly Fragment[],
  writer: FragmentWriter,
  fresh: boolean,
  { signal }: CompactOptions,
): Promise<CorruptFragmentError | undefined> {
  const into = (piece: Uint8Array): Promise<void> => writer.push(piece);
  for (const fragment of merged) {
    const passed = await passFragment(journal, fragment, { into, fresh, signal });
    if (passed === 'absent')
      throw new DataLossError(
        journal.name,
        fragment.begin,
        fragment.end,
        'the fragment that holds it does not exist',
      );
    if (passed !== 'right') return corrupt(journal, fragment, passed);
  }
  return undefined;
}

/** Slots [floor, end) in order, some of them read ahead; the memory of one is used again when the next one is asked for. @throws DataLossError when one is missing */
async function* slotsOf(
  journal: Journal,
  floor: number,
  end: number,
  offset: number,
  { clock, signal }: CompactOptions,
): AsyncGenerator<Slot> {
  const ahead = new SlotsAhead(journal, clock, slotOf, {
    requests: SLOTS_IN_FLIGHT,
    slots: SLOTS_IN_FLIGHT,
    bytes: SLOTS_AHEAD_BYTES,
    end,
  });
  for (let seq = floor; seq < end; seq++) {
    const { slot, done } = await ahead.take(seq, signal);
    if (!slot)
      throw new DataLossError(journal.name, offset, undefined, `slot ${seq}, not yet compacted, is missing`);
    ahead.grow();
    yield slot;
    done();
  }
}
