/**
 * Order of resource versions: the one place that knows they are numbers.
 *
 * Kubernetes guarantees since 1.35 (KEP-5504) that versions of one resource type compare as decimal integers of any length, and every
 * release before behaved so. A version that is no decimal integer is treated as unordered.
 */

const DECIMAL = /^[1-9][0-9]*$/;

/** True when `seen` is `wanted` or later, of the same resource type; unordered versions are reached only by equality. */
export function hasReached(seen: string, wanted: string): boolean {
  if (seen === wanted) return true;
  if (!DECIMAL.test(seen) || !DECIMAL.test(wanted)) return false;
  return seen.length === wanted.length ? seen > wanted : seen.length > wanted.length;
}
