/**
 * Verification: every object of a journal is read whole and held against its own checksums, its neighbours and the plan.
 *
 * Y1  Never stops at damage: it is told, and the pass goes on behind it. What ends it early is the store being away, or the caller.
 * Y2  Covers the slots that a LIST showed when it began; what is appended meanwhile is the next one's. So it ends, however busy the writer.
 * Y3  Holds at most SLOT_READS slots of MAX_SLOT_BYTES, or FRAGMENT_READS fragments of MAX_FRAGMENT_BYTES, stored and decompressed.
 * Y4  What a newer CHECKPOINT has moved while the pass went on is not called missing.
 * Y5  A journal that lost its newest slots looks like one that never had them; only who knows where it ended can tell (`atLeastBytes`).
 * Y6  A hole below leap fences and nothing else is no damage (leap-holes.ts), and one that is filled by now is none any more.
 */
import { retrying } from '../retry.ts';
import { CorruptSlotError } from '../errors.ts';
import { isLeapHole } from '../open/leap-holes.ts';
import { checkJournal, slotKey, type Journal } from '../names.ts';
import { findPlan, type Plan } from '../read/plan.ts';
import type { Finding } from './finding.ts';
import { inOrder } from './in-order.ts';
import { GIVE_UP_MS, listing, look, lookAtFragment, subjects, type LookOptions } from './look.ts';
import { unnamedFragments } from './unnamed.ts';
import { Pass, type VerifyProgress, type VerifyReport } from './pass.ts';

export type { VerifyProgress, VerifyReport } from './pass.ts';

/** Y3: 8 x 8.5 MB at most. More makes one client no faster at slots of this size (s3log.md §1.7). */
const SLOT_READS = 8;
/** Y3: one is digested while the next one is fetched, in ranges; 2 x 128 MiB at most. */
const FRAGMENT_READS = 2;
/** Y4: the plan is looked up again this often; after so many missing objects it is no race with a compaction. */
const MAX_LOOK_UPS = 8;

export interface VerifyOptions extends LookOptions {
  readonly onFinding?: (finding: Finding) => void;
  readonly onProgress?: (progress: VerifyProgress) => void;
  /** Y5: where content ends at least, as hints or an application know it, bytes. */
  readonly atLeastBytes?: number | undefined;
}

/**
 * Reads everything and tells every finding as it goes (Y1-Y6).
 * @throws StoreError when the store is away or refuses everything, JournalNameError, JournalDeletedError, the signal's reason.
 */
export async function verifyJournal(journal: Journal, options: VerifyOptions): Promise<VerifyReport> {
  checkJournal(journal);
  const { plan, problem } = await planNow(journal, options);
  const total = await measure(journal, options);
  const fragments = plan?.index.fragments ?? [];
  const known = {
    journal,
    lastSeq: total.lastSeq,
    objects: total.objects + fragments.length,
    bytes: fragments.reduce((sum, { storedBytes }) => sum + storedBytes, total.bytes),
    plan,
    planProblem: problem,
  };
  const pass = new Pass(known, {
    ...options,
    newerPlan: newerPlan(journal, plan, options),
    holeNow: holeNow(journal, options),
  });
  pass.takePlan();
  const fragmentsSeen = inOrder(
    (async function* each() {
      yield* fragments;
    })(),
    FRAGMENT_READS,
    async (fragment, signal) => ({
      fragment,
      seen: await lookAtFragment(journal, fragment, { ...options, signal }),
    }),
    options.signal,
  );
  for await (const { fragment, seen } of fragmentsSeen) await pass.takeFragment(fragment, seen);
  const slotsSeen = inOrder(
    subjects(journal, options, known),
    SLOT_READS,
    async (subject, signal) => ({ subject, seen: await look(journal, subject, { ...options, signal }) }),
    options.signal,
  );
  for await (const { subject, seen } of slotsSeen) await pass.takeSlot(subject, seen);
  if (plan) for (const fragment of await unnamedFragments(journal, options)) pass.takeUnnamed(fragment);
  return await pass.end();
}

/** The newest plan, or why it is not known. */
async function planNow(
  journal: Journal,
  options: LookOptions,
): Promise<{ readonly plan: Plan | undefined; readonly problem: string | undefined }> {
  try {
    const plan = await retrying(() => findPlan(journal, options.signal), {
      ...options,
      giveUpMs: GIVE_UP_MS,
    });
    return { plan, problem: undefined };
  } catch (error) {
    if (error instanceof CorruptSlotError)
      return { plan: undefined, problem: String(error.fields['problem']) };
    throw error;
  }
}

/** Y4 */
function newerPlan(
  journal: Journal,
  plan: Plan | undefined,
  options: LookOptions,
): () => Promise<Plan | undefined> {
  let lookUps = 0;
  return async () => {
    if (lookUps++ >= MAX_LOOK_UPS) return undefined;
    const now = await planNow(journal, options);
    return now.plan && now.plan.seq > (plan?.seq ?? -1) ? now.plan : undefined;
  };
}

/** Y6: what became of a hole, by what the store says now. */
function holeNow(
  journal: Journal,
  options: LookOptions,
): (first: number, above: number) => Promise<'open' | 'filled' | 'lost'> {
  const ask = async (first: number, above: number): Promise<'open' | 'filled' | 'lost'> => {
    if (await isLeapHole(journal, first, above, options.signal)) return 'open';
    return (await journal.store.head(slotKey(journal, first), { signal: options.signal }))
      ? 'filled'
      : 'lost';
  };
  return async (first, above) => {
    try {
      return await retrying(() => ask(first, above), { ...options, giveUpMs: GIVE_UP_MS });
    } catch (error) {
      if (error instanceof CorruptSlotError) return 'lost'; // the slot above is told when its turn comes
      throw error;
    }
  };
}

interface Totals {
  readonly objects: number;
  readonly bytes: number;
  readonly lastSeq: number | undefined;
}

async function measure(journal: Journal, options: LookOptions): Promise<Totals> {
  let [objects, bytes] = [0, 0];
  let lastSeq: number | undefined;
  for await (const object of listing(journal, options)) {
    if (object.kind === 'slot') {
      objects++;
      bytes += object.size;
      lastSeq = object.seq;
    }
  }
  return { objects, bytes, lastSeq };
}
