/**
 * What the runtime needs from Kubernetes, as small ports, so that all of it runs unchanged against a scripted API in the simulator.
 *
 * R1  The runtime knows no kinds: an object is metadata and a body nobody here looks into.
 * R2  Resource versions and lease times are opaque strings; only resource-version.ts ever orders two versions.
 */

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number | undefined;
  readonly deletionTimestamp?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** Any Kubernetes object (R1). */
export interface KubeObject {
  readonly metadata: ObjectMeta;
}

export interface ListedPage<T> {
  readonly items: readonly T[];
  /** Version of the whole collection at the time of the list. */
  readonly resourceVersion: string;
  /** Set when there are more pages. */
  readonly continueToken?: string | undefined;
}

export type WatchNews<T> =
  | { readonly kind: 'added' | 'modified' | 'deleted'; readonly object: T }
  | { readonly kind: 'bookmark'; readonly resourceVersion: string };

/** Why one watch connection ended. Every kind is counted; none of them ends a reflector. */
export type WatchEnded =
  /** The server closed it in good order, usually because timeoutSeconds passed. */
  | { readonly kind: 'closed' }
  /** 410: the version asked for is no longer kept; a list is needed. */
  | { readonly kind: 'expired' }
  /** Broken connection, server error, or silence above the limit. */
  | { readonly kind: 'reset'; readonly error: Error }
  /** 401 or 403: rights are missing (yet). */
  | { readonly kind: 'forbidden'; readonly error: Error }
  /** A line that is no event: what was missed is unknown, a list is needed. */
  | { readonly kind: 'undecodable'; readonly error: Error }
  /** The caller's signal. */
  | { readonly kind: 'aborted' };

export interface ListRequest {
  readonly limit: number;
  readonly continueToken?: string | undefined;
  readonly signal: AbortSignal;
}

export interface WatchRequest<T> {
  readonly resourceVersion: string;
  /** Asked of the server: it closes the watch after this long. */
  readonly timeoutSeconds: number;
  /** Longest silence on the connection, bookmarks included, before it counts as broken, ms. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  /** Called once the server has accepted the watch. */
  readonly onOpen: () => void;
  /** Called in order, synchronously, for every event. */
  readonly onNews: (news: WatchNews<T>) => void;
}

/** One collection of objects at the API server. */
export interface ListWatch<T> {
  /** A consistent page (never one of the server's cache that may lie in the past). @throws on any failure. */
  list(request: ListRequest): Promise<ListedPage<T>>;
  /** One watch connection; never rejects. */
  watch(request: WatchRequest<T>): Promise<WatchEnded>;
}

/** The content of a coordination Lease. Times are opaque: written for people, compared only for equality (R2). */
export interface LeaseRecord {
  /** Empty when released. */
  readonly holder: string;
  readonly durationSeconds: number;
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly transitions: number;
}

export interface ObservedLease {
  readonly record: LeaseRecord;
  readonly version: string;
}

export type LeaseWrite =
  | { readonly kind: 'written'; readonly version: string }
  /** Somebody else wrote in between, or created it first. */
  | { readonly kind: 'conflict' };

/** One Lease object. Every call throws on failures other than a conflict; then it is unknown whether a write landed. */
export interface LeaseStore {
  read(signal: AbortSignal): Promise<ObservedLease | undefined>;
  create(record: LeaseRecord, signal: AbortSignal): Promise<LeaseWrite>;
  update(record: LeaseRecord, version: string, signal: AbortSignal): Promise<LeaseWrite>;
}

/** Key of an object in caches and queues: "namespace/name", or "name" for a cluster-wide one. */
export function objectKey(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace ? `${namespace}/${name}` : name;
}

/** The parts of a key. */
export function splitKey(key: string): { readonly namespace: string | undefined; readonly name: string } {
  const slash = key.indexOf('/');
  if (slash < 0) return { namespace: undefined, name: key };
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
