/**
 * One whole run: three writers that fence each other, two tailers, a storm, a calm, the verdict.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../src/base/testing/index.ts';
import { Arena, type Seen, type WriterFault } from './arena.ts';
import type { Judgement } from './judge.ts';
import { storm, type Struck } from './storm.ts';

const WRITERS = 3;
/** A tailer's wire suffers on its own, ms between two resets. */
const TAILER_RESET_MS = 700;
/** Undisturbed at the end, ms: zombies have woken up and found out, and somebody has appended since. */
const CALM_MS = 1500;
/** What a run must have seen to show anything; a slow machine takes longer for it. */
export const ENOUGH: Readonly<Seen> = { acknowledged: 20, reads: 5, fences: 2, fenced: 1, tailed: 20 };

export interface Story {
  readonly struck: Struck;
  readonly judgement: Judgement;
  /** Of what must have been seen (ENOUGH). */
  readonly seen: Seen;
}

/** Runs a storm of so many ms, over writers of which all have the same fault, if any. */
export async function stormStory(seed: number, lengthMs: number, fault?: WriterFault): Promise<Story> {
  const random = seededRandom(seed);
  const arena = await Arena.open(WRITERS, fault ? { fault } : {});
  const over = new AbortController();
  try {
    const wires = [await arena.follow('tailer 0'), await arena.follow('tailer 1')];
    const tailing = resetNowAndThen(wires[1]!, over.signal);
    await arena.roam(random);
    const struck = await storm(arena, random.fork(), lengthMs);
    await sleep(CALM_MS);
    await arena.until(() => isEnough(arena.seen()));
    over.abort();
    await tailing;
    const judgement = await arena.judge();
    return { struck, judgement, seen: arena.seen() };
  } finally {
    over.abort();
    await arena.close();
  }
}

/** Whether a run with these counts shows something. */
export function isEnough(seen: Seen): boolean {
  return (Object.keys(ENOUGH) as (keyof Seen)[]).every((what) => seen[what] >= ENOUGH[what]);
}

async function resetNowAndThen(wire: { reset(): void }, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(TAILER_RESET_MS, undefined, { signal }).catch(() => {}); // over
    wire.reset();
  }
}
