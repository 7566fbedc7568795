/**
 * The least state machine that shows order, loss and repetition, of every kind: the list of all commands it was given. It answers with the place that a
 * command got, so an answer is proof of its place for ever.
 */
import type { RecordedFs } from '../../../src/recoverylog/index.ts';
import { fromHex, fromUtf8, sha256Hex, toHex, utf8 } from '../../../src/base/index.ts';
import {
  logIndex,
  logTerm,
  type AppliedEntry,
  type ConcurrentStateMachine,
  type DiskMark,
  type Entry,
  type OnDiskStateMachine,
  type RegularStateMachine,
  type Result,
  type StateMachine,
  type WriteChunk,
} from '../../../src/statemachine/index.ts';

export type List = readonly string[];
export type ListMachine = StateMachine<void, List, List>;

export const LIST_MACHINES: Readonly<Record<ListMachine['kind'], () => ListMachine>> = {
  regular: () => new RegularList(),
  concurrent: () => new ConcurrentList(),
  'on-disk': () => new DiskList(),
};

class Commands {
  #list: string[] = [];

  add({ cmd }: Entry): Result {
    const text = fromUtf8(cmd);
    this.#list.push(text);
    return { value: this.#list.length, data: utf8(text) };
  }

  get all(): List {
    return this.#list.slice();
  }

  set all(list: List) {
    this.#list = list.slice();
  }

  get hash(): string {
    return sha256Hex(utf8(this.#list.join('\n')));
  }
}

/** One chunk a command. */
async function save(list: List, write: WriteChunk, signal: AbortSignal): Promise<void> {
  for (const text of list) {
    signal.throwIfAborted();
    await write(utf8(`${text}\n`));
  }
}

async function load(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<List> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  signal.throwIfAborted();
  const text = fromUtf8(new Uint8Array(Buffer.concat(parts)));
  return text === '' ? [] : text.slice(0, -1).split('\n');
}

class RegularList implements RegularStateMachine<void, List> {
  readonly kind = 'regular';
  readonly #commands = new Commands();

  update(entry: Entry): Result {
    return this.#commands.add(entry);
  }

  lookup(): List {
    return this.#commands.all;
  }

  saveSnapshot(write: WriteChunk, signal: AbortSignal): Promise<void> {
    return save(this.#commands.all, write, signal);
  }

  async recoverFromSnapshot(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    this.#commands.all = await load(chunks, signal);
  }

  stateHash(): string {
    return this.#commands.hash;
  }

  close(): void {
    this.#commands.all = [];
  }
}

class ConcurrentList implements ConcurrentStateMachine<void, List, List> {
  readonly kind = 'concurrent';
  readonly #commands = new Commands();

  update(entries: readonly Entry[]): readonly AppliedEntry[] {
    return entries.map((entry) => ({ ...entry, result: this.#commands.add(entry) }));
  }

  lookup(): List {
    return this.#commands.all;
  }

  prepareSnapshot(): List {
    return this.#commands.all;
  }

  saveSnapshot(view: List, write: WriteChunk, signal: AbortSignal): Promise<void> {
    return save(view, write, signal);
  }

  async recoverFromSnapshot(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    this.#commands.all = await load(chunks, signal);
  }

  stateHash(): string {
    return this.#commands.hash;
  }

  close(): void {
    this.#commands.all = [];
  }
}

const STATE = '/machine/state';
const UPDATING = '/machine/updating';

interface Stored {
  readonly index: number;
  readonly term: number;
  readonly rows: Readonly<Record<string, string>>;
  readonly list: List;
}

/** Keeps one file: list, mark and rows together, written beside and renamed over it (seeds.md §4.4). */
class DiskList implements OnDiskStateMachine<void, List, List> {
  readonly kind = 'on-disk';
  readonly #commands = new Commands();
  readonly #rows = new Map<string, string>();
  #fs: RecordedFs | undefined;

  async open(fs: RecordedFs): Promise<DiskMark | undefined> {
    this.#fs = fs;
    if (!fs.exists(STATE)) return undefined;
    const file = await fs.open(STATE, {});
    let bytes: Uint8Array;
    try {
      bytes = await file.readAll();
    } finally {
      await file.close();
    }
    const { index, term, rows, list } = JSON.parse(fromUtf8(bytes)) as Stored;
    this.#commands.all = list;
    for (const [key, value] of Object.entries(rows)) this.#rows.set(key, value);
    return {
      index: logIndex(index),
      term: logTerm(term),
      rows: Object.entries(rows).map(([key, value]) => ({ key: fromHex(key), value: fromHex(value) })),
    };
  }

  update(entries: readonly Entry[]): readonly AppliedEntry[] {
    return entries.map((entry) => ({ ...entry, result: this.#commands.add(entry) }));
  }

  async commit({ index, term, rows }: DiskMark): Promise<void> {
    for (const { key, value } of rows)
      if (value) this.#rows.set(toHex(key), toHex(value));
      else this.#rows.delete(toHex(key));
    const stored: Stored = { index, term, rows: Object.fromEntries(this.#rows), list: this.#commands.all };
    const fs = this.#fs!;
    const file = await fs.open(UPDATING, { create: true, truncate: true });
    try {
      await file.write(utf8(JSON.stringify(stored)), 0);
    } finally {
      await file.close();
    }
    await fs.rename(UPDATING, STATE);
  }

  lookup(): List {
    return this.#commands.all;
  }

  prepareSnapshot(): List {
    return this.#commands.all;
  }

  saveSnapshot(view: List, write: WriteChunk, signal: AbortSignal): Promise<void> {
    return save(view, write, signal);
  }

  async recoverFromSnapshot(
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    mark: DiskMark,
  ): Promise<void> {
    this.#commands.all = await load(chunks, signal);
    this.#rows.clear();
    await this.commit(mark);
  }

  stateHash(): string {
    return this.#commands.hash;
  }

  close(): void {
    this.#commands.all = [];
  }
}
