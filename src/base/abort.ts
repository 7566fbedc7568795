/**
 * Cancellation helpers around AbortSignal.
 *
 * A1  Work that cannot be aborted is raced, never awaited, once its signal fires.
 * A2  A helper that adds an abort listener removes it again, so that a long-lived signal never collects listeners.
 */
import type { Clock } from './clock.ts';
import { HoldfastError } from './errors.ts';

/** A wait ran past its deadline. */
export class DeadlineError extends HoldfastError {
  constructor(what: string, deadlineMs: number) {
    super('DEADLINE', `${what} took longer than ${deadlineMs} ms.`, { fields: { what, deadlineMs } });
  }
}

/** Awaits `work`, or rejects with the signal's reason as soon as it aborts (A1). The loser is left to end by itself. */
export function raceAbort<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  if (signal.aborted) {
    work.catch(() => undefined); // A1: nobody waits for it any more, and its failure is no news
    return Promise.reject(signal.reason as Error);
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(
      (value) => {
        signal.removeEventListener('abort', onAbort); // A2
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', onAbort);
        reject(error);
      },
    );
  });
}

export interface Deadline {
  readonly signal: AbortSignal;
  /** Drops the timer and the listener on the parent (A2). */
  clear(): void;
}

/**
 * A signal that aborts with DeadlineError after `ms`, or with the parent's reason when the parent aborts.
 * Call `clear` in a `finally`.
 */
export function deadline(clock: Clock, ms: number, what: string, parent?: AbortSignal): Deadline {
  const controller = new AbortController();
  const onParent = (): void => controller.abort(parent?.reason);
  const timer = clock.timer(ms, () => controller.abort(new DeadlineError(what, ms)));
  if (parent?.aborted) onParent();
  else parent?.addEventListener('abort', onParent, { once: true });
  return {
    signal: controller.signal,
    clear: (): void => {
      timer.cancel();
      parent?.removeEventListener('abort', onParent);
    },
  };
}

/** True when `thrown` is why `signal` aborted: the caller asked for the stop, nothing went wrong. */
export function isAbortOf(signal: AbortSignal | undefined, thrown: unknown): boolean {
  return (
    signal?.aborted === true &&
    (thrown === signal.reason || (thrown instanceof Error && thrown.name === 'AbortError'))
  );
}
