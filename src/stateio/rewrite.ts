/**
 * rewrite: replaces a state file by a shorter one, a snapshot and a copy of the entries behind it, while entries go on into the old one (C5.7, C5.18;
 * decisions 2, 4 and 14). Go has no compaction.
 *
 * E1  The new file is written beside and renamed over the old one. Before the rename its name means nothing; whoever finds it renamed finds all of it:
 *     on a place that keeps no order of its own, all of it is durable before the rename.
 * E2  Entries go on into the old file until the last COPY_PAUSE_BYTES; those are copied while the caller holds appends back, so that none is missed.
 * E3  The new file goes beside the entries in small pieces: one in each commit, and at most two are on their way. A piece has what PACE_BYTES allows for the
 *     time that a commit takes, so that its bytes add little to that on a fast store as on a slow one. While nobody appends, it has MOST_PIECE_BYTES.
 * E4  What cannot be copied ends the rewrite with an error; the old file stays as it was. Damage is never left out in silence.
 */
import type { Clock } from '../base/index.ts';
import { RewriteError } from './errors.ts';
import type { ReadableStateFile, StateFile } from './file.ts';
import type { Placed, Produce } from './log-writer.ts';
import { UpdatesReader } from './reader.ts';
import { StateWriter } from './writer.ts';

/** What may be left to copy while appends wait, bytes: less than a millisecond, and not felt in the commit that they wait for. */
export const COPY_PAUSE_BYTES: number = 128 * 1024;
/** Rounds of copying before appends wait in any case: each is shorter unless entries come faster than the disk copies. */
const COPY_ROUNDS = 8;
/**
 * Bytes of the new file a second while entries are appended (E3): a twentieth of what a common store takes, and a snapshot of 100 MiB is through in half a minute. With
 * each round of the copy that follows it is twice as much, so that the copy comes to an end however fast entries come.
 */
const PACE_BYTES = 4 * 1024 * 1024;
/** Least bytes of a piece: below that a commit takes as long whatever its size. */
const LEAST_PIECE_BYTES = 32 * 1024;
/** Most bytes of a piece. One of 1 MiB makes a commit of a local store four times as long. */
const MOST_PIECE_BYTES = 512 * 1024;
/** A snapshot's chunks are passed on in parts of this, bytes, whatever their size: what a piece is made of. */
const PART_BYTES = 32 * 1024;

/** Where the new file takes the old one's place. */
export interface RewritePlace {
  /** Whether writes and renames become durable in the order they are made, as in a recorded directory (E1). */
  readonly ordered: boolean;
  /** Puts the new file in the old one's place. */
  rename(): Promise<void>;
  /** Resolves when the rename is durable. */
  settle(): Promise<void>;
}

export interface Rewrite {
  /** The old file, and which of its entries the snapshot does not cover: those of `epoch` from offset `from` on. */
  readonly source: ReadableStateFile;
  readonly from: number;
  readonly epoch: number;
  /** First byte of the old file that is not copied, for one with a torn tail; Infinity by default. */
  readonly limit?: number;
  /** The new file, empty. */
  readonly next: StateFile;
  readonly place: RewritePlace;
  /** Hands the snapshot's bytes on. */
  readonly snapshot: Produce;
  /** Runs `work` while nobody appends to the old file (E2). When that has resolved, its writer is the one to append with. */
  readonly pause: (work: () => Promise<Rewritten>) => Promise<unknown>;
  /** Called for each update that was copied. */
  readonly copied?: (payload: Uint8Array, placed: Placed) => void;
  /** Tells how long commits take; without it pieces are as large as they may be (E3). */
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal;
}

export interface Rewritten {
  readonly writer: StateWriter;
  readonly snapshot: Placed;
}

/**
 * Writes the new file, copies what follows, and puts it in place (E1-E4). It is in place when `place.rename` has run, and durably so when this
 * resolves. The old file and a new one that was not put in place are the caller's to close and remove.
 * @throws RewriteError, WriterBrokenError, what the ports throw, the signal's reason
 */
export async function rewrite(options: Rewrite): Promise<Rewritten> {
  const { source, from, epoch, limit = Infinity, next, place, signal } = options;
  const writer = new StateWriter(next);
  const flow = new Flow(writer, source, options.clock);
  const snapshot = await writer.streamSnapshot((write) =>
    options.snapshot(async (chunk) => {
      for (let at = 0; at < chunk.length; at += PART_BYTES) {
        signal?.throwIfAborted();
        const part = chunk.subarray(at, at + PART_BYTES);
        await write(part);
        await flow.passed(part.length);
      }
    }),
  );
  const reader = new UpdatesReader(source, { from, epoch, limit });
  const copy = (pace?: Flow): Promise<void> => copyUpdates(reader, writer, options, pace);
  for (let round = 0; round < COPY_ROUNDS; round++) {
    if (Math.min(await source.size(), limit) - reader.position <= COPY_PAUSE_BYTES) break;
    flow.hurry();
    await copy(flow);
  }
  if (!place.ordered) await writer.sync(); // E1; what is left for the pause is little
  await options.pause(async () => {
    await copy(); // E2
    if (!place.ordered) await writer.sync(); // E1
    signal?.throwIfAborted();
    await place.rename();
    return { writer, snapshot };
  });
  await place.settle();
  return { writer, snapshot };
}

/** Copies until the reader's end (E4). Without a flow it waits for no sync: little is left then, and others wait. */
async function copyUpdates(
  reader: UpdatesReader,
  writer: StateWriter,
  { copied, signal }: Pick<Rewrite, 'copied' | 'signal'>,
  flow: Flow | undefined,
): Promise<void> {
  reader.lookAgain();
  for (;;) {
    signal?.throwIfAborted();
    const outcome = await reader.next();
    if (outcome.kind === 'damage') throw new RewriteError(outcome.damage.reason, outcome.damage);
    if (outcome.kind === 'end') {
      if (outcome.why === 'torn' || outcome.why === 'snapshot') throw new RewriteError(outcome.why, outcome);
      if (outcome.why === 'limit' && outcome.bytes > 0) throw new RewriteError('torn', outcome);
      return;
    }
    const placed = await writer.update(outcome.payload);
    copied?.(outcome.payload, placed);
    await flow?.passed(outcome.payload.length);
  }
}

/** E3 */
class Flow {
  readonly #writer: StateWriter;
  readonly #source: ReadableStateFile;
  readonly #clock: Clock | undefined;
  /** Bytes of the piece that is being written, and of how many it is to be. */
  #bytes = 0;
  #piece: number;
  /** The piece before it is durable. */
  #before: Promise<void> = Promise.resolve();
  #sourceSize = -1;
  #pace = PACE_BYTES;

  constructor(writer: StateWriter, source: ReadableStateFile, clock: Clock | undefined) {
    this.#writer = writer;
    this.#source = source;
    this.#clock = clock;
    this.#piece = clock ? LEAST_PIECE_BYTES : MOST_PIECE_BYTES;
  }

  hurry(): void {
    this.#pace *= 2;
  }

  async passed(bytes: number): Promise<void> {
    this.#bytes += bytes;
    if (this.#bytes < this.#piece) return;
    this.#bytes = Math.min(this.#bytes - this.#piece, PART_BYTES); // counts for the next: on average a piece is as large as it should be
    const before = this.#before;
    this.#before = this.#sync();
    this.#before.catch(() => undefined); // the writer is broken then, and tells whoever writes next
    await before;
  }

  async #sync(): Promise<void> {
    const startMs = this.#clock?.monotonicMs() ?? 0;
    await this.#writer.sync();
    if (!this.#clock) return;
    const size = await this.#source.size();
    const isAlone = size === this.#sourceSize;
    this.#sourceSize = size;
    const commitMs = (this.#clock.monotonicMs() - startMs) / 2; // it has waited for one that was on its way, and for its own
    const paced = Math.max(LEAST_PIECE_BYTES, (this.#pace * commitMs) / 1000);
    this.#piece = isAlone ? MOST_PIECE_BYTES : Math.min(MOST_PIECE_BYTES, paced);
  }
}
