/**
 * state-file: reads one state file, from its beginning and then as it grows, into whoever applies it or only follows.
 *
 * L1  A file holds one epoch: at most one snapshot, at its beginning, and updates without gaps behind it.
 * L2  What is applied already is checked for order and passed over (position D4), so a file may be read that overlaps with one read before.
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
import {
  decodeUpdate,
  indexesOf,
  openSnapshot,
  type OpenedSnapshot,
  type UpdateEnvelope,
} from './envelope.ts';
import { HistoryBrokenError, StateDamagedError } from './errors.ts';
import { isPromise } from './fair-lock.ts';
import { OPERATION_BYTES } from './limits.ts';
import type { FilesOf } from './ports.ts';

/** Where entries go. */
export interface EntrySink {
  /** What of an entry is new; undefined when nothing is. */
  rest(update: UpdateEnvelope): UpdateEnvelope | undefined;
  apply(update: UpdateEnvelope): unknown;
  /** The snapshot that a file begins with; `filesOf` finds the files that its manifest names. */
  meetSnapshot(snapshot: OpenedSnapshot, signal: AbortSignal, filesOf: FilesOf): Promise<void>;
}

export interface StateFileOptions {
  /** Its path in the recorded directory, for errors. */
  readonly path: string;
  readonly file: ReadableStateFile;
  readonly sink: EntrySink;
  readonly log: Logger;
  readonly filesOf: FilesOf;
}

/** How far a file has been read. */
export interface FilePlace {
  /** Bytes of the file that were looked at. */
  readonly size: number;
  readonly epoch: number;
  /** The bytes end inside an entry. */
  readonly torn: boolean;
  /** Offset behind the snapshot that the file begins with; 0 without. */
  readonly snapshotEnd: number;
  /** Index of that snapshot. */
  readonly snapshotIndex: number | undefined;
}

export class StateFileReader {
  readonly #options: StateFileOptions;
  #updates: UpdatesReader | undefined;
  /** Last index in this file so far; undefined before its first entry. */
  #last: number | undefined;
  #damage: Damage | undefined;
  /** Offset behind the last whole entry. */
  #whole = 0;
  #place: FilePlace = { size: 0, epoch: 0, torn: false, snapshotEnd: 0, snapshotIndex: undefined };

  constructor(options: StateFileOptions) {
    this.#options = options;
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
      if (outcome.kind === 'update') {
        const taken = this.#take(decodeUpdate(outcome.payload), outcome.start);
        if (isPromise(taken)) await taken;
      } else if (outcome.kind === 'damage') this.#damage ??= outcome.damage;
      else if (outcome.why === 'snapshot') throw this.#damaged({ ...outcome, reason: 'epoch' });
      else {
        const { offset, bytes } = outcome;
        this.#whole = this.#updates.position;
        this.#place = {
          ...this.#place,
          size: offset + bytes,
          epoch: this.#updates.epoch,
          torn: bytes > 0,
        };
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
    const { file, sink, filesOf } = this.#options;
    const source = new BlockSource(file);
    await source.look();
    const first = await new EntryScanner(source, 0, RETAINED_SNAPSHOT_BYTES).next();
    if (first.kind === 'end') {
      this.#place = { ...this.#place, size: source.size, torn: source.size > 0 };
      return undefined;
    }
    if (first.kind === 'damage' || first.entry.type !== ENTRY_SNAPSHOT)
      return new UpdatesReader(file, { from: 0, epoch: 0 });
    const { start, end } = first.entry;
    const snapshot = await openSnapshot(payload(source, first.entry));
    await sink.meetSnapshot(snapshot, signal, filesOf); // L2
    this.#last = snapshot.header.index;
    this.#place = { ...this.#place, snapshotEnd: end, snapshotIndex: snapshot.header.index };
    return new UpdatesReader(file, { from: end, epoch: start });
  }

  #take(update: UpdateEnvelope, start: number): unknown {
    const { path, log, sink } = this.#options;
    const { first, kind } = update;
    const expected = this.#last === undefined ? first : this.#last + 1;
    if (this.#damage) {
      if (kind !== 'noop' || first !== (this.#last ?? 0) + 1) throw this.#damaged(this.#damage); // L3
      log.warn('an unfinished entry of an earlier primary was passed over', {
        path,
        ...this.#damage,
      });
      this.#damage = undefined;
    }
    if (first !== expected)
      throw new HistoryBrokenError(`${path} leaves out entries before byte ${start}`, {
        expected,
        first,
      });
    this.#last = first + indexesOf(update) - 1;
    const rest = sink.rest(update); // L2
    return rest && sink.apply(rest);
  }

  #damaged(damage: { readonly offset: number; readonly bytes: number; readonly reason: string }): Error {
    return new StateDamagedError(this.#options.path, damage.offset, damage.bytes, damage.reason);
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
