/**
 * Opening a session: commit a FENCE slot, then make sure that it really stands at the tail (s3log.md §6.4 F1-F5).
 *
 * F1  The caller has read to the tail; the cursor it hands in is the log as it was. Slots met while fencing are folded in; the caller still has
 *     to read everything up to the fence (its content is not kept here).
 * F2  Whoever has read a higher term, or its own term by another author, never sends a fence. Terms in the log only grow.
 * F3  After the fence is won one LIST above it must be empty: otherwise it stands below somebody's floor, or was followed by another fence already.
 *
 * A leap fence against a busy old primary (hazard H7) has its place in the format and in the readers; sending one comes with compaction.
 */
import { assert, silentLogger, type Clock, type Logger, type Random } from '../base/index.ts';
import { StoreError } from '../store/index.ts';
import { advance, previousPutId, termOf, type JournalCursor } from './cursor.ts';
import { AppendUnknownError, FencedError, StaleTermError } from './errors.ts';
import { journalMetrics, type JournalMetrics } from './metrics.ts';
import { lowestSlot } from './lowest-slot.ts';
import { checkJournal, type Journal } from './names.ts';
import { sessionOptions, type SessionOptions } from './options.ts';
import { putSlot, type SlotDecision } from './put-slot.ts';
import { readSlot } from './read-slot.ts';
import { retrying, type RetryOptions } from './retry.ts';
import { Session, type SessionPorts } from './session.ts';
import { encodeSlot, PUT_ID_BYTES, type Registers, type Slot } from './slot.ts';

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

/** Slots that may win against a fence before opening is given up: a writer commits at most some tens of them a second. */
const MAX_LOST_RACES = 1000;

/**
 * Fences the journal and returns the session.
 * @throws StaleTermError when the log forbids the term (F2), FencedError when a later session took over at once, AppendUnknownError when
 *   the fence stayed undecided, StoreError when the store refused it, CorruptSlotError, the signal's reason when no fence is under way.
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
  let cursor = open.cursor;
  for (let lost = 0; lost < MAX_LOST_RACES; lost++) {
    open.signal?.throwIfAborted(); // before anything was sent there is nothing that could be unknown
    checkTerm(journal, cursor, open);
    const fence = fenceSlot(cursor, open);
    const decision = await putSlot(journal, fence.seq, encodeSlot(fence), fence.putId, {
      ...options,
      ...open,
      metrics,
    });
    if (decision.kind === 'committed') {
      metrics.fence('won');
      await checkFloor(journal, fence.seq, { ...options, ...open });
      log.info('journal fenced', {
        journal: journal.name,
        slot: fence.seq,
        offset: fence.begin,
        term: open.term,
        author: open.author,
        lost,
      });
      return new Session(journal, advance(cursor, fence).cursor, options, {
        clock: open.clock,
        random: open.random,
        log,
        metrics,
        compress: open.compress,
      });
    }
    if (decision.kind !== 'foreign') throw openError(journal, fence.seq, decision);
    metrics.fence('lost');
    const winner = await retrying(() => readSlot(journal, fence.seq, open.signal), { ...options, ...open });
    if (!winner)
      throw new FencedError(
        journal.name,
        `a later session, which has already removed slot ${fence.seq}`,
        'not-appended',
      );
    cursor = advance(cursor, winner).cursor;
  }
  throw new FencedError(
    journal.name,
    `a writer that won ${MAX_LOST_RACES} races for the next slot`,
    'not-appended',
  );
}

function checkTerm(journal: Journal, cursor: JournalCursor, open: OpenSession): void {
  const logTerm = termOf(cursor.registers);
  const logAuthor = cursor.registers['author'] ?? '0';
  if (logTerm > open.term || (logTerm === open.term && logAuthor !== open.author.toString(32))) {
    throw new StaleTermError(journal.name, open.term, logTerm, logAuthor); // F2
  }
}

function fenceSlot(cursor: JournalCursor, open: OpenSession): Slot {
  return {
    kind: 'fence',
    codec: 'raw',
    leap: false,
    seq: cursor.nextSeq,
    begin: cursor.offset,
    end: cursor.offset,
    session: cursor.nextSeq,
    author: open.author,
    putId: open.random.bytes(PUT_ID_BYTES),
    previousPutId: previousPutId(cursor),
    checkpoint: cursor.checkpointSeq,
    registers: {
      ...cursor.registers,
      ...open.registers,
      author: open.author.toString(32),
      term: String(open.term),
    },
    payload: new Uint8Array(0),
  };
}

/** F3: one LIST above the fence. @throws FencedError when anything stands there. */
async function checkFloor(journal: Journal, fenceSeq: number, options: RetryOptions): Promise<void> {
  const above = await retrying(() => lowestSlot(journal, fenceSeq + 1, options.signal), options);
  if (above !== undefined)
    throw new FencedError(
      journal.name,
      `slot ${above}, which already follows this session's fence ${fenceSeq}`,
      'not-appended',
    );
}

function openError(
  journal: Journal,
  seq: number,
  decision: Exclude<SlotDecision, { kind: 'committed' | 'foreign' }>,
): Error {
  switch (decision.kind) {
    case 'reclaimed':
      return new FencedError(
        journal.name,
        `a later session, which has already removed slot ${seq}`,
        'unknown',
      );
    case 'refused':
      return decision.cause;
    case 'undecided':
      return decision.cause instanceof StoreError && !decision.cause.retryable
        ? decision.cause
        : new AppendUnknownError(journal.name, `the fence at slot ${seq} stayed undecided`, decision.cause);
  }
}
