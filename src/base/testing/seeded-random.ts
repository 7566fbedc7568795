/**
 * A seeded generator (xoshiro128**, seeded by splitmix32): the same seed gives the same run on every machine.
 */
import type { Random } from '../random.ts';

export interface SeededRandom extends Random {
  /** One of `items`, uniformly. */
  pick<T>(items: readonly T[]): T;
  /** True with probability `p`. */
  chance(p: number): boolean;
  /** A generator of its own whose stream does not disturb this one. */
  fork(): SeededRandom;
}

export function seededRandom(seed: number): SeededRandom {
  let mix = seed >>> 0;
  const splitmix = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix ^ (mix >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  const s = Uint32Array.of(splitmix(), splitmix(), splitmix(), splitmix());
  const next = (): number => {
    const x = Math.imul(s[1]!, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = (s[3]! << 11) | (s[3]! >>> 21);
    return result;
  };
  const unit = (): number => next() / 2 ** 32;
  return {
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
    unit,
    below: (bound) => Math.floor(unit() * bound),
    pick: (items) => items[Math.floor(unit() * items.length)]!,
    chance: (p) => unit() < p,
    fork: () => seededRandom(next()),
  };
}
