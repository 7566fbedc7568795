/**
 * Content, cut into fragments that are written and verified one after another (C2-C4 of compact.ts).
 *
 * W1  One fragment at a time: nothing of the next one is taken before the last one is verified. So what a compaction holds is one body and what is read
 *     ahead of it, and the store has one PUT of it at a time.
 * W2  The length of each fragment is known when it begins: all of the content is announced. Zstandard then writes it into the frame.
 * W3  Memory of a body is used again only when no attempt to create it may still be on its way.
 */
import { assert } from '../../base/index.ts';
import { CompactionError } from '../errors.ts';
import { fragmentKey, MAX_FRAGMENT_BYTES, type Fragment } from '../format/fragment.ts';
import type { Codec } from '../format/codec.ts';
import type { Journal } from '../names.ts';
import { isWhole } from '../read/pass-fragment.ts';
import { BlockMemory } from './blocks.ts';
import { createObject, type CreateObjectOptions } from './create-object.ts';
import { FragmentBody, type StoredBody } from './fragment-body.ts';
import type { Range } from '../format/compaction-index.ts';

export interface WriteOptions extends CreateObjectOptions {
  /** Compression of fragments that gain from it. */
  readonly codec: Codec;
  /** Most content of a fragment, bytes. */
  readonly fragmentBytes: number;
  /** Told of every fragment that is written and verified. */
  readonly onFragment?: ((fragment: Fragment) => void) | undefined;
}

/** One fragment in this many is read back whole besides the first (C4). */
const READ_BACK_ONE_IN = 100;

export class FragmentWriter {
  readonly #journal: Journal;
  readonly #options: WriteOptions;
  readonly #memory: BlockMemory;
  readonly #written: Fragment[] = [];
  #verified: boolean;
  /** Content that was not cut into fragments yet. */
  #begin: number;
  readonly #end: number;
  #body: FragmentBody | undefined;

  /** For the content `range`. `verified`: whether a fragment of this process was read back already. */
  constructor(journal: Journal, range: Range, verified: boolean, options: WriteOptions) {
    assert(options.fragmentBytes > 0 && options.fragmentBytes <= MAX_FRAGMENT_BYTES, 'a fragment has a size');
    this.#journal = journal;
    this.#begin = range.begin;
    this.#end = range.end;
    this.#verified = verified;
    this.#options = options;
    this.#memory = new BlockMemory(Math.min(options.fragmentBytes, range.end - range.begin));
  }

  /** Takes the next content; it is used up when that settles. @throws as compact() */
  async push(content: Uint8Array): Promise<void> {
    for (let at = 0; at < content.length;) {
      this.#body ??= this.#next();
      const part = content.subarray(at, at + this.#body.missing);
      await this.#body.push(part);
      at += part.length;
      if (this.#body.missing === 0) await this.#flush(this.#body);
    }
  }

  /** All fragments, when all of the content was taken. */
  finish(): readonly Fragment[] {
    assert(this.#begin === this.#end && !this.#body, 'W2: all content that was announced has come');
    return this.#written;
  }

  /** Ends it wherever it stands; nothing happens where it is at its end. */
  stop(): void {
    this.#body?.stop();
  }

  #next(): FragmentBody {
    const { codec, fragmentBytes } = this.#options;
    assert(this.#begin < this.#end, 'W2: no more content comes than was announced');
    return new FragmentBody(codec, Math.min(fragmentBytes, this.#end - this.#begin), this.#memory);
  }

  async #flush(body: FragmentBody): Promise<void> {
    const begin = this.#begin;
    const fragment = await this.#write(begin, begin + body.contentBytes, await body.finish());
    this.#body = undefined;
    this.#begin = fragment.end;
    this.#written.push(fragment);
    this.#options.onFragment?.(fragment);
  }

  async #write(begin: number, end: number, body: StoredBody): Promise<Fragment> {
    const { random, signal } = this.#options;
    const { codec, sha1 } = body;
    const named = { begin, end, sha1, codec };
    const key = fragmentKey(this.#journal, named);
    const outcome = await createObject(this.#journal, key, body.pieces, this.#options);
    const info = await this.#journal.store.head(key, { signal });
    if (!info) throw new CompactionError(this.#journal.name, `${key} was written and is not there`);
    if (outcome.kind === 'created' && info.size !== body.bytes)
      throw new CompactionError(
        this.#journal.name,
        `${key} has ${info.size} bytes, ${body.bytes} were written`,
      );
    const fragment: Fragment = { ...named, storedBytes: info.size };
    if (outcome.attempts === 1) body.free(); // W3
    const readBack = !this.#verified || outcome.kind === 'exists' || random.below(READ_BACK_ONE_IN) === 0;
    if (readBack && !(await isWhole(this.#journal, fragment, signal)))
      throw new CompactionError(this.#journal.name, `${key} was written and cannot be read back`); // damage is thrown by the read
    this.#verified = true;
    return fragment;
  }
}
