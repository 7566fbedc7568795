/**
 * The probe: does this store keep the promises that the journal stands on? Asked once per bucket and process before the first append.
 *
 * 1. Every promise is checked and named, also after one was found broken.
 * 2. A store that cannot be reached or used is not judged: the probe throws its StoreError.
 * 3. Nothing is left behind; a store that cannot be cleaned is reported under `clean-up`.
 * 4. Clocks and latencies are measured and told, never judged: no decision in Holdfast compares two machines' clocks, and a slow store keeps
 *    its word too.
 */
import { HoldfastError, type Clock, type Random } from '../../base/index.ts';
import { checkKey } from '../keys.ts';
import type { ObjectStore } from '../types.ts';
import { BrokenPromise, brokenBy, ProbeBench } from './bench.ts';
import { measureClock } from './clock-skew.ts';
import { measureLatency, type OperationLatency } from './latency.ts';
import { PROPERTIES, type Property } from './properties.ts';

export interface ProbeOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
  /** Where the probe's objects live for a moment; `_probe` by default. */
  readonly prefix?: string | undefined;
  /** Rounds of the latency measurement, five requests each; none by default. */
  readonly latencyRounds?: number | undefined;
  /** Told of every step as it begins and of every property as it is judged. */
  readonly onProgress?: ((progress: ProbeProgress) => void) | undefined;
}

/** Step `number` of `total`, begun (without a property) or done. */
export interface ProbeProgress {
  readonly name: string;
  readonly number: number;
  readonly total: number;
  readonly property?: ProbeProperty;
}

export interface ProbeProperty {
  readonly name: string;
  readonly ok: boolean;
  /** What was seen: the evidence when broken. */
  readonly detail: string;
  /** What would happen to a journal on a store without it. */
  readonly why: string;
}

export interface ProbeReport {
  /** Every property is ok. */
  readonly ok: boolean;
  readonly properties: readonly ProbeProperty[];
  /** The store's clock minus ours, ms; 0 within a second, undefined when the store tells no times. */
  readonly clockSkewMs: number | undefined;
  /** Per operation, when rounds were asked for. */
  readonly latency: readonly OperationLatency[];
}

/** The store breaks a promise that a journal needs. */
export class StoreUnfitError extends HoldfastError {
  readonly report: ProbeReport;

  constructor(url: string, report: ProbeReport) {
    const broken = report.properties.filter((property) => !property.ok);
    super(
      'STORE_UNFIT',
      `The store ${url} cannot hold a journal: ${broken.map((p) => `${p.name}: ${p.detail}`).join('; ')}. Use another store.`,
      { fields: { url, broken: broken.map((p) => p.name).join(',') } },
    );
    this.report = report;
  }
}

const DEFAULT_PREFIX = '_probe';

/** Checks all promises. @throws StoreError when the store cannot be reached or used (2); the signal's reason. */
export async function probeStore(store: ObjectStore, options: ProbeOptions): Promise<ProbeReport> {
  const prefix = options.prefix ?? DEFAULT_PREFIX;
  checkKey(prefix);
  const bench = new ProbeBench(store, { ...options, prefix });
  const properties: ProbeProperty[] = [];
  const total = PROPERTIES.length + 2;
  const begin = (name: string): void => options.onProgress?.({ name, number: properties.length + 1, total });
  const done = (property: ProbeProperty): void => {
    properties.push(property);
    options.onProgress?.({ name: property.name, number: properties.length, total, property });
  };
  try {
    for (const property of PROPERTIES) {
      begin(property.name);
      done(await judge(property, bench));
    }
    begin(CLOCK.name);
    const clock = await measureClock(bench);
    done({ ...CLOCK, ok: true, detail: clock.detail }); // 4
    begin(CLEAN_UP.name);
    const latency = await measureLatency(bench, options.latencyRounds ?? 0); // 4
    done(await judge({ ...CLEAN_UP, check: cleanUp }, bench));
    return { ok: properties.every(({ ok }) => ok), properties, clockSkewMs: clock.skewMs, latency };
  } catch (error) {
    await bench.cleanUp().catch(() => undefined); // the error that ended the probe says more than one of its clean-up
    throw error;
  }
}

const CLOCK = {
  name: 'clock',
  why: 'nothing depends on it; far-off clocks make logs hard to read and signatures fail',
};
const CLEAN_UP = {
  name: 'clean-up',
  why: 'what a journal deletes has to go, or the store fills up for ever',
};

/** Probes and refuses. @throws StoreUnfitError that names every broken promise; as probeStore. */
export async function requireFitStore(store: ObjectStore, options: ProbeOptions): Promise<ProbeReport> {
  const report = await probeStore(store, options);
  if (!report.ok) throw new StoreUnfitError(store.url, report);
  return report;
}

async function judge(property: Property, bench: ProbeBench): Promise<ProbeProperty> {
  const { name, why } = property;
  try {
    return { name, ok: true, detail: await property.check(bench), why };
  } catch (error) {
    const detail = brokenBy(error);
    if (detail === undefined) throw error; // 2
    return { name, ok: false, detail, why };
  }
}

/** Removes everything and looks whether it is gone (3). */
async function cleanUp(bench: ProbeBench): Promise<string> {
  await bench.cleanUp();
  for (let attempt = 0; ; attempt += 1) {
    const { names } = await bench.list('');
    if (names.length === 0) return 'nothing of the probe is left';
    if (attempt === CLEAN_ATTEMPTS)
      throw new BrokenPromise(`${names.length} objects of the probe are still listed after their deletion`);
    await bench.pause(attempt);
  }
}

/** LIST may lag for some seconds. */
const CLEAN_ATTEMPTS = 9;
