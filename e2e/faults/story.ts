/**
 * One whole run: three writers that fence each other, two tailers, a storm, a calm, the verdict.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../src/base/testing/index.ts';
import { Arena } from './arena.ts';
import type { Judgement } from './judge.ts';
import { storm, type Struck } from './storm.ts';

const WRITERS = 3;
/** A tailer's wire suffers on its own, ms between two resets. */
const TAILER_RESET_MS = 700;
/** Undisturbed at the end, ms: zombies have woken up and found out, and somebody has appended since. */
const CALM_MS = 1500;

export interface Story {
  readonly struck: Struck;
  readonly judgement: Judgement;
}

/** Runs a storm of so many ms. */
export async function stormStory(seed: number, lengthMs: number): Promise<Story> {
  const random = seededRandom(seed);
  const arena = await Arena.open(WRITERS);
  const over = new AbortController();
  try {
    const wires = [await arena.follow('tailer 0'), await arena.follow('tailer 1')];
    const tailing = resetNowAndThen(wires[1]!, over.signal);
    await Promise.all(arena.stations.map(({ program }) => program.tell({ do: 'hello' })));
    for (const { program } of arena.stations) void program.tell({ do: 'roam', seed: random.below(2 ** 31) });
    const struck = await storm(arena, random.fork(), lengthMs);
    await sleep(CALM_MS);
    over.abort();
    await tailing;
    return { struck, judgement: await arena.judge() };
  } finally {
    over.abort();
    await arena.close();
  }
}

async function resetNowAndThen(wire: { reset(): void }, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(TAILER_RESET_MS, undefined, { signal }).catch(() => {}); // over
    wire.reset();
  }
}
