/**
 * applied-state: a machine, the request table beside it, and how far both have come. The same on a primary, a standby and in a replay.
 *
 * D1  Entries are applied strictly in order: the next one begins where the last one ended, and terms never go back (seeds.md C5.2). Anything
 *     else is an error, and nothing of that entry was applied.
 * D2  A command whose request id is remembered is not applied again; it is answered with the first result (F4.20).
 * D3  After the machine has thrown, nothing is applied and nothing is read any more.
 */
import { checkPosition, ensureError } from '../base/index.ts';
import {
  encodeSnapshotHeader,
  indexesOf,
  openSnapshot,
  type Command,
  type UpdateEnvelope,
} from './envelope.ts';
import { HistoryBrokenError, MachineFailedError } from './errors.ts';
import { MAX_RESULT_BYTES } from './limits.ts';
import { RequestTable, type RememberedRequest } from './requests.ts';
import {
  logIndex,
  logTerm,
  type ConcurrentStateMachine,
  type LogIndex,
  type Result,
  type Term,
} from './types.ts';

/** A command that is being applied, and where its result goes. */
interface Pending {
  readonly position: number;
  readonly index: LogIndex;
  readonly command: Command;
  readonly remembered: RememberedRequest | undefined;
}

/** A point of the state that can be saved while the state goes on. */
export interface PinnedState {
  readonly index: LogIndex;
  /** The snapshot's bytes, header first. */
  save(write: (chunk: Uint8Array) => Promise<void>, signal: AbortSignal): Promise<void>;
}

export class AppliedState<Query, Answer, View> {
  readonly machine: ConcurrentStateMachine<Query, Answer, View>;
  #requests = new RequestTable();
  #index: LogIndex = logIndex(0);
  #term: Term = logTerm(0);
  #failure: MachineFailedError | undefined;

  constructor(machine: ConcurrentStateMachine<Query, Answer, View>) {
    this.machine = machine;
  }

  /** Index of the last entry applied. */
  get index(): LogIndex {
    return this.#index;
  }

  /** Term of the last entry applied. */
  get term(): Term {
    return this.#term;
  }

  /** The result of a request that was applied, if it is remembered. */
  resultOf(requestId: Uint8Array): Result | undefined {
    return requestId.length === 0 ? undefined : this.#requests.peek(requestId);
  }

  /** @throws MachineFailedError (D3), and what the machine throws on a query it cannot answer */
  lookup(query: Query): Answer {
    if (this.#failure) throw this.#failure;
    return this.machine.lookup(query);
  }

  /** True when `update` ends at or before what is applied; such an entry is passed over when a file is read again from its beginning. */
  has(update: UpdateEnvelope): boolean {
    return update.first + indexesOf(update) - 1 <= this.#index;
  }

  /**
   * Applies one entry.
   * @returns the results of its commands, none for a no-op
   * @throws HistoryBrokenError (D1), MachineFailedError (D3)
   */
  apply(update: UpdateEnvelope): readonly Result[] {
    if (this.#failure) throw this.#failure;
    const { first, term } = update;
    if (first !== this.#index + 1)
      throw new HistoryBrokenError('an entry does not follow the one before it', {
        applied: this.#index,
        first,
      });
    if (term < this.#term) throw new HistoryBrokenError('the term goes back', { term, before: this.#term });
    const results = update.kind === 'noop' ? [] : this.#applyBatch(update.commands, first);
    this.#index = logIndex(first + indexesOf(update) - 1);
    this.#term = term;
    return results;
  }

  /** Commands go to the machine together, up to one whose request id is known by then: its answer depends on what is before it (requests Q1). */
  #applyBatch(commands: readonly Command[], first: number): readonly Result[] {
    const results: Result[] = [];
    let run: Pending[] = [];
    for (const [position, command] of commands.entries()) {
      const { requestId } = command;
      const named = requestId.length > 0;
      if (named && this.#requests.has(requestId)) {
        this.#run(run, results);
        run = [];
        const known = this.#requests.use(requestId)?.result;
        if (known) {
          results[position] = known; // D2
          continue;
        }
      }
      const remembered = named ? this.#requests.add(requestId) : undefined;
      run.push({ position, index: logIndex(first + position), command, remembered });
    }
    this.#run(run, results);
    return results;
  }

  #run(run: readonly Pending[], results: Result[]): void {
    if (run.length === 0) return;
    const index = run[0]!.index;
    try {
      const applied = this.machine.update(
        run.map(({ index: at, command }) => ({ index: at, cmd: command.cmd })),
      );
      if (applied.length !== run.length)
        throw new TypeError(`it answered ${applied.length} entries of ${run.length}`);
      for (const [n, { position, command, remembered }] of run.entries()) {
        const { result } = applied[n]!;
        if (result.data.length > MAX_RESULT_BYTES) throw new RangeError('its result is too long');
        checkPosition('result value', result.value); // a snapshot could not hold another one
        results[position] = result;
        if (!remembered) continue;
        this.#requests.settle(command.requestId, remembered, result);
        this.#requests.trim();
      }
    } catch (error) {
      this.#failure = new MachineFailedError('update', index, ensureError(error)); // D3
      throw this.#failure;
    }
  }

  /** Pins the state as it is now. @throws MachineFailedError */
  pin(): PinnedState {
    if (this.#failure) throw this.#failure;
    const index = this.#index;
    const header = encodeSnapshotHeader({ term: this.#term, index, requests: this.#requests.save() });
    let view: View;
    try {
      view = this.machine.prepareSnapshot();
    } catch (error) {
      throw new MachineFailedError('prepareSnapshot', index, ensureError(error));
    }
    return {
      index,
      save: async (write, signal) => {
        await write(header);
        await this.machine.saveSnapshot(view, write, signal);
      },
    };
  }

  /** Replaces the whole state by a snapshot's. @throws EnvelopeError, MachineFailedError, the signal's reason */
  async recover(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const { header, state } = await openSnapshot(chunks);
    if (header.index < this.#index || header.term < this.#term)
      throw new HistoryBrokenError('a snapshot lies before what is applied', {
        applied: this.#index,
        snapshot: header.index,
      });
    const requests = new RequestTable();
    requests.load(header.requests);
    try {
      await this.machine.recoverFromSnapshot(state, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#failure = new MachineFailedError('recoverFromSnapshot', header.index, ensureError(error)); // D3
      throw this.#failure;
    }
    this.#requests = requests;
    this.#index = header.index;
    this.#term = header.term;
  }

  /** Digest of machine, request table and position: equal on every replica at one index (DESIGN I7). @throws MachineFailedError (D3) */
  stateHash(): string {
    if (this.#failure) throw this.#failure;
    return `${this.#index}/${this.#term}/${this.machine.stateHash()}/${this.#requests.hash()}`;
  }

  /** The index of a snapshot, without loading it. @throws EnvelopeError */
  static async snapshotIndex(chunks: AsyncIterable<Uint8Array>): Promise<LogIndex> {
    return (await openSnapshot(chunks)).header.index;
  }
}
