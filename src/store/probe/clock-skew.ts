/**
 * How far the store's clock is from ours, from the time it gives a new object.
 */
import { brokenBy, type ProbeBench } from './bench.ts';

export interface ClockMeasure {
  /** Store minus us, ms; 0 when both agree as far as one can see; undefined when the store tells no times. */
  readonly skewMs: number | undefined;
  readonly detail: string;
}

/** Stores cut times to whole seconds. */
const RESOLUTION_MS = 1000;

/**
 * The distance of two spans of time: [fromMs, toMs] by our clock, within which an object came to be, and the second beginning at
 * `storeMs` by the store's. 0 when they overlap.
 */
export function skewOf(fromMs: number, toMs: number, storeMs: number): number {
  if (storeMs > toMs) return storeMs - toMs;
  const latest = storeMs + RESOLUTION_MS - 1;
  return latest < fromMs ? latest - fromMs : 0;
}

/** @throws StoreError when the store cannot be reached or used. */
export async function measureClock(bench: ProbeBench): Promise<ClockMeasure> {
  const fromMs = bench.clock.wallMs();
  const storeMs = await newObjectMs(bench);
  const toMs = bench.clock.wallMs();
  if (storeMs === undefined) return { skewMs: undefined, detail: 'the store tells no times' };
  const skewMs = Math.round(skewOf(fromMs, toMs, storeMs));
  if (skewMs === 0) return { skewMs, detail: 'the clock of the store and ours agree within a second' };
  const seconds = (Math.abs(skewMs) / 1000).toFixed(1);
  return {
    skewMs,
    detail: `the clock of the store is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} ours`,
  };
}

/** The time that the store gives a new object; undefined also where it cannot make one, which other checks have named. */
async function newObjectMs(bench: ProbeBench): Promise<number | undefined> {
  try {
    const key = bench.key('clock');
    await bench.create(key, bench.bytes(1));
    return (await bench.get(key))?.lastModifiedMs;
  } catch (error) {
    if (brokenBy(error) === undefined) throw error;
    return undefined;
  }
}
