/**
 * What a journal costs a month: an estimate, from a write rate or from counted requests (s3log.md §6.10).
 *
 * 1. Counts the requests that session.ts and reader.ts make, by their own constants; a test holds it against both.
 * 2. Errs upwards: requests that a store may not charge for (its own errors) are counted.
 * 3. Knows nothing of reads by clients: a linearizable read that finds nothing to share costs one GET more. Counted requests have them in.
 */
import { MAX_POLL_MS, MIN_POLL_MS, POLL_GROWTH, RELIST_MS } from '../reader.ts';
import type { Prices } from './prices.ts';

export const SECONDS_PER_MONTH: number = (365.25 / 12) * 86_400;
/** One PUT is in flight at a time, and takes some 40 ms (s3log.md §1.6). */
export const MAX_COMMITS_PER_SECOND = 25;
/** reader.ts waits 0.75 to 1 of a poll's delay. */
const MEAN_JITTER = 0.875;
/** GETs that find nothing when a follower has read a slot and none follows: the next, the one ahead of it, the next again after the proof of the tail. */
const MISSES_AT_TAIL = 3;
/** Slots over which the polls of a follower are averaged: how they fall between two slots differs from slot to slot. */
const SAMPLE_SLOTS = 64;

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

/** What a hot follower asks for with each slot, on average, when one comes every `intervalMs` (D1-D3 of reader.ts). */
function followOneSlot(intervalMs: number): { readonly gets: number; readonly lists: number } {
  let [gets, lists, atMs] = [0, 0, 0];
  for (let slot = 1; slot <= SAMPLE_SLOTS; slot++) {
    if (atMs >= slot * intervalMs) {
      gets++; // it was there already
      continue;
    }
    gets += MISSES_AT_TAIL;
    lists++;
    for (
      let delayMs = MIN_POLL_MS;
      atMs < slot * intervalMs;
      delayMs = Math.min(delayMs * POLL_GROWTH, MAX_POLL_MS.hot)
    ) {
      atMs += delayMs * MEAN_JITTER;
      gets++;
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
