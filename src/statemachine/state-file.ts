/**
 * state-file: reads one state file into an AppliedState, from its beginning and then as it grows.
 *
 * L1  A file holds one epoch: at most one snapshot, at its beginning, and updates without gaps behind it.
 * L2  What is applied already is checked for order and passed over, so a file may be read that overlaps with one read before.
 * L3  Unreadable bytes are passed over in one case only: the next entry is the first of a primary (a no-op) and follows the last readable one. Then
 *     they are the end of a write that no primary ever confirmed, cut off by the handoff. Anything else is damage (DESIGN promise 7).
 * L4  When nobody writes any more, what stands behind the last whole entry is a number of whole operations of the log (limits: OPERATION_BYTES), or
 *     it is damage: a length that was changed makes acknowledged entries look like the beginning of an unfinished one.
 */
import { errorCode, type Logger } from '../base/index.ts';
import {
  BlockSource,
  ENTRY_SNAPSHOT,
  EntryScanner,
  entryChunks,
  RETAINED_SNAPSHOT_BYTES,
  UpdatesReader,
  type Damage,
  type FoundEntry,
  type ReadableStateFile,
} from '../stateio/index.ts';
import { AppliedState } from './applied-state.ts';
import { decodeUpdate, indexesOf, type UpdateEnvelope } from './envelope.ts';
import { HistoryBrokenError, StateDamagedError } from './errors.ts';
import { OPERATION_BYTES } from './limits.ts';

/** How far a file has been read. */
export interface FilePlace {
  /** Bytes of the file that were looked at. */
  readonly size: number;
  readonly epoch: number;
  /** The bytes end inside an entry. */
  readonly torn: boolean;
  /** Offset behind the snapshot that the file begins with; 0 without. */
  readonly snapshotEnd: number;
}

export class StateFileReader<Query, Answer, View> {
  readonly #path: string;
  readonly #file: ReadableStateFile;
  readonly #state: AppliedState<Query, Answer, View>;
  readonly #log: Logger;
  #updates: UpdatesReader | undefined;
  /** Last index in this file so far; undefined before its first entry. */
  #last: number | undefined;
  #damage: Damage | undefined;
  /** Offset behind the last whole entry. */
  #whole = 0;
  #place: FilePlace = { size: 0, epoch: 0, torn: false, snapshotEnd: 0 };

  constructor(path: string, file: ReadableStateFile, state: AppliedState<Query, Answer, View>, log: Logger) {
    this.#path = path;
    this.#file = file;
    this.#state = state;
    this.#log = log;
  }

  get place(): FilePlace {
    return this.#place;
  }

  /** Applies everything that is whole by now. @throws StateDamagedError, HistoryBrokenError, MachineFailedError, EnvelopeError, system errors */
  async advance(signal: AbortSignal): Promise<void> {
    this.#updates ??= await this.#begin(signal);
    if (!this.#updates) return;
    this.#updates.lookAgain();
    for (;;) {
      signal.throwIfAborted();
      const outcome = await this.#updates.next();
      if (outcome.kind === 'update') this.#take(decodeUpdate(outcome.payload), outcome.start);
      else if (outcome.kind === 'damage') this.#damage ??= outcome.damage;
      else if (outcome.why === 'snapshot') throw this.#damaged({ ...outcome, reason: 'epoch' });
      else {
        const { offset, bytes } = outcome;
        const { snapshotEnd } = this.#place;
        this.#whole = this.#updates.position;
        this.#place = { size: offset + bytes, epoch: this.#updates.epoch, torn: bytes > 0, snapshotEnd };
        return;
      }
    }
  }

  /** Another file has taken this one's place. @throws StateDamagedError when unreadable bytes are left that nobody has written past (L3) */
  leave(): void {
    if (this.#damage) throw this.#damaged(this.#damage);
  }

  /** Says that nothing more will come, and that all of it was read. @throws StateDamagedError as leave, or when it ends where no log ends (L4) */
  finish(): FilePlace {
    this.leave();
    const cut = this.#place.size - this.#whole;
    if (cut % OPERATION_BYTES !== 0)
      throw this.#damaged({ offset: this.#whole, bytes: cut, reason: 'cut inside an operation' });
    return this.#place;
  }

  /** Reads what stands first; undefined while that is not whole yet. */
  async #begin(signal: AbortSignal): Promise<UpdatesReader | undefined> {
    const source = new BlockSource(this.#file);
    await source.look();
    const first = await new EntryScanner(source, 0, RETAINED_SNAPSHOT_BYTES).next();
    if (first.kind === 'end') {
      this.#place = { size: source.size, epoch: 0, torn: source.size > 0, snapshotEnd: 0 };
      return undefined;
    }
    if (first.kind === 'damage' || first.entry.type !== ENTRY_SNAPSHOT)
      return new UpdatesReader(this.#file, { from: 0, epoch: 0 });
    const { start, end } = first.entry;
    const chunks = (): AsyncIterable<Uint8Array> => payload(source, first.entry);
    const index = await AppliedState.snapshotIndex(chunks());
    if (index > this.#state.index) await this.#state.recover(chunks(), signal);
    this.#last = index;
    this.#place = { ...this.#place, snapshotEnd: end };
    return new UpdatesReader(this.#file, { from: end, epoch: start });
  }

  #take(update: UpdateEnvelope, start: number): void {
    const { first, kind } = update;
    const expected = this.#last === undefined ? first : this.#last + 1;
    if (this.#damage) {
      if (kind !== 'noop' || first !== (this.#last ?? 0) + 1) throw this.#damaged(this.#damage); // L3
      this.#log.warn('an unfinished entry of an earlier primary was passed over', {
        path: this.#path,
        ...this.#damage,
      });
      this.#damage = undefined;
    }
    if (first !== expected)
      throw new HistoryBrokenError(`${this.#path} leaves out entries before byte ${start}`, {
        expected,
        first,
      });
    this.#last = first + indexesOf(update) - 1;
    if (!this.#state.has(update)) this.#state.apply(update); // L2
  }

  #damaged(damage: { readonly offset: number; readonly bytes: number; readonly reason: string }): Error {
    return new StateDamagedError(this.#path, damage.offset, damage.bytes, damage.reason);
  }
}

/** Payload of a snapshot entry that was found whole. */
async function* payload(source: BlockSource, entry: FoundEntry): AsyncGenerator<Uint8Array> {
  if (entry.payload) yield entry.payload;
  else yield* entryChunks(source, entry.start);
}

/** Whether a file was not there. */
export function isMissing(error: unknown): boolean {
  return errorCode(error) === 'ENOENT';
}
