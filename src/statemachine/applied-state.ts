/**
 * applied-state: a machine of any kind, what is remembered of clients beside it, and how far both have come. The same on a primary, a standby and in a
 * replay.
 *
 * D1, D4  (position.ts) Entries are applied strictly in order; what was applied already is passed over. After a refusal nothing of that entry was applied.
 * D2  A command that was applied already is not applied again; it is answered with the first result (F4.20).
 * D3  After the machine has thrown, or a recovery was stopped on its way, nothing is applied and nothing is read any more (F4.6, F4.14).
 * D5  Updates, commits, recovery and close have the machine for themselves. A regular one is not updated while it is saved or is answering; of the
 *     others only the moment of prepareSnapshot is between two updates (F4.7, F4.8).
 * D6  A pinned state is of one moment: index, term, clients and the machine's view belong together.
 */
import { assert, ensureError, type HoldfastError } from '../base/index.ts';
import { ClientTables } from './client-tables.ts';
import { commandSteps, type CommandSteps, type Outcome } from './command-steps.ts';
import { encodeSnapshotHeader, type OpenedSnapshot, type UpdateEnvelope } from './envelope.ts';
import {
  HistoryBrokenError,
  MachineFailedError,
  MachineNotOpenError,
  NotOfferedError,
  ReplicaStoppedError,
} from './errors.ts';
import { FairLock, isPromise } from './fair-lock.ts';
import { machineCalls, type MachineCalls } from './machine-calls.ts';
import type { FilesOf, SnapshotCollector } from './ports.ts';
import { Position, type Place } from './position.ts';
import { keyOf } from './requests.ts';
import type { SessionCall } from './sessions.ts';
import { snapshotUse } from './snapshot-use.ts';
import type { DiskMark, LogIndex, Result, SnapshotFile, StateMachine, Term, WriteChunk } from './types.ts';

const NOTHING = new Uint8Array(0);

/** A point of the state that can be saved while the state goes on. Whoever has it either saves it or releases it. */
export interface PinnedState extends Place {
  /** Writes the snapshot's bytes, header first. @param files takes the files that the machine names */
  save(write: WriteChunk, signal: AbortSignal, files: SnapshotCollector): Promise<void>;
  /** Lets a regular machine be updated again; nothing after `save`. */
  release(): void;
}

/** checkpoint: what a restart needs, for an on-disk machine a mark in the log. full: the whole state, whatever the kind (F4.10). */
export type PinPurpose = 'checkpoint' | 'full';

export class AppliedState<Query, Answer, View> {
  readonly machine: StateMachine<Query, Answer, View>;
  readonly #calls: MachineCalls<View>;
  readonly #lock = new FairLock();
  readonly #position: Position;
  #tables: ClientTables;
  #failure: HoldfastError | undefined;
  /** What an on-disk machine has not committed yet. */
  #uncommitted = { commands: 0, bytes: 0, pendingBytes: 0 };
  #committed: LogIndex;

  /** @param mark of an on-disk machine that was opened; others begin in their initial state */
  constructor(machine: StateMachine<Query, Answer, View>, mark?: DiskMark) {
    this.machine = machine;
    this.#calls = machineCalls(machine);
    this.#position = new Position(mark);
    this.#committed = this.#position.index;
    this.#tables = new ClientTables(machine.kind === 'on-disk');
    if (mark) this.#tables.loadRows(mark.rows);
  }

  /** Index of the last entry applied. */
  get index(): LogIndex {
    return this.#position.index;
  }

  /** Term of the last entry applied. */
  get term(): Term {
    return this.#position.term;
  }

  /** What has ended it (D3). */
  get failure(): HoldfastError | undefined {
    return this.#failure;
  }

  /** What an on-disk machine has applied and not committed: commands, their bytes, and what it says that a commit has to write. Nothing for others. */
  get uncommitted(): { readonly commands: number; readonly bytes: number; readonly pendingBytes: number } {
    return this.#uncommitted;
  }

  /** The result of a request that was applied, if it is remembered. */
  resultOf(requestId: Uint8Array): Result | undefined {
    return requestId.length === 0 ? undefined : this.#tables.requests.peek(keyOf(requestId));
  }

  /** The result of a numbered command that was applied, if it is remembered. */
  resultOfCall(call: SessionCall): Result | undefined {
    return call.kind === 'update' ? this.#tables.sessions.peek(call.clientId, call.series) : undefined;
  }

  /** @throws MachineFailedError, ReplicaStoppedError (D3), MachineNotOpenError while a regular machine recovers, what the machine throws on a query it cannot answer */
  lookup(query: Query): Answer {
    return this.#look(() => this.machine.lookup(query));
  }

  /** The same with bytes, for a machine that offers it (F4.17). @throws as lookup, NotOfferedError */
  lookupBytes(query: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return this.#look(() => {
      if (!this.machine.lookupBytes) throw new NotOfferedError('lookupBytes');
      return this.machine.lookupBytes(query);
    });
  }

  /**
   * A regular machine that answers by promises is not changed until it has answered; then a lookup may have to wait for an update, which fits, since
   * only promises keep updates waiting.
   */
  #look<T>(answer: () => T): T {
    if (this.#failure) throw this.#failure;
    if (this.machine.kind !== 'regular') return answer();
    if (this.#lock.isWriting) throw new MachineNotOpenError('its state is being replaced by a snapshot');
    return this.#lock.brief(answer) as T;
  }

  /** What of an entry is new here (D4). @throws HistoryBrokenError */
  rest(update: UpdateEnvelope): UpdateEnvelope | undefined {
    return this.#position.rest(update);
  }

  /**
   * Applies one entry; in the same turn, unless the machine waits or is being saved.
   * @returns what its commands came to, nothing for a no-op
   * @throws HistoryBrokenError (D1), MachineFailedError (D3)
   */
  apply(update: UpdateEnvelope): readonly Outcome[] | Promise<readonly Outcome[]> {
    return this.#lock.exclusive(() => this.#applyNow(update)); // D5
  }

  #applyNow(update: UpdateEnvelope): readonly Outcome[] | Promise<readonly Outcome[]> {
    if (this.#failure) throw this.#failure;
    this.#position.check(update);
    if (update.kind === 'noop') return this.#passed(update, []);
    const { commands, first } = update;
    try {
      const outcomes = this.#walk(commandSteps(this.#tables, commands, first));
      if (!isPromise(outcomes)) return this.#passed(update, outcomes);
      return outcomes.then(
        (all) => this.#passed(update, all),
        (error: unknown) => this.#failedIn('update', first, error),
      );
    } catch (error) {
      return this.#failedIn('update', first, error);
    }
  }

  /** Has the machine apply run after run, without waiting for anything that need not be waited for. */
  #walk(steps: CommandSteps): readonly Outcome[] | Promise<readonly Outcome[]> {
    let step = steps.next();
    while (step.done !== true) {
      const results = this.#calls.update(step.value);
      if (isPromise(results)) return this.#walkOn(steps, results);
      step = steps.next(results);
    }
    return step.value;
  }

  async #walkOn(steps: CommandSteps, first: Promise<readonly Result[]>): Promise<readonly Outcome[]> {
    let step = steps.next(await first);
    while (step.done !== true) step = steps.next(await this.#calls.update(step.value));
    return step.value;
  }

  #passed(update: UpdateEnvelope, outcomes: readonly Outcome[]): readonly Outcome[] {
    this.#position.pass(update);
    if (this.machine.kind !== 'on-disk') return outcomes;
    let { commands, bytes } = this.#uncommitted;
    commands++; // a no-op moves the mark as well
    if (update.kind === 'batch') {
      commands += update.commands.length - 1;
      for (const { cmd } of update.commands) bytes += cmd.length;
    }
    this.#uncommitted = { commands, bytes, pendingBytes: this.machine.pendingBytes?.() ?? 0 };
    return outcomes;
  }

  /** D3 */
  #failedIn(during: string, index: number, error: unknown): never {
    this.#failure = new MachineFailedError(during, index, ensureError(error));
    throw this.#failure;
  }

  /** Has an on-disk machine commit what it has applied; nothing for others, or when there is nothing. @throws MachineFailedError */
  async commit(): Promise<void> {
    await this.#lock.exclusive(() => this.#commitNow());
  }

  async #commitNow(): Promise<void> {
    if (this.#failure) throw this.#failure;
    const { machine } = this;
    if (machine.kind !== 'on-disk' || this.index === this.#committed) return;
    const mark: DiskMark = { index: this.index, term: this.term, rows: this.#tables.changedRows() };
    try {
      await machine.commit(mark);
    } catch (error) {
      this.#failedIn('commit', mark.index, error);
    }
    this.#committed = mark.index;
    this.#uncommitted = { commands: 0, bytes: 0, pendingBytes: 0 };
  }

  /** Pins the state as it is now (D6); an on-disk machine commits it first. @throws MachineFailedError */
  async pin(purpose: PinPurpose = 'checkpoint'): Promise<PinnedState> {
    if (this.machine.kind === 'regular') return await this.#pinStanding();
    if (this.machine.kind === 'on-disk' && purpose === 'checkpoint') return await this.#pinMark();
    return await this.#lock.brief(() => {
      if (this.#failure) throw this.#failure;
      const place = this.#place();
      const clients = this.#tables.save();
      try {
        const view = this.#calls.prepare();
        return pinned(place, clients, (write, signal, files) => this.#calls.save(view, write, signal, files));
      } catch (error) {
        throw new MachineFailedError('prepareSnapshot', place.index, ensureError(error));
      }
    });
  }

  /** A regular machine stands still from here to its release (F4.7). */
  async #pinStanding(): Promise<PinnedState> {
    const released = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<PinnedState>();
    const save: PinnedState['save'] = async (write, signal, files) => {
      try {
        await this.#calls.save(undefined as View, write, signal, files);
      } finally {
        released.resolve();
      }
    };
    const stand = async (): Promise<void> => {
      if (this.#failure) throw this.#failure;
      entered.resolve({ ...pinned(this.#place(), this.#tables.save(), save), release: released.resolve });
      await released.promise;
    };
    Promise.resolve(this.#lock.long(stand)).catch(entered.reject);
    return await entered.promise;
  }

  /** A place in the log that the machine's own files have reached. */
  async #pinMark(): Promise<PinnedState> {
    return await this.#lock.exclusive(async () => {
      await this.#commitNow();
      const header = encodeSnapshotHeader({
        kind: 'dummy',
        ...this.#place(),
        clients: NOTHING,
        manifest: NOTHING,
      });
      return { ...this.#place(), save: (write) => write(header), release: () => undefined };
    });
  }

  #place(): Place {
    const { index, term } = this.#position;
    return { index, term };
  }

  /**
   * Meets the snapshot that a state file begins with, and replaces the state by it if need be (snapshot-use.ts).
   * @param filesOf finds the files that its manifest names
   * @throws StateBehindError, SnapshotKindError, HistoryBrokenError, EnvelopeError, MachineFailedError, the signal's reason
   */
  async meetSnapshot(
    { header, state }: OpenedSnapshot,
    signal: AbortSignal,
    filesOf: FilesOf,
  ): Promise<void> {
    if (header.kind === 'full' && header.index === this.index && header.term !== this.term)
      throw new HistoryBrokenError('a snapshot is of another history than the state', {
        index: header.index,
        term: header.term,
        expected: this.term,
      });
    if (snapshotUse(header, { kind: this.machine.kind, index: this.index }) === 'pass') return;
    const opened = header.manifest.length === 0 ? undefined : await filesOf(header.manifest, signal);
    try {
      await this.#lock.exclusive(() => this.#recoverNow({ header, state }, signal, opened?.files ?? []));
    } finally {
      await opened?.close();
    }
  }

  async #recoverNow(
    { header, state }: OpenedSnapshot,
    signal: AbortSignal,
    files: readonly SnapshotFile[],
  ): Promise<void> {
    if (this.#failure) throw this.#failure;
    const { index, term } = header;
    if (header.kind !== 'forced' && term < this.term)
      throw new HistoryBrokenError('the term of a snapshot goes back', { term, before: this.term });
    const tables = new ClientTables(this.machine.kind === 'on-disk');
    tables.load(header.clients, index);
    try {
      await this.#calls.recover(state, signal, files, () => ({ index, term, rows: tables.changedRows() }));
    } catch (error) {
      if (signal.aborted) {
        this.#failure = new ReplicaStoppedError(); // F4.14: what is there is no state
        throw signal.reason;
      }
      this.#failedIn('recoverFromSnapshot', index, error);
    }
    this.#tables = tables;
    this.#position.jump({ index, term });
    this.#committed = index;
    this.#uncommitted = { commands: 0, bytes: 0, pendingBytes: 0 };
  }

  /** Digest of machine, clients and position: equal on every replica at one index (DESIGN I7). @throws NotOfferedError, MachineFailedError (D3) */
  async stateHash(): Promise<string> {
    return await this.#lock.brief(() => {
      if (this.#failure) throw this.#failure;
      if (!this.machine.stateHash) throw new NotOfferedError('stateHash');
      return `${this.index}/${this.term}/${this.machine.stateHash()}/${this.#tables.hash()}`;
    });
  }

  /** Closes the machine once nothing has to do with it any more. */
  async close(): Promise<void> {
    await this.#lock.exclusive(() => {
      this.#failure ??= new ReplicaStoppedError();
      return this.machine.close();
    });
  }
}

type Save = PinnedState['save'];

/** A pinned state whose header, since it names the files, is written before its first other byte. */
function pinned(place: Place, clients: Uint8Array, saveState: Save): PinnedState {
  let used = false;
  const save: Save = async (write, signal, files) => {
    assert(!used, 'a pinned state is saved once');
    used = true;
    let begun: Promise<void> | undefined;
    const begin = async (): Promise<void> =>
      write(encodeSnapshotHeader({ kind: 'full', ...place, clients, manifest: await files.seal() }));
    await saveState(
      async (chunk) => {
        await (begun ??= begin());
        await write(chunk);
      },
      signal,
      files,
    );
    await (begun ?? begin());
  };
  return { ...place, save, release: () => undefined };
}
