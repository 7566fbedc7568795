/**
 * The port: what Holdfast needs of an object store, and nothing more.
 *
 * S1  Exactly five operations: create-if-absent, GET with range, HEAD, LIST from a key, DELETE (s3log.md §0.2). No adapter offers more,
 *     so that every store which has these five is enough.
 * S2  `create` is one attempt and never throws. Nobody below the caller repeats it: a hidden second attempt turns a lost response into a
 *     false "exists" (s3log.md §1.3, hazards H1 and H2).
 * S3  Absence is an answer of the store. Whatever else goes wrong (network, proxy page, missing bucket) is an error, never "not there":
 *     the end of a journal is found by absence.
 * S4  An object never changes once created. There is no overwrite.
 */
import type { Body } from './body.ts';
import type { StoreError } from './errors.ts';

/** What every operation takes. */
export interface StoreCall {
  /** Ends the wait, not necessarily the effect: a request that was sent may still arrive. */
  readonly signal?: AbortSignal | undefined;
  /** Do not reuse a pooled connection: what a retry wants when the last one went silent (s3log.md §1.6). */
  readonly freshConnection?: boolean | undefined;
}

/** Bytes `start` to `end`, end exclusive; 0 <= start < end, safe integers. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface GetCall extends StoreCall {
  readonly range?: ByteRange | undefined;
  /**
   * With a range: takes the body part by part, in order, as it arrives; `body` is what is left behind the last one, all of it from a store that does not
   * stream. After an error some parts were taken, and no more will be.
   */
  readonly onPart?: ((part: BodyPart) => void) | undefined;
}

/** A part of a body, in memory of its own. */
export interface BodyPart {
  readonly bytes: Uint8Array;
  /** As StoredObject.release. */
  readonly release: () => void;
}

export interface ListCall extends StoreCall {
  /** Only keys strictly after this one, in byte order. A whole key; it need not exist. */
  readonly startAfter?: string | undefined;
  /** At most this many objects, 1 to LIST_PAGE_LIMIT; the default is LIST_PAGE_LIMIT. */
  readonly limit?: number | undefined;
}

/** An object or the range asked for. */
export interface StoredObject {
  /** The bytes; for a range those of it that exist, possibly none. */
  readonly body: Uint8Array;
  /** Bytes of the whole object. */
  readonly size: number;
  /** By the store's clock, ms since 1970, often in whole seconds. */
  readonly lastModifiedMs: number | undefined;
  /**
   * Where there is one, the memory of `body` is the receiver's alone. For when he holds no part of it any longer, so that it is used again. It need not
   * be called.
   */
  readonly release?: (() => void) | undefined;
}

export interface ObjectInfo {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** By the store's clock, ms since 1970, often in whole seconds. */
  readonly lastModifiedMs: number | undefined;
}

/** Objects in ascending byte order of their keys. */
export interface ListPage {
  readonly objects: readonly ObjectInfo[];
  /** There are more: ask again with startAfter = the last key. */
  readonly truncated: boolean;
}

/** What one attempt to create came to. */
export type CreateOutcome =
  /** The object is durable and these are its bytes. */
  | { readonly kind: 'created' }
  /** The key is taken (412). By whom, only its bytes tell. */
  | { readonly kind: 'exists' }
  /** It may or may not have happened, now or later: 409, 429, 5xx, reset, timeout, abort. Same key and same bytes may be tried again. */
  | { readonly kind: 'undecided'; readonly cause: StoreError }
  /** The store said no and will say so again: bad request, no permission, no such bucket, full. */
  | { readonly kind: 'refused'; readonly cause: StoreError };

/** Whether deleting frees space: a versioned bucket keeps what is deleted (hazard H22). */
export type Versioning = 'off' | 'on' | 'suspended' | 'unknown';

/** An object store, with keys relative to the prefix of its URL. Keys obey checkKey (keys.ts). */
export interface ObjectStore {
  /** Canonical, without credentials; safe to log and to show. */
  readonly url: string;
  /**
   * Bodies come in parts (GetCall.onPart), from so near that one connection is as fast as many: what is wanted of an object is best asked for at once, and
   * all of it may cost the store less than a range does.
   */
  readonly streams?: boolean;
  /**
   * Creates `key` unless it exists: one attempt (S2). Never throws. `body`, in one piece or in several, must not change before the outcome, and
   * after `undecided` not at all: it may still be on its way. After `created` the store reads it no more.
   */
  create(key: string, body: Body, call?: StoreCall): Promise<CreateOutcome>;
  /** The object, or undefined when the store says that there is none (S3). @throws StoreError after bounded retries; the signal's reason. */
  get(key: string, call?: GetCall): Promise<StoredObject | undefined>;
  /** Size and time of the object, or undefined (S3). @throws StoreError after bounded retries; the signal's reason. */
  head(key: string, call?: StoreCall): Promise<ObjectInfo | undefined>;
  /** One page of the keys that begin with `prefix`. May lag behind on some stores: never proof of absence. @throws as get. */
  list(prefix: string, call?: ListCall): Promise<ListPage>;
  /** Removes the object; a missing one is no error. @throws as get. */
  delete(key: string, call?: StoreCall): Promise<void>;
  /** Where the store can tell; asked by the probe. @throws as get. */
  versioning?(call?: StoreCall): Promise<Versioning>;
  /** Frees connections. Calls under way may fail. Idempotent. */
  close(): Promise<void>;
}

/** Most objects of one LIST page: the most that S3 gives. */
export const LIST_PAGE_LIMIT = 1000;
