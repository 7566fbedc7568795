/**
 * What a verification looks at, and one look: the stream of its subjects, each read from the store and held against itself.
 *
 * 1. A LIST proves nothing: a slot that should be there and is not shown is asked for before it is called missing.
 * 2. Of an object under a slot's key no more than MAX_SLOT_BYTES are read, whatever somebody put there.
 */
import { viewOf, type Clock, type Random } from '../../base/index.ts';
import { StoreError } from '../../store/index.ts';
import { CodecError, decompress } from '../format/codec.ts';
import { CorruptFragmentError, CorruptSlotError, IndexGoneError, JournalDeletedError } from '../errors.ts';
import type { Fragment } from '../format/fragment.ts';
import { slotKey, type Journal } from '../names.ts';
import { findPlan, planOf, type Plan } from '../read/plan.ts';
import { readFragment } from '../read/read-fragment.ts';
import { isRetryable, retrying } from '../retry.ts';
import type { SlotHeader } from '../format/slot.ts';
import { checkBytes, MAX_SLOT_BYTES } from './check-bytes.ts';
import { RESTORE_OBJECT, type Finding } from './finding.ts';
import { listSlots, type ListedObject } from './list-slots.ts';
import { badPlanFinding } from './told.ts';

/** A damaged answer is asked for again, on a new connection, this often: a proxy may have cut it, the object may be whole. */
const DAMAGED_ATTEMPTS = 3;
/** Slots of one gap that are asked for one by one; in a longer one the others are believed to be as absent as the first. */
const GAP_PROBES = 32;
/** The store may be away this long, ms, before the pass is given up. */
export const GIVE_UP_MS = 60_000;

export interface LookOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
}

/** What the pass looks at, in order. */
export type Subject =
  | { readonly kind: 'slot'; readonly seq: number; readonly key: string; readonly listed: boolean }
  /** Slots of a gap too long to ask for each. */
  | { readonly kind: 'gap'; readonly first: number; readonly last: number }
  | { readonly kind: 'stranger'; readonly key: string };

export type Seen =
  | {
      readonly kind: 'read';
      readonly header: SlotHeader | undefined;
      readonly findings: readonly Finding[];
      readonly bytes: number;
      /** False when an earlier answer was damaged and the last one was not. */
      readonly calm: boolean;
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'refused'; readonly error: StoreError };

/** The journal's listing, repeated where the store hiccups. */
export function listing(journal: Journal, options: LookOptions): AsyncGenerator<ListedObject, void> {
  return listSlots(journal, {
    signal: options.signal,
    attempt: (request) => retrying(request, { ...options, giveUpMs: GIVE_UP_MS }),
  });
}

/** Everything up to slot `lastSeq`, and what has to be there by the plan; slots below its floor may be absent unless they are FENCEs. */
export async function* subjects(
  journal: Journal,
  options: LookOptions,
  { lastSeq, plan }: { readonly lastSeq: number | undefined; readonly plan: Plan | undefined },
): AsyncGenerator<Subject, void> {
  const floor = plan?.index.floor ?? 0;
  const fences = plan?.index.fences ?? [];
  let nextFence = 0;
  let next = 0;
  const unlisted = (seq: number): Subject => ({
    kind: 'slot',
    seq,
    key: slotKey(journal, seq),
    listed: false,
  });
  for await (const object of listing(journal, options)) {
    if (object.kind === 'stranger') {
      yield { kind: 'stranger', key: object.key };
      continue;
    }
    const { seq, key } = object;
    if (lastSeq === undefined || seq > lastSeq) continue;
    for (; nextFence < fences.length && fences[nextFence]!.seq <= seq; nextFence++)
      if (fences[nextFence]!.seq < seq) yield unlisted(fences[nextFence]!.seq);
    const first = Math.max(next, floor);
    const probed = Math.min(seq, first + GAP_PROBES);
    for (let at = first; at < probed; at++) yield unlisted(at);
    if (probed < seq && probed > first) yield { kind: 'gap', first: probed, last: seq - 1 };
    yield { kind: 'slot', seq, key, listed: true };
    next = seq + 1;
  }
}

/** One look. @throws StoreError that will not pass for the whole store, the signal's reason. */
export async function look(journal: Journal, subject: Subject, options: LookOptions): Promise<Seen> {
  if (subject.kind !== 'slot') return { kind: 'absent' };
  const { key, seq } = subject;
  let bytes = 0;
  for (let attempt = 1; ; attempt++) {
    const range = { start: 0, end: MAX_SLOT_BYTES };
    const call = { range, signal: options.signal, freshConnection: attempt > 1 };
    const found = await patiently(() => journal.store.get(key, call), options);
    if (found instanceof StoreError) return { kind: 'refused', error: found };
    if (!found) return { kind: 'absent' };
    bytes += found.body.length;
    const { header, findings } = checkBytes({ key, seq, body: found.body, size: found.size });
    const damaged = findings.some(({ severity }) => severity === 'damage');
    if (damaged && attempt < DAMAGED_ATTEMPTS) continue;
    const further = damaged || !header ? [] : await checkContent(journal, header, found.body, key, options);
    return {
      kind: 'read',
      header,
      findings: [...findings, ...further],
      bytes,
      calm: attempt === 1 || damaged,
    };
  }
}

/** What `read` gives, or the error of a store that does not give this object out. @throws StoreError that may pass, after GIVE_UP_MS */
async function patiently<T>(read: () => Promise<T>, options: LookOptions): Promise<T | StoreError> {
  try {
    return await retrying(read, { ...options, giveUpMs: GIVE_UP_MS });
  } catch (error) {
    if (!(error instanceof StoreError) || isRetryable(error)) throw error;
    return error;
  }
}

/** What is inside a payload whose checksum is right. */
async function checkContent(
  journal: Journal,
  header: SlotHeader,
  body: Uint8Array,
  key: string,
  options: LookOptions,
): Promise<readonly Finding[]> {
  const payload = body.subarray(body.length - payloadLength(body));
  const { seq, begin, end, codec } = header;
  try {
    if (header.kind === 'data') await decompress(codec, payload, end - begin);
    if (header.kind === 'checkpoint') {
      const plan = await patiently(() => planOf(journal, { ...header, payload }, options.signal), options);
      return plan instanceof StoreError ? [badPlanFinding(key, seq, plan.message)] : [];
    }
    return [];
  } catch (error) {
    if (error instanceof JournalDeletedError) return [];
    if (error instanceof IndexGoneError && (await isBelowFloor(journal, seq, options))) return []; // it goes next (reclaim.ts K3)
    if (error instanceof CorruptSlotError) return [badPlanFinding(key, seq, String(error.fields['problem']))];
    if (!(error instanceof CodecError)) throw error;
    const bytes = { start: body.length - payload.length, end: body.length };
    return [
      {
        kind: 'payload-content',
        severity: 'damage',
        key,
        seq,
        bytes,
        content: { begin, end },
        expected: `${end - begin} bytes of content as ${codec}`,
        found: error.message,
        help: RESTORE_OBJECT,
      },
    ];
  }
}

/** Whether the newest plan says so. @throws StoreError */
async function isBelowFloor(journal: Journal, seq: number, options: LookOptions): Promise<boolean> {
  try {
    const newest = await retrying(() => findPlan(journal, options.signal), {
      ...options,
      giveUpMs: GIVE_UP_MS,
    });
    return newest !== undefined && seq < newest.index.floor;
  } catch (error) {
    if (error instanceof CorruptSlotError || error instanceof JournalDeletedError) return false;
    throw error;
  }
}

function payloadLength(body: Uint8Array): number {
  return viewOf(body).getUint32(88, true);
}

export type SeenFragment =
  | { readonly kind: 'whole' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'damaged'; readonly problem: string }
  | { readonly kind: 'refused'; readonly error: StoreError };

/** One look at a fragment, whole. @throws as look. */
export async function lookAtFragment(
  journal: Journal,
  fragment: Fragment,
  options: LookOptions,
): Promise<SeenFragment> {
  try {
    const content = await patiently(() => readFragment(journal, fragment, options.signal), options);
    if (content instanceof StoreError) return { kind: 'refused', error: content };
    return { kind: content ? 'whole' : 'absent' };
  } catch (error) {
    if (error instanceof CorruptFragmentError)
      return { kind: 'damaged', problem: String(error.fields['problem']) };
    throw error;
  }
}
