/**
 * The store as a process sees it that dies in the middle of its work: from one of its mutations on nothing is answered and nothing has effect.
 */
import type { ObjectStore } from '../../store/index.ts';

export type DeathWhen = 'before the effect' | 'after the effect';

export interface MortalStore {
  readonly store: ObjectStore;
  /** Creates and deletes so far. */
  readonly mutations: () => number;
  /** Resolves with the death; never rejects. */
  readonly died: Promise<void>;
}

const MUTATING: ReadonlySet<string> = new Set(['create', 'delete']);

/** Dies at the `atRequest`-th create or delete. */
export function mortal(store: ObjectStore, atRequest: number, when: DeathWhen): MortalStore {
  let mutations = 0;
  const death = Promise.withResolvers<void>();
  const never = (): Promise<never> => new Promise(() => undefined);
  const handler: ProxyHandler<ObjectStore> = {
    get(target, name, receiver) {
      const value: unknown = Reflect.get(target, name, receiver);
      if (typeof value !== 'function') return value;
      const call = async (args: unknown[]): Promise<unknown> =>
        await (value as (...all: unknown[]) => Promise<unknown>).apply(target, args);
      return async (...args: unknown[]): Promise<unknown> => {
        if (mutations >= atRequest) return await never();
        if (MUTATING.has(String(name)) && ++mutations >= atRequest) {
          if (when === 'after the effect') await call(args);
          death.resolve();
          return await never();
        }
        return await call(args);
      };
    },
  };
  return { store: new Proxy(store, handler), mutations: () => mutations, died: death.promise };
}
