/**
 * A journal made slot by slot, without a session: valid unless told otherwise, and open to every kind of damage.
 */
import { EMPTY_BYTES, utf8, type Random } from '../../base/index.ts';
import type { ObjectStore } from '../../store/index.ts';
import { slotKey, type Journal } from '../names.ts';
import { encodeSlot, PUT_ID_BYTES, ZERO_PUT_ID, type Slot } from '../slot.ts';

export class BuiltJournal {
  /** As they are to be encoded; a hole where there is to be none. */
  readonly slots: (Slot | undefined)[] = [];
  readonly #random: Random;
  #offset = 0;
  #session: { readonly seq: number; readonly author: number; readonly term: number } | undefined;
  #checkpoint: number | undefined;

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

  checkpoint(payload: Uint8Array = utf8('opaque')): this {
    const { author, term } = this.#session!;
    this.#add({
      kind: 'checkpoint',
      payload,
      registers: { author: author.toString(32), term: String(term) },
    });
    this.#checkpoint = this.slots.length - 1;
    return this;
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
    return objects;
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
