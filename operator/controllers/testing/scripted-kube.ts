/**
 * A scripted API server on a virtual clock, and clients of it whose way to it can be slow, cut, or lossy one by one.
 *
 * Does what the controllers rely on: versions and UIDs, status as a subresource of our kinds (checked against their schemas), generations,
 * compare by resourceVersion and UID, merge and JSON patches, apply, watches with history, owner garbage collection, graceful deletion of pods.
 * Known gaps: apply is a merge without field ownership; selectors are one label key; no admission; lists are one page.
 */
import { KINDS, parseJournalStore, parseRecoveryLog, parseShard } from '../../../src/api/index.ts';
import { ensureError, HoldfastError, type Clock } from '../../../src/base/index.ts';
import {
  KubeError,
  type CallOptions,
  type DeleteOptions,
  type JsonPatch,
  type KubeClient,
  type KubeErrorCode,
  type KubeManifest,
  type KubeObject,
  type ListOptions,
  type ListPage,
  type ObjectRef,
  type Resource,
  type WatchEnded,
  type WatchNews,
  type WatchOptions,
  type WriteOptions,
} from '../../../src/kube/index.ts';
import { equal } from '../merge-patch.ts';

type Plain = Record<string, unknown>;

const CHECKS: Readonly<Record<string, (object: unknown) => unknown>> = {
  [KINDS.shard.plural]: parseShard,
  [KINDS.recoveryLog.plural]: parseRecoveryLog,
  [KINDS.journalStore.plural]: parseJournalStore,
};

interface Stored {
  readonly resource: Resource;
  readonly object: KubeObject;
}

interface Stream {
  readonly resource: Resource;
  readonly options: WatchOptions;
  readonly deliver: (news: WatchNews) => void;
  readonly end: (ended: WatchEnded) => void;
}

/** The server's side: state, history, and what happens at once and surely. */
export class ScriptedKube {
  readonly clock: Clock;
  readonly #objects = new Map<string, Stored>();
  readonly #history: { readonly version: number; readonly resource: Resource; readonly news: WatchNews }[] =
    [];
  readonly streams = new Set<Stream>();
  /** Every write that was accepted, in order: for assertions on what was never done. */
  readonly writes: {
    readonly verb: string;
    readonly plural: string;
    readonly name: string;
    readonly by: string;
  }[] = [];
  /** Every write that a precondition turned away. */
  readonly conflicts: { readonly plural: string; readonly by: string }[] = [];
  #version = 1000;
  #uid = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get version(): number {
    return this.#version;
  }

  find(resource: Resource, ref: ObjectRef): KubeObject | undefined {
    return this.#objects.get(keyOf(resource, ref))?.object;
  }

  all(resource: Resource): readonly KubeObject[] {
    return [...this.#objects.values()].filter((s) => same(s.resource, resource)).map((s) => s.object);
  }

  since(resource: Resource, version: number): readonly WatchNews[] {
    return this.#history.filter((h) => h.version > version && same(h.resource, resource)).map((h) => h.news);
  }

  create(resource: Resource, manifest: KubeManifest, by: string): KubeObject {
    if (this.find(resource, manifest.metadata))
      throw problem('KUBE_ALREADY_EXISTS', resource, manifest.metadata.name);
    const { status: _, ...rest } = structuredClone(manifest) as Plain;
    const object = {
      ...(resource.group === KINDS.shard.group ? rest : structuredClone(manifest)),
      metadata: {
        ...manifest.metadata,
        uid: `uid-${++this.#uid}`,
        generation: 1,
        creationTimestamp: new Date(this.clock.wallMs()).toISOString(),
      },
    } as unknown as KubeObject;
    return this.#commit(resource, object, 'added', 'create', by);
  }

  /** Replaces what `change` makes of the object; `part` is what may change. @throws KubeError when a precondition or the schema fails */
  change(
    resource: Resource,
    ref: ObjectRef,
    patch: Plain,
    part: 'all' | 'main' | 'status',
    by: string,
    verb = 'patch',
  ): KubeObject {
    const held = this.find(resource, ref);
    if (!held) throw problem('KUBE_NOT_FOUND', resource, ref.name);
    const { resourceVersion, uid, ...metadata } = (patch['metadata'] ?? {}) as Plain;
    const stale = resourceVersion !== undefined && resourceVersion !== held.metadata.resourceVersion;
    if (stale || (uid !== undefined && uid !== held.metadata.uid)) {
      this.conflicts.push({ plural: resource.plural, by });
      throw problem('KUBE_CONFLICT', resource, ref.name);
    }
    const own = resource.group === KINDS.shard.group && part !== 'all';
    const allowed: Plain =
      own && part === 'status'
        ? { status: patch['status'] }
        : { ...patch, metadata, ...(own ? { status: undefined } : {}) };
    const merged = merge(held, allowed) as KubeObject;
    const next = equal(merged['spec'], held['spec'])
      ? merged
      : { ...merged, metadata: { ...merged.metadata, generation: (held.metadata.generation ?? 0) + 1 } };
    if (equal(next, held)) return held;
    return this.#commit(resource, next, 'modified', verb, by);
  }

  delete(resource: Resource, ref: ObjectRef, by: string, uid?: string): void {
    const held = this.find(resource, ref);
    if (!held) return;
    if (uid !== undefined && uid !== held.metadata.uid) throw problem('KUBE_CONFLICT', resource, ref.name);
    if (resource.kind === 'Pod' && held.metadata.deletionTimestamp === undefined) {
      const deletionTimestamp = new Date(this.clock.wallMs()).toISOString();
      this.change(resource, ref, { metadata: { deletionTimestamp } }, 'all', by, 'delete');
      return;
    }
    this.remove(resource, ref, by);
  }

  /** Takes the object out, and what it owns. */
  remove(resource: Resource, ref: ObjectRef, by: string): void {
    const held = this.find(resource, ref);
    if (!held) return;
    this.#commit(resource, held, 'deleted', 'remove', by);
    for (const { resource: inner, object } of this.#objects.values())
      if (object.metadata.ownerReferences?.some((o) => o.uid === held.metadata.uid))
        this.delete(inner, object.metadata, 'garbage collector');
  }

  #commit(
    resource: Resource,
    object: KubeObject,
    kind: 'added' | 'modified' | 'deleted',
    verb: string,
    by: string,
  ): KubeObject {
    const version = ++this.#version;
    const metadata = { ...object.metadata, resourceVersion: String(version) };
    const stored = structuredClone({ ...object, metadata }) as KubeObject;
    try {
      CHECKS[resource.plural]?.(stored);
    } catch (thrown) {
      throw problem('KUBE_INVALID', resource, `${object.metadata.name}: ${ensureError(thrown).message}`);
    }
    const key = keyOf(resource, object.metadata);
    if (kind === 'deleted') this.#objects.delete(key);
    else this.#objects.set(key, { resource, object: stored });
    this.writes.push({ verb, plural: resource.plural, name: object.metadata.name, by });
    const news: WatchNews = { kind, object: stored };
    this.#history.push({ version, resource, news });
    for (const stream of this.streams) if (same(stream.resource, resource)) stream.deliver(news);
    return stored;
  }
}

/** One process's way to the server. */
export class ScriptedKubeClient implements KubeClient {
  readonly #server: ScriptedKube;
  readonly #name: string;
  /** Delay of requests, answers and watch events, ms. */
  latencyMs = 5;
  /** No request arrives; open watches say nothing. */
  cut = false;
  /** Open watches say nothing more: caches go stale while requests work. */
  mute = false;
  /** Answers true for calls that fail with KUBE_SERVER_ERROR before they take effect. */
  refuse: (verb: string, resource: Resource, part: 'main' | 'status') => boolean = () => false;
  /** Answers true for calls whose answer is lost after they took effect. */
  loseAnswer: (verb: string, resource: Resource, part: 'main' | 'status') => boolean = () => false;

  constructor(server: ScriptedKube, name: string) {
    this.#server = server;
    this.#name = name;
  }

  get(resource: Resource, ref: ObjectRef, options?: CallOptions): Promise<KubeObject> {
    return this.#call('get', resource, options, () => {
      const found = this.#server.find(resource, ref);
      if (!found) throw problem('KUBE_NOT_FOUND', resource, ref.name);
      return found;
    });
  }

  list(resource: Resource, options?: ListOptions): Promise<ListPage> {
    return this.#call('list', resource, options, () => ({
      items: this.#server.all(resource).filter((object) => selects(object, options)),
      resourceVersion: String(this.#server.version),
    }));
  }

  create(resource: Resource, object: KubeManifest, options?: WriteOptions): Promise<KubeObject> {
    return this.#call('create', resource, options, () => this.#server.create(resource, object, this.#name));
  }

  update(resource: Resource, object: KubeObject | KubeManifest, options?: WriteOptions): Promise<KubeObject> {
    const part = options?.subresource ?? 'main';
    return this.#call('update', resource, options, () =>
      this.#server.change(resource, object.metadata, object as Plain, part, this.#name, 'update'),
    );
  }

  apply(resource: Resource, object: KubeManifest, options?: WriteOptions): Promise<KubeObject> {
    return this.#call('apply', resource, options, () =>
      this.#server.find(resource, object.metadata)
        ? this.#server.change(resource, object.metadata, object as Plain, 'main', this.#name, 'apply')
        : this.#server.create(resource, object, this.#name),
    );
  }

  mergePatch(
    resource: Resource,
    ref: ObjectRef,
    patch: Readonly<Record<string, unknown>>,
    options?: WriteOptions,
  ): Promise<KubeObject> {
    const part = options?.subresource ?? 'main';
    return this.#call('patch', resource, options, () =>
      this.#server.change(resource, ref, patch as Plain, part, this.#name),
    );
  }

  jsonPatch(
    resource: Resource,
    ref: ObjectRef,
    patch: JsonPatch,
    options?: WriteOptions,
  ): Promise<KubeObject> {
    return this.#call('patch', resource, options, () => {
      const held = this.#server.find(resource, ref);
      if (!held) throw problem('KUBE_NOT_FOUND', resource, ref.name);
      return this.#server.change(resource, ref, asMergePatch(held, patch, resource), 'main', this.#name);
    });
  }

  delete(resource: Resource, ref: ObjectRef, options?: DeleteOptions): Promise<void> {
    return this.#call('delete', resource, options, () =>
      this.#server.delete(resource, ref, this.#name, options?.uid),
    );
  }

  async watch(resource: Resource, options: WatchOptions): Promise<WatchEnded> {
    const { clock } = this.#server;
    const done = Promise.withResolvers<WatchEnded>();
    const end = (): void => done.resolve({ kind: 'aborted' });
    options.signal.addEventListener('abort', end, { once: true });
    let deaf = false;
    const deliver = (news: WatchNews): void => {
      if (news.kind !== 'bookmark' && !selects(news.object, options)) return;
      deaf ||= this.mute || this.cut; // what was lost is lost to this connection: none ever goes on behind a gap
      if (deaf) return;
      clock.timer(this.latencyMs, () => {
        if (!options.signal.aborted) options.onNews(news);
      });
    };
    const stream: Stream = { resource, options, deliver, end: done.resolve };
    clock.timer(this.latencyMs, () => {
      if (this.cut) {
        done.resolve({ kind: 'reset', error: new Error('the scripted way to the API server is cut') });
        return;
      }
      options.onOpen?.();
      this.#server.streams.add(stream);
      for (const news of this.#server.since(resource, Number(options.resourceVersion))) deliver(news);
    });
    const ended = await done.promise;
    this.#server.streams.delete(stream);
    return ended;
  }

  /** Ends this client's watches, as a server that goes away does. */
  breakWatches(): void {
    for (const stream of this.#server.streams)
      stream.end({ kind: 'reset', error: new Error('the scripted server went away') });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #call<T>(
    verb: string,
    resource: Resource,
    options: WriteOptions | undefined,
    act: () => T,
  ): Promise<T> {
    const { clock } = this.#server;
    const part = options?.subresource ?? 'main';
    await clock.sleep(this.latencyMs, options?.signal);
    if (this.cut) throw failure('KUBE_UNREACHABLE', `${verb} ${resource.plural}: no connection`);
    if (this.refuse(verb, resource, part))
      throw failure('KUBE_SERVER_ERROR', `${verb} ${resource.plural}: 500`);
    const result = act();
    if (this.loseAnswer(verb, resource, part))
      throw failure('KUBE_UNREACHABLE', `${verb} ${resource.plural}: reset`);
    await clock.sleep(this.latencyMs, options?.signal);
    return result;
  }
}

function keyOf(resource: Resource, ref: ObjectRef): string {
  return `${resource.group}/${resource.plural}/${ref.namespace ?? ''}/${ref.name}`;
}

function same(a: Resource, b: Resource): boolean {
  return a.group === b.group && a.plural === b.plural;
}

function selects(
  object: KubeObject,
  selection: { readonly labelSelector?: string | undefined } | undefined,
): boolean {
  const key = selection?.labelSelector;
  return key === undefined || object.metadata.labels?.[key] !== undefined;
}

function problem(code: KubeErrorCode, resource: Resource, name: string): KubeError {
  return new KubeError(code, `${resource.plural} "${name}": ${code}`, { retryable: false });
}

function failure(code: KubeErrorCode, message: string): KubeError {
  return new KubeError(code, message, { retryable: true });
}

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const held =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? (target as Plain) : {};
  const result: Plain = { ...held };
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    if (value === null) delete result[key];
    else result[key] = merge(held[key], value);
  }
  return result;
}

/** Tests and removals of paths of objects only: what the controllers send. */
function asMergePatch(held: KubeObject, patch: JsonPatch, resource: Resource): Plain {
  const result: Plain = {};
  for (const { op, path, value } of patch) {
    const parts = path
      .slice(1)
      .split('/')
      .map((p) => p.replaceAll('~1', '/').replaceAll('~0', '~'));
    let at: unknown = held;
    for (const part of parts) at = (at as Plain | undefined)?.[part];
    if (op === 'test' && !equal(at, value)) throw problem('KUBE_INVALID', resource, held.metadata.name);
    if (op === 'test') continue;
    if (op !== 'remove') throw new HoldfastError('SCRIPT_GAP', `the scripted server has no JSON patch ${op}`);
    let into = result;
    for (const part of parts.slice(0, -1)) into = (into[part] ??= {}) as Plain;
    into[parts.at(-1)!] = null;
  }
  return result;
}
