/**
 * The bank as a machine of the on-disk kind: one file of the recorded directory, replaced as a whole at each commit; or wrong in one way.
 */
import { fromUtf8, toHex, fromHex, utf8 } from '../../../base/index.ts';
import type { RecordedFs } from '../../../recoverylog/index.ts';
import {
  logIndex,
  logTerm,
  type AppliedEntry,
  type DiskMark,
  type Entry,
  type OnDiskStateMachine,
  type WriteChunk,
} from '../../types.ts';
import type { Subject } from '../index.ts';
import { Bank, COMMANDS, QUERIES, type Answer, type Query } from './bank.ts';

export type DiskFlaw =
  | 'saves in any order'
  | 'opens at an index of its own'
  | 'forgets rows'
  | 'keeps rows that are gone'
  | 'opens behind its last commit'
  | 'writes before it commits'
  | 'commits in two steps'
  | 'commits in place'
  | 'does not commit what it recovers'
  | 'keeps rows over a recovery'
  | 'batches its answers';

type Books = Bank['books'];

interface Image {
  readonly index: number;
  readonly term: number;
  readonly rows: Record<string, string>;
  readonly books: Books;
}

const IMAGE = '/bank/image';
const NEXT = '/bank/next';
const BOOKS = '/bank/books';

export class DiskBank implements OnDiskStateMachine<Query, Answer, Books> {
  readonly kind = 'on-disk';
  readonly #bank = new Bank();
  readonly #flaw: DiskFlaw | undefined;
  #fs: RecordedFs | undefined;
  #rows: Record<string, string> = {};

  constructor(flaw?: DiskFlaw) {
    this.#flaw = flaw;
  }

  async open(fs: RecordedFs): Promise<DiskMark | undefined> {
    this.#fs = fs;
    const image = await this.#load<Image>(IMAGE);
    if (this.#flaw === 'opens at an index of its own' && !image)
      return { index: logIndex(0), term: logTerm(0), rows: [] };
    if (!image) return undefined;
    const split = this.#flaw === 'writes before it commits' || this.#flaw === 'commits in two steps';
    this.#bank.books = (split ? await this.#load<Books>(BOOKS) : undefined) ?? image.books;
    this.#rows = image.rows;
    const rows = Object.entries(image.rows).map(([key, value]) => ({
      key: fromHex(key),
      value: fromHex(value),
    }));
    return {
      index: logIndex(this.#flaw === 'opens behind its last commit' ? image.index - 1 : image.index),
      term: logTerm(image.term),
      rows: this.#flaw === 'forgets rows' ? rows.slice(1) : rows,
    };
  }

  async update(entries: readonly Entry[]): Promise<readonly AppliedEntry[]> {
    const length = this.#flaw === 'batches its answers' ? entries.length : 0;
    const applied = entries.map((entry) => {
      const { value, data } = this.#bank.applyOne(entry, entries.length);
      return { ...entry, result: { value: value + length, data } };
    });
    if (this.#flaw === 'writes before it commits') await this.#replace(BOOKS, this.#bank.books);
    return applied;
  }

  async commit(mark: DiskMark): Promise<void> {
    for (const { key, value } of mark.rows) {
      if (value) this.#rows[toHex(key)] = toHex(value);
      else if (this.#flaw !== 'keeps rows that are gone') delete this.#rows[toHex(key)];
    }
    await this.#commit(mark);
  }

  async #commit({ index, term }: DiskMark): Promise<void> {
    const image: Image = { index, term, rows: this.#rows, books: this.#bank.books };
    if (this.#flaw === 'commits in place') return await this.#overwrite(image);
    await this.#replace(IMAGE, image);
    if (this.#flaw === 'commits in two steps') await this.#replace(BOOKS, this.#bank.books);
  }

  lookup(query: Query): Answer {
    return this.#bank.lookup(query);
  }

  prepareSnapshot(): Books {
    const books = this.#bank.copy();
    if (this.#flaw === 'saves in any order')
      books.accounts = Object.fromEntries([...Object.entries(books.accounts), [`seal${seals++}`, 1]]);
    return books;
  }

  saveSnapshot(view: Books, write: WriteChunk): Promise<void> {
    return this.#bank.write(view, write);
  }

  async recoverFromSnapshot(
    chunks: AsyncIterable<Uint8Array>,
    _signal: AbortSignal,
    mark: DiskMark,
  ): Promise<void> {
    await this.#bank.read(chunks);
    if (this.#flaw !== 'keeps rows over a recovery') this.#rows = {};
    if (this.#flaw !== 'does not commit what it recovers') await this.commit(mark);
  }

  stateHash(): string {
    return this.#bank.stateHash();
  }

  close(): void {
    this.#fs = undefined;
  }

  async #load<T>(path: string): Promise<T | undefined> {
    const fs = this.#fs!;
    if (!fs.exists(path)) return undefined;
    const file = await fs.open(path, {});
    const text = fromUtf8(await file.readAll());
    await file.close();
    return JSON.parse(text) as T;
  }

  async #replace(path: string, value: unknown): Promise<void> {
    const fs = this.#fs!;
    const file = await fs.open(NEXT, { create: true, truncate: true });
    await file.write(utf8(JSON.stringify(value)), 0);
    await file.close();
    await fs.rename(NEXT, path);
  }

  /** The flaw of a machine that has one file and writes over it. */
  async #overwrite(image: Image): Promise<void> {
    const file = await this.#fs!.open(IMAGE, { create: true, truncate: true });
    const bytes = utf8(JSON.stringify(image));
    await file.write(bytes.slice(0, 10), 0);
    await file.write(bytes.slice(10), 10);
    await file.close();
  }
}

let seals = 0;

export function diskBank(flaw?: DiskFlaw): Subject<Query, Answer, Books> {
  return { kind: 'on-disk', create: () => new DiskBank(flaw), commands: COMMANDS, queries: QUERIES };
}
