/**
 * Reclaiming what a CHECKPOINT has made superfluous (s3log.md §6.7 C6, §6.8 P6).
 *
 * K1  Only what is named is deleted: slots known by their own header to be DATA or CHECKPOINT, below the floor of a CHECKPOINT of this session or one
 *     before it, fragments that its index retires, and the index objects of CHECKPOINTs that go. FENCE and FILLER slots are never deleted (s3log.md §6.4).
 * K2  Not before the grace has passed since this process saw the CHECKPOINT confirmed, by its own monotonic clock: readers with an old plan may
 *     finish, and no LIST is so late that it hides the floor from a stale opener (§6.4 F4).
 * K3  Highest first. A crash leaves some; the next session's sweep finds them. An index object goes before its CHECKPOINT, by which alone it is found; whoever
 *     meets that CHECKPOINT without it takes it for removed (plan.ts A5).
 * K4  A session that has deleted everything below a floor says so in its next index (`reclaimed`), and no sweep looks below that again: what a handoff
 *     costs does not grow with the handoffs before it. A PUT that comes so late that its slot is reclaimed leaves one object, which no reader
 *     believes (reader.ts) and which goes with the journal.
 */
import { CorruptSlotError } from '../errors.ts';
import { indexKey, slotKey, slotPrefix, slotSeq, type Journal } from '../names.ts';
import { decodeCheckpoint, type CompactionIndex } from '../format/compaction-index.ts';
import { fragmentKey, type Fragment } from '../format/fragment.ts';
import { readSlot, readSlotHead } from '../read/read-slot.ts';
import type { Slot } from '../format/slot.ts';

/** What may be deleted once its grace is over. */
export interface Superfluous {
  /** Slot numbers (K1). */
  readonly slots: readonly number[];
  readonly fragments: readonly Fragment[];
  /** Digests of index objects that CHECKPOINTs among the slots name (K3). */
  readonly indexes: readonly string[];
}

/** Slots that predecessors left, and the index objects of the CHECKPOINTs among them. */
export type Swept = Pick<Superfluous, 'slots' | 'indexes'>;

/** Requests at once: deleting is never urgent. */
const IN_FLIGHT = 8;

/** Deletes (K1, K3). @throws StoreError, the signal's reason */
export async function reclaim(
  journal: Journal,
  { slots, fragments, indexes }: Superfluous,
  signal?: AbortSignal,
): Promise<void> {
  const remove = (key: string): Promise<void> => journal.store.delete(key, { signal });
  const named = fragments.map((fragment) => fragmentKey(journal, fragment));
  await eachOf([...named, ...indexes.map((sha1) => indexKey(journal, sha1))], remove);
  await eachOf(
    [...slots].sort((a, b) => b - a).map((seq) => slotKey(journal, seq)),
    remove,
  );
}

/**
 * Slots below the floor that predecessors left: DATA and CHECKPOINT by their own header. Only where something may be left (K4), and FENCEs that the
 * index names are not asked. @throws StoreError, CorruptSlotError, the signal's reason
 */
export async function sweep(
  journal: Journal,
  { floor, reclaimed, fences }: Pick<CompactionIndex, 'floor' | 'reclaimed' | 'fences'>,
  signal?: AbortSignal,
): Promise<Swept> {
  const named = new Set(fences.map(({ seq }) => seq));
  const before = reclaimed > 0 ? slotKey(journal, reclaimed - 1) : undefined;
  const found: number[] = [];
  const indexes: string[] = [];
  for (let startAfter = before, more = reclaimed < floor; more;) {
    const page = await journal.store.list(slotPrefix(journal), { startAfter, signal });
    const below = page.objects
      .flatMap(({ key }) => slotSeq(journal, key) ?? [])
      .filter((seq) => seq < floor && !named.has(seq));
    await eachOf(below, async (seq) => {
      const kind = (await readSlotHead(journal, seq, signal))?.kind;
      if (kind === 'data' || kind === 'checkpoint') found.push(seq);
      if (kind === 'checkpoint') indexes.push(...(await indexesOf(journal, seq, signal)));
    });
    startAfter = page.objects.at(-1)?.key;
    const last = page.objects.at(-1) && slotSeq(journal, page.objects.at(-1)!.key);
    more = page.truncated && startAfter !== undefined && (last === undefined || last < floor);
  }
  return { slots: found.sort((a, b) => a - b), indexes };
}

/** The index object that a CHECKPOINT names, if any; none of one that is damaged: it is evidence. */
async function indexesOf(
  journal: Journal,
  seq: number,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  try {
    const slot = await readSlot(journal, seq, signal);
    return slot ? indexesNamedBy(journal, slot) : [];
  } catch (error) {
    if (error instanceof CorruptSlotError) return [];
    throw error;
  }
}

/** The digest of the index object that a CHECKPOINT slot names; none of other slots, and of one that has its index in itself. @throws CorruptSlotError */
export function indexesNamedBy(journal: Journal, { seq, kind, payload }: Slot): readonly string[] {
  if (kind !== 'checkpoint') return [];
  const content = decodeCheckpoint(payload, `${journal.name} #${seq}`);
  return content.kind === 'reference' ? [content.sha1] : [];
}

/** Works on each of some things, a few at once. */
export async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, items.length) }, worker));
}
