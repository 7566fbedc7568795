/**
 * The content of a fragment as it passes by, once and in its order: for whoever checks it or writes it anew, and need not hold it.
 *
 * V1  What passes is not to be believed before `right` is the answer (G2 of fragment.ts): whatever was made of it until then is thrown away otherwise.
 * V2  Held at most: PASS_REQUESTS ranges, and what a decompressor holds (codec-stream.ts).
 * V3  When this settles, no request of it is under way.
 */
import { Sha1 } from '../../base/index.ts';
import type { StoredObject } from '../../store/index.ts';
import { CodecError } from '../format/codec.ts';
import { decompressing } from '../format/codec-stream.ts';
import { CorruptFragmentError } from '../errors.ts';
import { fragmentKey, type Fragment } from '../format/fragment.ts';
import type { Journal } from '../names.ts';
import { CORRUPT_ATTEMPTS } from './read-fragment.ts';

/** Bytes of one GET: digesting one takes 3 ms. */
const RANGE_BYTES: number = 4 * 1024 * 1024;
/** One that passes, and the next one on its way. */
const PASS_REQUESTS = 2;

export interface PassOptions {
  /** Takes each piece, and is done with it when that settles. */
  readonly into?: (piece: Uint8Array) => Promise<void>;
  /** On new connections: an answer before was damaged. */
  readonly fresh: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What was wrong with the object. */
export interface Damaged {
  readonly problem: string;
}

/** Lets all of a fragment pass. `absent`: the store says that it does not exist. @throws StoreError, the signal's reason, what `into` throws */
export async function passFragment(
  journal: Journal,
  fragment: Fragment,
  { into, fresh, signal }: PassOptions,
): Promise<'right' | 'absent' | Damaged> {
  const { begin, end, codec, storedBytes } = fragment;
  const object = new PassingObject(journal, fragment, fresh, signal);
  const sha1 = new Sha1();
  try {
    const lengths = { stored: storedBytes, content: end - begin };
    for await (const piece of decompressing(codec, object.ranges(), lengths)) {
      sha1.update(piece);
      await into?.(piece);
    }
  } catch (error) {
    if (object.unusable) return object.unusable;
    if (error instanceof CodecError) return { problem: `${error.code}: ${error.message}` };
    throw error;
  }
  const found = sha1.hex();
  return found === fragment.sha1 ? 'right' : { problem: `its SHA-1 is ${found}` };
}

/** Whether a fragment is there; all of it is read and has the digest of its name. @throws CorruptFragmentError, StoreError, the signal's reason */
export async function isWhole(journal: Journal, fragment: Fragment, signal?: AbortSignal): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    const passed = await passFragment(journal, fragment, { fresh: attempt > 1, signal });
    if (typeof passed === 'string') return passed === 'right';
    if (attempt === CORRUPT_ATTEMPTS) throw corrupt(journal, fragment, passed);
  }
}

export function corrupt(journal: Journal, fragment: Fragment, { problem }: Damaged): CorruptFragmentError {
  return new CorruptFragmentError(fragmentKey(journal, fragment), fragment.begin, fragment.end, problem);
}

class PassingObject {
  /** Set when `ranges` has thrown because of what the store has, or has not. */
  unusable: 'absent' | Damaged | undefined;
  readonly #journal: Journal;
  readonly #fragment: Fragment;
  readonly #fresh: boolean;
  readonly #signal: AbortSignal | undefined;

  constructor(journal: Journal, fragment: Fragment, fresh: boolean, signal: AbortSignal | undefined) {
    this.#journal = journal;
    this.#fragment = fragment;
    this.#fresh = fresh;
    this.#signal = signal;
  }

  /** The object in its order, some of it read ahead (V2); a range's memory is used again when the next one is asked for. */
  async *ranges(): AsyncGenerator<Uint8Array, void, undefined> {
    const { storedBytes } = this.#fragment;
    const ahead: Promise<StoredObject | undefined>[] = [];
    let next = 0;
    try {
      for (let start = 0; start < storedBytes; start += RANGE_BYTES) {
        for (; next < storedBytes && ahead.length < PASS_REQUESTS; next += RANGE_BYTES)
          ahead.push(this.#get(next, Math.min(storedBytes, next + RANGE_BYTES)));
        const found = await ahead.shift()!;
        this.#check(found, Math.min(storedBytes, start + RANGE_BYTES) - start);
        yield found.body;
        found.release?.();
      }
    } finally {
      await Promise.allSettled(ahead); // V3
    }
  }

  #get(start: number, end: number): Promise<StoredObject | undefined> {
    const key = fragmentKey(this.#journal, this.#fragment);
    const call = { range: { start, end }, signal: this.#signal, freshConnection: this.#fresh };
    const get = this.#journal.store.get(key, call);
    get.catch(() => undefined); // seen when its turn comes
    return get;
  }

  #check(found: StoredObject | undefined, bytes: number): asserts found is StoredObject {
    if (!found) this.unusable = 'absent';
    else if (found.size !== this.#fragment.storedBytes || found.body.length !== bytes)
      this.unusable = { problem: 'the object has another length than its index says' };
    if (this.unusable) throw new Error('the object is of no use'); // passFragment says why
  }
}
