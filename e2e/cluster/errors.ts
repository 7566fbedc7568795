/**
 * What goes wrong in the harness itself: a server that does not start, a pod that never becomes ready, a switch used on
 * a node that is down.
 *
 * 1. `code` is stable and upper-snake; the message says what to do or where to look (usually a log file).
 */
import { HoldfastError } from '../../src/base/index.ts';

/** An error of the test harness; never thrown by the product. */
export class HarnessError extends HoldfastError {}

/** The text of anything thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
