/**
 * Metrics of the runtime, made once per registry; every series exists from the start.
 */
import {
  DURATION_BUCKETS_SECONDS,
  type CounterMetric,
  type GaugeMetric,
  type HistogramMetric,
  type Metrics,
} from '../../src/base/index.ts';

export interface RuntimeMetrics {
  readonly lists: CounterMetric;
  readonly watchEnds: CounterMetric;
  readonly watchEvents: CounterMetric;
  readonly cachedObjects: GaugeMetric;
  readonly lastNews: GaugeMetric;
  readonly handlerFailures: CounterMetric;
  readonly queueDepth: GaugeMetric;
  readonly queueWait: HistogramMetric;
  readonly reconciles: CounterMetric;
  readonly reconcileTime: HistogramMetric;
  readonly leading: GaugeMetric;
  readonly leaseRenewals: CounterMetric;
  readonly loopLag: GaugeMetric;
}

const made = new WeakMap<Metrics, RuntimeMetrics>();

/** The runtime's series in `metrics`; the same set for every caller. */
export function runtimeMetrics(metrics: Metrics): RuntimeMetrics {
  const known = made.get(metrics);
  if (known) return known;
  const fresh = build(metrics);
  made.set(metrics, fresh);
  return fresh;
}

function build(metrics: Metrics): RuntimeMetrics {
  const name = (rest: string): string => `holdfast_runtime_${rest}`;
  const buckets = DURATION_BUCKETS_SECONDS;
  return {
    lists: metrics.counter({
      name: name('lists_total'),
      help: 'Full lists, by outcome',
      labels: ['cache', 'outcome'],
    }),
    watchEnds: metrics.counter({
      name: name('watch_ends_total'),
      help: 'Ends of watch connections, by kind',
      labels: ['cache', 'kind'],
    }),
    watchEvents: metrics.counter({
      name: name('watch_events_total'),
      help: 'Watch events, bookmarks included',
      labels: ['cache'],
    }),
    cachedObjects: metrics.gauge({
      name: name('cached_objects'),
      help: 'Objects in the cache',
      labels: ['cache'],
    }),
    lastNews: metrics.gauge({
      name: name('last_news_timestamp_seconds'),
      help: 'When the cache last heard from the API server',
      labels: ['cache'],
    }),
    handlerFailures: metrics.counter({
      name: name('handler_failures_total'),
      help: 'Cache handlers that threw',
      labels: ['cache'],
    }),
    queueDepth: metrics.gauge({
      name: name('queue_depth'),
      help: 'Keys that wait for a worker',
      labels: ['controller', 'lane'],
    }),
    queueWait: metrics.histogram({
      name: name('queue_wait_seconds'),
      help: 'Time a key waited for a worker',
      labels: ['controller', 'lane'],
      buckets,
    }),
    reconciles: metrics.counter({
      name: name('reconciles_total'),
      help: 'Reconcile runs, by outcome',
      labels: ['controller', 'outcome'],
    }),
    reconcileTime: metrics.histogram({
      name: name('reconcile_seconds'),
      help: 'Duration of a reconcile run',
      labels: ['controller'],
      buckets,
    }),
    leading: metrics.gauge({ name: name('leading'), help: '1 while this process holds the lease' }),
    leaseRenewals: metrics.counter({
      name: name('lease_attempts_total'),
      help: 'Attempts on the lease, by outcome',
      labels: ['outcome'],
    }),
    loopLag: metrics.gauge({
      name: name('event_loop_lag_seconds'),
      help: 'Worst lateness of the event loop in the last window',
    }),
  };
}
