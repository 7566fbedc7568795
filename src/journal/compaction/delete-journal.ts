/**
 * Deleting a whole journal: a tombstone in the log, a grace, then everything that the log names (s3log.md §6.8).
 *
 *   not deleted -> [FENCE, tombstone CHECKPOINT] -> deleted -> [grace] -> fragments, indexes, DATA and CHECKPOINT slots -> FENCE and FILLER slots
 *     -> the tombstone's FENCE -> the tombstone -> nothing
 *
 * W1  From the tombstone on the log says that it is deleted, to readers and to whoever would open it; the slot that says it goes last of all. So whatever a
 *     crash leaves is a journal like before, a deleted one, or nothing; and a rerun finishes it.
 * W2  FENCE and FILLER slots go after everything else: they are what keeps a paused writer out (s3log.md §6.4). Whoever could still write has ended, or was
 *     away for longer than the grace; a process that wakes even later finds its generation empty, and no later life of the name has the same one (H20).
 * W3  Fragments have no generation in their names (they are Gazette's). Only those go that this generation's tombstone names, kept or retired; and none while
 *     another life of the name is not deleted, because it may hold the very same content under the same name. Then the tombstone stays as well, so
 *     that a rerun can finish. What is not named stays, here as everywhere (compaction-index.ts N3).
 * W4  Names that no slot, no index and no hints have stay, and are counted. Hints go with the content: without it they are of no use.
 */
import type { Clock, Logger, Random } from '../../base/index.ts';
import { takeJournal, type CompactStep } from './compact-journal.ts';
import { basePlan, NO_INDEX, publish } from './compact.ts';
import { decodeCheckpoint, mergeRanges, type CompactionIndex } from '../format/compaction-index.ts';
import { DEFAULT_COMPACTOR_OPTIONS } from './compactor-options.ts';
import { CorruptSlotError, JournalDeletedError } from '../errors.ts';
import { fragmentKey } from '../format/fragment.ts';
import { listJournals } from '../inspect/list-slots.ts';
import { highestSlot } from '../read/listed-slots.ts';
import {
  checkJournal,
  generationPrefix,
  hintsTerm,
  indexDigest,
  indexKey,
  slotKey,
  slotSeq,
  type Journal,
} from '../names.ts';
import { findPlan, readIndexObject } from '../read/plan.ts';
import { readSlot, readSlotHead } from '../read/read-slot.ts';
import { eachOf } from './reclaim.ts';
import type { Session } from '../session/session.ts';
import type { SlotKind } from '../format/slot.ts';

export interface DeleteJournal {
  /** Of the session that publishes the tombstone. By default one above the log's. */
  readonly term?: number | undefined;
  /** From the tombstone, or from the beginning of a rerun, to the first deletion, ms. */
  readonly graceMs?: number;
  /** Who wanted it and why: goes into the tombstone. */
  readonly reason: string;
  readonly onStep?: (step: DeleteStep) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger;
  readonly signal?: AbortSignal | undefined;
}

export type DeleteStep =
  | Extract<CompactStep, { kind: 'fencing' | 'waiting' | 'deleting' }>
  | { readonly kind: 'tombstone'; readonly seq: number };

export interface DeleteReport {
  /** absent: there was nothing. shared: fragments and tombstone stay, because these other lives of the name are not deleted (W3). */
  readonly kind: 'deleted' | 'absent' | 'shared';
  readonly lives: readonly string[];
  /** Objects deleted by this call. */
  readonly slots: number;
  readonly fragments: number;
  readonly indexes: number;
  readonly hints: number;
  /** W4 */
  readonly strangers: number;
}

const NOTHING: DeleteReport = {
  kind: 'absent',
  lives: [],
  slots: 0,
  fragments: 0,
  indexes: 0,
  hints: 0,
  strangers: 0,
};
/** Looks for objects that a LIST did not show at first, before the tombstone goes. */
const MAX_ROUNDS = 8;

interface Tombstone {
  readonly seq: number;
  /** Slot of its session's FENCE. */
  readonly fenceSeq: number;
  /** Undefined when its object is gone: the fragments that it named are, too. */
  readonly index: CompactionIndex | undefined;
  /** Its index object, where there is one. */
  readonly indexSha1: string | undefined;
}

/**
 * Deletes the journal (W1-W4). Opening a session fences its writer. To be called again after a crash or an error.
 * @throws StaleTermError, FencedError, DataLossError and CorruptSlotError (a log that cannot be read to its end cannot be fenced), StoreError, the signal's reason
 */
export async function deleteJournal(journal: Journal, how: DeleteJournal): Promise<DeleteReport> {
  const { clock, signal, onStep, graceMs = DEFAULT_COMPACTOR_OPTIONS.graceMs } = how;
  checkJournal(journal);
  if ((await highestSlot(journal, signal)) === undefined) return NOTHING;
  const stone = (await findTombstone(journal, signal)) ?? (await bury(journal, how));
  onStep?.({ kind: 'tombstone', seq: stone.seq });
  onStep?.({ kind: 'waiting', graceMs });
  await clock.sleep(graceMs, signal);
  const lives = await otherLives(journal, signal);
  const removal = new Removal(journal, stone, how);
  const fragments = lives.length === 0 ? await removal.fragments() : 0;
  const contents = await removal.contents(lives.length > 0);
  if (lives.length > 0) return { kind: 'shared', lives, fragments, ...contents };
  const slots = contents.slots + (await removal.tombstone());
  return { kind: 'deleted', lives, fragments, ...contents, slots };
}

/** W1: the tombstone, by a session of ours that ends with it. */
async function bury(journal: Journal, how: DeleteJournal): Promise<Tombstone> {
  const { clock, random, signal, reason } = how;
  const { session } = await takeJournal(journal, how);
  const { giveUpMs } = DEFAULT_COMPACTOR_OPTIONS;
  try {
    const index = await tombstoneIndex(session, reason, signal);
    await publish(session, index, { codec: 'raw', fragmentBytes: 1, giveUpMs, clock, random, signal });
  } catch (error) {
    session.abandon('the journal could not be marked as deleted');
    throw error;
  }
  await session.close();
  const stone = await findTombstone(journal, signal);
  if (!stone) throw new CorruptSlotError(journal.name, 'its tombstone was written and is not there');
  return stone;
}

/** Names what there is; content that is in slots only is given up. */
async function tombstoneIndex(
  session: Session,
  reason: string,
  signal: AbortSignal | undefined,
): Promise<CompactionIndex> {
  const { index } = (await basePlan(session, signal)) ?? { index: NO_INDEX };
  const { nextSeq, offset, lastPutId } = session.confirmed;
  const rest = offset > index.end ? [{ begin: index.end, end: offset }] : [];
  return {
    ...index,
    floor: nextSeq,
    end: offset,
    lastPutId: lastPutId!,
    pruned: mergeRanges([...index.pruned, ...rest]),
    fences: [],
    proof: reason,
    deleted: true,
  };
}

/** The tombstone of a deleted journal; undefined for one that is not. @throws StoreError, CorruptSlotError */
async function findTombstone(
  journal: Journal,
  signal: AbortSignal | undefined,
): Promise<Tombstone | undefined> {
  try {
    await findPlan(journal, signal);
    return undefined;
  } catch (error) {
    if (!(error instanceof JournalDeletedError)) throw error;
    return await readTombstone(journal, error.seq, signal);
  }
}

async function readTombstone(
  journal: Journal,
  seq: number,
  signal: AbortSignal | undefined,
): Promise<Tombstone | undefined> {
  const slot = await readSlot(journal, seq, signal);
  if (!slot) return undefined;
  const where = `${journal.name} #${seq}`;
  const content = decodeCheckpoint(slot.payload, where);
  const found = { seq, fenceSeq: slot.session };
  if (content.kind === 'index') return { ...found, index: content.index, indexSha1: undefined };
  const { sha1 } = content;
  const isThere = await journal.store.head(indexKey(journal, sha1), { signal });
  const index = isThere ? await readIndexObject(journal, sha1, where, signal) : undefined;
  return { ...found, index, indexSha1: sha1 };
}

/** Other generations of the name that are not deleted (W3). */
async function otherLives(journal: Journal, signal: AbortSignal | undefined): Promise<readonly string[]> {
  const lives: string[] = [];
  for await (const { name, generation } of listJournals(journal.store, { name: journal.name, signal })) {
    if (generation === journal.generation) continue;
    try {
      await findPlan({ store: journal.store, name, generation }, signal);
      lives.push(generation);
    } catch (error) {
      if (error instanceof CorruptSlotError) lives.push(generation); // nobody knows what it holds
      else if (!(error instanceof JournalDeletedError)) throw error;
    }
  }
  return lives;
}

/** What is deleted, in its order. */
class Removal {
  readonly #journal: Journal;
  readonly #stone: Tombstone;
  readonly #how: DeleteJournal;

  constructor(journal: Journal, stone: Tombstone, how: DeleteJournal) {
    this.#journal = journal;
    this.#stone = stone;
    this.#how = how;
  }

  /** Every fragment that the tombstone names. @returns how many */
  async fragments(): Promise<number> {
    const { index } = this.#stone;
    const named = [...(index?.fragments ?? []), ...(index?.retired ?? [])];
    await this.#delete(named.map((fragment) => fragmentKey(this.#journal, fragment)));
    return named.length;
  }

  /** Everything of the generation but the tombstone and its FENCE; all FENCEs and the tombstone's index stay when the tombstone does (W2). */
  async contents(
    staysDeleted: boolean,
  ): Promise<Pick<DeleteReport, 'slots' | 'indexes' | 'hints' | 'strangers'>> {
    const total = { slots: 0, indexes: 0, hints: 0, strangers: 0 };
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { content, barriers, indexes, hints, strangers } = await this.#look(staysDeleted);
      total.strangers = strangers;
      const last = staysDeleted ? [] : barriers;
      if (content.length + last.length + indexes.length + hints.length === 0) break;
      await this.#delete(hints);
      await this.#delete(indexes.map((sha1) => indexKey(this.#journal, sha1)));
      await this.#deleteSlots(content);
      await this.#deleteSlots(last);
      total.slots += content.length + last.length;
      total.indexes += indexes.length;
      total.hints += hints.length;
    }
    return total;
  }

  /** The FENCE, then the tombstone itself (W1). @returns how many */
  async tombstone(): Promise<number> {
    const { seq, fenceSeq } = this.#stone;
    for (const last of [fenceSeq, seq]) await this.#delete([slotKey(this.#journal, last)]);
    return 2;
  }

  async #look(keepIndex: boolean): Promise<{
    readonly content: readonly number[];
    readonly barriers: readonly number[];
    readonly indexes: readonly string[];
    /** Keys. */
    readonly hints: readonly string[];
    readonly strangers: number;
  }> {
    const { store } = this.#journal;
    const { signal } = this.#how;
    const prefix = generationPrefix(this.#journal);
    const [slots, indexes, hints]: [number[], string[], string[]] = [[], [], []];
    let strangers = 0;
    for (let startAfter: string | undefined, more = true; more;) {
      const { objects, truncated } = await store.list(prefix, { startAfter, signal });
      for (const { key } of objects) {
        const seq = slotSeq(this.#journal, key);
        const digest = indexDigest(this.#journal, key);
        if (seq !== undefined) slots.push(seq);
        else if (hintsTerm(this.#journal, key) !== undefined) hints.push(key);
        else if (digest === undefined) strangers++;
        else if (!keepIndex || digest !== this.#stone.indexSha1) indexes.push(digest);
      }
      startAfter = objects.at(-1)?.key;
      more = truncated && startAfter !== undefined;
    }
    const [content, barriers]: [number[], number[]] = [[], []];
    const { seq: stone, fenceSeq } = this.#stone;
    const others = slots.filter((seq) => seq !== stone && seq !== fenceSeq);
    await eachOf(others, async (seq) => {
      const kind = await this.#kindOf(seq);
      if (kind !== 'gone') (kind === 'data' || kind === 'checkpoint' ? content : barriers).push(seq);
    });
    return { content, barriers, indexes, hints, strangers };
  }

  /** A slot whose head is damaged may be a FENCE. */
  async #kindOf(seq: number): Promise<SlotKind | 'damaged' | 'gone'> {
    try {
      return (await readSlotHead(this.#journal, seq, this.#how.signal))?.kind ?? 'gone';
    } catch (error) {
      if (error instanceof CorruptSlotError) return 'damaged';
      throw error;
    }
  }

  async #deleteSlots(seqs: readonly number[]): Promise<void> {
    await this.#delete([...seqs].sort((a, b) => b - a).map((seq) => slotKey(this.#journal, seq)));
  }

  async #delete(keys: readonly string[]): Promise<void> {
    const { signal, onStep } = this.#how;
    if (keys.length > 0) onStep?.({ kind: 'deleting', objects: keys.length });
    await eachOf(keys, (key) => this.#journal.store.delete(key, { signal }));
  }
}
