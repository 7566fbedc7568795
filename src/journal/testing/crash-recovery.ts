/**
 * One crash, and what comes after it: a successor opens, appends, compacts, prunes and deletes, while what the crashed process had sent arrives late or
 * the process itself wakes up.
 */
import { errorCode } from '../../base/index.ts';
import { COMPACTION, GRACE_MS, type Chapter } from './crash-chapters.ts';
import { Lab, type Past } from './crash-lab.ts';
import type { JournalMetrics } from '../metrics.ts';
import type { Registers } from '../format/slot.ts';
import type { Fate, MortalProcess, SentRequest } from './mortal-process.ts';

/** When the crashed process's requests arrive, or it wakes up. */
export const RETURNS = ['when its successor has opened', 'when its successor has compacted'] as const;
export type Return = (typeof RETURNS)[number];

export interface Crash extends Fate {
  /** Only for an end that has a return. */
  readonly returns?: Return;
}

export interface Outcome {
  /** What is wrong, in words; nothing, if all is well. */
  readonly problems: readonly string[];
  /** The request at which it was struck. */
  readonly struckAt: SentRequest | undefined;
  /** Requests of the process that arrived late. */
  readonly arrivedLate: number;
  /** A session that had slept was asked to append and to serve a read (Y7). */
  readonly wasAsked: boolean;
}

/** Longer than any chapter and any recovery, ms. */
const MAX_VIRTUAL_MS = 3_600_000;
const SUCCESSOR_TERM = 1000;

/** Lives a chapter to its end, undisturbed. */
export async function undisturbed(
  chapter: Chapter,
  past: Past,
  metrics?: JournalMetrics,
): Promise<{
  readonly past: Past;
  readonly requests: readonly SentRequest[];
  readonly problems: readonly string[];
}> {
  const lab = new Lab(past, undefined, metrics);
  const tell = async (): Promise<Past> => {
    await lab.furnish();
    await chapter.tell(lab);
    await lab.store.settled();
    return await lab.past();
  };
  const after = await lab.clock.run(tell(), { maxVirtualMs: MAX_VIRTUAL_MS });
  return { past: after, requests: lab.world.requests, problems: await lab.clock.run(lab.problems({})) };
}

/** Lives a chapter until the crash, recovers, and looks at everything. */
export async function crash(chapter: Chapter, past: Past, how: Crash): Promise<Outcome> {
  const lab = new Lab(past, how);
  const tell = async (): Promise<Outcome> => {
    await lab.furnish();
    const chapterEnds = chapter.tell(lab).then(() => undefined);
    const struck = await Promise.race([lab.world.struck, chapterEnds]);
    if (!struck) throw new Error(`${chapter.name} ends before request ${how.number}`);
    const problems = await recover(lab, struck, how, chapter.registers);
    return {
      problems,
      struckAt: lab.world.requests[how.number],
      arrivedLate: lab.world.arrivedLate,
      wasAsked: lab.lives.some(({ hasSlept, session }) => hasSlept && session !== undefined),
    };
  };
  return await lab.clock.run(tell(), { maxVirtualMs: MAX_VIRTUAL_MS });
}

async function recover(
  lab: Lab,
  struck: MortalProcess,
  { end, returns }: Crash,
  before: Registers,
): Promise<readonly string[]> {
  const { clock } = lab;
  lab.store.clear();
  const problems: string[] = [];
  const zombie = lab.lives.find(({ process }) => process === struck)!;
  const comesBack = async (now: Return): Promise<void> => {
    if (end === 'dies' || returns !== now) return;
    lab.world.deliver();
    if (end === 'freezes') {
      struck.wake();
      problems.push(...(await zombie.grants()));
    }
    await clock.sleep(10 * GRACE_MS);
  };
  const successor = lab.life('s', 3);
  let term = SUCCESSOR_TERM;
  for (;;) {
    await successor.read();
    try {
      await successor.open({ term, author: term, registers: { heir: 'yes' } });
      break;
    } catch (error) {
      // An opener that was still alive was about to win: whoever comes next is alone.
      if (errorCode(error) !== 'FENCED' || term > SUCCESSOR_TERM) throw error;
      term++;
    }
  }
  await successor.write(3);
  await comesBack('when its successor has opened');
  await successor.write(1);
  const compactor = successor.compact(COMPACTION);
  await clock.sleep(COMPACTION.intervalMs + 700 + 3 * GRACE_MS);
  if (compactor.published === 0) problems.push('the successor compacted nothing');
  await comesBack('when its successor has compacted');
  await successor.readIndex();
  await successor.write(1);
  compactor.stop();
  await lab.store.settled();
  const registers = { ...before, term: String(term), author: term.toString(32), heir: 'yes' };
  return [...problems, ...(await lab.problems(registers))];
}
