/**
 * Metrics: the one place that knows prom-client. A registry is made in main and handed down; every series exists from the start.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface MetricOptions {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

export type Labels = Readonly<Record<string, string>>;

export interface CounterMetric {
  add(amount: number, labels?: Labels): void;
}
export interface GaugeMetric {
  set(value: number, labels?: Labels): void;
}
export interface HistogramMetric {
  observe(value: number, labels?: Labels): void;
}

export interface Metrics {
  counter(options: MetricOptions): CounterMetric;
  /** `read`: asked for the value whenever the registry is rendered, for what need not be told at every change. */
  gauge(options: MetricOptions & { readonly read?: () => number }): GaugeMetric;
  /** `buckets`: upper bounds in the metric's unit, ascending. */
  histogram(options: MetricOptions & { readonly buckets: readonly number[] }): HistogramMetric;
  /** The registry in Prometheus text format. */
  render(): Promise<string>;
  readonly contentType: string;
}

/** Buckets for durations from a local store's millisecond to a slow failover's minute, in seconds. */
export const DURATION_BUCKETS_SECONDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/** A registry of its own, with the process's default series (event loop lag, heap, GC) when asked for. */
export function createMetrics(options: { readonly processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (options.processMetrics) collectDefaultMetrics({ register: registry });
  const base = (
    o: MetricOptions,
  ): { name: string; help: string; labelNames: string[]; registers: Registry[] } => ({
    name: o.name,
    help: o.help,
    labelNames: [...(o.labels ?? [])],
    registers: [registry],
  });
  return {
    counter: (o) => {
      const metric = new Counter(base(o));
      return { add: (amount, labels) => metric.inc(labels ?? {}, amount) };
    },
    gauge: (o) => {
      const { read } = o;
      const metric: Gauge = new Gauge({
        ...base(o),
        ...(read ? { collect: (): void => metric.set(read()) } : {}),
      });
      return { set: (value, labels) => metric.set(labels ?? {}, value) };
    },
    histogram: (o) => {
      const metric = new Histogram({ ...base(o), buckets: [...o.buckets] });
      return { observe: (value, labels) => metric.observe(labels ?? {}, value) };
    },
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
