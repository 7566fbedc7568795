/**
 * What came of the vectors of a category.
 *
 * T1  A vector passes when its check returns; whatever the check throws is why it failed. There is no third way.
 * T2  An answer that is right and not the original's is counted by its reason, and the count is shown: nothing passes in the dark.
 */
import { inspect, isDeepStrictEqual } from 'node:util';
import { HoldfastError } from '../../src/base/index.ts';

/** Numbers that this program does not carry. */
export const OUT_OF_RANGE = 'POSITION_OUT_OF_RANGE';

export class Tally {
  passed = 0;
  failed = 0;
  /** One line for each failed vector. */
  readonly failures: string[] = [];
  /** Other answers than the original's, by reason (T2). */
  readonly differences = new Map<string, number>();

  /** Runs the check of one vector (T1). */
  async vector(id: string, check: () => void | Promise<void>): Promise<void> {
    try {
      await check();
      this.passed++;
    } catch (error) {
      this.fail(id, problemOf(error));
    }
  }

  fail(id: string, why: string): void {
    this.failed++;
    this.failures.push(`${id}: ${why}`);
  }

  /** T2 */
  differs(reason: string): void {
    this.differences.set(reason, (this.differences.get(reason) ?? 0) + 1);
  }
}

class Mismatch extends Error {}

/** In one line; the stack only of an error that is nobody's. */
function problemOf(error: unknown): string {
  if (error instanceof HoldfastError) return `${error.code}: ${error.message}`;
  if (error instanceof Mismatch || (error instanceof Error && error.constructor === Error))
    return error.message;
  return inspect(error, { depth: 3 });
}

/** @throws when they differ */
export function same(what: string, got: unknown, wanted: unknown): void {
  if (isDeepStrictEqual(got, wanted)) return;
  const show = (value: unknown): string => {
    const text = inspect(value, {
      depth: 6,
      breakLength: Infinity,
      maxStringLength: 200,
      maxArrayLength: 40,
    });
    return text.length > 600 ? `${text.slice(0, 600)} …` : text;
  };
  throw new Mismatch(`${what} is ${show(got)}, not ${show(wanted)}`);
}

/** The code of the typed error that `act` ends with. @throws when it ends with none, or with one without type */
export async function codeOf(act: () => unknown): Promise<string> {
  return (await errorOf(act)).code;
}

/** The typed error that `act` ends with; of one that another caused, the chain is in its `cause`. @throws as codeOf */
export async function errorOf(act: () => unknown): Promise<HoldfastError> {
  let result: unknown;
  try {
    result = await act();
  } catch (error) {
    if (error instanceof HoldfastError) return error;
    throw new Mismatch(`an error without type: ${inspect(error, { depth: 1 })}`);
  }
  throw new Mismatch(
    `it was taken and gave ${inspect(result, { depth: 2 }).slice(0, 300)}; the original refuses it`,
  );
}

/** Whether an error, or one that caused it, says that a number is out of range. */
export function isOutOfRange(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause)
    if (at instanceof HoldfastError && at.code === OUT_OF_RANGE) return true;
  return false;
}

/** @throws unless `act` ends with an error about a number out of range */
export async function refusesRange(act: () => unknown): Promise<void> {
  const error = await errorOf(act);
  if (!isOutOfRange(error)) throw new Mismatch(`refused with ${error.code}, not with ${OUT_OF_RANGE}`);
}
