/**
 * What a store may do that no correct store does: each breaks one promise the journal stands on. The probe has to name every one.
 */
import type { ListPage, ObjectInfo, ObjectStore, StoredObject } from '../types.ts';

export const LIES = [
  /** Create overwrites what exists and answers `created` (s3rver, GCS interop). */
  'condition-ignored',
  /** Create overwrites what a create running at the same time has published, and both win (moto, old gateways). */
  'race-has-two-winners',
  /** Create refuses what exists, but replaces its bytes. */
  'refused-create-overwrites',
  /** Create answers `created` and keeps nothing. */
  'create-forgotten',
  /** What was created once can never be created again, also after a delete. */
  'deleted-key-stays-taken',
  /** GET and HEAD do not show an object for STALE_MS after its creation: a cache that kept the 404. */
  'stale-get',
  /** GET of a missing object answers with an empty one. */
  'missing-is-empty',
  /** DELETE answers and does nothing. */
  'delete-ignored',
  /** GET with a range gives the whole object. */
  'range-ignored',
  /** A range ends one byte early. */
  'range-short',
  /** The size told is that of the range and not that of the object. */
  'size-of-range',
  /** LIST gives keys in another order. */
  'list-unordered',
  /** LIST begins at the beginning whatever startAfter says. */
  'start-after-ignored',
  /** LIST includes the key that startAfter names. */
  'start-after-inclusive',
  /** LIST gives keys of other prefixes too. */
  'prefix-ignored',
  /** LIST leaves out every third key. */
  'list-incomplete',
  /** LIST says that it is complete when it was cut at the limit. */
  'truncation-hidden',
  /** A bit of the body is flipped on the way in. */
  'bytes-changed',
] as const;

export type Lie = (typeof LIES)[number];

/** How long `stale-get` hides a new object, ms. */
export const STALE_MS = 2_000;

/** What GET and HEAD answer under a lie. `ageMs`: time since the key was created, undefined when unknown. */
export function lieAboutObject<T extends StoredObject | ObjectInfo>(
  lie: Lie,
  honest: T | undefined,
  ageMs: number | undefined,
): T | undefined {
  return lie === 'stale-get' && ageMs !== undefined && ageMs < STALE_MS ? undefined : honest;
}

/** What GET answers under a lie about bytes. `whole`: the object without range. */
export function lieAboutBytes(
  lie: Lie,
  honest: StoredObject | undefined,
  whole: StoredObject | undefined,
  ranged: boolean,
): StoredObject | undefined {
  if (!honest)
    return lie === 'missing-is-empty'
      ? { body: new Uint8Array(0), size: 0, lastModifiedMs: undefined }
      : undefined;
  if (!ranged) return honest;
  switch (lie) {
    case 'range-ignored':
      return whole;
    case 'range-short':
      return { ...honest, body: honest.body.slice(0, -1) };
    case 'size-of-range':
      return { ...honest, size: honest.body.length };
    default:
      return honest;
  }
}

/** What LIST answers under a lie. */
export async function lieAboutList(
  lie: Lie,
  store: ObjectStore,
  prefix: string,
  startAfter: string | undefined,
  limit: number | undefined,
): Promise<ListPage> {
  const list = (p: string, after: string | undefined): Promise<ListPage> =>
    store.list(p, { startAfter: after, limit });
  const honest = await list(prefix, startAfter);
  switch (lie) {
    case 'list-unordered':
      return { ...honest, objects: honest.objects.toReversed() };
    case 'start-after-ignored':
      return await list(prefix, undefined);
    case 'start-after-inclusive': {
      const named = startAfter?.startsWith(prefix) ? await store.head(startAfter) : undefined;
      return named ? { ...honest, objects: [named, ...honest.objects] } : honest;
    }
    case 'prefix-ignored':
      return await list('', startAfter);
    case 'list-incomplete':
      return { ...honest, objects: honest.objects.filter((_, i) => i % 3 !== 2) };
    case 'truncation-hidden':
      return { ...honest, truncated: false };
    default:
      return honest;
  }
}

/** `body` with one bit flipped, counted from the start modulo its length. */
export function flipBit(body: Uint8Array, bit: number): Uint8Array {
  const changed = body.slice();
  if (changed.length > 0) changed[(bit >>> 3) % changed.length]! ^= 1 << (bit & 7);
  return changed;
}
