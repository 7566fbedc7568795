/**
 * types: small state under an id, compared and committed (seeds.md §2, §5.5).
 *
 * S1  Values are opaque bytes, copied in and out.
 * S2  A value has a revision that grows by one with every commit, so A-B-A is seen as a change.
 * S3  An id exists once something was committed under it. "Nothing stored" is `undefined`, never an empty value.
 */

export interface StoredState {
  readonly value: Uint8Array;
  readonly revision: number;
}

/** What a backend has to offer; everything else is built on it. */
export interface RevisionStore {
  /**
   * Makes the place ready that values are kept in, or looks that it is there. Any number of times, by any number of processes at once.
   * @throws UnavailableError, ForbiddenError
   */
  init(signal?: AbortSignal): Promise<void>;
  /** @throws CorruptError, UnavailableError, ForbiddenError */
  read(id: string, signal?: AbortSignal): Promise<StoredState | undefined>;
  /**
   * Commits `value` if the id still holds `revision` (undefined: nothing).
   * @returns the new revision
   * @throws ConflictError, TooLargeError, RefusedError, CorruptError, UnavailableError (then nobody knows whether it was committed), ForbiddenError
   */
  compareAndSet(
    id: string,
    revision: number | undefined,
    value: Uint8Array,
    signal?: AbortSignal,
  ): Promise<number>;
  /** Ids with a value, sorted. */
  list(signal?: AbortSignal): Promise<readonly string[]>;
}

/** A look at one id, as it was when the handle was made. */
export interface ReadOps {
  /** Undefined is what the original tells as NotFound. */
  getLatest(): Uint8Array | undefined;
}

/**
 * One attempt to change one id, against what it held when the handle was made. Exactly one `set`, after which only `close` is left; `close` without
 * it changes nothing, and is harmless at any time.
 */
export interface WriteOps extends ReadOps {
  /** @throws UsageError after set or close */
  getLatest(): Uint8Array | undefined;
  /** Commits. @throws ConflictError when another writer was faster; UsageError on a second set or after close */
  set(value: Uint8Array, signal?: AbortSignal): Promise<void>;
  close(): void;
}

/** The four-method port of the witness (F2.5-F2.13). */
export interface LogStatePersistence {
  /** Makes the backend ready, or checks that it is there; may be called any number of times. */
  init(signal?: AbortSignal): Promise<void>;
  /** Ids with a value. */
  logs(signal?: AbortSignal): Promise<readonly string[]>;
  /** Valid for an id that holds nothing. */
  readOps(id: string, signal?: AbortSignal): Promise<ReadOps>;
  writeOps(id: string, signal?: AbortSignal): Promise<WriteOps>;
}
