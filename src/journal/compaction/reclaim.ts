/**
 * Reclaiming what a CHECKPOINT has made superfluous (s3log.md §6.7 C6, §6.8 P6).
 *
 * K1  Only what is named is deleted: slots known by their own header to be DATA or CHECKPOINT, below the floor of a CHECKPOINT of this session or one
 *     before it, and fragments that its index retires. FENCE and FILLER slots are never deleted (s3log.md §6.4).
 * K2  Not before the grace has passed since this process saw the CHECKPOINT confirmed, by its own monotonic clock: readers with an old plan may
 *     finish, and no LIST is so late that it hides the floor from a stale opener (§6.4 F4).
 * K3  Highest first. A crash leaves some; the next session's sweep finds them.
 * K4  A session that has deleted everything below a floor says so in its next index (`reclaimed`), and no sweep looks below that again: what a handoff
 *     costs does not grow with the handoffs before it. A PUT that comes so late that its slot is reclaimed leaves one object, which no reader
 *     believes (reader.ts) and which goes with the journal.
 */
import { slotKey, slotPrefix, slotSeq, type Journal } from '../names.ts';
import type { CompactionIndex } from '../format/compaction-index.ts';
import { fragmentKey, type Fragment } from '../format/fragment.ts';
import { readSlotHead } from '../read/read-slot.ts';

/** What may be deleted once its grace is over. */
export interface Superfluous {
  /** Slot numbers (K1). */
  readonly slots: readonly number[];
  readonly fragments: readonly Fragment[];
}

/** Requests at once: deleting is never urgent. */
const IN_FLIGHT = 8;

/** Deletes (K1, K3). @throws StoreError, the signal's reason */
export async function reclaim(
  journal: Journal,
  { slots, fragments }: Superfluous,
  signal?: AbortSignal,
): Promise<void> {
  const keys = [
    ...fragments.map((fragment) => fragmentKey(journal, fragment)),
    ...[...slots].sort((a, b) => b - a).map((seq) => slotKey(journal, seq)),
  ];
  await eachOf(keys, (key) => journal.store.delete(key, { signal }));
}

/**
 * Slots below the floor that predecessors left: DATA and CHECKPOINT by their own header. Only where something may be left (K4), and FENCEs that the
 * index names are not asked. @throws StoreError, CorruptSlotError, the signal's reason
 */
export async function sweep(
  journal: Journal,
  { floor, reclaimed, fences }: Pick<CompactionIndex, 'floor' | 'reclaimed' | 'fences'>,
  signal?: AbortSignal,
): Promise<readonly number[]> {
  const named = new Set(fences.map(({ seq }) => seq));
  const before = reclaimed > 0 ? slotKey(journal, reclaimed - 1) : undefined;
  const found: number[] = [];
  for (let startAfter = before, more = reclaimed < floor; more;) {
    const page = await journal.store.list(slotPrefix(journal), { startAfter, signal });
    const below = page.objects
      .flatMap(({ key }) => slotSeq(journal, key) ?? [])
      .filter((seq) => seq < floor && !named.has(seq));
    await eachOf(below, async (seq) => {
      const kind = (await readSlotHead(journal, seq, signal))?.kind;
      if (kind === 'data' || kind === 'checkpoint') found.push(seq);
    });
    startAfter = page.objects.at(-1)?.key;
    const last = page.objects.at(-1) && slotSeq(journal, page.objects.at(-1)!.key);
    more = page.truncated && startAfter !== undefined && (last === undefined || last < floor);
  }
  return found.sort((a, b) => a - b);
}

/** Works on each of some things, a few at once. */
export async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, items.length) }, worker));
}
