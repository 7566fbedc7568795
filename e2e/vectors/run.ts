/**
 * Runs every vector of a directory.
 */
import { ensureError } from '../../src/base/index.ts';
import { CATEGORIES } from './categories.ts';
import type { Category } from './category.ts';
import { VectorSource } from './source.ts';
import { Tally } from './tally.ts';

/** Failures shown of one category; the count tells the rest. */
const SHOWN_FAILURES = 20;

export interface Outcome {
  readonly category: string;
  readonly tally: Tally;
}

/** What came of each category, as it comes. A category that cannot be run, for a missing file say, has failed. */
export async function* runVectors(
  dir: string,
  categories: readonly Category[] = CATEGORIES,
): AsyncGenerator<Outcome> {
  const source = new VectorSource(dir);
  for (const category of categories) {
    const tally = new Tally();
    try {
      await category.run(source, tally);
    } catch (error) {
      tally.fail(category.name, ensureError(error).message);
    }
    yield { category: category.name, tally };
  }
}

/** The line of a category, and below it its failures. */
export function describe({ category, tally }: Outcome): string {
  const { passed, failed, differences, failures } = tally;
  const none = passed + failed === 0 ? '  no vector' : '';
  const apart = [...differences].map(([reason, count]) => `${count} ${reason}`).join('; ');
  const line = `${category.padEnd(30)} ${String(passed).padStart(6)} passed ${String(failed).padStart(4)} failed${none}${apart && `  (${apart})`}`;
  const hidden = failures.length - SHOWN_FAILURES;
  return [
    line,
    ...failures.slice(0, SHOWN_FAILURES).map((failure) => `  FAILED ${failure}`),
    ...(hidden > 0 ? [`  … and ${hidden} more`] : []),
  ].join('\n');
}
