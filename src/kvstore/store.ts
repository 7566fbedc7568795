/**
 * The key-value state: an ordered map of byte strings, changed by commands, read by queries. No time, no randomness, no I/O.
 *
 * S1  The same commands in the same order give the same state and the same results everywhere (I7).
 * S2  A batch is applied whole. Nothing here fails on a command that decoded.
 * S3  Stored values are copies; the log entry or request they came from is free to go.
 */
import { createHash } from 'node:crypto';
import { equalBytes, unreachable } from '../base/index.ts';
import { type Command, type Pair } from './command.ts';
import { bytesOf, keyOf } from './key.ts';
import { MAX_PAGE_BYTES } from './limits.ts';
import { OrderedMap, type OrderedView } from './ordered-map.ts';

export interface PageQuery {
  /** Only keys that begin with these bytes. */
  readonly prefix: Uint8Array;
  /** Only keys at or after this one. */
  readonly start: Uint8Array | undefined;
  /** Most pairs in the answer, at least 1. */
  readonly limit: number;
}

/** One page of an ordered iteration: a point in time. `next` is the first key left out; ask again with it as `start`. */
export interface Page {
  readonly pairs: readonly Pair[];
  readonly next: Uint8Array | undefined;
}

export class KvState {
  readonly #map: OrderedMap<Uint8Array> = new OrderedMap();
  #bytes = 0;

  get keys(): number {
    return this.#map.size;
  }

  /** Bytes of all keys and values. */
  get dataBytes(): number {
    return this.#bytes;
  }

  /** Applies a command. Answers how many pairs were written (put), or whether the key was there (delete), or matched (cas), as 1 or 0. */
  apply(command: Command): number {
    switch (command.kind) {
      case 'put':
        for (const { key, value } of command.pairs) this.#set(keyOf(key), value);
        return command.pairs.length;
      case 'delete':
        return this.#delete(keyOf(command.key)) ? 1 : 0;
      case 'cas':
        return this.#compareAndSet(keyOf(command.key), command.expected, command.value) ? 1 : 0;
      default:
        return unreachable(command);
    }
  }

  /** The values of `keys`, position by position; undefined where there is none. Callers must not change them. */
  get(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    return keys.map((key) => this.#map.get(keyOf(key)));
  }

  /** Pairs in ascending order of bytes; ends at `limit` pairs or MAX_PAGE_BYTES, whichever comes first, but never without progress. */
  page(query: PageQuery): Page {
    const prefix = keyOf(query.prefix);
    const start = query.start === undefined ? '' : keyOf(query.start);
    const pairs: Pair[] = [];
    let bytes = 0;
    for (const [key, value] of this.#map.entries(start > prefix ? start : prefix)) {
      if (!key.startsWith(prefix)) break;
      bytes += key.length + value.length;
      if (pairs.length >= query.limit || (pairs.length > 0 && bytes > MAX_PAGE_BYTES))
        return { pairs, next: bytesOf(key) };
      pairs.push({ key: bytesOf(key), value });
    }
    return { pairs, next: undefined };
  }

  /** The state as it is now, for ever; O(1) and safe while commands go on being applied. */
  view(): OrderedView<Uint8Array> {
    return this.#map.view();
  }

  /** SHA-256 over all pairs in order, hex: equal exactly when the contents are (I7). Takes time in proportion to the data. */
  hash(): string {
    const hash = createHash('sha256');
    const lengths = new DataView(new ArrayBuffer(8));
    for (const [key, value] of this.#map.entries()) {
      lengths.setUint32(0, key.length);
      lengths.setUint32(4, value.length);
      hash.update(lengths).update(key, 'latin1').update(value);
    }
    return hash.digest('hex');
  }

  #set(key: string, value: Uint8Array): void {
    const before = this.#map.get(key);
    this.#bytes += value.length - (before === undefined ? -key.length : before.length);
    this.#map.set(key, new Uint8Array(value)); // S3: a copy, also of a Buffer, whose own slice would not copy
  }

  #compareAndSet(key: string, expected: Uint8Array | undefined, value: Uint8Array): boolean {
    const now = this.#map.get(key);
    const matches = now && expected ? equalBytes(now, expected) : now === expected; // an empty value is an object too: not absence
    if (matches) this.#set(key, value);
    return matches;
  }

  #delete(key: string): boolean {
    const before = this.#map.get(key);
    if (before === undefined) return false;
    this.#bytes -= key.length + before.length;
    return this.#map.delete(key);
  }
}
