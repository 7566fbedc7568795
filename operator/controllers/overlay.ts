/**
 * Read-your-writes for objects of which we need the content, not only the knowledge that it changed.
 *
 * O1  What is handed out is never older than our own last write to that object, whatever the cache still shows.
 * O2  A write is forgotten as soon as the cache has reached it, or shows another object under the same name.
 */
import type { ObjectCache } from '../runtime/index.ts';
import { hasReached, objectKey } from '../runtime/index.ts';
import type { KubeObject } from '../../src/kube/index.ts';

export class Overlay {
  readonly #cache: ObjectCache<KubeObject>;
  readonly #written = new Map<string, KubeObject>();

  constructor(cache: ObjectCache<KubeObject>) {
    this.#cache = cache;
  }

  /** `object` is what the API server answered to our write. */
  wrote(object: KubeObject): void {
    this.#written.set(objectKey(object), object);
  }

  /** The newest state known of the object (O1). */
  get(key: string): KubeObject | undefined {
    const shown = this.#cache.get(key);
    const ours = this.#written.get(key);
    if (!ours) return shown;
    const same = shown?.metadata.uid === ours.metadata.uid;
    const ahead = same && !hasReached(shown.metadata.resourceVersion, ours.metadata.resourceVersion);
    if (ahead) return ours;
    this.#written.delete(key); // O2; an object that the cache has lost is gone, whatever we wrote to it
    return shown;
  }
}
