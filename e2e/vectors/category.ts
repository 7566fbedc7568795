/**
 * A category of vectors: what one line of the report is about.
 */
import type { VectorSource } from './source.ts';
import type { Tally } from './tally.ts';

export interface Category {
  readonly name: string;
  /** Runs every vector of the category. @throws MissingFile and whatever keeps it from going on; that is a failure too. */
  run(source: VectorSource, tally: Tally): Promise<void>;
}
