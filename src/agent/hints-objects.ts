/**
 * hints-objects: hints that are too large for annotations, as objects beside the log that they are of.
 *
 * O1  An object is named by the term of its writer and the digest of its bytes. So it never changes, writers of two terms never share one, and what was
 *     left unnamed by an earlier term is never named again: its annotations can be written no more (persistence: H1).
 * O2  `put` resolves when an object of that name with those very bytes is known to exist.
 * O3  An object goes when this process has seen it unnamed for the whole grace, on its own clock, and a write of its own has just shown it unnamed again;
 *     never one of a later term. Whoever has read its name meanwhile has had that time, or looks again (persistence: T3).
 * O4  What a process that died has left is found by a LIST of the prefix, a page at a time: at the first write of a process, and later only while
 *     there may be something to remove.
 */
import {
  backoffMs,
  ensureError,
  equalBytes,
  HoldfastError,
  isAbortOf,
  type BackoffPolicy,
  type Clock,
  type Logger,
  type Random,
} from '../base/index.ts';
import { hintsKey, hintsPrefix, hintsTerm, type Journal } from '../journal/index.ts';
import type { HintsObjects } from '../persistence/index.ts';

/** Between attempts whose outcome is not known. */
const RETRY: BackoffPolicy = { firstMs: 100, factor: 2, capMs: 2000, jitter: 0.5 };
/** Attempts to store one object; the next hints come soon. */
const MAX_ATTEMPTS = 4;
/** As long as compaction waits before it deletes (journal: DEFAULT_COMPACTOR_OPTIONS.graceMs): a restore that takes longer reads the slots again. */
const GRACE_MS = 15 * 60_000;
/** Between two LISTs: one object in 30 s makes at most ten of them wait a little longer. */
const SWEEP_PAUSE_MS = 5 * 60_000;
/** Objects that one LIST looks at. Three are named; more than a thousand others mean that years of crashes are cleared away in several turns. */
const SWEEP_LIMIT = 1000;

/** Another object has the name that these hints should have; nothing was stored. */
export class HintsObjectTakenError extends HoldfastError {
  constructor(key: string) {
    super(
      'HINTS_OBJECT_TAKEN',
      `The object ${key} is not the hints that its name promises. Remove it; until then these hints cannot be stored.`,
      { fields: { key } },
    );
  }
}

export interface HintsObjectsOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** O3 */
  readonly graceMs?: number;
  readonly sweepPauseMs?: number;
}

/** Large hints of one log. */
export function hintsObjects(options: HintsObjectsOptions): HintsObjects {
  return new StoredObjects(options);
}

class StoredObjects implements HintsObjects {
  readonly #options: HintsObjectsOptions;
  /** Stored by this process a moment ago. */
  #last: string | undefined;
  /** Since when each object is known to be unnamed, monotonic ms (O3). */
  #unnamed = new Map<string, number>();
  /** O4: undefined when there is nothing to look for. */
  #sweepAtMs: number | undefined = Number.NEGATIVE_INFINITY;

  constructor(options: HintsObjectsOptions) {
    this.#options = options;
  }

  async put(
    { term, sha256, bytes }: Parameters<HintsObjects['put']>[0],
    signal?: AbortSignal,
  ): Promise<string> {
    const { journal, clock, random } = this.#options;
    const key = hintsKey(journal, term, sha256);
    this.#sweepAtMs ??= clock.monotonicMs() + this.#sweepPauseMs;
    if (key === this.#last && (await journal.store.head(key, { signal }))?.size === bytes.length) return key; // the same hints again
    for (let attempt = 1; ; attempt++) {
      const outcome = await journal.store.create(key, bytes, { signal, freshConnection: attempt > 1 });
      signal?.throwIfAborted();
      if (outcome.kind === 'created') break;
      if (outcome.kind === 'exists') {
        await this.#checkOwn(key, bytes, signal);
        break;
      }
      if (outcome.kind === 'refused' || attempt === MAX_ATTEMPTS) throw outcome.cause;
      await clock.sleep(backoffMs(RETRY, attempt - 1, random), signal);
    }
    this.#last = key;
    return key;
  }

  /** O2: of an earlier attempt, most likely. */
  async #checkOwn(key: string, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const found = await this.get(key, signal);
    if (!found || !equalBytes(found, bytes)) throw new HintsObjectTakenError(key);
  }

  async get(key: string, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    const { journal } = this.#options;
    if (hintsTerm(journal, key) === undefined) return undefined;
    return (await journal.store.get(key, { signal }))?.body;
  }

  async keep({ term, named }: Parameters<HintsObjects['keep']>[0], signal?: AbortSignal): Promise<void> {
    const { clock, log, journal } = this.#options;
    if (this.#sweepAtMs === undefined || clock.monotonicMs() < this.#sweepAtMs) return;
    try {
      const isDone = await this.#sweep(term, named, signal);
      this.#sweepAtMs = isDone && named.size === 0 ? undefined : clock.monotonicMs() + this.#sweepPauseMs;
    } catch (error) {
      if (signal && isAbortOf(signal, error)) return;
      this.#sweepAtMs = clock.monotonicMs() + this.#sweepPauseMs;
      log.warn('old hints could not be removed from the store; that is tried again', {
        log: journal.name,
        error: ensureError(error),
      });
    }
  }

  /** O3, O4. @returns whether nothing is left that will have to go */
  async #sweep(term: number, named: ReadonlySet<string>, signal: AbortSignal | undefined): Promise<boolean> {
    const { journal, clock, log, graceMs = GRACE_MS } = this.#options;
    const { objects, truncated } = await journal.store.list(hintsPrefix(journal), {
      limit: SWEEP_LIMIT,
      signal,
    });
    const nowMs = clock.monotonicMs();
    const unnamed = new Map<string, number>();
    let removed = 0;
    for (const { key } of objects) {
      const of = hintsTerm(journal, key);
      if (of === undefined || of > term || named.has(key)) continue;
      const sinceMs = this.#unnamed.get(key) ?? nowMs;
      if (nowMs - sinceMs < graceMs) unnamed.set(key, sinceMs);
      else {
        await journal.store.delete(key, { signal });
        removed++;
      }
    }
    if (removed > 0)
      log.info('old hints were removed from the store', { log: journal.name, objects: removed });
    this.#unnamed = unnamed;
    return unnamed.size === 0 && !truncated;
  }

  get #sweepPauseMs(): number {
    return this.#options.sweepPauseMs ?? SWEEP_PAUSE_MS;
  }
}
