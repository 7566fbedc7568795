/**
 * testkit/driver: one machine of any kind behind one set of calls, so that a rule is written once.
 *
 * V1  It keeps to the runtime's side of the contract: one entry at a time for the regular kind, indexes without gaps, one snapshot at a time.
 * V2  What a machine gets and gives is copied, so that neither side sees what the other does with its memory; rules about memory look themselves.
 */
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concatBytes, EMPTY_BYTES } from '../../base/index.ts';
import { MAX_RESULT_BYTES } from '../limits.ts';
import {
  logIndex,
  logTerm,
  type AppliedEntry,
  type DiskMark,
  type Entry,
  type Result,
  type SnapshotFile,
  type StateMachine,
  type WriteChunk,
} from '../types.ts';
import { Home } from './home.ts';
import { ContractError, type Subject } from './subject.ts';
import { inWorld, WORLDS, type World } from './world.ts';

/** A snapshot as the kit keeps it. */
export interface Saved {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly files: readonly SnapshotFile[];
  /** Removes the copies of its files. */
  drop(): Promise<void>;
}

/** All that can be seen of a state. */
export interface Print {
  readonly answers: readonly unknown[];
  readonly hash: string | undefined;
}

export const NEVER: AbortSignal = new AbortController().signal;
/** Of marks the kit commits. */
const TERM = 1;

export class Driver<Query, Answer, View> {
  readonly subject: Subject<Query, Answer, View>;
  readonly machine: StateMachine<Query, Answer, View>;
  readonly home: Home | undefined;
  /** What `open` answered. */
  readonly opened: DiskMark | undefined;
  readonly #world: World;
  index = 0;

  private constructor(
    subject: Subject<Query, Answer, View>,
    machine: StateMachine<Query, Answer, View>,
    home: Home | undefined,
    opened: DiskMark | undefined,
    world: World,
  ) {
    this.subject = subject;
    this.machine = machine;
    this.home = home;
    this.opened = opened;
    this.#world = world;
    this.index = opened?.index ?? 0;
  }

  /** A machine in its initial state, or in what a log that begins with `content` has of it. */
  static async start<Query, Answer, View>(
    subject: Subject<Query, Answer, View>,
    { world = WORLDS[0], content }: { readonly world?: World; readonly content?: Uint8Array } = {},
  ): Promise<Driver<Query, Answer, View>> {
    let home = subject.needsDirectory ? await Home.open(content) : undefined;
    try {
      const machine = await subject.create(home?.fs);
      if (machine.kind !== subject.kind)
        throw new ContractError(
          'K0',
          `the machine is of kind ${machine.kind}, its subject says ${subject.kind}`,
        );
      if (machine.kind !== 'on-disk') return new Driver(subject, machine, home, undefined, world);
      home ??= await Home.open(content);
      const opened = await machine.open(home.fs, NEVER);
      return new Driver(subject, machine, home, opened, world);
    } catch (error) {
      await home?.close();
      throw error;
    }
  }

  get kind(): StateMachine<Query, Answer, View>['kind'] {
    return this.machine.kind;
  }

  /** Gives the machine the next commands, in one batch if its kind takes batches. @throws ContractError (K1) */
  async apply(commands: readonly Uint8Array[]): Promise<readonly Result[]> {
    const results: Result[] = [];
    const batches = this.kind === 'regular' ? commands.map((cmd) => [cmd]) : [commands];
    for (const batch of batches) {
      if (batch.length === 0) continue;
      const entries = batch.map((cmd, n) => ({ index: logIndex(this.index + n + 1), cmd: cmd.slice() }));
      const applied = await this.raw(entries);
      this.index += batch.length;
      results.push(...applied.map(({ value, data }) => ({ value, data: data.slice() })));
    }
    return results;
  }

  /** Gives entries as they are, and checks the answer (K1); the results are the machine's own. */
  async raw(entries: readonly Entry[]): Promise<readonly Result[]> {
    const { machine } = this;
    if (machine.kind === 'regular')
      return entries.map((entry) => {
        const result = inWorld(this.#world, () => machine.update(entry));
        return checkedResult(result, entry.index);
      });
    const applied = await inWorld(this.#world, () => machine.update(entries));
    return checkedBatch(entries, applied);
  }

  /** Commits what was applied; nothing for kinds that do not. */
  async commit(rows: DiskMark['rows'] = []): Promise<void> {
    if (this.machine.kind === 'on-disk') await this.machine.commit(this.mark(rows));
  }

  mark(rows: DiskMark['rows'] = []): DiskMark {
    return { index: logIndex(this.index), term: logTerm(TERM), rows };
  }

  /** Asks everything. */
  async print(): Promise<Print> {
    const { queries } = this.subject;
    const answers: unknown[] = [];
    for (const query of queries)
      answers.push(structuredClone(await inWorld(this.#world, () => this.machine.lookup(query))));
    return { answers, hash: this.machine.stateHash?.() };
  }

  /** Pins the state. @returns what saves it as it was then; for the regular kind, as it is when that is called */
  prepare(): (onWrite?: () => Promise<void>) => Promise<Saved> {
    const { machine, index } = this;
    const view = machine.kind === 'regular' ? undefined : machine.prepareSnapshot();
    return (onWrite) =>
      this.#collect(index, onWrite, (write, files) => {
        if (machine.kind === 'regular') return machine.saveSnapshot(write, NEVER, files);
        if (machine.kind === 'concurrent') return machine.saveSnapshot(view as View, write, NEVER, files);
        return machine.saveSnapshot(view as View, write, NEVER);
      });
  }

  async save(): Promise<Saved> {
    await this.commit();
    return await this.prepare()();
  }

  /** Saves through `write`, without files. */
  async saveTo(write: WriteChunk): Promise<void> {
    const { machine } = this;
    const files = { add: (): void => undefined };
    await this.commit();
    if (machine.kind === 'regular') await machine.saveSnapshot(write, NEVER, files);
    else if (machine.kind === 'concurrent')
      await machine.saveSnapshot(machine.prepareSnapshot(), write, NEVER, files);
    else await machine.saveSnapshot(machine.prepareSnapshot(), write, NEVER);
  }

  async #collect(
    index: number,
    onWrite: (() => Promise<void>) | undefined,
    save: (
      write: WriteChunk,
      files: { add(id: number, path: string, metadata?: Uint8Array): void },
    ) => Promise<void>,
  ): Promise<Saved> {
    const parts: Uint8Array[] = [];
    const files: SnapshotFile[] = [];
    let dir: string | undefined;
    const write: WriteChunk = async (chunk) => {
      parts.push(chunk.slice());
      await onWrite?.();
    };
    const add = (id: number, path: string, metadata: Uint8Array = EMPTY_BYTES): void =>
      void files.push({ id, path, metadata: metadata.slice() });
    await save(write, { add });
    const copies: SnapshotFile[] = [];
    for (const { id, path, metadata } of files) {
      await this.home?.barrier();
      const local = this.home?.localPath(path);
      if (local === undefined)
        throw new ContractError('K8', `file ${id} of the snapshot is not there`, { path });
      dir ??= await mkdtemp(join(tmpdir(), 'holdfast-testkit-files-'));
      const copy = join(dir, `${files.length}-${id}`);
      await copyFile(local, copy);
      copies.push({ id, path: copy, metadata });
    }
    const drop = async (): Promise<void> => {
      if (dir !== undefined) await rm(dir, { recursive: true, force: true });
    };
    return { index, bytes: concatBytes(parts), files: copies, drop };
  }

  /** Replaces the state by a saved one, given in pieces of `pieceBytes`. */
  async recover(saved: Saved, pieceBytes: number = saved.bytes.length): Promise<void> {
    await this.recoverFrom(inPieces(saved.bytes, pieceBytes), saved);
  }

  async recoverFrom(chunks: AsyncIterable<Uint8Array>, { index, files }: Saved): Promise<void> {
    const { machine } = this;
    this.index = index;
    if (machine.kind === 'on-disk') await machine.recoverFromSnapshot(chunks, NEVER, this.mark());
    else await machine.recoverFromSnapshot(chunks, NEVER, files);
  }

  async close(): Promise<void> {
    try {
      await this.machine.close();
    } finally {
      await this.home?.close();
    }
  }
}

/** Bytes as a stream. */
export async function* inPieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.slice(at, at + pieceBytes);
}

function checkedBatch(entries: readonly Entry[], applied: readonly AppliedEntry[]): readonly Result[] {
  if (!Array.isArray(applied))
    throw new ContractError('K1', 'update did not answer a list of entries', { index: entries[0]!.index });
  if (applied.length !== entries.length)
    throw new ContractError('K1', `update answered ${applied.length} entries of ${entries.length}`, {
      index: entries[0]!.index,
    });
  return entries.map(({ index }, n) => {
    const found = applied[n] as AppliedEntry;
    if (found.index !== index)
      throw new ContractError('K1', `update answered entry ${found.index} in the place of ${index}`, {
        index,
      });
    return checkedResult(found.result, index);
  });
}

function checkedResult(result: Result, index: number): Result {
  const { value, data } = result;
  if (!Number.isSafeInteger(value) || value < 0)
    throw new ContractError('K1', `a result's value is a whole number from 0 to 2^53-1, not ${value}`, {
      index,
    });
  if (!(data instanceof Uint8Array) || data.length > MAX_RESULT_BYTES)
    throw new ContractError('K1', `a result's data is a Uint8Array of at most ${MAX_RESULT_BYTES} bytes`, {
      index,
    });
  return result;
}
