/**
 * Creating an object whose name stands for its content, again and again until that is known to have happened (C3 of compact.ts).
 */
import { backoffMs, type Clock, type Random } from '../../base/index.ts';
import type { Body } from '../../store/index.ts';
import { CompactionError } from '../errors.ts';
import type { Journal } from '../names.ts';
import { RETRY } from '../retry.ts';

export interface CreateObjectOptions {
  /** A store that stays away longer than this fails it, ms. */
  readonly giveUpMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
}

export interface CreatedObject {
  /** `exists`: the key was taken, by an earlier attempt or by somebody who had the same content. */
  readonly kind: 'created' | 'exists';
  /** Attempts; after more than one, a body may still be on its way. */
  readonly attempts: number;
}

/** Creates the object; the same bytes each time. @throws StoreError, CompactionError, the signal's reason */
export async function createObject(
  journal: Journal,
  key: string,
  body: Body,
  { clock, random, giveUpMs, signal }: CreateObjectOptions,
): Promise<CreatedObject> {
  const startedMs = clock.monotonicMs();
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted();
    const outcome = await journal.store.create(key, body, { signal, freshConnection: attempt > 0 });
    if (outcome.kind === 'created' || outcome.kind === 'exists')
      return { kind: outcome.kind, attempts: attempt + 1 };
    if (outcome.kind === 'refused') throw outcome.cause;
    if (clock.monotonicMs() - startedMs >= giveUpMs)
      throw new CompactionError(journal.name, `the store did not take ${key}`, outcome.cause);
    await clock.sleep(backoffMs(RETRY, attempt, random), signal);
  }
}
