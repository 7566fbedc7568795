/**
 * Read-your-writes for controllers: what this process has written and its caches do not show yet (after ECK's expectations).
 *
 * X1  After a create, update or patch, the owner is not acted on again until the cache has reached the version that the write returned.
 * X2  After a delete, not until the cache lost that UID or shows it as being deleted.
 * X3  An expectation is forgotten after EXPECTATION_MS: a cache that is behind for so long is reported elsewhere, and a shard is not
 *     frozen for it. By then every dangerous step is guarded by a live read and a compare of resourceVersion anyway.
 */
import type { Clock } from '../../src/base/index.ts';
import type { ObjectCache } from './cache.ts';
import { objectKey, type KubeObject } from './ports.ts';
import { hasReached } from './resource-version.ts';

/** X3: longer than any relist with its back-off. */
const EXPECTATION_MS = 60_000;

type Expectation =
  | {
      readonly kind: 'version';
      readonly key: string;
      readonly uid: string;
      readonly version: string;
      readonly untilMs: number;
    }
  | { readonly kind: 'deletion'; readonly key: string; readonly uid: string; readonly untilMs: number };

/** Expectations towards one cache, kept per owner (the key a controller works on). */
export class Expectations<T extends KubeObject> {
  readonly #cache: ObjectCache<T>;
  readonly #clock: Clock;
  readonly #pending = new Map<string, Expectation[]>();

  constructor(cache: ObjectCache<T>, clock: Clock) {
    this.#cache = cache;
    this.#clock = clock;
  }

  /** `written` is what the API server answered to our create, update, patch or apply (X1). */
  expectWritten(owner: string, written: KubeObject): void {
    const { uid, resourceVersion } = written.metadata;
    this.#add(owner, {
      kind: 'version',
      key: objectKey(written),
      uid,
      version: resourceVersion,
      untilMs: this.#untilMs(),
    });
  }

  /** `deleted` is the object whose deletion the API server accepted (X2). */
  expectDeleted(owner: string, deleted: KubeObject): void {
    this.#add(owner, {
      kind: 'deletion',
      key: objectKey(deleted),
      uid: deleted.metadata.uid,
      untilMs: this.#untilMs(),
    });
  }

  /** Keys of objects whose write the cache does not show yet; empty when it is safe to act on what the cache shows. */
  pending(owner: string): readonly string[] {
    const open = (this.#pending.get(owner) ?? []).filter(
      (e) => e.untilMs > this.#clock.monotonicMs() && !this.#met(e),
    );
    if (open.length === 0) this.#pending.delete(owner);
    else this.#pending.set(owner, open);
    return open.map((e) => e.key);
  }

  /** The owner is gone. */
  forget(owner: string): void {
    this.#pending.delete(owner);
  }

  #met(expectation: Expectation): boolean {
    const shown = this.#cache.get(expectation.key);
    const same = shown?.metadata.uid === expectation.uid ? shown : undefined;
    if (expectation.kind === 'deletion')
      return same === undefined || same.metadata.deletionTimestamp !== undefined;
    // Either the object itself, or the collection as a whole, has come that far; the latter also settles an object deleted since.
    return (
      (same !== undefined && hasReached(same.metadata.resourceVersion, expectation.version)) ||
      hasReached(this.#cache.resourceVersion, expectation.version)
    );
  }

  #untilMs(): number {
    return this.#clock.monotonicMs() + EXPECTATION_MS;
  }

  #add(owner: string, expectation: Expectation): void {
    const open = this.#pending.get(owner) ?? [];
    this.#pending.set(owner, [...open, expectation]);
  }
}
