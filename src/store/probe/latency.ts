/**
 * How long the five operations take, one after the other, as a journal that is alone would see them: figures for people, never judged.
 */
import { brokenBy, type ProbeBench } from './bench.ts';

export interface OperationLatency {
  readonly operation: 'create' | 'get' | 'head' | 'list' | 'delete';
  /** Calls that were measured. */
  readonly count: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly maxMs: number;
}

/** A usual slot. */
export const LATENCY_BODY_BYTES = 16 * 1024;

/**
 * Measures `rounds` of create, get, head, list and delete of an object of LATENCY_BODY_BYTES. A create that the store does not confirm at
 * once is not counted; a store that breaks its word in between is measured no further.
 * @throws StoreError when the store cannot be reached or used.
 */
export async function measureLatency(bench: ProbeBench, rounds: number): Promise<OperationLatency[]> {
  const samples = new Map<OperationLatency['operation'], number[]>();
  const time = async (
    operation: OperationLatency['operation'],
    work: () => Promise<unknown>,
  ): Promise<void> => {
    const startMs = bench.clock.monotonicMs();
    const value = await work();
    if (value === UNCONFIRMED) return;
    const taken = bench.clock.monotonicMs() - startMs;
    samples.set(operation, [...(samples.get(operation) ?? []), taken]);
  };
  try {
    for (let round = 1; round <= rounds; round += 1) {
      const key = bench.key(`latency-${round}`);
      const body = bench.bytes(LATENCY_BODY_BYTES);
      await time('create', async () => ((await bench.createOnce(key, body)) ? undefined : UNCONFIRMED));
      await time('get', () => bench.get(key));
      await time('head', () => bench.head(key));
      await time('list', () => bench.list('latency-', undefined, 1));
      await time('delete', () => bench.delete(key));
    }
  } catch (error) {
    if (brokenBy(error) === undefined) throw error;
  }
  return [...samples].map(([operation, taken]) => summary(operation, taken));
}

const UNCONFIRMED = Symbol('unconfirmed');

function summary(operation: OperationLatency['operation'], samples: readonly number[]): OperationLatency {
  const sorted = samples.toSorted((a, b) => a - b);
  return {
    operation,
    count: sorted.length,
    p50Ms: quantile(sorted, 0.5),
    p90Ms: quantile(sorted, 0.9),
    maxMs: quantile(sorted, 1),
  };
}

/** The smallest sample that `share` of all do not exceed; ms, rounded to tenths. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = Math.max(0, Math.ceil(share * sorted.length) - 1);
  return Math.round((sorted[at] ?? 0) * 10) / 10;
}
