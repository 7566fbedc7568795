/**
 * The pace at the tail, against writers with and without a rhythm: what a slot costs and how late it is, without clock or store.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../base/testing/index.ts';
import { isBehind, nextAskMs, paceFound, paceFrom, paceMissed, POLL_MS, type TailPace } from './tail-pace.ts';

const LIMIT_MS = 500;

interface Followed {
  readonly getsPerSlot: number;
  /** From the birth of a slot to the GET that found it, the second half of the run, ascending. */
  readonly lagMs: readonly number[];
}

/** A reader, one GET at a time, behind a writer whose slots come at these moments. The store looks half-way through a GET. */
function follow(bornMs: readonly number[], getMs: number, seed: number): Followed {
  const random = seededRandom(seed);
  let pace = paceFrom(0);
  let nowMs = 0;
  let gets = 0;
  const lagMs: number[] = [];
  for (let slot = 0; slot < bornMs.length;) {
    nowMs = nextAskMs(pace, nowMs, LIMIT_MS, random.unit());
    const askedMs = nowMs;
    nowMs += getMs;
    const counts = slot >= bornMs.length / 2;
    if (counts) gets++;
    if (bornMs[slot]! > askedMs + getMs / 2) {
      pace = paceMissed(pace, askedMs);
      continue;
    }
    pace = paceFound(pace, askedMs);
    if (counts) lagMs.push(askedMs - bornMs[slot]!);
    slot++;
  }
  return { getsPerSlot: gets / lagMs.length, lagMs: lagMs.sort((a, b) => a - b) };
}

const at = (sorted: readonly number[], part: number): number => sorted[Math.floor(sorted.length * part)]!;

const step = fc.record({ found: fc.boolean(), restMs: fc.double({ min: 0, max: 1e6, noNaN: true }) });

describe('the pace at the tail', () => {
  test('waits neither longer than the limit nor into the past, whatever happened', () => {
    fc.assert(
      fc.property(fc.array(step), fc.double({ min: 0, max: 1, noNaN: true }), (steps, unit) => {
        let nowMs = 0;
        let pace: TailPace = paceFrom(nowMs);
        for (const { found, restMs } of steps) {
          const askMs = nextAskMs(pace, nowMs, LIMIT_MS, unit);
          expect(askMs).toBeGreaterThanOrEqual(nowMs);
          expect(askMs).toBeLessThanOrEqual(nowMs + LIMIT_MS);
          pace = found ? paceFound(pace, askMs) : paceMissed(pace, askMs);
          expect(pace.anchorMs).toBeLessThanOrEqual(askMs);
          expect(pace.intervalMs).toBeGreaterThanOrEqual(1);
          expect(pace.deviationMs).toBeGreaterThanOrEqual(0);
          nowMs = askMs + restMs;
        }
      }),
    );
  });

  test('sends little more than one GET for a slot of a steady writer, and finds it soon', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 80, max: 450 }),
        fc.integer({ min: 0, max: 30 }),
        fc.integer(),
        (everyMs, getMs, seed) => {
          const born = Array.from({ length: 400 }, (_, i) => (i + 1) * everyMs);
          const { getsPerSlot, lagMs } = follow(born, getMs, seed);
          expect(getsPerSlot).toBeLessThan(1.35);
          expect(at(lagMs, 0.5)).toBeLessThan(30);
          expect(at(lagMs, 0.99)).toBeLessThan(POLL_MS + 30);
        },
      ),
    );
  });

  test('does not wait for a rhythm where there is none', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 20 }), (seed, getMs) => {
        const random = seededRandom(seed);
        let bornMs = 0;
        const born = Array.from({ length: 800 }, () => (bornMs -= 100 * Math.log(1 - random.unit())));
        const { getsPerSlot, lagMs } = follow(born, getMs, seed);
        expect(at(lagMs, 0.5)).toBeLessThan(POLL_MS);
        expect(getsPerSlot).toBeLessThan(3.5);
      }),
    );
  });

  test.each([
    ['becomes a hundred times as fast', 1000, 10],
    ['becomes a hundred times as slow', 10, 1000],
    ['becomes twice as fast', 500, 250],
  ])('learns it when a writer %s', (_what, beforeMs, afterMs) => {
    let bornMs = 0;
    const born = Array.from({ length: 4000 }, (_, i) => (bornMs += i < 500 ? beforeMs : afterMs));
    const { lagMs } = follow(born, 1, 7);
    expect(at(lagMs, 0.5)).toBeLessThan(POLL_MS);
    expect(at(lagMs, 0.99)).toBeLessThan(2 * POLL_MS);
  });

  test('asks at once while slots are there each time, so that nobody lags without knowing it', () => {
    let pace = paceFrom(0);
    let nowMs = 0;
    for (let slot = 0; slot < 12; slot++) {
      nowMs = nextAskMs(pace, nowMs, LIMIT_MS, 1);
      pace = paceFound(pace, nowMs);
    }
    expect(isBehind(pace)).toBe(true);
    expect(nextAskMs(pace, nowMs, LIMIT_MS, 1)).toBe(nowMs);
    pace = paceMissed(pace, nowMs);
    expect(nextAskMs(pace, nowMs, LIMIT_MS, 1)).toBeGreaterThan(nowMs);
  });

  test('asks at once when it comes late to an expected slot', () => {
    const lateMs = 5 * LIMIT_MS;
    const pace = paceFound(paceFound(paceFrom(0), 100), lateMs);
    expect(isBehind(pace)).toBe(true);
    expect(nextAskMs(pace, lateMs, LIMIT_MS, 1)).toBe(lateMs);
  });
});
