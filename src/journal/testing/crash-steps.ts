/**
 * Which step of the specification a request of a process belongs to (s3log.md §6.3 A3-A9, §6.4 F1-F5, §6.7 C1-C6, §6.8 P1-P6).
 *
 * Told from the outside, by what is asked of the store and by what phase the process is in: so the code under test knows nothing of it.
 * Some steps send nothing (A3 freezes, A5 acknowledges, C2 compresses, P5 waits). They lie between two requests of one lane, the session's or
 * the compactor's; a process that dies between those dies before or after them, which the store cannot tell apart.
 */
import { equalBytes } from '../../base/index.ts';
import { decodeCheckpoint, decodeIndex, type CompactionIndex } from '../format/compaction-index.ts';
import { decodeSlot, type Slot } from '../format/slot.ts';
import type { Moment, SentRequest } from './mortal-process.ts';

/** What a process is about: it says so when that changes. */
export type Phase =
  /** Reading to the tail. */
  | 'reads'
  /** In openSession. */
  | 'opens'
  /** Reading from the old tail to its own fence. */
  | 'catches up'
  | 'serves';

/** The steps that have to be met: A3-A9, F1-F5, C1-C6, P1-P6. */
export const STEPS: readonly string[] = [
  ['A', 3, 9] as const,
  ['F', 1, 5] as const,
  ['C', 1, 6] as const,
  ['P', 1, 6] as const,
].flatMap(([letter, first, last]) =>
  Array.from({ length: last - first + 1 }, (_, i) => `${letter}${first + i}`),
);

/** A request with its phase, and the step that it is. */
export interface Step {
  readonly request: SentRequest;
  /** One of STEPS; or `leap`, `fill` (s3log.md §6.4 H7), `look` (a look at the plan, a proof for a read). */
  readonly step: string;
  readonly lane: 'session' | 'compactor';
  /** Steps without a request of their own that its answer brings about, and that had to come before it. */
  readonly brings: readonly string[];
  readonly needs: readonly string[];
}

/** One place where a process can die, in words: `before A4`. */
export type Place = `${'before' | 'after'} ${string}`;

/** The prefix of the objects that stand for hints (P1). */
export const HINTS_PREFIX = 'hints/';
const FRAGMENT = /\/([0-9a-f]{16})-([0-9a-f]{16})-[0-9a-f]{40}\.\w+$/;
/** An index that is too long for a slot (compaction-index.ts N4). */
const INDEX = /\/index\/[0-9a-f]{40}$/;
const SLOT = /\/log\/([0-9a-f]{16})$/;

/** The steps of one process's requests, in the order in which they were sent. */
export function stepsOf(requests: readonly SentRequest[]): readonly Step[] {
  const tracker = new Tracker(requests);
  return requests.map((request) => tracker.step(request));
}

class Tracker {
  readonly #requests: readonly SentRequest[];
  /** The fragment created last, until the next step: what is read of it now verifies it. */
  #written = '';
  /** What a CHECKPOINT of this process gave up, as content ranges. */
  #pruned: readonly { readonly begin: number; readonly end: number }[] = [];
  /** The index that stands outside of the CHECKPOINT which is put next. */
  #index: CompactionIndex | undefined;
  #lastSlotKey = '';
  /** Kind of the slot that was created and found taken, until it is read. */
  #taken: Slot['kind'] | undefined;
  #fenced = false;

  constructor(requests: readonly SentRequest[]) {
    this.#requests = requests;
  }

  step(request: SentRequest): Step {
    const { operation, key, onlyHead } = request;
    const phase = request.phase as Phase;
    const session = (step: string, rest: Partial<Step> = {}): Step => ({
      request,
      step,
      lane: 'session',
      brings: [],
      needs: [],
      ...rest,
    });
    const compactor = (step: string, rest: Partial<Step> = {}): Step => ({
      ...session(step, rest),
      lane: 'compactor',
    });
    if (phase === 'reads') return session('F1');
    if (key.startsWith(HINTS_PREFIX)) return compactor('P1', { brings: ['P2', 'P3'] });
    if (INDEX.test(key)) return this.#indexObject(request, compactor);
    if (FRAGMENT.test(key)) return this.#fragment(request, compactor);
    if (operation === 'create') return this.#slot(request, session, compactor);
    if (operation === 'delete') return compactor('C6');
    if (this.#taken && key === this.#lastSlotKey) {
      const own = this.#taken === 'fence' || this.#taken === 'filler' ? 'F3' : 'A6';
      this.#taken = undefined;
      return session(own, own === 'A6' ? { brings: ['A5'] } : {});
    }
    if (phase === 'opens') return session(this.#fenced && operation === 'list' ? 'F4' : 'F3');
    if (phase === 'catches up') return session('F5');
    return operation === 'get' && !onlyHead ? compactor('C1', { brings: ['C2'] }) : session('look');
  }

  #fragment(request: SentRequest, compactor: (step: string, rest?: Partial<Step>) => Step): Step {
    const { operation, key } = request;
    if (operation === 'create') {
      this.#written = key;
      return compactor('C3', { needs: ['C2'] });
    }
    if (operation === 'delete') {
      const [, begin, end] = FRAGMENT.exec(key)!.map((hex) => Number.parseInt(hex, 16));
      const pruned = this.#pruned.some((range) => range.begin <= begin! && end! <= range.end);
      return pruned ? compactor('P6', { needs: ['P5'] }) : compactor('C6');
    }
    return this.#written === key ? compactor('C4') : compactor('C1', { brings: ['C2'] });
  }

  #slot(
    request: SentRequest,
    session: (step: string, rest?: Partial<Step>) => Step,
    compactor: (step: string, rest?: Partial<Step>) => Step,
  ): Step {
    const { key, body, outcome } = request;
    const slot = decodeSlot(body!, Number.parseInt(SLOT.exec(key)![1]!, 16), key);
    const again = this.#lastSlotKey === key;
    this.#lastSlotKey = key;
    this.#taken = outcome === 'exists' ? slot.kind : undefined;
    if (slot.kind === 'fence' || slot.kind === 'filler') {
      this.#fenced ||= slot.kind === 'fence' && outcome === 'created';
      return session(slot.kind === 'filler' ? 'fill' : slot.leap ? 'leap' : 'F2');
    }
    if (slot.kind === 'checkpoint') {
      this.#written = '';
      const content = decodeCheckpoint(slot.payload, key);
      const index = content.kind === 'index' ? content.index : this.#index!;
      if (index.proof === undefined) return compactor('C5');
      this.#pruned = index.pruned;
      return compactor('P4', { needs: ['P2', 'P3'], brings: ['P5'] });
    }
    return session('A4', { needs: [again ? 'A7' : 'A3'], brings: this.#brings(request) });
  }

  #indexObject(
    { operation, body, key }: SentRequest,
    compactor: (step: string, rest?: Partial<Step>) => Step,
  ): Step {
    if (operation !== 'create') return compactor('look');
    this.#index = decodeIndex(body!, key);
    return this.#index.proof === undefined ? compactor('C5') : compactor('P4', { needs: ['P2', 'P3'] });
  }

  /** What the answer to a PUT of content brings about. */
  #brings({ number, body, outcome }: SentRequest): readonly string[] {
    if (outcome === 'created') return ['A5'];
    if (outcome === 'refused') return ['A8'];
    if (outcome === 'exists') return [];
    const isLast = !this.#requests.some(
      (other) => other.number > number && other.body !== undefined && equalBytes(other.body, body!),
    );
    return [isLast ? 'A9' : 'A7'];
  }
}

/** Where a process dies that is struck at this one of its steps. */
export function placesOf(steps: readonly Step[], at: Step, moment: Moment): readonly Place[] {
  const lane = steps.filter((step) => step.lane === at.lane);
  const here = lane.indexOf(at);
  if (moment === 'before it reached the store') {
    const done = [...(lane[here - 1]?.brings ?? []), ...at.needs];
    return [`before ${at.step}`, ...done.map((step): Place => `after ${step}`)];
  }
  if (moment === 'after its answer') return at.brings.map((step): Place => `after ${step}`);
  const ahead = [...at.brings, ...(lane[here + 1]?.needs ?? [])];
  return [`after ${at.step}`, ...ahead.map((step): Place => `before ${step}`)];
}

/** Requests of a row of the same kind that are struck in a short run: the first and the last ones, and one between. */
const OF_A_ROW = 2;

/** Of every row of requests of one step those at its ends, and the middle: a crash between two of forty deletions is like one between two others. */
export function representatives(steps: readonly Step[]): readonly Step[] {
  const rows: Step[][] = [];
  for (const step of steps) {
    const row = rows.at(-1);
    const first = row?.[0];
    const same =
      first?.step === step.step &&
      first.request.operation === step.request.operation &&
      first.request.outcome === step.request.outcome;
    if (same) row!.push(step);
    else rows.push([step]);
  }
  return rows.flatMap((row) => {
    const ends = changes(row[0]!) ? OF_A_ROW : 1;
    const middle = Math.floor(row.length / 2);
    return row.filter((_, i) => i < ends || i >= row.length - ends || (changes(row[0]!) && i === middle));
  });
}

/** Whether the request changes the store. */
export function changes({ request }: Step): boolean {
  return request.operation === 'create' || request.operation === 'delete';
}
