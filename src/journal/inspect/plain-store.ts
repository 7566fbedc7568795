/**
 * Plain content of journals, as a file holds it, shown as a store of slots that can only be read: so whatever reads a journal reads it too.
 *
 * X1  Slot 0 is the FENCE of a session that never was, slot n the content from (n - 1) * SLOT_CONTENT_BYTES on. The put-id of a slot is made of its number,
 *     so that each slot names the one before it.
 * X2  A slot is made when it is asked for: memory holds as many as are read at a time, whatever the length of the content.
 * X3  The content comes without checksums: damage in it shows only where what it says makes no sense.
 */
import { viewOf } from '../../base/index.ts';
import {
  compareKeys,
  LIST_PAGE_LIMIT,
  StoreError,
  type GetCall,
  type ListCall,
  type ListPage,
  type ObjectInfo,
  type ObjectStore,
  type StoredObject,
} from '../../store/index.ts';
import { encodeSlot, PUT_ID_BYTES, ZERO_PUT_ID, type Slot } from '../format/slot.ts';
import { slotKey, slotPrefix, slotSeq, type Journal } from '../names.ts';

/** Content bytes of a slot: what a session puts into one by default (session/options.ts). */
const SLOT_CONTENT_BYTES: number = 4 * 1024 * 1024;
const GENERATION = 'plain';
const AUTHOR = 1;
const REGISTERS = { author: AUTHOR.toString(32), term: '1' };

/** The bytes of a journal from offset 0 to its head. */
export interface PlainContent {
  /** Bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`, all of them there. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A journal of a plain store. */
export function plainJournal(store: ObjectStore, name: string): Journal {
  return { store, name, generation: GENERATION };
}

/** The journals of `contents`, by name. `url` is shown where a store's URL would be. */
export function plainStore(url: string, contents: ReadonlyMap<string, PlainContent>): ObjectStore {
  return new PlainStore(url, contents);
}

class PlainStore implements ObjectStore {
  readonly url: string;
  readonly #journals: readonly { readonly journal: Journal; readonly content: PlainContent }[];

  constructor(url: string, contents: ReadonlyMap<string, PlainContent>) {
    this.url = url;
    this.#journals = [...contents].map(([name, content]) => ({ journal: plainJournal(this, name), content }));
  }

  async create(): ReturnType<ObjectStore['create']> {
    return { kind: 'refused', cause: this.#readOnly() };
  }

  async delete(): Promise<void> {
    throw this.#readOnly();
  }

  async get(key: string, { range, signal }: GetCall = {}): Promise<StoredObject | undefined> {
    signal?.throwIfAborted();
    const found = this.#find(key);
    if (!found) return undefined;
    const bytes = await slotBytes(found.content, found.seq);
    return {
      body: range ? bytes.subarray(range.start, range.end) : bytes,
      size: bytes.length,
      lastModifiedMs: undefined,
    };
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const found = this.#find(key);
    return (
      found && { key, size: (await slotBytes(found.content, found.seq)).length, lastModifiedMs: undefined }
    );
  }

  async list(prefix: string, { startAfter = '', limit = LIST_PAGE_LIMIT }: ListCall = {}): Promise<ListPage> {
    const after = (key: string): boolean => key.startsWith(prefix) && compareKeys(key, startAfter) > 0;
    const keys: string[] = [];
    for (const { journal, content } of this.#journals) {
      const first = startAfter.startsWith(slotPrefix(journal)) ? (slotSeq(journal, startAfter) ?? 0) : 0;
      for (let seq = first; seq <= lastSeq(content) && seq <= first + limit + 1; seq++)
        if (after(slotKey(journal, seq))) keys.push(slotKey(journal, seq));
    }
    keys.sort(compareKeys);
    const objects = keys.slice(0, limit).map((key) => ({ key, size: 0, lastModifiedMs: undefined }));
    return { objects, truncated: keys.length > limit };
  }

  async close(): Promise<void> {
    // whoever gave the content has it open
  }

  #find(key: string): { readonly content: PlainContent; readonly seq: number } | undefined {
    for (const { journal, content } of this.#journals) {
      const seq = slotSeq(journal, key);
      if (seq !== undefined) return seq <= lastSeq(content) ? { content, seq } : undefined;
    }
    return undefined;
  }

  #readOnly(): StoreError {
    return new StoreError('STORE_DENIED', `${this.url} holds plain content, which is only read.`, {
      retryable: false,
    });
  }
}

function lastSeq({ size }: PlainContent): number {
  return Math.ceil(size / SLOT_CONTENT_BYTES);
}

/** X1 */
async function slotBytes(content: PlainContent, seq: number): Promise<Uint8Array> {
  const begin = Math.max(0, seq - 1) * SLOT_CONTENT_BYTES;
  const end = seq === 0 ? 0 : Math.min(content.size, begin + SLOT_CONTENT_BYTES);
  const slot: Slot = {
    kind: seq === 0 ? 'fence' : 'data',
    codec: 'raw',
    leap: false,
    seq,
    begin,
    end,
    session: 0,
    author: AUTHOR,
    putId: putId(seq),
    previousPutId: seq === 0 ? ZERO_PUT_ID : putId(seq - 1),
    checkpoint: undefined,
    registers: seq === 0 ? REGISTERS : {},
    payload: end > begin ? await content.read(begin, end - begin) : new Uint8Array(0),
  };
  return encodeSlot(slot);
}

function putId(seq: number): Uint8Array {
  const id = new Uint8Array(PUT_ID_BYTES);
  viewOf(id).setBigUint64(0, BigInt(seq + 1));
  return id;
}
