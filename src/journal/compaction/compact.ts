/**
 * One compaction: the content of confirmed slots becomes fragments, and a CHECKPOINT publishes them (s3log.md §6.7).
 *
 * C1  Only confirmed slots, read back from the store and checked like any reader checks them: what is compacted is what was durable.
 * C2  The digest is of the uncompressed content. C3 The PUT creates; a taken key has the same content or the verification says so.
 * C4  Every fragment is verified before it is named: its length always, its content for the first of a process, for a taken key, and for a sample.
 * C5  The CHECKPOINT is a slot of the session: a zombie cannot publish (hazard H12). Before it nothing has changed for anybody: a crash leaves
 *     an object that nobody names.
 * Small fragments at the end are merged into the new one while they are not larger than it, so their number grows with the logarithm.
 * Deletion (C6) is reclaim.ts.
 */
import { assert, backoffMs, concatBytes, sha1HexOf, type Clock, type Random } from '../../base/index.ts';
import { compress, type Codec } from '../format/codec.ts';
import {
  checkpointPayload,
  encodeIndex,
  indexProblem,
  type CompactionIndex,
  type PastFence,
} from '../format/compaction-index.ts';
import { advance, START, type JournalCursor } from '../read/cursor.ts';
import { CompactionError, DataLossError } from '../errors.ts';
import { fragmentKey, MAX_FRAGMENT_BYTES, type Fragment } from '../format/fragment.ts';
import { indexKey, type Journal } from '../names.ts';
import { MIN_SAVING } from '../session/options.ts';
import { floorCursor, planOf, type Plan } from '../read/plan.ts';
import { readFragment } from '../read/read-fragment.ts';
import { readSlot } from '../read/read-slot.ts';
import { RETRY } from '../retry.ts';
import { indexesNamedBy } from './reclaim.ts';
import type { Session } from '../session/session.ts';
import { PUT_ID_BYTES, type Slot } from '../format/slot.ts';

export interface CompactOptions {
  /** Compression of fragments that gain from it. */
  readonly codec: Codec;
  /** Most content of a fragment, bytes. */
  readonly fragmentBytes: number;
  /** A store that stays away longer than this ends the compaction; the next one begins anew. */
  readonly giveUpMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
  /** Told of every fragment that is written and verified. */
  readonly onFragment?: ((fragment: Fragment) => void) | undefined;
}

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

/** Slots read at once. */
const SLOTS_IN_FLIGHT = 8;
/** One fragment in this many is read back whole besides the first (C4). */
const READ_BACK_ONE_IN = 100;

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
  const builder = new FragmentBuilder(journal, merged[0]?.begin ?? index.end, verified, options);
  for (const fragment of merged) {
    const content = await readFragment(journal, fragment, options.signal);
    if (!content)
      throw new DataLossError(
        journal.name,
        fragment.begin,
        fragment.end,
        'the fragment that holds it does not exist',
      );
    for (const { bytes } of content) await builder.push(bytes);
  }
  const fences: PastFence[] = [];
  const deletable: number[] = [];
  const indexes: string[] = [];
  let cursor: JournalCursor = base ? floorCursor(base) : START;
  for await (const slot of slotsOf(journal, index.floor, target.nextSeq, index.end, options.signal)) {
    const step = advance(cursor, slot);
    cursor = step.cursor;
    if (slot.kind === 'data' || slot.kind === 'checkpoint') deletable.push(slot.seq);
    indexes.push(...indexesNamedBy(journal, slot));
    if (!step.live) continue;
    if (slot.kind === 'fence') fences.push({ seq: slot.seq, offset: cursor.offset });
    if (slot.kind === 'data') await builder.push(slot.payload);
  }
  assert(cursor.offset === target.offset, 'C1: the slots hold what the session confirmed', {
    slots: cursor.offset,
    session: target.offset,
  });
  const written = await builder.finish();
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

/** Slots [floor, end) in order, some of them read ahead. @throws DataLossError when one is missing */
async function* slotsOf(
  journal: Journal,
  floor: number,
  end: number,
  offset: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Slot> {
  const ahead: Promise<Slot | undefined>[] = [];
  let next = floor;
  for (let seq = floor; seq < end; seq++) {
    for (; next < end && next < seq + SLOTS_IN_FLIGHT; next++) {
      const read = readSlot(journal, next, signal);
      read.catch(() => undefined); // seen when its turn comes
      ahead.push(read);
    }
    const slot = await ahead.shift()!;
    if (!slot)
      throw new DataLossError(journal.name, offset, undefined, `slot ${seq}, not yet compacted, is missing`);
    yield slot;
  }
}

/** Cuts content into fragments and writes them. */
class FragmentBuilder {
  readonly #journal: Journal;
  readonly #options: CompactOptions;
  readonly #written: Fragment[] = [];
  #verified: boolean;
  #begin: number;
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(journal: Journal, begin: number, verified: boolean, options: CompactOptions) {
    assert(options.fragmentBytes > 0 && options.fragmentBytes <= MAX_FRAGMENT_BYTES, 'a fragment has a size');
    this.#journal = journal;
    this.#begin = begin;
    this.#verified = verified;
    this.#options = options;
  }

  async push(content: Uint8Array): Promise<void> {
    for (let at = 0; at < content.length;) {
      const part = content.subarray(at, at + this.#options.fragmentBytes - this.#bytes);
      this.#parts.push(part);
      this.#bytes += part.length;
      at += part.length;
      if (this.#bytes === this.#options.fragmentBytes) await this.#flush();
    }
  }

  async finish(): Promise<readonly Fragment[]> {
    if (this.#bytes > 0) await this.#flush();
    return this.#written;
  }

  async #flush(): Promise<void> {
    const content = concatBytes(this.#parts);
    const begin = this.#begin;
    this.#parts = [];
    this.#bytes = 0;
    this.#begin += content.length;
    const fragment = await this.#write(begin, content);
    this.#written.push(fragment);
    this.#options.onFragment?.(fragment);
  }

  async #write(begin: number, content: Uint8Array): Promise<Fragment> {
    const { codec: wanted, random } = this.#options;
    const compressed = await compress(wanted, content);
    const gains = compressed.length <= content.length * (1 - MIN_SAVING);
    const stored = gains ? compressed : content;
    const named = {
      begin,
      end: begin + content.length,
      sha1: await sha1HexOf(content),
      codec: gains ? wanted : ('raw' as const),
    };
    const key = fragmentKey(this.#journal, named);
    const outcome = await createObject(this.#journal, key, stored, this.#options);
    const info = await this.#journal.store.head(key, { signal: this.#options.signal });
    if (!info) throw new CompactionError(this.#journal.name, `${key} was written and is not there`);
    if (outcome === 'created' && info.size !== stored.length)
      throw new CompactionError(
        this.#journal.name,
        `${key} has ${info.size} bytes, ${stored.length} were written`,
      );
    const fragment: Fragment = { ...named, storedBytes: info.size };
    const readBack = !this.#verified || outcome === 'exists' || random.below(READ_BACK_ONE_IN) === 0;
    if (readBack && !(await readFragment(this.#journal, fragment, this.#options.signal)))
      throw new CompactionError(this.#journal.name, `${key} was written and cannot be read back`); // damage is thrown by the read
    this.#verified = true;
    return fragment;
  }
}

/** Creates an object whose name stands for its content, until that is known to have happened (C3). @throws StoreError, CompactionError */
async function createObject(
  journal: Journal,
  key: string,
  body: Uint8Array,
  { clock, random, giveUpMs, signal }: CompactOptions,
): Promise<'created' | 'exists'> {
  const startedMs = clock.monotonicMs();
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted();
    const outcome = await journal.store.create(key, body, { signal, freshConnection: attempt > 0 });
    if (outcome.kind === 'created' || outcome.kind === 'exists') return outcome.kind;
    if (outcome.kind === 'refused') throw outcome.cause;
    if (clock.monotonicMs() - startedMs >= giveUpMs)
      throw new CompactionError(journal.name, `the store did not take ${key}`, outcome.cause);
    await clock.sleep(backoffMs(RETRY, attempt, random), signal);
  }
}
