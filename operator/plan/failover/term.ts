/**
 * The next term of a shard. Terms only grow (I8): above the assignment, above what any pod acted on, above what the log's records say, so
 * that neither a status restored from a backup nor a Shard created anew over an old log can ever reuse one.
 */
import type { ShardView } from '../types.ts';

/** One more than every term seen anywhere. */
export function nextTerm(view: ShardView): number {
  return (
    1 + Math.max(view.logTerm, view.assignment?.term ?? 0, ...view.replicas.map((r) => r.line?.term ?? 0))
  );
}
