/**
 * A journal made slot by slot, without a session: valid unless told otherwise, and open to every kind of damage.
 */
import { concatBytes, EMPTY_BYTES, sha1Hex, utf8, type Random } from '../../base/index.ts';
import type { ObjectStore } from '../../store/index.ts';
import { NO_INDEX } from '../compaction/compact.ts';
import { encodeIndex, type CompactionIndex } from '../format/compaction-index.ts';
import { fragmentKey, type Fragment } from '../format/fragment.ts';
import { slotKey, type Journal } from '../names.ts';
import { encodeSlot, PUT_ID_BYTES, ZERO_PUT_ID, type Slot } from '../format/slot.ts';

export class BuiltJournal {
  /** As they are to be encoded; a hole where there is to be none. */
  readonly slots: (Slot | undefined)[] = [];
  readonly #random: Random;
  #offset = 0;
  #session: { readonly seq: number; readonly author: number; readonly term: number } | undefined;
  readonly #void = new Set<number>();
  #checkpoint: number | undefined;
  #index: CompactionIndex = NO_INDEX;
  readonly #fragments = new Map<Fragment, Uint8Array>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** Opens a session: term one higher than before unless told. */
  fence(given: { readonly term?: number; readonly author?: number; readonly leap?: boolean } = {}): this {
    const seq = this.slots.length;
    const {
      term = (this.#session?.term ?? 0) + 1,
      author = 1 + this.#random.below(2 ** 32 - 1),
      leap = false,
    } = given;
    this.#session = { seq, author, term };
    const registers = { author: author.toString(32), term: String(term) };
    return this.#add({
      kind: 'fence',
      session: seq,
      author,
      leap,
      registers,
      previousPutId: leap ? ZERO_PUT_ID : this.#last(),
    });
  }

  /** A leap fence that came too late: another author has its term already. It opens nothing. */
  voidLeap(): this {
    const term = this.#session!.term;
    const author = 1 + this.#random.below(2 ** 32 - 1);
    const seq = this.slots.length;
    const registers = { author: author.toString(32), term: String(term) };
    this.#void.add(seq);
    return this.#add({
      kind: 'fence',
      session: seq,
      author,
      leap: true,
      registers,
      previousPutId: ZERO_PUT_ID,
    });
  }

  data(content: string | Uint8Array): this {
    const payload = typeof content === 'string' ? utf8(content) : content;
    const end = this.#offset + payload.length;
    this.#add({ payload, end });
    this.#offset = end;
    return this;
  }

  filler(): this {
    return this.#add({ kind: 'filler' });
  }

  /** Compacts everything so far: a fragment of what is new, and the CHECKPOINT that names it. What it makes superfluous stays until `reclaim`. */
  checkpoint(): this {
    const { author, term } = this.#session!;
    const seq = this.slots.length;
    const { end: begin, floor, fragments, fences } = this.#index;
    const content = concatBytes(
      this.slots
        .slice(floor)
        .flatMap((slot) => (slot?.kind === 'data' && slot.end > begin ? [slot.payload] : [])),
    );
    const fragment = {
      begin,
      end: this.#offset,
      sha1: sha1Hex(content),
      codec: 'raw' as const,
      storedBytes: content.length,
    };
    if (content.length > 0) this.#fragments.set(fragment, content);
    this.#index = {
      ...this.#index,
      floor: seq,
      end: this.#offset,
      lastPutId: this.#last(),
      fragments: content.length > 0 ? [...fragments, fragment] : fragments,
      fences: [...fences, ...this.#fencesFrom(floor)],
    };
    const registers = { author: author.toString(32), term: String(term) };
    this.#add({ kind: 'checkpoint', payload: encodeIndex(this.#index), registers });
    this.#checkpoint = seq;
    return this;
  }

  /** Deletes what the newest CHECKPOINT has made superfluous. */
  reclaim(): this {
    for (let seq = 0; seq < this.#index.floor; seq++)
      if (this.slots[seq]?.kind === 'data' || this.slots[seq]?.kind === 'checkpoint')
        this.slots[seq] = undefined;
    return this;
  }

  /** First slot that readers need. */
  get floor(): number {
    return this.#index.floor;
  }

  /** End of the content. */
  get end(): number {
    return this.#offset;
  }

  /** Any slot, with the fields that a DATA slot of the session would have where none are given. */
  slot(fields: Partial<Slot>): this {
    return this.#add(fields);
  }

  /** The objects, by key. */
  objects(journal: Journal): Map<string, Uint8Array> {
    const objects = new Map<string, Uint8Array>();
    for (const [seq, slot] of this.slots.entries())
      if (slot) objects.set(slotKey(journal, seq), encodeSlot(slot));
    for (const [fragment, content] of this.#fragments) objects.set(fragmentKey(journal, fragment), content);
    return objects;
  }

  /** A leap fence stands where the content was when it took effect, whatever its writer knew. */
  #fencesFrom(floor: number): { readonly seq: number; readonly offset: number }[] {
    let offset = this.#index.end;
    return this.slots.slice(floor).flatMap((slot, i) => {
      if (slot?.kind === 'data' && slot.end > offset) offset = slot.end;
      return slot?.kind === 'fence' && !this.#void.has(slot.seq) ? [{ seq: floor + i, offset }] : [];
    });
  }

  #last(): Uint8Array {
    return this.slots.at(-1)?.putId ?? ZERO_PUT_ID;
  }

  #add(fields: Partial<Slot>): this {
    this.slots.push({
      kind: 'data',
      codec: 'raw',
      leap: false,
      seq: this.slots.length,
      begin: this.#offset,
      end: fields.begin ?? this.#offset,
      session: this.#session?.seq ?? 0,
      author: this.#session?.author ?? 0,
      putId: this.#random.bytes(PUT_ID_BYTES),
      previousPutId: this.#last(),
      checkpoint: this.#checkpoint,
      registers: {},
      payload: EMPTY_BYTES,
      ...fields,
    });
    return this;
  }
}

/** Puts every object into the store. */
export async function putObjects(
  store: ObjectStore,
  objects: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  for (const [key, body] of objects) await store.create(key, body);
}
