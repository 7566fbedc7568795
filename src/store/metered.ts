/**
 * Metrics of a store, as a wrapper around any adapter.
 *
 * 1. One observation a call; the repeats that an adapter makes inside a read are counted apart, by `retried`.
 * 2. A registry gets its series once, however many stores are opened on it.
 * 3. What a store bills is counted where it leaves the process (`holdfast_store_sent_total`): calls, their repeats, and the questions that an
 *    adapter asks for itself. A process serves one shard, so the cost of a shard is the sum over its pods of
 *      PutObject and ListObjectsV2 x price A  +  GetObject, HeadObject and GetBucketVersioning x price B  +  bytes `in` x price of traffic
 *    (DeleteObject is free at S3), besides what is stored, which the journal knows.
 */
import {
  DURATION_BUCKETS_SECONDS,
  errorCode,
  type Clock,
  type CounterMetric,
  type HistogramMetric,
  type Metrics,
} from '../base/index.ts';
import { lengthOf, type Body } from './body.ts';
import type {
  BodyPart,
  CreateOutcome,
  GetCall,
  ListCall,
  ListPage,
  ObjectInfo,
  ObjectStore,
  StoreCall,
  StoredObject,
  Versioning,
} from './types.ts';

export interface StoreMetrics {
  readonly requests: CounterMetric;
  readonly seconds: HistogramMetric;
  readonly bytes: CounterMetric;
  readonly retries: CounterMetric;
  readonly sent: CounterMetric;
}

const known = new WeakMap<Metrics, StoreMetrics>();

/** The store's series in this registry; made at the first call (2). */
export function storeMetrics(metrics: Metrics): StoreMetrics {
  const before = known.get(metrics);
  if (before) return before;
  const made: StoreMetrics = {
    requests: metrics.counter({
      name: 'holdfast_store_requests_total',
      help: 'Calls to the object store by operation and outcome (ok, created, exists, absent, or an error code).',
      labels: ['operation', 'outcome'],
    }),
    seconds: metrics.histogram({
      name: 'holdfast_store_request_seconds',
      help: 'Time of a call to the object store, retries included.',
      labels: ['operation'],
      buckets: DURATION_BUCKETS_SECONDS,
    }),
    bytes: metrics.counter({
      name: 'holdfast_store_bytes_total',
      help: 'Object bytes sent to (out) and received from (in) the object store.',
      labels: ['direction'],
    }),
    retries: metrics.counter({
      name: 'holdfast_store_retries_total',
      help: 'Attempts repeated inside one read call, by operation and the code of the error before it.',
      labels: ['operation', 'code'],
    }),
    sent: metrics.counter({
      name: 'holdfast_store_sent_total',
      help: 'HTTP requests to an S3 store by their S3 name and the status of the answer (none when no answer came): what is billed.',
      labels: ['request', 'status'],
    }),
  };
  for (const direction of ['in', 'out']) made.bytes.add(0, { direction });
  known.set(metrics, made);
  return made;
}

export class MeteredStore implements ObjectStore {
  readonly url: string;
  readonly streams: boolean;
  readonly #inner: ObjectStore;
  readonly #metrics: StoreMetrics;
  readonly #clock: Clock;

  constructor(inner: ObjectStore, metrics: StoreMetrics, clock: Clock) {
    this.url = inner.url;
    this.streams = inner.streams === true;
    this.#inner = inner;
    this.#metrics = metrics;
    this.#clock = clock;
  }

  create(key: string, body: Body, call?: StoreCall): Promise<CreateOutcome> {
    this.#metrics.bytes.add(lengthOf(body), { direction: 'out' });
    const outcomeOf = (o: CreateOutcome): string => ('cause' in o ? o.cause.code : o.kind);
    return this.#observe('create', this.#inner.create(key, body, call), outcomeOf);
  }

  async get(key: string, call?: GetCall): Promise<StoredObject | undefined> {
    const onPart =
      call?.onPart &&
      ((part: BodyPart): void => {
        this.#metrics.bytes.add(part.bytes.length, { direction: 'in' });
        call.onPart!(part);
      });
    const object = await this.#observe('get', this.#inner.get(key, { ...call, onPart }), presence);
    if (object) this.#metrics.bytes.add(object.body.length, { direction: 'in' });
    return object;
  }

  head(key: string, call?: StoreCall): Promise<ObjectInfo | undefined> {
    return this.#observe('head', this.#inner.head(key, call), presence);
  }

  list(prefix: string, call?: ListCall): Promise<ListPage> {
    return this.#observe('list', this.#inner.list(prefix, call), () => 'ok');
  }

  delete(key: string, call?: StoreCall): Promise<void> {
    return this.#observe('delete', this.#inner.delete(key, call), () => 'ok');
  }

  async versioning(call?: StoreCall): Promise<Versioning> {
    return (await this.#inner.versioning?.(call)) ?? 'unknown';
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #observe<T>(operation: string, work: Promise<T>, outcomeOf: (value: T) => string): Promise<T> {
    const startMs = this.#clock.monotonicMs();
    let outcome = 'ABORTED'; // what a caller's own reason without a code counts as
    try {
      const value = await work;
      outcome = outcomeOf(value);
      return value;
    } catch (error) {
      outcome = errorCode(error) ?? outcome;
      throw error;
    } finally {
      this.#metrics.requests.add(1, { operation, outcome });
      this.#metrics.seconds.observe((this.#clock.monotonicMs() - startMs) / 1000, { operation });
    }
  }
}

function presence(value: object | undefined): string {
  return value ? 'ok' : 'absent';
}
