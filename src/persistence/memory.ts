/**
 * memory: the reference backend, for tests and for a single process.
 */
import { ConflictError } from './errors.ts';
import type { RevisionStore, StoredState } from './types.ts';

/** A store that ends with the process. */
export function memoryStore(): RevisionStore {
  const states = new Map<string, StoredState>();
  const copyOf = (id: string): StoredState | undefined => {
    const stored = states.get(id);
    return stored && { ...stored, value: stored.value.slice() };
  };
  const work = async <T>(signal: AbortSignal | undefined, result: () => T): Promise<T> => {
    signal?.throwIfAborted();
    return await Promise.resolve(result());
  };
  return {
    init: (signal) => work(signal, () => undefined),
    read: (id, signal) => work(signal, () => copyOf(id)),
    compareAndSet: (id, revision, value, signal) =>
      work(signal, () => {
        const current = copyOf(id);
        if (current?.revision !== revision) throw new ConflictError(id, revision, current);
        const next = (revision ?? 0) + 1;
        states.set(id, { value: value.slice(), revision: next });
        return next;
      }),
    list: (signal) => work(signal, () => [...states.keys()].sort()),
  };
}
