/**
 * The compaction index: what a CHECKPOINT slot publishes. Whoever knows it can read the journal without the slots below its floor.
 *
 * N1  Content [0, end) is in `fragments` or in `pruned`, gaplessly; content from `end` on is in the slots from `floor` on. A reader that finds
 *     neither has met data loss (hazard H14), so the index is checked for gaps before it is published and again when it is read.
 * N2  The floor lies behind the fence of the session that publishes it: registers and session at the floor are the CHECKPOINT slot's own.
 * N3  What may be deleted is named: `retired` fragments, and slots below the floor that are neither FENCE nor FILLER. Nothing is deleted because
 *     it is missing somewhere; a zombie's knowledge is old (hazard H12).
 * N4  Small indexes stand in the slot; a longer one is an object of its own, named by its digest, and the slot names it.
 * N5  A deleted journal says so in the slot itself, also where its index is an object: that object may be gone before the slot is.
 */
import { z } from 'zod';
import { ensureError, fromHex, fromUtf8, sha1Hex, toHex, utf8 } from '../../base/index.ts';
import { CorruptSlotError } from '../errors.ts';
import type { Fragment } from './fragment.ts';
import { PUT_ID_BYTES } from './slot.ts';

export interface Range {
  readonly begin: number;
  readonly end: number;
}

/** A session's beginning below the floor: its FENCE and where the content stood. */
export interface PastFence {
  readonly seq: number;
  readonly offset: number;
}

export interface CompactionIndex {
  /** First slot that is still needed. */
  readonly floor: number;
  /** End of the content that the slots below the floor held. */
  readonly end: number;
  /** Put-id of slot floor-1, so that the chain of slots goes on across the floor. */
  readonly lastPutId: Uint8Array;
  /** Ascending, without overlap. */
  readonly fragments: readonly Fragment[];
  /** Ascending, without overlap and without touching. */
  readonly pruned: readonly Range[];
  /** FENCE slots below the floor, where content is not pruned; ascending. */
  readonly fences: readonly PastFence[];
  /** Fragments that an earlier index named and this one does not: to be deleted after the grace. */
  readonly retired: readonly Fragment[];
  /** Below this slot everything that may go was deleted already: no sweep looks there again. 0: nothing is known; never above the floor. */
  readonly reclaimed: number;
  /** Why the pruned ranges of this CHECKPOINT may go: evidence for people (s3log.md §6.8). */
  readonly proof: string | undefined;
  /** The journal is deleted: nobody reads or writes it again. */
  readonly deleted: boolean;
}

/** Longest index that stands in a slot, bytes: about 256 fragments (s3log.md §6.7). */
export const MAX_INLINE_BYTES = 32 * 1024;
const VERSION = 1;

const position = z.int().nonnegative();
const sha1 = z.string().regex(/^[0-9a-f]{40}$/);
const fragmentRow = z.tuple([position, position, sha1, z.enum(['raw', 'gzip', 'zstd']), position]);
const rangeRow = z.tuple([position, position]);
const indexText = z.strictObject({
  version: z.literal(VERSION),
  floor: position,
  end: position,
  lastPutId: z.string().regex(/^[0-9a-f]{32}$/),
  fragments: z.array(fragmentRow),
  pruned: z.array(rangeRow),
  fences: z.array(rangeRow),
  retired: z.array(fragmentRow),
  reclaimed: position.optional(),
  proof: z.string().optional(),
  deleted: z.boolean(),
});
const reference = z.strictObject({
  version: z.literal(VERSION),
  index: sha1,
  bytes: position,
  deleted: z.literal(true).optional(),
});

type FragmentRow = z.infer<typeof fragmentRow>;

const rowOf = ({ begin, end, sha1: digest, codec, storedBytes }: Fragment): FragmentRow => [
  begin,
  end,
  digest,
  codec,
  storedBytes,
];
const fragmentOf = ([begin, end, digest, codec, storedBytes]: FragmentRow): Fragment => ({
  begin,
  end,
  sha1: digest,
  codec,
  storedBytes,
});

/** The bytes of an index. */
export function encodeIndex(index: CompactionIndex): Uint8Array {
  const { floor, end, lastPutId, fragments, pruned, fences, retired, reclaimed, proof, deleted } = index;
  const text: z.infer<typeof indexText> = {
    version: VERSION,
    floor,
    end,
    lastPutId: toHex(lastPutId),
    fragments: fragments.map(rowOf),
    pruned: pruned.map((range) => [range.begin, range.end]),
    fences: fences.map((fence) => [fence.seq, fence.offset]),
    retired: retired.map(rowOf),
    ...(reclaimed === 0 ? {} : { reclaimed }),
    ...(proof === undefined ? {} : { proof }),
    deleted,
  };
  return utf8(JSON.stringify(text));
}

/** What a CHECKPOINT slot carries: the index, or its name and length when it is long (N4), and whether it is of a deleted journal (N5). */
export function checkpointPayload(indexBytes: Uint8Array, deleted = false): Uint8Array {
  if (indexBytes.length <= MAX_INLINE_BYTES) return indexBytes;
  const text: z.infer<typeof reference> = {
    version: VERSION,
    index: sha1Hex(indexBytes),
    bytes: indexBytes.length,
    ...(deleted ? { deleted } : {}),
  };
  return utf8(JSON.stringify(text));
}

export type CheckpointContent =
  | { readonly kind: 'index'; readonly index: CompactionIndex }
  /** The index is the object of this digest and length. */
  | {
      readonly kind: 'reference';
      readonly sha1: string;
      readonly bytes: number;
      readonly deleted: boolean;
    };

/** Decodes the payload of a CHECKPOINT slot. @throws CorruptSlotError */
export function decodeCheckpoint(payload: Uint8Array, where: string): CheckpointContent {
  const json = parse(payload, where);
  const named = reference.safeParse(json);
  if (named.success) {
    const { index, bytes, deleted = false } = named.data;
    return { kind: 'reference', sha1: index, bytes, deleted };
  }
  return { kind: 'index', index: decodeIndexJson(json, where) };
}

/** Decodes the bytes of an index object. @throws CorruptSlotError */
export function decodeIndex(bytes: Uint8Array, where: string): CompactionIndex {
  return decodeIndexJson(parse(bytes, where), where);
}

function parse(bytes: Uint8Array, where: string): unknown {
  try {
    return JSON.parse(fromUtf8(bytes));
  } catch (error) {
    throw new CorruptSlotError(where, `its index cannot be read: ${ensureError(error).message}`);
  }
}

function decodeIndexJson(json: unknown, where: string): CompactionIndex {
  const parsed = indexText.safeParse(json);
  if (!parsed.success)
    throw new CorruptSlotError(where, `its index is not understood: ${z.prettifyError(parsed.error)}`);
  const { floor, end, lastPutId, fragments, pruned, fences, retired, reclaimed, proof, deleted } =
    parsed.data;
  const index: CompactionIndex = {
    floor,
    end,
    lastPutId: fromHex(lastPutId),
    fragments: fragments.map(fragmentOf),
    pruned: pruned.map(([begin, rangeEnd]) => ({ begin, end: rangeEnd })),
    fences: fences.map(([seq, offset]) => ({ seq, offset })),
    retired: retired.map(fragmentOf),
    reclaimed: reclaimed ?? 0,
    proof,
    deleted,
  };
  const problem = indexProblem(index);
  if (problem !== undefined) throw new CorruptSlotError(where, `its index is wrong: ${problem}`);
  return index;
}

/** What is wrong with an index (N1), or undefined. */
export function indexProblem(index: CompactionIndex): string | undefined {
  if (index.lastPutId.length !== PUT_ID_BYTES) return 'a put-id has 16 bytes';
  if (index.reclaimed > index.floor) return `slots up to ${index.reclaimed} are reclaimed, above the floor`;
  const gap = coverageProblem(index);
  if (gap !== undefined) return gap;
  const unordered = index.fences.findIndex(
    (fence, i) =>
      fence.seq >= index.floor ||
      (i > 0 && !isAfter(index.fences[i - 1]!, fence)) ||
      fence.offset > index.end,
  );
  return unordered < 0 ? undefined : `fence ${index.fences[unordered]!.seq} is out of order`;
}

const isAfter = (a: PastFence, b: PastFence): boolean => a.seq < b.seq && a.offset <= b.offset;

function coverageProblem({ fragments, pruned, end }: CompactionIndex): string | undefined {
  const spans = [...fragments, ...pruned].sort((a, b) => a.begin - b.begin);
  let at = 0;
  for (const span of spans) {
    if (span.begin !== at)
      return `content from byte ${at} to ${span.begin} is in neither fragments nor pruned`;
    if (span.end <= span.begin) return `an empty span at byte ${at}`;
    at = span.end;
  }
  return at === end ? undefined : `content from byte ${at} to ${end} is in neither fragments nor pruned`;
}

/** Ranges as one ascending list without overlap and without touching neighbours. */
export function mergeRanges(ranges: readonly Range[]): readonly Range[] {
  const merged: Range[] = [];
  for (const range of [...ranges].sort((a, b) => a.begin - b.begin)) {
    const last = merged.at(-1);
    if (last && range.begin <= last.end)
      merged[merged.length - 1] = { begin: last.begin, end: Math.max(last.end, range.end) };
    else merged.push(range);
  }
  return merged;
}
