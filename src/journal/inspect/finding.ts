/**
 * What a verification can find, each with its place: the object, the bytes in it, the content at stake, and what would help.
 *
 * V1  `damage` is what stops or misleads a reader, or proves that a writer broke the protocol. `unverified` is what could not be looked at.
 *     `warning` is what readers pass over rightly but somebody should explain.
 * V2  A finding names every object that may be the culprit: where two objects contradict each other, `key` is the later one and `before` the earlier.
 */
import type { SlotKind } from '../format/slot.ts';

export type Severity = 'damage' | 'unverified' | 'warning';

/** Content bytes of the journal; `end` is undefined when nothing behind the place tells where it would end. */
export interface ContentRange {
  readonly begin: number;
  readonly end: number | undefined;
}

interface Place {
  readonly severity: Severity;
  /** The object that is wrong, or that is missing. */
  readonly key: string;
  /** Bytes [start, end) of that object, where the problem has a place in it. */
  readonly bytes?: { readonly start: number; readonly end: number };
  /** Content that is lost or cannot be believed, as far as the slots around tell. */
  readonly content?: ContentRange;
  readonly expected: string;
  readonly found: string;
  /** What a person can do. */
  readonly help: string;
}

/** A problem of one slot that its own bytes show. */
export type BytesProblem =
  | 'wrong-length'
  | 'not-a-slot'
  | 'header-checksum'
  | 'payload-checksum'
  /** The checksum is right, and the payload does not decompress. */
  | 'payload-content'
  | 'bad-field'
  | 'wrong-slot-number'
  /** Of a newer program. */
  | 'unknown-format'
  /** Bytes that mean nothing are not zero. */
  | 'reserved-bytes'
  /** An answer of the store was damaged, a repeated one was whole. */
  | 'unstable-read'
  /** The store has the object and does not give it out. */
  | 'unreadable'
  /** A GET finds it although no LIST shows it. */
  | 'unlisted'
  | 'ends-early';

/** A problem that shows between slots. */
export type ChainProblem =
  | 'chain-offset'
  | 'chain-put-id'
  | 'wrong-session'
  | 'dead-slot'
  | 'term-regressed'
  | 'duplicate-term'
  | 'wrong-author'
  | 'registers'
  | 'checkpoint-pointer';

export type Finding = Place &
  (
    | { readonly kind: BytesProblem; readonly seq: number }
    | {
        readonly kind: ChainProblem;
        readonly seq: number;
        readonly slotKind: SlotKind;
        /** The earlier of the two slots that contradict each other (V2). */
        readonly before?: { readonly seq: number; readonly key: string } | undefined;
      }
    /** Slots seq to lastSeq, both included, do not exist although later ones do. `key` is that of the first. */
    | { readonly kind: 'missing-slots'; readonly seq: number; readonly lastSeq: number }
    /** The same below leap fences and nothing else: they are being filled, or the next session begins there. */
    | { readonly kind: 'unfilled-slots'; readonly seq: number; readonly lastSeq: number }
    | { readonly kind: 'stranger-key' }
    /** Compacted content. */
    | {
        readonly kind: 'missing-fragment' | 'damaged-fragment' | 'unreadable-fragment' | 'unnamed-fragment';
      }
    /** What the CHECKPOINT says of the log. */
    | {
        readonly kind: 'bad-plan' | 'plan-moved' | 'missing-fence' | 'stray-fence';
        readonly seq: number;
      }
    /** `before`: the CHECKPOINT that says otherwise (V2). */
    | {
        readonly kind: 'fence-mismatch';
        readonly seq: number;
        readonly before: { readonly seq: number; readonly key: string };
      }
  );

export type FindingKind = Finding['kind'];

export const RESTORE_OBJECT =
  'Restore this object from a copy of the bucket (an older version, a replica, a backup). Without one, content from here on is lost to readers: start the shard from a snapshot or older hints.';

/** The finding as one line for people. */
export function findingLine(finding: Finding): string {
  const { severity, kind, key, bytes, content, expected, found, help } = finding;
  const slots =
    'lastSeq' in finding && finding.lastSeq > finding.seq
      ? `slots ${finding.seq}-${finding.lastSeq}`
      : 'seq' in finding
        ? `slot ${finding.seq}`
        : kind.endsWith('fragment')
          ? 'fragment'
          : 'no slot';
  const before = 'before' in finding && finding.before ? `, against slot ${finding.before.seq}` : '';
  const place = bytes ? `, bytes ${bytes.start}-${bytes.end} of the object` : '';
  const at = content ? `, content from ${content.begin} to ${content.end ?? 'the end'}` : '';
  return `${severity} ${kind}: ${slots}${before} (${key}${place}${at}): expected ${expected}; found ${found}. ${help}`;
}
