/**
 * Kubernetes Events about our objects: what `kubectl describe` shows.
 *
 * E1  Telling never holds up acting: an event is queued and sent in the background; a full queue drops and counts it.
 * E2  The same event about the same object within REPEAT_MS raises the count of the first one.
 * E3  Events are for people. No decision reads them, and the status and the log carry the same evidence (I11).
 */
import {
  BoundedQueue,
  ensureError,
  isAbortOf,
  toHex,
  type Clock,
  type CounterMetric,
  type Logger,
  type Metrics,
  type Random,
} from '../../src/base/index.ts';
import {
  isKubeError,
  type KubeClient,
  type KubeManifest,
  type KubeObject,
  type Resource,
} from '../../src/kube/index.ts';
import { apiVersionOf, EVENT } from './kinds.ts';

export interface EventNews {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, stable. */
  readonly reason: string;
  readonly message: string;
}

/** What controllers need: somebody to tell. */
export interface EventSink {
  tell(resource: Resource, about: KubeObject, news: EventNews): void;
}

export interface EventRecorderOptions {
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
  /** Pod that speaks. */
  readonly instance: string;
}

interface Queued {
  /** Items of a list do not say their kind. */
  readonly resource: Resource;
  readonly about: KubeObject;
  readonly news: EventNews;
  readonly atMs: number;
  readonly wallMs: number;
}

interface Sent {
  readonly name: string;
  readonly atMs: number;
  count: number;
}

/** A burst of handoffs of a few hundred shards. */
const QUEUE_LIMIT = 2_000;
/** E2; events themselves live an hour. */
const REPEAT_MS = 600_000;
/** Distinct events remembered for E2. */
const REMEMBERED = 4_096;
/** The API's limit of the note. */
const MAX_MESSAGE = 1_024;
/** Longest wait for one event; they are in order, and one lost costs little. */
const SEND_MS = 5_000;
/** On stop: what is queued is sent within this time or dropped. */
const FLUSH_MS = 2_000;

export class EventRecorder implements EventSink {
  readonly name = 'event recorder';
  readonly #options: EventRecorderOptions;
  readonly #queue = new BoundedQueue<Queued>(QUEUE_LIMIT);
  readonly #sent = new Map<string, Sent>();
  readonly #outcomes: CounterMetric | undefined;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#outcomes = options.metrics?.counter({
      name: 'holdfast_operator_events_total',
      help: 'Kubernetes Events, by outcome',
      labels: ['outcome'],
    });
    for (const outcome of ['sent', 'failed', 'dropped']) this.#outcomes?.add(0, { outcome });
  }

  /** Queues one event (E1). */
  tell(resource: Resource, about: KubeObject, news: EventNews): void {
    const { clock } = this.#options;
    try {
      const queued = { resource, about, news, atMs: clock.monotonicMs(), wallMs: clock.wallMs() };
      if (!this.#queue.tryPush(queued)) this.#outcomes?.add(1, { outcome: 'dropped' });
    } catch {
      this.#outcomes?.add(1, { outcome: 'dropped' }); // closed: the process is ending
    }
  }

  /** Sends until `signal` aborts, then what is left for at most FLUSH_MS. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const onAbort = (): void => {
      this.#queue.close();
      this.#options.clock.timer(FLUSH_MS, () => stop.abort(new Error('events have had their time')));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    for (;;) {
      const queued = await this.#queue.pop();
      if (!queued || stop.signal.aborted) return;
      await this.#send(queued, stop.signal);
    }
  }

  /** Never rejects. */
  async #send(queued: Queued, stop: AbortSignal): Promise<void> {
    const limit = new AbortController();
    const timer = this.#options.clock.timer(SEND_MS, () => limit.abort(new Error('sending took too long')));
    const onStop = (): void => limit.abort(stop.reason);
    stop.addEventListener('abort', onStop, { once: true });
    try {
      await this.#deliver(queued, limit.signal);
      this.#outcomes?.add(1, { outcome: 'sent' });
    } catch (thrown) {
      this.#outcomes?.add(1, { outcome: 'failed' });
      const error = isAbortOf(limit.signal, thrown) ? limit.signal.reason : ensureError(thrown);
      this.#options.log.warn('an event could not be sent', { reason: queued.news.reason, error });
    } finally {
      timer.cancel();
      stop.removeEventListener('abort', onStop);
    }
  }

  async #deliver(queued: Queued, signal: AbortSignal): Promise<void> {
    const { kube } = this.#options;
    const { about, news } = queued;
    const key = JSON.stringify([about.metadata.uid, news.type, news.reason, news.message]);
    const namespace = about.metadata.namespace ?? 'default';
    const before = this.#sent.get(key);
    if (before && queued.atMs - before.atMs < REPEAT_MS) {
      const patch = { count: before.count + 1, lastTimestamp: time(queued.wallMs) };
      try {
        await kube.mergePatch(EVENT, { namespace, name: before.name }, patch, { signal });
        before.count++;
        return;
      } catch (thrown) {
        if (!isKubeError(thrown, 'KUBE_NOT_FOUND')) throw thrown; // it has expired: a new one
      }
    }
    const name = `${about.metadata.name}.${toHex(this.#options.random.bytes(8))}`;
    await kube.create(EVENT, this.#event(queued, name, namespace), { signal });
    this.#remember(key, { name, atMs: queued.atMs, count: 1 });
  }

  #event(queued: Queued, name: string, namespace: string): KubeManifest {
    const { resource, about, news, wallMs } = queued;
    const { metadata } = about;
    const component = 'holdfast-operator';
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: {
        apiVersion: apiVersionOf(resource),
        kind: resource.kind,
        name: metadata.name,
        namespace: metadata.namespace,
        uid: metadata.uid,
        resourceVersion: metadata.resourceVersion,
      },
      type: news.type,
      reason: news.reason,
      message: cut(news.message),
      count: 1,
      firstTimestamp: time(wallMs),
      lastTimestamp: time(wallMs),
      source: { component },
      reportingComponent: component,
      reportingInstance: this.#options.instance,
    };
  }

  #remember(key: string, sent: Sent): void {
    this.#sent.delete(key);
    this.#sent.set(key, sent);
    if (this.#sent.size <= REMEMBERED) return;
    for (const oldest of this.#sent.keys()) {
      this.#sent.delete(oldest);
      return;
    }
  }
}

/** The API's Time: whole seconds. */
function time(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 19)}Z`;
}

function cut(message: string): string {
  return message.length <= MAX_MESSAGE ? message : `${message.slice(0, MAX_MESSAGE - 1)}…`;
}
