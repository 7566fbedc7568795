/**
 * The read before a step that cannot be taken back: the API server's answer now, held against what the cache said.
 *
 * A cache may lie in the past by seconds. Before a promotion, a deletion, or a conclusion drawn from absence, the controller asks the
 * server itself and acts only when the answer is about the same object.
 */
import type { KubeObject } from './ports.ts';

export type LiveRead<T> =
  /** The same object; `changed`: newer than the cached one, so a plan made from the cache is to be made again from `object`. */
  | { readonly kind: 'current'; readonly object: T; readonly changed: boolean }
  /** No object of this name, or another one (another UID) in its place. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'replaced'; readonly object: T };

/**
 * Reads through `read` (undefined = 404 told by the server) and compares with `cached`. Failures of `read` are the caller's: without an
 * answer there is no step.
 */
export async function liveRead<T extends KubeObject>(
  cached: KubeObject,
  read: () => Promise<T | undefined>,
): Promise<LiveRead<T>> {
  const object = await read();
  if (!object) return { kind: 'gone' };
  if (object.metadata.uid !== cached.metadata.uid) return { kind: 'replaced', object };
  return {
    kind: 'current',
    object,
    changed: object.metadata.resourceVersion !== cached.metadata.resourceVersion,
  };
}
