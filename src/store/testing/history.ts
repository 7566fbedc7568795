/**
 * What happened to a store and when, for answers that are out of date.
 */
import { compareKeys } from '../keys.ts';
import { LIST_PAGE_LIMIT, type ListPage, type ObjectInfo, type ObjectStore } from '../types.ts';

interface Change {
  readonly atMs: number;
  readonly key: string;
  /** What a delete removed; undefined for a create. */
  readonly removed: ObjectInfo | undefined;
}

export class History {
  readonly #changes: Change[] = [];
  readonly #createdMs = new Map<string, number>();

  created(key: string, atMs: number): void {
    this.#createdMs.set(key, atMs);
    this.#changes.push({ atMs, key, removed: undefined });
  }

  deleted(removed: ObjectInfo, atMs: number): void {
    this.#changes.push({ atMs, key: removed.key, removed });
  }

  /** True when the key was ever created here. */
  knows(key: string): boolean {
    return this.#createdMs.has(key);
  }

  /** When the key was last created here. */
  createdMs(key: string): number | undefined {
    return this.#createdMs.get(key);
  }

  /** The LIST page that the store would have given at `thenMs`. */
  async listAsOf(
    store: ObjectStore,
    thenMs: number,
    prefix: string,
    startAfter: string | undefined,
    limit: number = LIST_PAGE_LIMIT,
  ): Promise<ListPage> {
    const objects = new Map<string, ObjectInfo>();
    let after: string | undefined;
    for (let more = true; more;) {
      const page = await store.list(prefix, { startAfter: after });
      for (const object of page.objects) objects.set(object.key, object);
      after = page.objects.at(-1)?.key;
      more = page.truncated;
    }
    for (const change of this.#changes.toReversed()) {
      if (change.atMs <= thenMs) break;
      if (!change.key.startsWith(prefix)) continue;
      if (change.removed) objects.set(change.key, change.removed);
      else objects.delete(change.key);
    }
    const found = [...objects.values()]
      .filter((object) => startAfter === undefined || compareKeys(object.key, startAfter) > 0)
      .sort((a, b) => compareKeys(a.key, b.key));
    return { objects: found.slice(0, limit), truncated: found.length > limit };
  }
}
