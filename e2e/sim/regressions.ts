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

export const REGRESSIONS: readonly Regression[] = [];
