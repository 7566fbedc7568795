/**
 * Figures of a sample: what a report shows. Pure arithmetic, no clock.
 */
export interface Summary {
  readonly count: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

const MIB = 1024 * 1024;

/** Order statistics of a sample, rounded to a microsecond when the sample is in ms; NaN without a sample. */
export function summarize(sample: readonly number[]): Summary {
  const sorted = sample.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    rounded(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN, 3);
  return { count: sorted.length, min: at(0), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

/** `value` with so many decimals. */
export function rounded(value: number, decimals: number): number {
  const scale = 10 ** decimals;
  return Math.round(value * scale) / scale;
}

/** How many a second, given a count and the time it took, ms. */
export function perSecond(count: number, tookMs: number): number {
  return count / (tookMs / 1000);
}

/** MiB a second of so many bytes in so many ms, one decimal. */
export function mibPerSecond(bytes: number, tookMs: number): number {
  return rounded(perSecond(bytes / MIB, tookMs), 1);
}

/**
 * `mine` over `other`, block by block, and the middle one of these ratios: what one disturbed block cannot move. Each block's two values come
 * from neighbouring moments; so the middle ratio is less a matter of the machine's mood than the ratio of two sums.
 */
export function middleRatio(mine: readonly number[], other: readonly number[]): number {
  if (mine.length !== other.length || mine.length === 0)
    throw new RangeError(
      `ratios of ${mine.length} and ${other.length} blocks: give as many of each, at least one`,
    );
  const ratios = mine.map((value, block) => value / other[block]!).toSorted((a, b) => a - b);
  const half = ratios.length >> 1;
  const middle = ratios.length % 2 === 1 ? ratios[half]! : (ratios[half - 1]! + ratios[half]!) / 2;
  return rounded(middle, 3);
}

/** The legs of a block in their order: forwards, then backwards, so that what one leaves behind meets every other as often. */
export function turns<T>(legs: readonly T[], block: number): readonly T[] {
  return block % 2 === 0 ? legs : legs.toReversed();
}

/** What a figure has to come to. */
export interface Reach {
  /** What is measured, as a reader of the report knows it. */
  readonly figure: string;
  readonly measured: number;
  readonly bound:
    | { readonly atLeast: number }
    | { readonly above: number }
    | { readonly atMost: number }
    | { readonly below: number };
}

/** Whether the figure comes to what it has to; one that is not a number never does. */
export function reached({ measured, bound }: Reach): boolean {
  if ('atLeast' in bound) return measured >= bound.atLeast;
  if ('above' in bound) return measured > bound.above;
  return 'atMost' in bound ? measured <= bound.atMost : measured < bound.below;
}

/** `at least 0.9`, `above 1`, `at most 1.15`, `below 1`. */
export function boundInWords({ bound }: Reach): string {
  if ('atLeast' in bound) return `at least ${bound.atLeast}`;
  if ('above' in bound) return `above ${bound.above}`;
  return 'atMost' in bound ? `at most ${bound.atMost}` : `below ${bound.below}`;
}
