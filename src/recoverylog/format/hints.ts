/**
 * FSMHints: which files were alive and where their history lies; what a restore starts from (gazette.md §1.6, §2.2).
 *
 * J1  Written as Gazette writes them: JSON with snake_case keys, zero scalars left out, empty lists null, or binary protobuf. Read in either form, told apart
 *     by the first byte. JSON is read as Go reads it: keys in any letter case, keys of a later version passed over, whole numbers in digits only.
 * J2  Whatever does not decode exactly is an error, never "no hints" (I12): among it protobuf-JSON with camelCase keys, which the
 *     original takes silently for empty hints.
 * J3  Protobuf is taken only in the form that encoding it again gives: protobufjs by itself passes over a field of the wrong wire type, so that
 *     one flipped bit would lose a file from the hints without a word.
 */
import { z } from 'zod';
import { equalBytes, fromUtf8, positionFromBigInt, utf8 } from '../../base/index.ts';
import { isJournalName } from '../../journal/index.ts';
import { HintsError } from '../errors.ts';
import { recoverylog as pb } from '../gen/recoverylog.js';
import { SegmentSet, type Segment } from './segment.ts';

export interface FnodeSegments {
  readonly fnode: number;
  readonly segments: readonly Segment[];
}

export interface FsmHints {
  readonly log: string;
  /** Files to restore; with exact hints (exact-hints.ts E3) the newest may be one whose end lies in the log behind. */
  readonly liveNodes: readonly FnodeSegments[];
  readonly properties: readonly { readonly path: string; readonly content: string }[];
}

const position = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0);
const u32 = z
  .number()
  .int()
  .min(0)
  .max(2 ** 32 - 1)
  .default(0);

const segmentJson = z.object({
  author: u32,
  first_seq_no: position,
  first_offset: position,
  first_checksum: u32,
  last_seq_no: position,
  last_offset: position,
  log: z.string().default(''),
});

const hintsJson = z.object({
  log: z.string().default(''),
  live_nodes: z.array(z.object({ fnode: position, segments: z.array(segmentJson).nullish() })).nullish(),
  properties: z.array(z.object({ path: z.string().default(''), content: z.string().default('') })).nullish(),
});

/** Every key that hints have, by itself in lower case and without underscores, as other encodings may have it. */
const KEYS: ReadonlyMap<string, string> = new Map(
  [
    ...Object.keys(hintsJson.shape),
    ...Object.keys(segmentJson.shape),
    'fnode',
    'segments',
    'path',
    'content',
  ].map((key) => [bare(key), key]),
);

function bare(key: string): string {
  return key.toLowerCase().replaceAll('_', '');
}

/** The key as we have it, or as it is when it is of a later version (J1). @throws HintsError for one of ours that is spelt otherwise (J2) */
function knownKey(key: string): string {
  const known = KEYS.get(bare(key));
  if (known === undefined || known === key.toLowerCase()) return known ?? key;
  throw new HintsError(`the key ${key} is written ${known}`);
}

/** Decodes a stored hints value (J1, J2) and checks that a replay can start from it. @throws HintsError */
export function parseHints(value: Uint8Array): FsmHints {
  if (value.length === 0) throw new HintsError('the value is empty');
  const hints = value[0] === 0x7b ? fromJson(value) : fromProtobuf(value);
  liveLogSegments(hints);
  return hints;
}

function fromJson(value: Uint8Array): FsmHints {
  let raw: unknown;
  try {
    raw = JSON.parse(fromUtf8(value), asGoReads);
  } catch (error) {
    if (error instanceof HintsError) throw error;
    throw new HintsError('the value is not JSON, or has numbers that are no positions', error);
  }
  const parsed = hintsJson.safeParse(raw);
  if (!parsed.success)
    throw new HintsError(
      parsed.error.issues.map((issue) => `${issue.path.join('.') || 'value'}: ${issue.message}`).join('; '),
    );
  const { log, live_nodes: nodes, properties } = parsed.data;
  return {
    log,
    liveNodes: (nodes ?? []).map((node) => ({
      fnode: node.fnode,
      segments: (node.segments ?? []).map((s) => ({
        author: s.author,
        firstSeqNo: s.first_seq_no,
        firstOffset: s.first_offset,
        firstChecksum: s.first_checksum,
        lastSeqNo: s.last_seq_no,
        lastOffset: s.last_offset,
        log: s.log,
      })),
    })),
    properties: properties ?? [],
  };
}

/** A reviver (J1). `source` is the text of a number as it stands in the value, which alone tells whether it is exact. */
function asGoReads(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value === 'number') {
    const source = context?.source ?? String(value);
    if (!/^-?\d+$/.test(source)) throw new HintsError(`${source} is no whole number in digits`);
    return positionFromBigInt('a number', BigInt(source));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) =>
      inner === null ? [] : [[knownKey(key), inner as unknown]],
    ),
  );
}

type Int64 = number | bigint | { toString(): string };

/** protobufjs gives 64-bit fields as Long objects. */
function int64(name: string, value: Int64): number {
  return positionFromBigInt(name, BigInt(value.toString()));
}

function fromProtobuf(value: Uint8Array): FsmHints {
  try {
    const decoded = pb.FSMHints.decode(value);
    if (!equalBytes(pb.FSMHints.encode(decoded).finish(), value))
      throw new HintsError('they do not encode to the same bytes again'); // J3
    return {
      log: decoded.log,
      liveNodes: (decoded.live_nodes ?? []).map((node) => ({
        fnode: int64('fnode', node.fnode ?? 0),
        segments: (node.segments ?? []).map((s) => ({
          author: s.author ?? 0,
          firstSeqNo: int64('first_seq_no', s.first_seq_no ?? 0),
          firstOffset: int64('first_offset', s.first_offset ?? 0),
          firstChecksum: s.first_checksum ?? 0,
          lastSeqNo: int64('last_seq_no', s.last_seq_no ?? 0),
          lastOffset: int64('last_offset', s.last_offset ?? 0),
          log: s.log ?? '',
        })),
      })),
      properties: (decoded.properties ?? []).map((p) => ({
        path: fromUtf8(p.path ?? new Uint8Array(0)),
        content: fromUtf8(p.content ?? new Uint8Array(0)),
      })),
    };
  } catch (error) {
    throw new HintsError('the value is neither JSON nor protobuf hints', error);
  }
}

/** Without what is zero or empty, which neither form has. */
function nonZero(record: Record<string, number | string>): Record<string, number | string> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== 0 && value !== ''));
}

const segmentRecord = (s: Segment): Record<string, number | string> =>
  nonZero({
    author: s.author,
    first_seq_no: s.firstSeqNo,
    first_offset: s.firstOffset,
    first_checksum: s.firstChecksum,
    last_seq_no: s.lastSeqNo,
    last_offset: s.lastOffset,
    log: s.log,
  });

/** The binary form (J1), which Gazette reads too. */
export function encodeHintsProtobuf(hints: FsmHints): Uint8Array {
  const text = (key: string, value: string): Record<string, Uint8Array> =>
    value === '' ? {} : { [key]: utf8(value) };
  return pb.FSMHints.encode({
    ...nonZero({ log: hints.log }),
    live_nodes: hints.liveNodes.map((node) => ({
      ...nonZero({ fnode: node.fnode }),
      segments: node.segments.map(segmentRecord),
    })),
    properties: hints.properties.map((p) => ({ ...text('path', p.path), ...text('content', p.content) })),
  }).finish();
}

/** The form that Gazette stores (J1). */
export function encodeHintsJson(hints: FsmHints): Uint8Array {
  const some = <T>(list: readonly T[]): readonly T[] | null => (list.length === 0 ? null : list);
  return utf8(
    JSON.stringify({
      ...nonZero({ log: hints.log }),
      live_nodes: some(
        hints.liveNodes.map((node) => ({
          ...nonZero({ fnode: node.fnode }),
          segments: some(node.segments.map(segmentRecord)),
        })),
      ),
      properties: some(hints.properties.map((p) => nonZero({ path: p.path, content: p.content }))),
    }),
  );
}

/** Hints of these files, ascending, for a log: its name is left out where it goes without saying. Properties in ascending order. */
export function hintsOf(
  log: string,
  nodes: readonly FnodeSegments[],
  properties: ReadonlyMap<string, string>,
): FsmHints {
  return {
    log,
    liveNodes: nodes.map(({ fnode, segments }) => ({
      fnode,
      segments: segments.map((segment) => ({ ...segment, log: segment.log === log ? '' : segment.log })),
    })),
    properties: [...properties]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, content]) => ({ path, content })),
  };
}

export interface LiveLogSegments {
  readonly fnodes: readonly number[];
  readonly segments: readonly Segment[];
}

/** Live files ascending, and the merged segments that hold their history (gazette.md §2.2). @throws HintsError */
export function liveLogSegments(hints: FsmHints): LiveLogSegments {
  if (!isJournalName(hints.log)) throw new HintsError(`"${hints.log}" is no journal name`);
  const set = new SegmentSet();
  const fnodes: number[] = [];
  for (const node of hints.liveNodes) {
    const first = node.segments[0];
    if (!first) throw new HintsError(`file ${node.fnode} has no segments`);
    if (first.firstSeqNo !== node.fnode)
      throw new HintsError(`file ${node.fnode} begins with operation ${first.firstSeqNo}`);
    if (fnodes.length > 0 && fnodes.at(-1)! >= node.fnode)
      throw new HintsError('files are not in ascending order');
    fnodes.push(node.fnode);
    try {
      for (const segment of node.segments)
        set.add(segment.log === '' ? { ...segment, log: hints.log } : segment);
    } catch (error) {
      throw new HintsError(error instanceof Error ? error.message : String(error), error);
    }
  }
  const last = set.segments.at(-1);
  if (last && last.log !== hints.log)
    throw new HintsError(`they are of log ${hints.log}, but their last segment is of ${last.log}`);
  return { fnodes, segments: set.segments };
}
