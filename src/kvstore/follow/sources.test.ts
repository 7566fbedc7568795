import { describe, expect, test } from '@jest/globals';
import { seededRandom } from '../../base/testing/index.ts';
import { Sources } from './sources.ts';

const url = (name: string): URL => new URL(`http://${name}:1`);
const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(url) as [URL, URL, URL, URL];

function nameOf(sources: Sources, nowMs: number): string {
  return sources.choose(nowMs).url.hostname;
}

describe('which source is followed', () => {
  test('chance decides among equals, so that many read replicas spread out (C2)', () => {
    const chosen = Array.from({ length: 60 }, (_, seed) =>
      nameOf(new Sources([[a, b, c]], seededRandom(seed + 1)), 0),
    );
    for (const name of ['a', 'b', 'c'])
      expect(chosen.filter((one) => one === name).length).toBeGreaterThan(8);
  });

  test('one that answers is kept (C4)', () => {
    const sources = new Sources([[a, b, c]], seededRandom(1));
    const first = nameOf(sources, 0);
    for (let now = 0; now < 50; now++) {
      sources.answered(now, 'standby');
      expect(nameOf(sources, now)).toBe(first);
    }
  });

  test('the primary is left for a standby as soon as there may be one (C2)', () => {
    const sources = new Sources([[a, b]], seededRandom(1));
    const first = nameOf(sources, 0);
    sources.answered(0, 'primary');
    const second = nameOf(sources, 0);
    expect(second).not.toBe(first);
    sources.answered(0, 'standby');
    expect(nameOf(sources, 0)).toBe(second);
  });

  test('two primaries, which a handoff can look like, are not swapped without end', () => {
    const sources = new Sources([[a, b]], seededRandom(1));
    const names = Array.from({ length: 10 }, (_, now) => {
      const name = nameOf(sources, now);
      sources.answered(now, 'primary');
      return name;
    });
    expect(new Set(names.slice(1)).size).toBe(1);
  });

  test('a later group is for the time that the earlier one fails, and is left when that is back (C1)', () => {
    const sources = new Sources([[a], [c, d]], seededRandom(1));
    expect(nameOf(sources, 0)).toBe('a');
    sources.failed(0);
    const other = nameOf(sources, 1);
    expect(['c', 'd']).toContain(other);
    sources.answered(1, 'standby');
    expect(nameOf(sources, 2)).toBe(other);
    sources.answered(60_000, 'standby'); // a has rested
    expect(nameOf(sources, 60_000)).toBe('a');
  });

  test('one that fails rests, longer each time, and a single source is asked again all the same (C3)', () => {
    const sources = new Sources([[a]], seededRandom(1));
    let now = 0;
    const rests: number[] = [];
    for (let i = 0; i < 12; i++) {
      sources.choose(now);
      sources.failed(now);
      const { url: next, waitMs } = sources.choose(now);
      expect(next).toBe(a);
      rests.push(waitMs);
      now += waitMs;
    }
    expect(rests[0]).toBeGreaterThan(0);
    expect(rests[4]).toBeGreaterThan(rests[0]! * 4);
    expect(Math.max(...rests)).toBeLessThanOrEqual(30_000);
    sources.answered(now, 'primary');
    sources.failed(now);
    expect(sources.choose(now).waitMs).toBeLessThanOrEqual(500); // an answer begins the rests anew
  });

  test('when all rest, the one that may be asked first is next', () => {
    const sources = new Sources([[a, b]], seededRandom(3));
    const first = nameOf(sources, 0);
    sources.failed(0);
    expect(nameOf(sources, 0)).not.toBe(first);
    sources.failed(10);
    expect(nameOf(sources, 11)).toBe(first);
  });
});
