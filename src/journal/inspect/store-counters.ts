/**
 * The store's own counters, read back from a saved /metrics page: the real mix of requests.
 */
import { HoldfastError } from '../../base/index.ts';
import { SECONDS_PER_MONTH, type Usage } from './cost.ts';

export class MetricsTextError extends HoldfastError {
  constructor(problem: string) {
    super(
      'METRICS_UNUSABLE',
      `The saved metrics ${problem}. Save the page of a pod that uses the journal: curl -s http://<pod>:<port>/metrics > FILE.`,
      { fields: { problem } },
    );
  }
}

export interface StoreCounters {
  /** Calls and the repeats inside them, by operation. */
  readonly requests: Readonly<Record<'create' | 'get' | 'head' | 'list' | 'delete', number>>;
  readonly bytesOut: number;
  readonly bytesIn: number;
  /** When the process began to count, s since 1970; undefined where the page does not tell. */
  readonly startedSeconds: number | undefined;
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** The counters of src/store in a page of Prometheus text. @throws MetricsTextError */
export function readStoreCounters(text: string): StoreCounters {
  const requests = { create: 0, get: 0, head: 0, list: 0, delete: 0 };
  let [bytesOut, bytesIn, samples] = [0, 0, 0];
  let startedSeconds: number | undefined;
  for (const line of text.split('\n')) {
    const [, name, labelText = '', valueText] = SAMPLE.exec(line) ?? [];
    if (name === undefined || line.startsWith('#')) continue;
    const value = Number(valueText);
    if (!Number.isFinite(value)) continue;
    const labels = Object.fromEntries([...labelText.matchAll(LABEL)].map(([, key, said]) => [key!, said!]));
    if (name === 'process_start_time_seconds') startedSeconds = value;
    else if (name === 'holdfast_store_bytes_total' && labels['direction'] === 'out') bytesOut += value;
    else if (name === 'holdfast_store_bytes_total') bytesIn += value;
    else if (name === 'holdfast_store_requests_total' || name === 'holdfast_store_retries_total') {
      const operation = labels['operation'];
      if (operation === undefined || !(operation in requests))
        throw new MetricsTextError(`name an operation "${operation}" that a store does not have`);
      requests[operation as keyof typeof requests] += value;
      samples++;
    }
  }
  if (samples === 0) throw new MetricsTextError('hold no holdfast_store_requests_total');
  return { requests, bytesOut, bytesIn, startedSeconds };
}

/** A month at the rate of these counters, which were counted in `seconds`. @throws MetricsTextError when there was no time. */
export function usageOfCounters(counters: StoreCounters, seconds: number, storedBytes: number): Usage {
  if (!(seconds > 0))
    throw new MetricsTextError(`were counted in ${seconds} s; say in how many with --metrics-seconds`);
  const month = SECONDS_PER_MONTH / seconds;
  const { create, get, head, list } = counters.requests;
  return {
    puts: create * month,
    lists: list * month,
    gets: (get + head) * month,
    uploadBytes: counters.bytesOut * month,
    downloadBytes: counters.bytesIn * month,
    storedBytes,
  };
}
