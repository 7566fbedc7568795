/**
 * What a journal costs a month: an estimate, from a write rate or from counted requests (s3log.md §6.10).
 *
 * 1. Counts the requests that session.ts and reader.ts make, by their own constants; a test holds it against both.
 * 2. Errs upwards: requests that a store may not charge for (its own errors) are counted.
 * 3. Knows nothing of reads by clients: a linearizable read that finds nothing to share costs one GET more. Counted requests have them in.
 */
import { MAX_POLL_MS, RELIST_MS } from '../read/reader.ts';
import { nextAskMs, paceFound, paceFrom, paceMissed } from '../read/tail-pace.ts';
import type { Prices } from './prices.ts';

export const SECONDS_PER_MONTH: number = (365.25 / 12) * 86_400;
/** One PUT is in flight at a time, and takes some 40 ms (s3log.md §1.6). */
export const MAX_COMMITS_PER_SECOND = 25;
/** reader.ts waits 0.75 to 1 of a poll's delay: the middle of its random numbers, and what they come to. */
const MEAN_UNIT = 0.5;
const MEAN_JITTER = 0.875;
/** A PUT takes so much longer at one time than at another (s3log.md §1.6): slots do not come to the millisecond. */
const PUT_SPREAD_MS = 20;
/** Slots until a follower has learned the rhythm, and those that are counted then: how its GETs fall between two slots differs from slot to slot. */
const WARM_UP_SLOTS = 64;
const SAMPLE_SLOTS = 512;
/** Scatters the slots of the sample evenly, and the same way each time: the golden section of the spread. */
const SCATTER: number = (Math.sqrt(5) - 1) / 2;

export interface Workload {
  /** Slots a second while there are writes. */
  readonly commitsPerSecond: number;
  /** Content bytes a second while there are writes. */
  readonly bytesPerSecond: number;
  /** Part of the time in which there are writes, 0 to 1. */
  readonly duty: number;
  readonly standbys: number;
  /** Bytes kept, on average over the month. */
  readonly storedBytes: number;
}

/** Requests and bytes a month. */
export interface Usage {
  readonly puts: number;
  readonly lists: number;
  readonly gets: number;
  readonly uploadBytes: number;
  readonly downloadBytes: number;
  readonly storedBytes: number;
}

export interface CostLine {
  readonly what: 'PUT' | 'LIST' | 'GET' | 'storage' | 'upload' | 'download';
  /** Requests, or bytes, a month. */
  readonly amount: number;
  readonly usd: number;
}

export interface Cost {
  readonly lines: readonly CostLine[];
  readonly usd: number;
}

/** Slots a second of a writer that is never idle: one a flush interval, more when batches fill before it ends. */
export function commitsPerSecond(bytesPerSecond: number, flushMs: number, maxBatchBytes: number): number {
  if (bytesPerSecond <= 0) return 0;
  const byTime = 1000 / Math.max(flushMs, 1000 / MAX_COMMITS_PER_SECOND);
  return Math.min(MAX_COMMITS_PER_SECOND, Math.max(byTime, bytesPerSecond / maxBatchBytes));
}

/** What primary and standbys ask of the store in a month of this. */
export function usageOf({
  commitsPerSecond: rate,
  bytesPerSecond,
  duty,
  standbys,
  storedBytes,
}: Workload): Usage {
  const active = SECONDS_PER_MONTH * Math.min(1, Math.max(0, duty));
  const idle = SECONDS_PER_MONTH - active;
  const slots = rate * active;
  const idlePolls = (idle * 1000) / (MAX_POLL_MS.hot * MEAN_JITTER);
  const perSlot = rate === 0 ? { gets: 0, lists: 0 } : followOneSlot(1000 / rate);
  const followed = {
    gets: slots * perSlot.gets + idlePolls,
    lists: slots * perSlot.lists + (idle * 1000) / RELIST_MS,
  };
  const uploadBytes = bytesPerSecond * active;
  return {
    puts: slots,
    lists: standbys * followed.lists,
    gets: standbys * followed.gets,
    uploadBytes,
    downloadBytes: standbys * uploadBytes,
    storedBytes,
  };
}

/** What a hot follower asks for with each slot, on average, when one comes every `intervalMs`: its own decisions (tail-pace.ts, D3 of reader.ts). */
function followOneSlot(intervalMs: number): { readonly gets: number; readonly lists: number } {
  const cameMs = (slot: number): number =>
    slot * intervalMs + Math.min(PUT_SPREAD_MS, intervalMs / 2) * ((slot * SCATTER) % 1);
  let [gets, lists, nowMs, shownMs] = [0, 0, 0, 0];
  let pace = paceFrom(0);
  for (let slot = 1; slot <= WARM_UP_SLOTS + SAMPLE_SLOTS;) {
    const counts = slot > WARM_UP_SLOTS ? 1 : 0;
    nowMs = nextAskMs(pace, nowMs, MAX_POLL_MS.hot, MEAN_UNIT);
    gets += counts;
    if (cameMs(slot) <= nowMs) {
      shownMs = Math.max(shownMs, pace.missedMs ?? shownMs);
      pace = paceFound(pace, nowMs);
      slot++;
    } else {
      pace = paceMissed(pace, nowMs);
      if (nowMs - shownMs < RELIST_MS) continue;
      lists += counts;
      shownMs = nowMs;
    }
  }
  return { gets: gets / SAMPLE_SLOTS, lists: lists / SAMPLE_SLOTS };
}

/** The price of a month's usage. */
export function costOf(usage: Usage, prices: Prices): Cost {
  const requests = (what: CostLine['what'], amount: number, per1000: number): CostLine => ({
    what,
    amount,
    usd: (amount / 1000) * per1000,
  });
  const bytes = (what: CostLine['what'], amount: number, perGb: number): CostLine => ({
    what,
    amount,
    usd: (amount / 1e9) * perGb,
  });
  const lines = [
    requests('PUT', usage.puts, prices.putPer1000),
    requests('LIST', usage.lists, prices.putPer1000),
    requests('GET', usage.gets, prices.getPer1000),
    bytes('storage', usage.storedBytes, prices.storageGbMonth),
    bytes('upload', usage.uploadBytes, prices.uploadGb),
    bytes('download', usage.downloadBytes, prices.downloadGb),
  ];
  return { lines, usd: lines.reduce((sum, { usd }) => sum + usd, 0) };
}
