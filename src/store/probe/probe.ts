/**
 * The probe: does this store keep the promises that the journal stands on? Asked once per bucket and process before the first append.
 *
 * 1. Every promise is checked and named, also after one was found broken.
 * 2. A store that cannot be reached or used is not judged: the probe throws its StoreError.
 * 3. Nothing is left behind; a store that cannot be cleaned is reported under `clean-up`.
 * 4. Clocks are measured and told, never judged: no decision in Holdfast compares two machines' clocks.
 */
import { HoldfastError, type Clock, type Random } from '../../base/index.ts';
import { checkKey } from '../keys.ts';
import type { ObjectStore } from '../types.ts';
import { BrokenPromise, brokenBy, ProbeBench } from './bench.ts';
import { measureClock } from './clock-skew.ts';
import { PROPERTIES, type Property } from './properties.ts';

export interface ProbeOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
  /** Where the probe's objects live for a moment; `_probe` by default. */
  readonly prefix?: string | undefined;
}

export interface ProbeProperty {
  readonly name: string;
  readonly ok: boolean;
  /** What was seen: the evidence when broken. */
  readonly detail: string;
}

export interface ProbeReport {
  /** Every property is ok. */
  readonly ok: boolean;
  readonly properties: readonly ProbeProperty[];
  /** The store's clock minus ours, ms; 0 within a second, undefined when the store tells no times. */
  readonly clockSkewMs: number | undefined;
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
  try {
    for (const property of PROPERTIES) properties.push(await judge(property, bench));
    const clock = await measureClock(bench);
    properties.push({ name: 'clock', ok: true, detail: clock.detail }); // 4
    properties.push(await judge({ name: 'clean-up', check: cleanUp }, bench));
    return { ok: properties.every(({ ok }) => ok), properties, clockSkewMs: clock.skewMs };
  } catch (error) {
    await bench.cleanUp().catch(() => undefined); // the error that ended the probe says more than one of its clean-up
    throw error;
  }
}

/** Probes and refuses. @throws StoreUnfitError that names every broken promise; as probeStore. */
export async function requireFitStore(store: ObjectStore, options: ProbeOptions): Promise<ProbeReport> {
  const report = await probeStore(store, options);
  if (!report.ok) throw new StoreUnfitError(store.url, report);
  return report;
}

async function judge(property: Property, bench: ProbeBench): Promise<ProbeProperty> {
  const { name } = property;
  try {
    return { name, ok: true, detail: await property.check(bench) };
  } catch (error) {
    const detail = brokenBy(error);
    if (detail === undefined) throw error; // 2
    return { name, ok: false, detail };
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
