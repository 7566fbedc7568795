/**
 * What a hints value needs of a log: the ground on which the log may be pruned (gazette.md §8.5; s3log.md §6.8 P1, P2). Pure.
 *
 * W1  Everything behind the beginning of the last segment is needed: hints are older than the log, and what they do not know yet lies there. So newer hints
 *     name nothing that older ones neither name nor have behind them, and whoever has read any hints since the oldest stored ones can restore.
 * W2  Hints that name no live file would be played from the beginning: they need everything, which is an error here.
 * W3  Segments in another log count for that log only.
 */
import { createHash } from 'node:crypto';
import { OPEN_END, type PruneEvidence } from '../journal/index.ts';
import { HintsError } from './errors.ts';
import { liveLogSegments, parseHints } from './format/hints.ts';

/** Hex digits of a digest that a proof shows: enough to find the value in a copy of the object. */
const DIGEST_DIGITS = 16;

/** What one stored value needs of `log`; the proof names it by its digest, in a line of bounded length. @throws HintsError, also when it is of another log. */
export function neededByHints(log: string, value: Uint8Array): PruneEvidence {
  const hints = parseHints(value);
  if (hints.log !== log) throw new HintsError(`they are of log ${hints.log}, not of ${log}`);
  const { segments } = liveLogSegments(hints);
  const last = segments.at(-1);
  if (!last) throw new HintsError('they name no live file, so they need the whole log'); // W2
  const ranges = segments
    .filter((segment) => segment.log === log) // W3
    .map((segment) => ({
      begin: segment.firstOffset,
      end: segment === last || segment.lastOffset === 0 ? OPEN_END : segment.lastOffset, // W1
    }));
  const closed = ranges.filter(({ end }) => end !== OPEN_END);
  const bytes = closed.reduce((sum, { begin, end }) => sum + end - begin, 0);
  const open = Math.min(...ranges.filter(({ end }) => end === OPEN_END).map(({ begin }) => begin));
  const digest = createHash('sha256').update(value).digest('hex').slice(0, DIGEST_DIGITS);
  const before = closed.length > 0 ? `${bytes} bytes from ${ranges[0]!.begin} on, and ` : '';
  return { ranges, proof: `sha256 ${digest} needs ${before}all from ${open} on` };
}
