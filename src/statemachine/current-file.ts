/**
 * current-file: the state file that a primary writes, and how a snapshot takes its place (docs/decisions/0021).
 *
 * E1  A snapshot is written to `next` beside: the pinned state, then a copy of every entry behind the pin; then `next` is renamed over `current`
 *     (stateio's rewrite, whose E1-E4 hold). The log keeps the order of operations, so whoever finds the renamed file finds all of it.
 * E2  Entries go on into `current` until the moment of the rename; only the end of the copy makes them wait.
 */
import { assert, type Clock } from '../base/index.ts';
import { rewrite, StateWriter, writerBehind } from '../stateio/index.ts';
import type { AppliedState, PinnedState } from './applied-state.ts';
import { decodeUpdate, indexesOf, type UpdateEnvelope, encodeUpdate } from './envelope.ts';
import { CURRENT, NEXT } from './paths.ts';
import type { RecordedFs } from '../recoverylog/index.ts';
import type { RecordedStateFile, SnapshotKeeper } from './ports.ts';
import { linkedFiles } from './snapshot-file/linked-files.ts';
import type { FilePlace } from './state-file.ts';
import type { MachineKind } from './types.ts';

/** Runs one piece of work at a time with the file. */
type Exclusive = <T>(work: () => Promise<T>) => Promise<T>;

export class CurrentFile {
  readonly #fs: RecordedFs;
  readonly #clock: Clock | undefined;
  #file: RecordedStateFile;
  #writer: StateWriter;
  #last: Promise<unknown> = Promise.resolve();
  /** Offset behind each entry by its last index, for the entries behind the last pin; a snapshot copies from there on. */
  #ends = new Map<number, number>();
  #snapshotBytes: number;
  /** A snapshot is being pinned: where entries end is kept until it is known where its tail begins. */
  #pinning = false;
  readonly #keeper: SnapshotKeeper;
  /** Of the snapshot that the file begins with. */
  #snapshotIndex: number | undefined;

  private constructor(
    fs: RecordedFs,
    file: RecordedStateFile,
    writer: StateWriter,
    place: FilePlace | undefined,
    keeper: SnapshotKeeper,
    clock: Clock | undefined,
  ) {
    this.#clock = clock;
    this.#keeper = keeper;
    this.#fs = fs;
    this.#file = file;
    this.#writer = writer;
    this.#snapshotBytes = place?.snapshotEnd ?? 0;
    this.#snapshotIndex = place?.snapshotIndex;
  }

  /** Opens `current` behind what was followed, and clears away an unfinished `next`. @param clock paces snapshots (stateio: rewrite E3) */
  static async open(
    fs: RecordedFs,
    followed: { readonly machine: { readonly kind: MachineKind }; readonly place: FilePlace | undefined },
    clock?: Clock,
  ): Promise<CurrentFile> {
    const { machine, place } = followed;
    const keeper = linkedFiles(fs, machine.kind);
    if (fs.exists(NEXT)) await fs.unlink(NEXT);
    const file = await fs.open(CURRENT, { create: true });
    assert(file.size() === (place?.size ?? 0), 'everything in the state file was followed', {
      size: file.size(),
      followed: place?.size,
    });
    await keeper.keepOnly(place?.snapshotIndex); // what a predecessor has left
    const writer = place ? writerBehind(file, place) : new StateWriter(file);
    return new CurrentFile(fs, file, writer, place, keeper, clock);
  }

  /** Bytes of the file behind its snapshot, which a restore has to apply. */
  get tailBytes(): number {
    return this.#writer.offset - this.#snapshotBytes;
  }

  get snapshotBytes(): number {
    return this.#snapshotBytes;
  }

  /** Appends an entry. Durable once `durable` resolves. */
  async append(update: UpdateEnvelope): Promise<void> {
    await this.#exclusive(async () => {
      const { end } = await this.#writer.update(encodeUpdate(update));
      this.#ends.set(update.first + indexesOf(update) - 1, end);
    });
  }

  /** Resolves when everything appended so far is in the log. */
  async durable(): Promise<void> {
    await this.#file.sync();
  }

  /** An entry was applied: where the ones before it end is of no more interest. */
  applied(index: number): void {
    if (this.#pinning) return;
    for (const earlier of this.#ends.keys()) {
      if (earlier >= index) break;
      this.#ends.delete(earlier);
    }
  }

  /** Whether nothing was written since the snapshot that the file begins with. */
  get isFresh(): boolean {
    return this.#snapshotBytes > 0 && this.tailBytes === 0;
  }

  /**
   * Replaces the file by one that begins with a snapshot of what is applied now (E1). Resolves when that is durable.
   * @returns bytes of the snapshot
   */
  async replaceBySnapshot<Query, Answer, View>(
    state: AppliedState<Query, Answer, View>,
    signal: AbortSignal,
  ): Promise<number> {
    this.#pinning = true;
    let pinned: PinnedState;
    let from: number | undefined;
    try {
      pinned = await state.pin();
      from = this.#ends.get(pinned.index);
    } finally {
      this.#pinning = false;
    }
    try {
      assert(from !== undefined, 'the last applied entry is in the current file', { index: pinned.index });
      await this.#replace(pinned, from, signal);
    } finally {
      pinned.release();
    }
    await this.durable();
    await this.#keeper.keepOnly(pinned.index);
    this.applied(state.index);
    return this.#snapshotBytes;
  }

  /** @param from where the entries behind the pinned state begin */
  async #replace(pinned: PinnedState, from: number, signal: AbortSignal): Promise<void> {
    const source = this.#file;
    const file = await this.#fs.open(NEXT, { create: true, truncate: true });
    const files = this.#keeper.collect(pinned);
    const ends = new Map<number, number>();
    try {
      await rewrite({
        source,
        from,
        epoch: this.#writer.epoch,
        next: file,
        snapshot: (write) => pinned.save(write, signal, files),
        copied: (payload, { end }) => {
          const update = decodeUpdate(payload);
          ends.set(update.first + indexesOf(update) - 1, end);
        },
        pause: (work) =>
          this.#exclusive(async () => {
            const { writer, snapshot } = await work();
            this.#file = file;
            this.#writer = writer;
            this.#ends = new Map([[pinned.index, snapshot.end], ...ends]);
            this.#snapshotBytes = snapshot.end;
            this.#snapshotIndex = pinned.index;
          }),
        // The log keeps the order; that all of it is durable is what the caller waits for.
        place: {
          ordered: true,
          rename: () => this.#fs.rename(NEXT, CURRENT),
          settle: () => Promise.resolve(),
        },
        clock: this.#clock,
        signal,
      });
    } catch (error) {
      await file.close();
      throw error;
    }
    await source.close();
  }

  /** Takes an unfinished `next` away, and the files that were to be its own. */
  async discardNext(): Promise<void> {
    if (this.#fs.exists(NEXT)) await this.#fs.unlink(NEXT);
    await this.#keeper.keepOnly(this.#snapshotIndex);
  }

  async close(): Promise<void> {
    await this.#exclusive(() => Promise.resolve(this.#file.close()));
  }

  readonly #exclusive: Exclusive = (work) => {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined); // its own caller is told
    return result;
  };
}
