/**
 * Decide first, write later: what a restore does to its files, held back until the memory for it is used up (DESIGN §4.2).
 *
 *   file: held back -> being written -> on disk        (any of them) -> dead
 *
 * Y1  The files end as if every operation had been done when it came: a file's writes reach the disk in an order that leaves its newest bytes, one batch
 *     of it at a time, each batch in the order of its offsets.
 * Y2  A file that dies while it is held back is never created; bytes that are overwritten meanwhile are never written (extents.ts).
 * Y3  Memory is bounded: when half of the limit waits, the files that have waited longest are written; beyond the limit whoever reads waits.
 * Y4  Memory of what was read goes back when nothing of it is to be written any more, each exactly once; also after a failure.
 * Y5  At most PARALLEL_CALLS files are written at a time, and none when flush() or close() is through.
 */
import { raceAbort } from '../../base/index.ts';
import { Extents, type Extent } from './extents.ts';
import { HeldMemory, Memory } from './held-memory.ts';
import { PARALLEL_CALLS } from './local-fs.ts';
import type { StagedFiles } from './staged-files.ts';

export interface WindowLimits {
  /** Memory that is held, bytes. */
  readonly bytes: number;
  /** Pieces that wait: each costs a hundred bytes, and finding its place among the others of its file. */
  readonly pieces: number;
  /** Writes below so many bytes are copied. */
  readonly copyBelow: number;
}

/** With what the reader holds (ReadLimits, 128 MiB) well below 256 MiB, also when the local disk is slow: a restore of 1 GiB has come to 200. */
export const WINDOW_LIMITS: WindowLimits = {
  bytes: 32 * 1024 * 1024,
  pieces: 16_384,
  copyBelow: 16 * 1024,
};

interface WindowFile {
  readonly fnode: number;
  readonly extents: Extents;
  /** What is being written. */
  batch: readonly Extent[] | undefined;
  isOnDisk: boolean;
  isDead: boolean;
}

export class WriteWindow {
  readonly #staged: Pick<StagedFiles, 'put' | 'remove'>;
  readonly #limits: WindowLimits;
  readonly #memory = new HeldMemory();
  readonly #files = new Map<number, WindowFile>();
  /** Files that something is to be done about, the longest waiting first. */
  readonly #waiting = new Set<WindowFile>();
  readonly #turn: WindowFile[] = [];
  #active = 0;
  #failure: { readonly error: unknown } | undefined;
  #progressed: PromiseWithResolvers<void> = Promise.withResolvers();
  /** What is being applied: memory that writes may lie in. */
  #lent: Memory | undefined;
  #own: Memory | undefined;

  constructor(staged: Pick<StagedFiles, 'put' | 'remove'>, limits: WindowLimits = WINDOW_LIMITS) {
    this.#staged = staged;
    this.#limits = limits;
  }

  /** Memory that is held now, bytes (Y3). */
  get heldBytes(): number {
    return this.#memory.heldBytes;
  }

  /** Writes until end() may lie in `bytes`, which are held until `done` is called (Y4). */
  begin(bytes: Uint8Array, done: (() => void) | undefined): void {
    this.#lent = new Memory(this.#memory, bytes, done);
    this.#lent.hold();
  }

  end(): void {
    this.#lent?.drop();
    this.#lent = undefined;
    this.#own = undefined;
  }

  create(fnode: number): void {
    const file: WindowFile = {
      fnode,
      extents: new Extents(this.#memory),
      batch: undefined,
      isOnDisk: false,
      isDead: false,
    };
    this.#files.set(fnode, file);
    this.#waiting.add(file);
  }

  write(fnode: number, data: Uint8Array, offset: number): void {
    if (data.length === 0) return;
    const file = this.#files.get(fnode)!;
    if (data.length < this.#limits.copyBelow) file.extents.copy(offset, data);
    else file.extents.refer(offset, data, this.#memoryOf(data));
    this.#waiting.add(file);
  }

  remove(fnode: number): void {
    const file = this.#files.get(fnode)!;
    this.#files.delete(fnode);
    file.extents.clear();
    file.isDead = true;
    if (file.isOnDisk || file.batch) this.#waiting.add(file);
    else this.#waiting.delete(file); // Y2
  }

  /** Resolves when there is room for more (Y3). @throws errors of the local disk, the signal's reason */
  async room(signal: AbortSignal): Promise<void> {
    const { bytes, pieces } = this.#limits;
    for (;;) {
      this.#check();
      const { waitingBytes, waiting, heldBytes } = this.#memory;
      if (waitingBytes > bytes / 2 || waiting > pieces / 2) this.#startOldest(bytes / 4, pieces / 4);
      if (heldBytes <= bytes || this.#active === 0) return;
      await raceAbort(this.#progressed.promise, signal);
    }
  }

  /** Everything to the disk: the files are as the log says. @throws as room */
  async flush(signal: AbortSignal): Promise<void> {
    for (;;) {
      this.#check();
      this.#startOldest(-1, -1);
      if (this.#active === 0) return;
      await raceAbort(this.#progressed.promise, signal);
    }
  }

  /** Ends it without writing the rest; resolves when nothing is under way and all memory went back (Y4, Y5). */
  async close(): Promise<void> {
    this.#failure ??= { error: new Error('the restore has ended') };
    this.end();
    for (const { extents } of this.#files.values()) extents.clear();
    this.#waiting.clear();
    this.#turn.splice(0).forEach((file) => this.#written(file));
    while (this.#active > 0) await this.#progressed.promise;
  }

  #check(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /** The memory that holds `data`: what was lent, or memory of the frame's own. */
  #memoryOf(data: Uint8Array): Memory {
    if (this.#lent?.buffer.buffer === data.buffer) return this.#lent;
    if (this.#own?.buffer.buffer !== data.buffer)
      this.#own = new Memory(this.#memory, new Uint8Array(data.buffer));
    return this.#own;
  }

  /** Has the files that wait longest written, until no more than so much waits. */
  #startOldest(bytes: number, pieces: number): void {
    for (const file of this.#waiting) {
      if (this.#memory.waitingBytes <= bytes && this.#memory.waiting <= pieces) break;
      if (file.batch) continue; // Y1: one batch of a file at a time
      this.#waiting.delete(file);
      file.batch = file.extents.take();
      this.#turn.push(file);
    }
    while (this.#active < PARALLEL_CALLS && this.#turn.length > 0) void this.#work(); // never rejects
  }

  /** Does what is due for files in turn until there are none. */
  async #work(): Promise<void> {
    this.#active++;
    while (this.#turn.length > 0 && !this.#failure) {
      const file = this.#turn.shift()!;
      try {
        // It may die meanwhile, so what was done counts: a file that died under its second batch once stayed on the disk.
        if (!file.isDead) {
          await this.#staged.put(file.fnode, !file.isOnDisk, file.batch!);
          file.isOnDisk = true;
        } else if (file.isOnDisk) {
          await this.#staged.remove(file.fnode);
          file.isOnDisk = false;
        }
      } catch (error) {
        this.#failure ??= { error };
      }
      this.#written(file);
      this.#tell();
    }
    this.#active--;
    this.#tell();
  }

  #written(file: WindowFile): void {
    for (const { memory } of file.batch ?? []) memory.drop();
    file.batch = undefined;
  }

  #tell(): void {
    this.#progressed.resolve();
    this.#progressed = Promise.withResolvers();
  }
}
