/**
 * The list machine as an on-disk one: a commit writes the whole list, its mark and all rows into a new file and gives that the name (seeds.md §4.4).
 */
import { assert, fromUtf8, sha256Hex, utf8 } from '../../base/index.ts';
import type { RecordedFs } from '../../recoverylog/index.ts';
import {
  logIndex,
  logTerm,
  type AppliedEntry,
  type DiskMark,
  type Entry,
  type OnDiskStateMachine,
  type WriteChunk,
} from '../types.ts';
import { POISON } from './list-machine.ts';

const FILE = '/machine/list';
const UPDATING = '/machine/updating';

interface Kept {
  readonly index: number;
  readonly term: number;
  /** Key to value, both in hex. */
  readonly rows: Readonly<Record<string, string>>;
  readonly list: readonly string[];
}

export class DiskList implements OnDiskStateMachine<void, readonly string[], readonly string[]> {
  readonly kind = 'on-disk';
  #fs: RecordedFs | undefined;
  #list: string[] = [];
  #rows = new Map<string, string>();
  /** Indexes that update was called with, in this life. */
  readonly updated: number[] = [];
  /** Indexes of the marks committed in this life. */
  readonly commits: number[] = [];
  prepared = 0;
  compacted = 0;
  opened = 0;
  /** Index of the mark it was opened with. */
  openedAt = 0;
  closed = false;
  /** Runs before each command is applied: an update that waits. */
  beforeEach: (() => Promise<void>) | undefined;
  /** Runs before each commit: a commit that waits. */
  beforeCommit: (() => Promise<void>) | undefined;
  /** Whether each step of a commit is in the log before the next: a log can end behind every one then. */
  stepByStep = false;
  /** Thrown by commit while it is set. */
  failCommit: Error | undefined;

  async open(fs: RecordedFs): Promise<DiskMark | undefined> {
    this.opened++;
    this.#fs = fs;
    if (fs.exists(UPDATING)) await fs.unlink(UPDATING);
    if (!fs.exists(FILE)) return undefined;
    const file = await fs.open(FILE);
    const kept = JSON.parse(fromUtf8(await file.readAll())) as Kept;
    await file.close();
    this.openedAt = kept.index;
    this.#list = kept.list.slice();
    this.#rows = new Map(Object.entries(kept.rows));
    const rows = [...this.#rows].map(([key, value]) => ({ key: ofHex(key), value: ofHex(value) }));
    return { index: logIndex(kept.index), term: logTerm(kept.term), rows };
  }

  async update(entries: readonly Entry[]): Promise<readonly AppliedEntry[]> {
    const applied: AppliedEntry[] = [];
    for (const entry of entries) {
      await this.beforeEach?.();
      const text = fromUtf8(entry.cmd);
      if (text === POISON) throw new Error('the machine cannot take this');
      this.updated.push(entry.index);
      this.#list.push(text);
      applied.push({ ...entry, result: { value: this.#list.length, data: entry.cmd.slice() } });
    }
    return applied;
  }

  async commit({ index, term, rows }: DiskMark): Promise<void> {
    await this.beforeCommit?.();
    if (this.failCommit) throw this.failCommit;
    assert(this.#fs !== undefined, 'it is open');
    for (const { key, value } of rows)
      if (value) this.#rows.set(toHex(key), toHex(value));
      else this.#rows.delete(toHex(key));
    const kept: Kept = { index, term, rows: Object.fromEntries(this.#rows), list: this.#list };
    const step = (): Promise<void> | undefined => (this.stepByStep ? this.#fs?.barrier() : undefined);
    const file = await this.#fs.open(UPDATING, { create: true, truncate: true });
    await step();
    await file.write(utf8(JSON.stringify(kept)), 0);
    await step();
    await file.close();
    await this.#fs.rename(UPDATING, FILE);
    await step();
    this.commits.push(index);
  }

  lookup(): readonly string[] {
    return this.#list.slice();
  }

  prepareSnapshot(): readonly string[] {
    this.prepared++;
    return this.#list.slice();
  }

  async saveSnapshot(view: readonly string[], write: WriteChunk): Promise<void> {
    for (const text of view) await write(utf8(`${text}\n`));
  }

  async recoverFromSnapshot(
    chunks: AsyncIterable<Uint8Array>,
    _: AbortSignal,
    mark: DiskMark,
  ): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    this.#list = fromUtf8(new Uint8Array(Buffer.concat(parts)))
      .split('\n')
      .slice(0, -1);
    this.#rows.clear();
    await this.commit(mark);
  }

  compact(): Promise<void> {
    this.compacted++;
    return Promise.resolve();
  }

  stateHash(): string {
    return sha256Hex(utf8(this.#list.join('\n')));
  }

  close(): void {
    this.closed = true;
  }
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function ofHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}
