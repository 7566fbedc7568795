/**
 * How far one process is behind another in a log, from what each has noted for itself: when it had which offset. Pure arithmetic, but for the clock that both
 * of them read.
 */

/** Everything below `offset` was there at this moment, and not known to be before. */
export interface Mark {
  readonly offset: number;
  /** By machineMs. */
  readonly atMs: number;
}

/** Milliseconds, with a fraction, on the clock that all processes of a machine have in common and that nobody sets (CLOCK_MONOTONIC). */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/**
 * From the moment that an offset was durable to the moment that it was applied, ms, one for each of `durable`. Negative where a follower had applied it
 * before the writer heard that it is durable. Both series ascend in offset and in time.
 * @throws RangeError when something durable was never applied: that is a loss, not a lag.
 */
export function lagsMs(durable: readonly Mark[], applied: readonly Mark[]): readonly number[] {
  let next = 0;
  return durable.map(({ offset, atMs }) => {
    while (next < applied.length && applied[next]!.offset < offset) next++;
    const reached = applied[next];
    if (!reached)
      throw new RangeError(
        `offset ${offset} was durable and never applied; the last that was is ${applied.at(-1)?.offset ?? 'none'}`,
      );
    return reached.atMs - atMs;
  });
}

/** Bytes a second between the first and the last of some marks; NaN where no time lies between them. */
export function bytesPerSecond(marks: readonly Mark[]): number {
  const [first, last] = [marks[0], marks.at(-1)];
  if (!first || !last || first.atMs === last.atMs) return Number.NaN;
  return (last.offset - first.offset) / ((last.atMs - first.atMs) / 1000);
}
