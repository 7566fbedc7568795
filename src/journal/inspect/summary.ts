/**
 * A journal in figures: a pure fold over its described slots.
 */
import type { Registers, SlotKind } from '../format/slot.ts';
import type { SlotDescription } from './describe.ts';

export interface JournalSummary {
  /** Objects with a slot's name, and their bytes. */
  readonly objects: number;
  readonly objectBytes: number;
  readonly kinds: Readonly<Record<SlotKind, number>>;
  readonly damaged: number;
  readonly strangers: number;
  /** First slot that readers need: below it slots may be reclaimed. */
  readonly floor: number;
  /** Slot numbers from the floor to the newest without an object. */
  readonly absent: number;
  readonly firstSeq: number | undefined;
  readonly lastSeq: number | undefined;
  /** End of the content. */
  readonly head: number;
  /** Live DATA slots that are there: how many, their content in all, and the largest. */
  readonly batches: number;
  readonly contentBytes: number;
  readonly largestBatch: { readonly seq: number; readonly bytes: number } | undefined;
  /** FENCEs. */
  readonly sessions: number;
  readonly firstTerm: number | undefined;
  readonly lastTerm: number | undefined;
  /** The store's times of the oldest and the newest slot, ms since 1970. */
  readonly oldestMs: number | undefined;
  readonly newestMs: number | undefined;
  readonly newestFence:
    | { readonly seq: number; readonly offset: number; readonly registers: Registers }
    | undefined;
}

export const EMPTY_SUMMARY: JournalSummary = {
  objects: 0,
  objectBytes: 0,
  kinds: { data: 0, fence: 0, filler: 0, checkpoint: 0 },
  damaged: 0,
  strangers: 0,
  floor: 0,
  absent: 0,
  firstSeq: undefined,
  lastSeq: undefined,
  head: 0,
  batches: 0,
  contentBytes: 0,
  largestBatch: undefined,
  sessions: 0,
  firstTerm: undefined,
  lastTerm: undefined,
  oldestMs: undefined,
  newestMs: undefined,
  newestFence: undefined,
};

/** The summary with one more object, in key order. */
export function summarize(summary: JournalSummary, slot: SlotDescription): JournalSummary {
  if (slot.kind === 'stranger') return { ...summary, strangers: summary.strangers + 1 };
  const { seq, size, lastModifiedMs: atMs } = slot;
  const next: JournalSummary = {
    ...summary,
    objects: summary.objects + 1,
    objectBytes: summary.objectBytes + size,
    absent: summary.absent + Math.max(0, seq - Math.max((summary.lastSeq ?? -1) + 1, summary.floor)),
    firstSeq: summary.firstSeq ?? seq,
    lastSeq: seq,
    oldestMs: least(summary.oldestMs, atMs),
    newestMs: greatest(summary.newestMs, atMs),
  };
  if (slot.kind === 'damaged') return { ...next, damaged: next.damaged + 1 };
  const { header } = slot;
  const kinds = { ...next.kinds, [header.kind]: next.kinds[header.kind] + 1 };
  if (header.kind === 'fence' && slot.isVoid) return { ...next, kinds };
  if (header.kind === 'fence') {
    const head = header.leap ? summary.head : header.begin; // a leap fence's writer did not know it
    const below = header.leap ? summary.newestFence?.registers : {};
    const newestFence = { seq, offset: head, registers: { ...below, ...header.registers } };
    const firstTerm = next.firstTerm ?? slot.term;
    return { ...next, kinds, head, newestFence, sessions: next.sessions + 1, firstTerm, lastTerm: slot.term };
  }
  const live = header.session === (summary.newestFence?.seq ?? header.session);
  if (header.kind === 'checkpoint' && live) return { ...next, kinds, head: header.end };
  if (header.kind !== 'data' || !live) return { ...next, kinds };
  const bytes = header.end - header.begin;
  return {
    ...next,
    kinds,
    head: header.end,
    batches: next.batches + 1,
    contentBytes: next.contentBytes + bytes,
    largestBatch: bytes > (next.largestBatch?.bytes ?? 0) ? { seq, bytes } : next.largestBatch,
  };
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

function greatest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}
