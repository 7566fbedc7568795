/**
 * What a key-value store does, whatever engine holds its pairs: the seed's interfaces (seeds.md §3.2) with one meaning for all engines (§5.6).
 *
 * I1  A put of several pairs is atomic. An empty value is a value. A key has at least one byte; no key is reserved.
 * I2  A compare-and-set that does not match, a missing key included, answers false; it is no error. It sets the expiry that it is given.
 * I3  A key that has expired is not there, for reads and for compare-and-set alike. Commands judge by their own time, reads also by the reader's clock.
 * I4  An iteration is in ascending order of bytes and shows one point in time, whatever is written meanwhile.
 * I5  The number of a change is the index of its command in the log; it counts nothing else (seeds.md F5.1).
 * I6  Of backup, restore and putSnapshot one at a time; the others are told BusyError. While the contents are being replaced, so is every write.
 * I7  close is idempotent; later calls are told ClosedError.
 */
import { type Pair } from '../command.ts';
import { type History } from './history.ts';

/** What a write that needs a match is asked for. */
export interface CompareAndSet {
  readonly key: Uint8Array;
  /** Undefined: only if there is no such key. */
  readonly expected: Uint8Array | undefined;
  readonly value: Uint8Array;
  /** ms since 1970; absent: the pair stays. */
  readonly expiresAt?: number;
}

export interface IterateOptions {
  /** Only keys that begin with these bytes; all without. */
  readonly prefix?: Uint8Array;
  /** Only keys at or after this one; it begins with the prefix. */
  readonly start?: Uint8Array;
}

/** One run over the pairs (I4). Whoever has one closes it, or iterates to its end. */
export interface Iteration extends Iterable<Pair> {
  /** Calls `handler` with every pair and closes, whatever happens. @throws what the handler throws, at once */
  forEach(handler: (pair: Pair) => void | Promise<void>): Promise<void>;
  close(): void;
}

/** The whole contents at one point in time, as bytes (snapshot.ts). */
export interface SnapshotStream {
  /** The last change that is in it (I5). */
  readonly changeNumber: number;
  readonly pairs: number;
  /** Once only. */
  readonly chunks: AsyncIterable<Uint8Array>;
  close(): void;
}

/** Seed: KVStore. All calls: @throws ClosedError, and what the replica says (it is not the primary …). */
export interface KvStore {
  /** Pairs that are undefined are passed over (F3.6). @throws KvError INVALID_KEY, TOO_LARGE, INVALID_BODY, BusyError */
  put(...pairs: readonly (Pair | undefined)[]): Promise<void>;
  /** The pairs that there are, in the order of `keys`; missing ones are left out (F3.7). @throws KvError INVALID_KEY */
  get(...keys: readonly Uint8Array[]): Promise<readonly Pair[]>;
  /** The same, position by position. */
  getEach(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]>;
  /** Whether there was such a key. @throws KvError INVALID_KEY, BusyError */
  delete(key: Uint8Array): Promise<boolean>;
  /** Whether it was set (I2). @throws KvError INVALID_KEY, TOO_LARGE, BusyError */
  compareAndSet(request: CompareAndSet): Promise<boolean>;
  /** @throws KvError INVALID_QUERY when `start` does not begin with `prefix` */
  iterate(options?: IterateOptions): Promise<Iteration>;
  getSnapshot(): Promise<SnapshotStream>;
  /** Replaces the whole contents by a snapshot's, all at once; until then reads see the old ones. @throws BusyError, KvFormatError (nothing is changed then) */
  putSnapshot(chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Seed: Backupable. A place is an object store's URL (file: for a directory that nobody records). */
export interface Backupable {
  /** @throws BusyError, BackupError when there is a backup already or the place is in the recorded directory, StoreUrlError, StoreError */
  backupTo(url: string, signal?: AbortSignal): Promise<BackupReport>;
  /** The store stays open, and as it was when this fails. @throws BusyError, BackupError when there is none or it is damaged, StoreUrlError, StoreError */
  restoreFrom(url: string, signal?: AbortSignal): Promise<BackupReport>;
}

export interface BackupReport {
  readonly changeNumber: number;
  readonly pairs: number;
  readonly bytes: number;
}

/** Seed: TrxnRecord. What became of one key. */
export type Operation =
  | { readonly kind: 'put'; readonly key: Uint8Array; readonly value: Uint8Array; readonly expiresAt: number }
  | { readonly kind: 'delete'; readonly key: Uint8Array };

/** Seed: ChangeRecord. What one command did; nothing, for one that did not match. */
export interface ChangeRecord {
  /** Index of the command in the log. Numbers ascend, with gaps where the log holds other things than commands. */
  readonly number: number;
  /** Number of the change before this one. */
  readonly previous: number;
  /** The command's time, ms since 1970. */
  readonly now: number;
  /** Identity of all changes up to and with this one. */
  readonly history: History;
  /** In this order; expired keys that the command removed come last. */
  readonly operations: readonly Operation[];
}

/** Seed: ChangePropagator. */
export interface ChangePropagator {
  latestCommittedChangeNumber(): Promise<number>;
  /**
   * The changes with numbers from `from` on, at most `max` of them; none when `from` is the latest + 1.
   * @param history what the caller's own changes up to `from` - 1 are; absent: not checked
   * @throws GapError when some of them are not kept any more, AheadError when `from` is beyond the latest + 1, DivergedError when the caller has had others
   */
  loadChanges(from: number, max: number, history?: History): Promise<readonly ChangeRecord[]>;
}

/** What saving changes came to. All up to `appliedUpTo` are in; with an error, no other is. */
export interface SavedChanges {
  readonly appliedUpTo: number;
  readonly error?: Error;
}

/** Seed: ChangeApplier. */
export interface ChangeApplier {
  latestAppliedChangeNumber(): number;
  /** Identity of the changes up to that one. */
  appliedHistory(): History;
  /** Applies them in order, each as a whole, up to the first that fails; those that are in already are passed over. A gap is a GapError in the answer, a change of another history a DivergedError. */
  saveChanges(changes: readonly ChangeRecord[]): Promise<SavedChanges>;
}

/** Seed: Stat. */
export interface EngineStats {
  readonly engine: 'memory' | 'sqlite';
  /** Pairs held, expired ones that are not removed yet included. */
  readonly keys: number;
  /** Bytes of their keys and values. */
  readonly dataBytes: number;
  readonly changeNumber: number;
  /** Identity of the changes up to that one. */
  readonly history: History;
  /** The time of the latest command, ms since 1970. */
  readonly now: number;
  /** Oldest `from` that loadChanges answers. */
  readonly oldestChange: number;
  /** The contents are being replaced; writes are told BusyError. */
  readonly replacing: boolean;
}

export interface Stat {
  stats(): Promise<EngineStats>;
}

export interface PageQuery {
  /** Only keys that begin with these bytes. */
  readonly prefix: Uint8Array;
  /** Only keys at or after this one. */
  readonly start: Uint8Array | undefined;
  /** Most pairs in the answer, at least 1. */
  readonly limit: number;
}

/** One page of an ordered iteration: a point in time. `next` is the first key left out; ask again with it as `start`. */
export interface Page {
  readonly pairs: readonly Pair[];
  readonly next: Uint8Array | undefined;
}

/** What a machine can be asked. */
export type Query =
  | { readonly kind: 'get'; readonly keys: readonly Uint8Array[] }
  /** Answered position by position; keys whose values pass MAX_MULTI_GET_BYTES together are left out at the end. */
  | { readonly kind: 'pairs'; readonly keys: readonly Uint8Array[] }
  | { readonly kind: 'page'; readonly page: PageQuery }
  | { readonly kind: 'iterate'; readonly options: IterateOptions }
  | { readonly kind: 'snapshot' }
  | {
      readonly kind: 'changes';
      readonly from: number;
      readonly max: number;
      readonly history?: History | undefined;
    }
  | { readonly kind: 'stats' };

/** Values position by position, undefined where there is no such key. Callers must not change them. */
export type Values = readonly (Uint8Array | undefined)[];

interface Answers {
  readonly get: Values;
  /** Position by position too. */
  readonly pairs: readonly (Pair | undefined)[];
  readonly page: Page;
  readonly iterate: Iteration;
  readonly snapshot: SnapshotStream;
  readonly changes: readonly ChangeRecord[];
  readonly stats: EngineStats;
}
export type Answer = Answers[keyof Answers];
export type QueryAnswer<Q extends Query> = Answers[Q['kind']];
