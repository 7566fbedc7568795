/**
 * Reading what lies below a floor: fragments, announced holes and past fences, in the order of their offsets.
 *
 * M1  Fragments are fetched ahead of their delivery (read-ahead.ts) and held piece by piece until they are delivered: ReadLimits.bytes in memory,
 *     whatever the journal's length.
 * M2  A fragment that is gone ends this part as 'moved': the plan was old, or content is lost; the owner finds out which.
 * M3  Fences are delivered where they stood, also inside a fragment: what an old session left unfinished ends there.
 * M4  What is not wanted is not delivered, nor are holes and fences inside of it; a fragment without any wanted byte is not fetched. The wanted bytes of a
 *     fragment come when all of it is there, as its digest asks for.
 */
import type { CompactionIndex, Range } from '../format/compaction-index.ts';
import type { Fragment } from '../format/fragment.ts';
import type { Journal } from '../names.ts';
import type { Plan } from './plan.ts';
import { ReadAhead } from './read-ahead.ts';
import type { Content, Piece } from './read-fragment.ts';
import type { Registers } from '../format/slot.ts';
import { touchesWanted, wantedWithin } from './wanted.ts';

/** Longest data event, bytes: what follows it may begin while the rest waits. */
const MAX_PIECE_BYTES: number = 4 * 1024 * 1024;

/** One step through the compacted content. */
export type CompactedStep =
  /** `isLast`: nothing behind it in this fragment is wanted. */
  | {
      readonly kind: 'content';
      readonly fragment: Fragment;
      readonly begin: number;
      readonly end: number;
      readonly isLast: boolean;
    }
  | { readonly kind: 'hole'; readonly begin: number; readonly end: number }
  | { readonly kind: 'fence'; readonly seq: number; readonly offset: number };

export type CompactedEvent =
  | {
      readonly kind: 'data';
      readonly begin: number;
      readonly end: number;
      readonly bytes: Uint8Array;
      readonly done?: (() => void) | undefined;
    }
  | { readonly kind: 'hole'; readonly begin: number; readonly end: number }
  /** Registers are known of the last fence only; of the others the CHECKPOINT keeps no more than their place. */
  | {
      readonly kind: 'fence';
      readonly seq: number;
      readonly offset: number;
      readonly registers: Registers | undefined;
    }
  /** This fragment does not exist (M2). */
  | { readonly kind: 'moved'; readonly fragment: Fragment }
  | { readonly kind: 'end' };

/** What is wanted from byte `from` on, without the fences below slot `fromSeq`; pure (M3, M4). */
export function compactedSteps(
  index: CompactionIndex,
  wanted: readonly Range[],
  from: number,
  fromSeq: number,
): readonly CompactedStep[] {
  const fences = index.fences.filter(
    ({ seq, offset }) => seq >= fromSeq && offset >= from && touchesWanted(wanted, offset),
  );
  const steps: CompactedStep[] = [];
  let next = 0;
  const fencesAt = (offset: number): void => {
    for (; next < fences.length && fences[next]!.offset <= offset; next++)
      steps.push({ kind: 'fence', ...fences[next]! });
  };
  const spans = [
    ...index.fragments.map((fragment) => ({ fragment, begin: fragment.begin, end: fragment.end })),
    ...index.pruned.map((range) => ({ fragment: undefined, ...range })),
  ].sort((a, b) => a.begin - b.begin);
  for (const span of spans) {
    const parts = wantedWithin(wanted, Math.max(span.begin, from), span.end);
    for (const { begin, end } of parts) {
      for (let at = begin; at < end;) {
        fencesAt(at);
        const until = Math.min(end, fences[next]?.offset ?? end);
        const isLast = until === parts.at(-1)!.end;
        if (span.fragment)
          steps.push({ kind: 'content', fragment: span.fragment, begin: at, end: until, isLast });
        else steps.push({ kind: 'hole', begin: at, end: until });
        at = until;
      }
    }
  }
  fencesAt(Infinity);
  return steps;
}

export class CompactedPart {
  readonly plan: Plan;
  readonly #steps: readonly CompactedStep[];
  readonly #ahead: ReadAhead;
  /** What is being delivered. */
  #current: Delivery | undefined;
  #at = 0;
  #nextFence: number;
  #offset: number;

  /** @param from where in `wanted` to begin; @param fromSeq first slot whose fence is wanted */
  constructor(journal: Journal, plan: Plan, wanted: readonly Range[], from: number, fromSeq: number) {
    this.plan = plan;
    this.#offset = from;
    this.#nextFence = fromSeq;
    this.#steps = compactedSteps(plan.index, wanted, from, fromSeq);
    const fragments = this.#steps.flatMap((step) => (step.kind === 'content' ? [step.fragment] : []));
    this.#ahead = new ReadAhead(journal, [...new Set(fragments)]);
  }

  /** End of what was delivered. */
  get offset(): number {
    return this.#offset;
  }

  /** First slot whose fence was not delivered. */
  get nextFence(): number {
    return this.#nextFence;
  }

  /** The next event. After an error the same one is tried again. @throws StoreError, CorruptFragmentError, the signal's reason. */
  async next(signal: AbortSignal | undefined): Promise<CompactedEvent> {
    const step = this.#steps[this.#at];
    if (!step) return { kind: 'end' };
    if (step.kind === 'content') return await this.#content(step, signal);
    this.#at++;
    if (step.kind === 'hole') {
      this.#offset = step.end;
      return step;
    }
    this.#nextFence = step.seq + 1;
    const isLast = step.seq === this.plan.session;
    return { ...step, registers: isLast ? this.plan.registers : undefined };
  }

  async #content(
    step: Extract<CompactedStep, { kind: 'content' }>,
    signal: AbortSignal | undefined,
  ): Promise<CompactedEvent> {
    const { fragment, end } = step;
    signal?.throwIfAborted();
    if (this.#current?.fragment !== fragment) {
      const content = await this.#ahead.content(signal);
      if (!content) {
        this.#ahead.stop();
        return { kind: 'moved', fragment };
      }
      this.#current = new Delivery(fragment, content);
    }
    const begin = Math.max(this.#offset, step.begin);
    const { bytes, done, passed } = this.#current.take(begin, Math.min(end, begin + MAX_PIECE_BYTES));
    const until = begin + bytes.length;
    this.#offset = until;
    if (until === end) this.#at++;
    this.#ahead.release(passed); // M1
    if (until === end && step.isLast) {
      this.#ahead.release(this.#current.passRest());
      this.#current = undefined;
      this.#ahead.advance();
    }
    return { kind: 'data', begin, end: until, bytes, done };
  }
}

/** The content of one fragment on its way out: pieces are let go of as they are passed. */
class Delivery {
  readonly fragment: Fragment;
  readonly #pieces: Lent[];
  /** Where the first piece begins. */
  #at: number;

  constructor(fragment: Fragment, content: Content) {
    this.fragment = fragment;
    this.#pieces = content.map((piece) => new Lent(piece)).reverse();
    this.#at = fragment.begin;
  }

  /** Bytes from `begin` on, at least one and none from `end` on; `passed`: how many of the fragment need not be held any longer. */
  take(begin: number, end: number): Taken {
    let passed = 0;
    for (;;) {
      const piece = this.#pieces.at(-1)!;
      const { length } = piece.bytes;
      const bytes = piece.bytes.subarray(Math.max(0, begin - this.#at), end - this.#at);
      const done = bytes.length > 0 ? piece.lend() : undefined;
      if (this.#at + length <= end) {
        this.#pieces.pop();
        this.#at += length;
        passed += length;
        piece.pass();
      }
      if (done) return { bytes, done, passed };
    }
  }

  /** Nothing more of it is wanted: how many bytes need not be held any longer. */
  passRest(): number {
    const passed = this.#pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
    for (const piece of this.#pieces.splice(0)) piece.pass();
    return passed;
  }
}

interface Taken {
  readonly bytes: Uint8Array;
  readonly done: () => void;
  readonly passed: number;
}

/** A piece of which parts were given to a receiver: when all of it was passed and he is done with every part, its memory is free. */
class Lent {
  readonly bytes: Uint8Array;
  readonly #release: Piece['release'];
  /** Parts with the receiver, and one for what was not passed. */
  #held = 1;

  constructor({ bytes, release }: Piece) {
    this.bytes = bytes;
    this.#release = release;
  }

  /** A part goes to the receiver. The answer takes it back, once. */
  lend(): () => void {
    this.#held++;
    let isBack = false;
    return () => {
      if (isBack) return;
      isBack = true;
      this.pass();
    };
  }

  pass(): void {
    this.#held--;
    if (this.#held === 0) this.#release?.();
  }
}
