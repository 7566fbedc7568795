/**
 * client: the calls of KubeClient over a transport.
 *
 * K1  Only what may be repeated without harm is: reads, applies, deletes, and whatever the server turned away unprocessed (429).
 * K2  An answer is checked to be an object with metadata before anybody sees it.
 */
import { backoffMs, type BackoffPolicy, type Clock, type Random } from '../base/index.ts';
import { isKubeError, KubeError } from './errors.ts';
import { object } from './objects.ts';
import { collectionPath, homePath, objectPath, query, selectors } from './resources.ts';
import type { Exchange, Transport } from './transport.ts';
import type {
  CallOptions,
  DeleteOptions,
  JsonPatch,
  KubeClient,
  KubeManifest,
  KubeObject,
  ListOptions,
  ListPage,
  ObjectRef,
  Resource,
  WatchEnded,
  WatchOptions,
  WriteOptions,
} from './types.ts';
import { watchOnce } from './watch.ts';

/** Longest wait for one answer, ms: beyond a loaded server's second, within the patience of a leader that renews its lease. */
const CALL_DEADLINE_MS = 10_000;
const LIST_DEADLINE_MS = 30_000;
/** Attempts in all of a call that may be repeated (K1); whoever needs more has a loop of its own. */
const ATTEMPTS = 3;
const RETRY: BackoffPolicy = { firstMs: 100, factor: 3, capMs: 2000, jitter: 0.5 };
/** Longest wait that a server may ask for within a call, ms. */
const MAX_RETRY_AFTER_MS = 5000;

export interface ClientParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly fieldManager: string;
}

export class ApiClient implements KubeClient {
  readonly #parts: ClientParts;

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  async get(resource: Resource, ref: ObjectRef, options: CallOptions = {}): Promise<KubeObject> {
    return object(await this.#call({ method: 'GET', path: objectPath(resource, ref), ...options }, true));
  }

  async list(resource: Resource, options: ListOptions = {}): Promise<ListPage> {
    const { namespace, limit, continueToken, signal } = options;
    const path =
      collectionPath(resource, namespace) + query({ ...selectors(options), limit, continue: continueToken });
    return page(
      await this.#call({ method: 'GET', path, signal, deadlineMs: LIST_DEADLINE_MS }, true),
      resource,
    );
  }

  async create(resource: Resource, manifest: KubeManifest, options: WriteOptions = {}): Promise<KubeObject> {
    const path =
      homePath(resource, manifest.metadata.namespace) + query({ fieldManager: this.#manager(options) });
    return object(await this.#call({ method: 'POST', path, body: manifest, signal: options.signal }, false));
  }

  async update(
    resource: Resource,
    changed: KubeObject | KubeManifest,
    options: WriteOptions = {},
  ): Promise<KubeObject> {
    const { metadata } = changed;
    const path =
      objectPath(resource, metadata, options.subresource) + query({ fieldManager: this.#manager(options) });
    return object(await this.#call({ method: 'PUT', path, body: changed, signal: options.signal }, false));
  }

  async apply(resource: Resource, manifest: KubeManifest, options: WriteOptions = {}): Promise<KubeObject> {
    const path =
      objectPath(resource, manifest.metadata, options.subresource) +
      query({ fieldManager: this.#manager(options), force: true });
    const contentType = 'application/apply-patch+yaml';
    const { signal } = options;
    return object(await this.#call({ method: 'PATCH', path, contentType, body: manifest, signal }, true));
  }

  async mergePatch(
    resource: Resource,
    ref: ObjectRef,
    patch: Readonly<Record<string, unknown>>,
    options: WriteOptions = {},
  ): Promise<KubeObject> {
    return await this.#patch(resource, ref, 'application/merge-patch+json', patch, options);
  }

  async jsonPatch(
    resource: Resource,
    ref: ObjectRef,
    patch: JsonPatch,
    options: WriteOptions = {},
  ): Promise<KubeObject> {
    return await this.#patch(resource, ref, 'application/json-patch+json', patch, options);
  }

  async delete(resource: Resource, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    const { uid, resourceVersion, gracePeriodSeconds, signal } = options;
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(uid === undefined && resourceVersion === undefined
        ? {}
        : { preconditions: { uid, resourceVersion } }),
    };
    try {
      // Without a uid a repetition could meet a successor of the same name.
      await this.#call(
        { method: 'DELETE', path: objectPath(resource, ref), body, signal },
        uid !== undefined,
      );
    } catch (error) {
      if (!isKubeError(error, 'KUBE_NOT_FOUND')) throw error;
    }
  }

  watch(resource: Resource, options: WatchOptions): Promise<WatchEnded> {
    return watchOnce(this.#parts.transport, this.#parts.clock, resource, options);
  }

  close(): Promise<void> {
    this.#parts.transport.close();
    return Promise.resolve();
  }

  async #patch(
    resource: Resource,
    ref: ObjectRef,
    contentType: string,
    body: unknown,
    options: WriteOptions,
  ): Promise<KubeObject> {
    const path =
      objectPath(resource, ref, options.subresource) + query({ fieldManager: this.#manager(options) });
    const { signal } = options;
    return object(await this.#call({ method: 'PATCH', path, contentType, body, signal }, false));
  }

  #manager(options: WriteOptions): string {
    return options.fieldManager ?? this.#parts.fieldManager;
  }

  /** K1 */
  async #call(
    exchange: Omit<Exchange, 'deadlineMs'> & { deadlineMs?: number },
    repeatable: boolean,
  ): Promise<unknown> {
    const { transport, clock, random } = this.#parts;
    for (let attempt = 1; ; attempt++) {
      try {
        return await transport.call({ deadlineMs: CALL_DEADLINE_MS, ...exchange });
      } catch (error) {
        if (attempt === ATTEMPTS || !isKubeError(error) || !mayRepeat(error, repeatable)) throw error;
        const asked = Math.min(error.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
        await clock.sleep(Math.max(asked, backoffMs(RETRY, attempt - 1, random)), exchange.signal);
      }
    }
  }
}

function mayRepeat(error: KubeError, repeatable: boolean): boolean {
  if (error.code === 'KUBE_TOO_MANY_REQUESTS') return true;
  return (
    repeatable && error.retryable && (error.code === 'KUBE_UNREACHABLE' || error.code === 'KUBE_SERVER_ERROR')
  );
}

/** Items of a list lack kind and apiVersion; they get them, so that an object looks the same however it was read. */
function page(answer: unknown, resource: Resource): ListPage {
  const { items, metadata } = (answer ?? {}) as {
    items?: unknown;
    metadata?: { resourceVersion?: unknown; continue?: unknown };
  };
  const resourceVersion = metadata?.resourceVersion;
  if (!Array.isArray(items) || typeof resourceVersion !== 'string')
    throw new KubeError('KUBE_BAD_RESPONSE', 'The answer of the API server is no list.', {
      retryable: false,
    });
  const { group, version, kind } = resource;
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const next = metadata?.continue;
  return {
    items: items.map((item: unknown) => ({ apiVersion, kind, ...object(item) })),
    resourceVersion,
    ...(typeof next === 'string' && next !== '' ? { continueToken: next } : {}),
  };
}
