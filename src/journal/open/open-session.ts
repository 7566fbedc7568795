/**
 * Opening a session: commit a FENCE slot, then make sure that it really stands at the tail (s3log.md §6.4 F1-F5).
 *
 * F1  The caller has read to the tail; the cursor it hands in is the log as it was. Slots met while fencing are folded in; the caller still has
 *     to read everything up to the fence (its content is not kept here).
 * F2  Terms in the log only grow (opener.ts).
 * F3  After the fence is won one LIST above it must be empty: otherwise it stands below somebody's floor, or was followed by another fence already.
 *     What leaping openers leave behind is filled up first (leap-fence.ts L5); the session is over if one of their fences counts.
 * F4  After RACES_BEFORE_LEAP lost races the fence is put ahead of the tail (leap-fence.ts): a busy writer is stopped within LEAP_SLOTS commits.
 * F5  Slots that were folded in on the way were not reclaimed before: an opener that slept past the floor may have met what others like it had left
 *     in their places. The newest floor tells. It is asked before the own fence goes behind such a FENCE or FILLER, for a fence made of what a
 *     false one says could land at the true tail, and no reader would pass it: and once more when the fence is won.
 */
import { assert, silentLogger, type Clock, type Logger, type Random } from '../../base/index.ts';
import type { JournalCursor } from '../read/cursor.ts';
import { CorruptSlotError, type FencedError } from '../errors.ts';
import { catchUp, fillHoles, leap, LEAP_SLOTS, RACES_BEFORE_LEAP } from './leap-fence.ts';
import { isLeap, isLeapHole, MAX_LEFT_BY_LEAPS } from './leap-holes.ts';
import { journalMetrics, type JournalMetrics } from '../metrics.ts';
import { checkJournal, type Journal } from '../names.ts';
import { Opener } from './opener.ts';
import { passedNothing, type Passed } from './passed.ts';
import { sessionOptions, type SessionOptions } from '../session/options.ts';
import { findPlan } from '../read/plan.ts';
import { Session, type SessionPorts } from '../session/session.ts';
import type { Registers } from '../format/slot.ts';

export interface OpenSession {
  /** The log as read so far, at its tail. */
  readonly cursor: JournalCursor;
  /** Identity of this writer, 1 to 2^32-1, drawn at random for each session. */
  readonly author: number;
  /** The operator's count of assignments. */
  readonly term: number;
  /** Further registers to set; those of the log stay. */
  readonly registers?: Registers;
  readonly options?: Partial<SessionOptions>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger;
  readonly metrics?: JournalMetrics;
  readonly signal?: AbortSignal | undefined;
  /** How content is compressed, if not on the thread pool: a simulation has virtual time. */
  readonly compress?: SessionPorts['compress'];
}

/** Rounds of races and leaps before opening is given up: every round ends a session or an opener, so that a second one is rare already. */
const MAX_ROUNDS = 100;

/**
 * Fences the journal and returns the session.
 * @throws StaleTermError when the log forbids the term (F2), FencedError when a later session took over at once or a leap fence did (F3),
 *   AppendUnknownError when a slot stayed undecided, StoreError when the store refused it, CorruptSlotError, the signal's reason
 *   when no slot is under way. After any of them the journal can be opened by the next one.
 */
export async function openSession(journal: Journal, open: OpenSession): Promise<Session> {
  checkJournal(journal);
  assert(
    Number.isInteger(open.author) && open.author > 0 && open.author < 2 ** 32,
    'an author is a non-zero u32',
    { author: open.author },
  );
  assert(Number.isSafeInteger(open.term) && open.term > 0, 'a term is a positive whole number', {
    term: open.term,
  });
  const options = sessionOptions(open.options);
  const log = open.log ?? silentLogger;
  const metrics = open.metrics ?? journalMetrics();
  const opener = new Opener(journal, { ...open, options, log, metrics });
  const fenced = await winTrueFence(opener, open.cursor);
  metrics.fence('won');
  const cursor = await checkFloor(opener, fenced.passed, fenced.fenceSeq);
  log.info('journal fenced', {
    journal: journal.name,
    slot: fenced.fenceSeq,
    offset: cursor.offset,
    term: open.term,
    author: open.author,
  });
  const { clock, random, compress } = open;
  return new Session(journal, cursor, options, { clock, random, log, metrics, compress });
}

/** F5 */
async function winTrueFence(
  opener: Opener,
  from: JournalCursor,
): Promise<{ readonly passed: Passed; readonly fenceSeq: number }> {
  const checkReclaimed = async (): Promise<void> => {
    const plan = await opener.ask((signal) => findPlan(opener.journal, signal));
    if (plan && plan.index.floor > from.nextSeq)
      throw opener.fencedBy(
        `the session of slot ${plan.session}, which has removed slots that were not read here`,
      );
  };
  try {
    const fenced = await winFence(opener, from, checkReclaimed);
    if (fenced.fenceSeq > from.nextSeq) await checkReclaimed();
    return fenced;
  } catch (error) {
    if (error instanceof CorruptSlotError) await checkReclaimed();
    throw error;
  }
}

/** Races for the next slot, then leaps (F4); the state after the own fence. */
async function winFence(
  opener: Opener,
  from: JournalCursor,
  checkReclaimed: () => Promise<void>,
): Promise<{ readonly passed: Passed; readonly fenceSeq: number }> {
  let passed = passedNothing(from);
  let trusted = passed;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    for (let lost = 1; ; lost++) {
      opener.checkTurn(passed.cursor);
      if (passed.cursor.session !== trusted.cursor.session || passed.firstFiller !== trusted.firstFiller) {
        await checkReclaimed(); // F5: a FENCE or FILLER was folded in
        trusted = passed;
      }
      const seq = passed.cursor.nextSeq;
      const fence = opener.slot(passed.cursor, { kind: 'fence', leap: false, seq });
      const there = await opener.put(fence);
      passed = opener.pass(passed, there);
      if (there === fence) return { passed, fenceSeq: seq };
      opener.ports.metrics.fence('lost');
      if (lost === RACES_BEFORE_LEAP) break;
      const tail = await opener.tailAfter(passed.cursor); // what stands below it was never raced for: a lag is no race lost
      if (lost > 1 && tail - passed.cursor.nextSeq > LEAP_SLOTS) break; // so much while we only caught up: racing is in vain
      passed = await catchUp(opener, passed, tail);
    }
    const leaped = await leap(opener, passed);
    if (leaped.fenceSeq !== undefined) return { passed: leaped.passed, fenceSeq: leaped.fenceSeq };
    passed = leaped.passed;
  }
  throw opener.fencedBy(`openers that won ${MAX_ROUNDS} races`);
}

/**
 * F3: nothing that counts stands above the fence. Returns the state at the true tail, behind whatever does not count.
 * @throws FencedError when something does.
 */
async function checkFloor(opener: Opener, fenced: Passed, fenceSeq: number): Promise<JournalCursor> {
  let passed = fenced;
  for (let n = 0; n < MAX_LEFT_BY_LEAPS && passed.cursor.session === fenceSeq; n++) {
    const next = passed.cursor.nextSeq;
    const above = await opener.lowest(next);
    if (above === undefined) return passed.cursor;
    if (above > next) {
      if (!(await opener.ask((signal) => isLeapHole(opener.journal, next, above, signal))))
        throw overtaken(opener, above, fenceSeq);
      passed = await fillHoles(opener, passed, above);
    }
    const slot = await opener.read(above);
    if (slot.kind !== 'filler' && !isLeap(slot)) throw overtaken(opener, above, fenceSeq);
    passed = opener.pass(passed, slot);
  }
  throw overtaken(opener, passed.cursor.session, fenceSeq);
}

function overtaken(opener: Opener, by: number | undefined, fenceSeq: number): FencedError {
  return opener.fencedBy(`slot ${by}, which already follows this session's fence ${fenceSeq}`);
}
