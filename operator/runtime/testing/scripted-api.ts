/**
 * A scripted collection of objects at an API server, with its lists, watches and faults, on a virtual clock.
 *
 * Known gaps: one resource type; no selectors; no admission; versions are one counter; lists are consistent and paged from one snapshot.
 */
import type { Clock } from '../../../src/base/index.ts';
import {
  objectKey,
  type KubeObject,
  type ListedPage,
  type ListRequest,
  type ListWatch,
  type WatchEnded,
  type WatchNews,
  type WatchRequest,
} from '../ports.ts';

export interface Thing extends KubeObject {
  readonly spec: { readonly value: number };
}

interface Stream {
  readonly request: WatchRequest<Thing>;
  readonly end: (ended: WatchEnded) => void;
  closed: boolean;
}

export class ScriptedApi implements ListWatch<Thing> {
  readonly #clock: Clock;
  readonly #objects = new Map<string, Thing>();
  readonly #history: { readonly version: number; readonly news: WatchNews<Thing> }[] = [];
  readonly #streams = new Set<Stream>();
  #version = 100;
  #uid = 0;
  #compactedTo = 100;
  /** Delay of every answer and event, ms. */
  latencyMs = 5;
  /** Lists fail while true. */
  listsFail = false;
  /** Watches are opened and say nothing more while true: events are lost for their readers. */
  mute = false;
  /** Watches are refused with this end while set. */
  refuse: WatchEnded | undefined;
  /** Pages hold at most this many items whatever was asked for. */
  pageLimit = 3;
  lists = 0;
  watches = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** What a perfect cache would hold: key -> uid/version. */
  truth(): ReadonlyMap<string, string> {
    return new Map(
      [...this.#objects].map(([key, o]) => [key, `${o.metadata.uid}@${o.metadata.resourceVersion}`]),
    );
  }

  create(name: string, value: number): Thing {
    const object = this.#made(name, `uid-${++this.#uid}`, value);
    this.#commit({ kind: 'added', object });
    return object;
  }

  update(name: string, value: number): Thing | undefined {
    const old = this.#objects.get(`ns/${name}`);
    if (!old) return undefined;
    const object = this.#made(name, old.metadata.uid, value);
    this.#commit({ kind: 'modified', object });
    return object;
  }

  delete(name: string): void {
    const old = this.#objects.get(`ns/${name}`);
    if (old) this.#commit({ kind: 'deleted', object: this.#made(name, old.metadata.uid, old.spec.value) });
  }

  bookmark(): void {
    this.#deliver({ kind: 'bookmark', resourceVersion: String(this.#version) });
  }

  /** Forgets history: watches from before get 410. */
  compact(): void {
    this.#compactedTo = this.#version;
    this.#history.length = 0;
  }

  /** Ends every open watch. */
  endWatches(ended: WatchEnded): void {
    for (const stream of this.#streams) stream.end(ended);
  }

  async list(request: ListRequest): Promise<ListedPage<Thing>> {
    this.lists++;
    await this.#clock.sleep(this.latencyMs, request.signal);
    if (this.listsFail) throw new Error('503 from the scripted API');
    const all = [...this.#objects.values()].sort((a, b) => (objectKey(a) < objectKey(b) ? -1 : 1));
    const from = request.continueToken === undefined ? 0 : Number(request.continueToken.split('@')[0]);
    const version = request.continueToken?.split('@')[1] ?? String(this.#version);
    if (Number(version) !== this.#version && request.continueToken !== undefined)
      throw new Error('410 of a continue token');
    const to = from + Math.min(request.limit, this.pageLimit);
    return {
      items: all.slice(from, to),
      resourceVersion: version,
      ...(to < all.length ? { continueToken: `${to}@${version}` } : {}),
    };
  }

  async watch(request: WatchRequest<Thing>): Promise<WatchEnded> {
    this.watches++;
    try {
      await this.#clock.sleep(this.latencyMs, request.signal);
    } catch {
      return { kind: 'aborted' }; // the port promises not to reject
    }
    if (this.refuse) return this.refuse;
    if (Number(request.resourceVersion) < this.#compactedTo) return { kind: 'expired' };
    request.onOpen();
    const done = Promise.withResolvers<WatchEnded>();
    const stream: Stream = {
      request,
      closed: false,
      end: (ended) => {
        stream.closed = true;
        this.#streams.delete(stream);
        done.resolve(ended);
      },
    };
    this.#streams.add(stream);
    request.signal.addEventListener('abort', () => stream.end({ kind: 'aborted' }), { once: true });
    for (const { version, news } of this.#history)
      if (version > Number(request.resourceVersion)) this.#send(stream, news);
    const timer = this.#clock.timer(request.timeoutSeconds * 1000, () => stream.end({ kind: 'closed' }));
    const ended = await done.promise;
    timer.cancel();
    return ended;
  }

  #made(name: string, uid: string, value: number): Thing {
    const metadata = {
      name,
      namespace: 'ns',
      uid,
      resourceVersion: String(++this.#version),
      managedFields: [{}],
    };
    return { metadata, spec: { value } };
  }

  #commit(news: Exclude<WatchNews<Thing>, { kind: 'bookmark' }>): void {
    const key = objectKey(news.object);
    if (news.kind === 'deleted') this.#objects.delete(key);
    else this.#objects.set(key, news.object);
    this.#history.push({ version: this.#version, news });
    this.#deliver(news);
  }

  #deliver(news: WatchNews<Thing>): void {
    for (const stream of this.#streams) this.#send(stream, news);
  }

  #send(stream: Stream, news: WatchNews<Thing>): void {
    if (this.mute) return;
    this.#clock.timer(this.latencyMs, () => {
      if (!stream.closed) stream.request.onNews(news);
    });
  }
}
