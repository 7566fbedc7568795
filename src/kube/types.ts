/**
 * What the rest of the project sees of Kubernetes: objects as plain data, and the calls that read and write them.
 *
 * C1  An object is metadata and a body that this room does not look into; callers check it where they use it.
 * C2  A call answers with what the server said or throws one of the errors of errors.ts; it is never retried unless repeating it is harmless.
 * C3  A resource version is an opaque text.
 */

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean | undefined;
  readonly blockOwnerDeletion?: boolean | undefined;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number | undefined;
  readonly creationTimestamp?: string | undefined;
  readonly deletionTimestamp?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly ownerReferences?: readonly OwnerReference[] | undefined;
  readonly finalizers?: readonly string[] | undefined;
}

/** Any object as the server sent it (C1). */
export interface KubeObject {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** An object to be sent: metadata may lack what the server fills in. */
export interface KubeManifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** Where a kind is served. The kinds of src/api have this shape. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

export interface ObjectRef {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface WriteOptions extends CallOptions {
  /** Who owns the fields written; default: the client's own name. */
  readonly fieldManager?: string | undefined;
  readonly subresource?: 'status' | undefined;
}

export interface Selection {
  /** Without: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ListOptions extends Selection, CallOptions {
  readonly limit?: number | undefined;
  readonly continueToken?: string | undefined;
}

export interface ListPage {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
  readonly continueToken?: string | undefined;
}

export type WatchNews =
  | { readonly kind: 'added' | 'modified' | 'deleted'; readonly object: KubeObject }
  | { readonly kind: 'bookmark'; readonly resourceVersion: string };

/** Why one watch connection ended. */
export type WatchEnded =
  /** The server closed it in good order. */
  | { readonly kind: 'closed' }
  /** 410: the version asked for is no longer kept; a list is needed. */
  | { readonly kind: 'expired' }
  /** Broken connection, server error, or silence above the limit. */
  | { readonly kind: 'reset'; readonly error: Error }
  /** 401 or 403. */
  | { readonly kind: 'forbidden'; readonly error: Error }
  /** A line that is no event: what was missed is unknown, a list is needed. */
  | { readonly kind: 'undecodable'; readonly error: Error }
  /** The caller's signal. */
  | { readonly kind: 'aborted' };

export interface WatchOptions extends Selection {
  readonly resourceVersion: string;
  /** Asked of the server: it closes the watch after this long. */
  readonly timeoutSeconds: number;
  /** Longest silence on the connection, bookmarks included, before it counts as broken, ms. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  /** Called once the server has accepted the watch. */
  readonly onOpen?: (() => void) | undefined;
  /** Called in order, synchronously, for every event. */
  readonly onNews: (news: WatchNews) => void;
}

/** Operations of a JSON patch (RFC 6902). */
export type JsonPatch = readonly {
  readonly op: 'add' | 'remove' | 'replace' | 'test';
  readonly path: string;
  readonly value?: unknown;
}[];

export interface DeleteOptions extends CallOptions {
  /** Delete only this very object; another of the same name is left alone (conflict). */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly gracePeriodSeconds?: number | undefined;
}

export interface KubeClient {
  /** @throws KubeError, code KUBE_NOT_FOUND when it does not exist */
  get(resource: Resource, ref: ObjectRef, options?: CallOptions): Promise<KubeObject>;
  /** One consistent page: never from a server cache that may lie in the past. */
  list(resource: Resource, options?: ListOptions): Promise<ListPage>;
  /** @throws KubeError, code KUBE_ALREADY_EXISTS */
  create(resource: Resource, object: KubeManifest, options?: WriteOptions): Promise<KubeObject>;
  /**
   * Replaces the object; its metadata.resourceVersion is compared, and its metadata.uid if given. Some kinds, Lease among them, are made anew by an
   * update when they are gone, unless a uid is given. @throws KubeError, code KUBE_CONFLICT
   */
  update(resource: Resource, object: KubeObject | KubeManifest, options?: WriteOptions): Promise<KubeObject>;
  /** Server-side apply, with force: fields of other managers that stand in `object` become ours. */
  apply(resource: Resource, object: KubeManifest, options?: WriteOptions): Promise<KubeObject>;
  /** A merge patch (RFC 7386). A `metadata.resourceVersion` in it is compared. */
  mergePatch(
    resource: Resource,
    ref: ObjectRef,
    patch: Readonly<Record<string, unknown>>,
    options?: WriteOptions,
  ): Promise<KubeObject>;
  /** A JSON patch; a `test` that fails is KUBE_INVALID. */
  jsonPatch(
    resource: Resource,
    ref: ObjectRef,
    patch: JsonPatch,
    options?: WriteOptions,
  ): Promise<KubeObject>;
  /** Deletes; an object that is gone already is no error. @throws KubeError, code KUBE_CONFLICT when a precondition fails */
  delete(resource: Resource, ref: ObjectRef, options?: DeleteOptions): Promise<void>;
  /** One watch connection; rejects only with what a listener threw (WATCH_LISTENER_FAILED), which is a bug of the caller. */
  watch(resource: Resource, options: WatchOptions): Promise<WatchEnded>;
  /** Ends its connections; what is asked of it from now on is KUBE_UNREACHABLE. */
  close(): Promise<void>;
}
