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

/** What all kinds have in common. */
class Commands {
  protected list: string[] = [];

  lookup(): List {
    return this.list.slice();
  }

  async recoverFromSnapshot(
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    _rest: unknown,
  ): Promise<void> {
    this.list = await load(chunks, signal);
  }

  stateHash(): string {
    return sha256Hex(utf8(this.list.join('\n')));
  }

  close(): void {
    this.list = [];
  }

  protected add({ cmd }: Entry): Result {
    const text = fromUtf8(cmd);
    this.list.push(text);
    return { value: this.list.length, data: utf8(text) };
  }
}

/** One chunk a command. */
async function save(list: List, write: WriteChunk, signal: AbortSignal): Promise<void> {
  for (const text of list) {
    signal.throwIfAborted();
    await write(utf8(`${text}\n`));
  }
}

async function load(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<string[]> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  signal.throwIfAborted();
  const text = fromUtf8(new Uint8Array(Buffer.concat(parts)));
  return text === '' ? [] : text.slice(0, -1).split('\n');
}

class RegularList extends Commands implements RegularStateMachine<void, List> {
  readonly kind = 'regular';

  update(entry: Entry): Result {
    return this.add(entry);
  }

  saveSnapshot(write: WriteChunk, signal: AbortSignal): Promise<void> {
    return save(this.lookup(), write, signal);
  }
}

/** Commands in batches, and snapshots of a moment. */
class BatchedCommands extends Commands {
  update(entries: readonly Entry[]): readonly AppliedEntry[] {
    return entries.map((entry) => ({ ...entry, result: this.add(entry) }));
  }

  prepareSnapshot(): List {
    return this.lookup();
  }

  saveSnapshot(view: List, write: WriteChunk, signal: AbortSignal): Promise<void> {
    return save(view, write, signal);
  }
}

class ConcurrentList extends BatchedCommands implements ConcurrentStateMachine<void, List, List> {
  readonly kind = 'concurrent';
}

const STATE = '/machine/state';
const UPDATING = '/machine/updating';

interface Stored {
  readonly index: number;
  readonly term: number;
  readonly rows: Readonly<Record<string, string>>;
  readonly list: string[];
}

/** Keeps one file: list, mark and rows together, written beside and renamed over it (seeds.md §4.4). */
class DiskList extends BatchedCommands implements OnDiskStateMachine<void, List, List> {
  readonly kind = 'on-disk';
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
    this.list = list;
    for (const [key, value] of Object.entries(rows)) this.#rows.set(key, value);
    return {
      index: logIndex(index),
      term: logTerm(term),
      rows: Object.entries(rows).map(([key, value]) => ({ key: fromHex(key), value: fromHex(value) })),
    };
  }

  async commit({ index, term, rows }: DiskMark): Promise<void> {
    for (const { key, value } of rows)
      if (value) this.#rows.set(toHex(key), toHex(value));
      else this.#rows.delete(toHex(key));
    const stored: Stored = { index, term, rows: Object.fromEntries(this.#rows), list: this.list };
    const fs = this.#fs!;
    const file = await fs.open(UPDATING, { create: true, truncate: true });
    try {
      await file.write(utf8(JSON.stringify(stored)), 0);
    } finally {
      await file.close();
    }
    await fs.rename(UPDATING, STATE);
  }

  override async recoverFromSnapshot(
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    mark: DiskMark,
  ): Promise<void> {
    await super.recoverFromSnapshot(chunks, signal, mark);
    this.#rows.clear();
    await this.commit(mark);
  }
}
