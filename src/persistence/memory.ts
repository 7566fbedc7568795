/**
 * memory: the reference backend, for tests and for a single process.
 */
import { ConflictError } from './errors.ts';
import type { RevisionStore, StoredState } from './types.ts';

/** A store that ends with the process. */
export function memoryStore(): RevisionStore {
  const states = new Map<string, StoredState>();
  return {
    read: (id) => {
      const stored = states.get(id);
      return Promise.resolve(stored && { ...stored, value: stored.value.slice() });
    },
    compareAndSet: (id, revision, value) => {
      const found = states.get(id)?.revision;
      if (found !== revision) return Promise.reject(new ConflictError(id, revision, found));
      const next = (found ?? 0) + 1;
      states.set(id, { value: value.slice(), revision: next });
      return Promise.resolve(next);
    },
    list: () => Promise.resolve([...states.keys()].sort()),
  };
}
