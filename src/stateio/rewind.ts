/**
 * rewind: finds entries from the end of a file backwards (seeds.md §1.4).
 *
 * W1  Every entry start that any intact record of the file points to is a candidate, newest block first; a candidate counts only once it was
 *     read whole, so an unfinished entry never hides what stands before it (F1.33 B).
 */
import { BlockSource } from './blocks.ts';
import { HeadMissingError } from './errors.ts';
import type { ReadableStateFile } from './file.ts';
import { BLOCK_BYTES, parseRecord } from './format.ts';
import { LogScanner } from './log-scan.ts';
import { EntryScanner, type FoundEntry } from './scan.ts';

/** An entry start, with the record that points to it. A negative start belongs to an entry whose head is not in this file (F1.21). */
export interface Candidate {
  readonly start: number;
  readonly record: number;
}

/** Candidates for the last entry before `limit`, best first (W1). The source must reach at least to `limit`. */
export async function* candidatesBefore(source: BlockSource, limit: number): AsyncGenerator<Candidate> {
  const seen = new Set<number>();
  for (let block = blockOf(limit - 1); block >= 0; block -= BLOCK_BYTES) {
    const bytes = (await source.block(block, 1)).subarray(0, limit - block);
    for (const candidate of startsIn(bytes, block).toReversed()) {
      if (seen.has(candidate.start)) continue;
      seen.add(candidate.start);
      yield candidate;
    }
  }
}

/** Reads the state entry that starts at `start`; undefined unless it is whole and begins exactly there. */
export async function entryAt(
  source: BlockSource,
  start: number,
  retainSnapshot?: number,
): Promise<FoundEntry | undefined> {
  const outcome = await new EntryScanner(source, start, retainSnapshot).next();
  return outcome.kind === 'entry' && outcome.entry.start === start ? outcome.entry : undefined;
}

/**
 * Offset of the last whole log entry that ends at or before `limit`, whatever it holds; undefined when there is none. Taking the answer as the
 * next limit walks backwards entry by entry (F1.20).
 * @throws HeadMissingError when a record belongs to an entry that starts before the file does.
 */
export async function rewind(file: ReadableStateFile, limit: number): Promise<number | undefined> {
  const source = new BlockSource(file, limit);
  await source.look();
  for await (const { start, record } of candidatesBefore(source, source.size)) {
    if (start < 0) throw new HeadMissingError(record, start);
    const outcome = await new LogScanner(source, start, () => 0).next();
    if (outcome.kind === 'entry' && outcome.entry.start === start) return start;
  }
  return undefined;
}

function blockOf(offset: number): number {
  return offset - (offset % BLOCK_BYTES);
}

/** The entry starts that the records of one block give, in ascending order of the records. */
function startsIn(block: Uint8Array, blockStart: number): Candidate[] {
  const found: Candidate[] = [];
  for (let at = 0; at < block.length;) {
    const parsed = parseRecord(block, at);
    if (parsed.kind === 'record') {
      found.push({ start: blockStart + at - parsed.entryOffset, record: blockStart + at });
      at = parsed.end;
    } else if (parsed.kind === 'bad' && parsed.next !== undefined) {
      at = parsed.next;
    } else break;
  }
  return found;
}
