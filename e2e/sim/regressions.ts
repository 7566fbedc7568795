/**
 * Seeds that failed once, with what they found.
 *
 * A seed is a story only as long as worlds are drawn as they were: whoever changes the draws looks for a seed that fails again when the mended rule
 * is broken (mutants.ts finds one), or gives the story a test of its own.
 */
export interface Regression {
  readonly seed: number;
  readonly story: string;
}

export const REGRESSIONS: readonly Regression[] = [
  {
    seed: 26,
    story:
      'a second stale opener believes the FENCE that a first one left in a reclaimed slot, and fences the true tail at an offset where the log does not end (first met as seeds 170, 309 and 351 of worlds that were drawn otherwise)',
  },
];
