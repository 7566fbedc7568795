/**
 * What a store may do that no correct store does: each breaks one promise the journal stands on. The probe has to name every one.
 */
import { EMPTY_BYTES } from '../../base/index.ts';
import type { ListPage, ObjectInfo, ObjectStore, StoredObject } from '../types.ts';

export const LIES = [
  /** Create overwrites what exists and answers `created` (s3rver, GCS interop). */
  'condition-ignored',
  /** Create overwrites what a create running at the same time has published, and both win (moto, old gateways). */
  'race-has-two-winners',
  /** Create keeps what exists, but answers `created`: a proxy that loses the 412. */
  'refusal-hidden',
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
  /** LIST shows the store as it was LIST_STALE_MS ago: an index that lags behind without end. */
  'list-stale',
  /** LIST says that it is complete when it was cut at the limit. */
  'truncation-hidden',
  /** A bit of the body is flipped on the way in. */
  'bytes-changed',
] as const;

export type Lie = (typeof LIES)[number];

/**
 * The property of the probe that has to name each lie (properties.ts); others may break with it.
 */
export const NAMED_BY: Readonly<Record<Lie, string>> = {
  'condition-ignored': 'create-refused-if-present',
  'race-has-two-winners': 'one-winner-in-a-race',
  'refusal-hidden': 'create-refused-if-present',
  'refused-create-overwrites': 'create-refused-if-present',
  'create-forgotten': 'create-and-read',
  'deleted-key-stays-taken': 'create-after-delete',
  'stale-get': 'reads-are-fresh',
  'missing-is-empty': 'absence-is-told',
  'delete-ignored': 'reads-are-fresh',
  'range-ignored': 'ranges',
  'range-short': 'ranges',
  'size-of-range': 'ranges',
  'list-unordered': 'list-in-order',
  'start-after-ignored': 'list-in-order',
  'start-after-inclusive': 'list-in-order',
  'prefix-ignored': 'list-in-order',
  'list-incomplete': 'list-in-order',
  'list-stale': 'list-in-order',
  'truncation-hidden': 'list-in-order',
  'bytes-changed': 'create-and-read',
};

/** How long `stale-get` hides a new object, ms. */
export const STALE_MS = 2_000;
/** How far behind `list-stale` is, ms: longer than anybody waits for a LIST to catch up. */
export const LIST_STALE_MS = 3_600_000;

/** What GET and HEAD answer under a lie. `ageMs`: time since the key was created, undefined when unknown. */
export function lieAboutObject<T extends StoredObject | ObjectInfo>(
  lie: Lie,
  honest: T | undefined,
  ageMs: number | undefined,
): T | undefined {
  return lie === 'stale-get' && ageMs !== undefined && ageMs < STALE_MS ? undefined : honest;
}

/** Lies about the answer to a GET with a range: from the honest one and the whole object. */
const RANGE_LIES: Partial<Record<Lie, (honest: StoredObject, whole: StoredObject) => StoredObject>> = {
  'range-ignored': (_, whole) => whole,
  'range-short': (honest) => ({ ...honest, body: honest.body.slice(0, -1) }),
  'size-of-range': (honest) => ({ ...honest, size: honest.body.length }),
};

/** What GET answers under a lie about bytes. `whole`: the object, for a GET with a range. */
export function lieAboutBytes(
  lie: Lie,
  honest: StoredObject | undefined,
  whole: StoredObject | undefined,
): StoredObject | undefined {
  if (!honest)
    return lie === 'missing-is-empty' ? { body: EMPTY_BYTES, size: 0, lastModifiedMs: undefined } : undefined;
  return (whole && RANGE_LIES[lie]?.(honest, whole)) ?? honest;
}

/** What a LIST asks for. */
export interface ListQuestion {
  readonly prefix: string;
  readonly startAfter?: string | undefined;
  readonly limit?: number | undefined;
}

type ListLie = (honest: ListPage, question: ListQuestion, store: ObjectStore) => ListPage | Promise<ListPage>;

const LIST_LIES: Partial<Record<Lie, ListLie>> = {
  'list-unordered': (honest) => ({ ...honest, objects: honest.objects.toReversed() }),
  'start-after-ignored': (_, { prefix, limit }, store) => store.list(prefix, { limit }),
  'start-after-inclusive': async (honest, { prefix, startAfter }, store) => {
    const named = startAfter?.startsWith(prefix) ? await store.head(startAfter) : undefined;
    return named ? { ...honest, objects: [named, ...honest.objects] } : honest;
  },
  'prefix-ignored': (_, { startAfter, limit }, store) => store.list('', { startAfter, limit }),
  'list-incomplete': (honest) => ({ ...honest, objects: honest.objects.filter((_, i) => i % 3 !== 2) }),
  'truncation-hidden': (honest) => ({ ...honest, truncated: false }),
};

/** What LIST answers under a lie. */
export async function lieAboutList(lie: Lie, store: ObjectStore, question: ListQuestion): Promise<ListPage> {
  const honest = await store.list(question.prefix, question);
  return (await LIST_LIES[lie]?.(honest, question, store)) ?? honest;
}

/** `body` with one bit flipped, counted from the start modulo its length. */
export function flipBit(body: Uint8Array, bit: number): Uint8Array {
  const changed = new Uint8Array(body);
  if (changed.length > 0) changed[(bit >>> 3) % changed.length]! ^= 1 << (bit & 7);
  return changed;
}
