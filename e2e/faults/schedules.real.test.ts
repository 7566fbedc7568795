/**
 * Schedules that leave no luck: what a cut, a late request and a frozen process do to a writer, one at a time. And the judge against writers that break
 * their word in the same schedules: each is caught, and an honest one is not.
 */
import { describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Arena, type WriterFault } from './arena.ts';
import type { Judgement } from './judge.ts';

async function inArena(
  fault: WriterFault | undefined,
  schedule: (arena: Arena) => Promise<void>,
): Promise<Judgement> {
  const arena = await Arena.open(2, fault ? { fault } : {});
  try {
    await schedule(arena);
    return await arena.judge();
  } finally {
    await arena.close();
  }
}

/** A is cut off in the middle of an append; B takes over, appends and reads. */
async function cutOff({ stations }: Arena): Promise<void> {
  const [a, b] = stations as [Arena['stations'][0], Arena['stations'][0]];
  await a.program.tell({ do: 'open' });
  await a.program.tell({ do: 'append' });
  await a.wire.set({ kind: 'swallow' });
  void a.program.tell({ do: 'append' });
  await b.program.tell({ do: 'open' });
  await b.program.tell({ do: 'append' });
  await b.program.tell({ do: 'read' });
  await a.wire.set({ kind: 'pass' });
}

/** A is frozen with a session; B takes over and appends; A wakes up and is asked. */
async function frozen({ stations }: Arena): Promise<void> {
  const [a, b] = stations as [Arena['stations'][0], Arena['stations'][0]];
  await a.program.tell({ do: 'open' });
  await a.program.tell({ do: 'append' });
  await a.program.tell({ do: 'read' });
  a.program.freeze();
  await b.program.tell({ do: 'open' });
  await b.program.tell({ do: 'append' });
  a.program.thaw();
  await a.program.tell({ do: 'read' });
  await a.program.tell({ do: 'append' });
}

/** The answer to an append of A is cut off; a request of A is under way while B takes over, and arrives then. */
async function cutAndLate({ stations }: Arena): Promise<void> {
  const [a, b] = stations as [Arena['stations'][0], Arena['stations'][0]];
  await a.program.tell({ do: 'open' });
  await a.wire.set({ kind: 'cut', afterBytes: 0 });
  const appended = a.program.tell({ do: 'append' });
  while (a.wire.cuts === 0) await sleep(1);
  await a.wire.set({ kind: 'pass' });
  await appended;
  await a.wire.set({ kind: 'hold', direction: 'to-server' });
  const late = a.program.tell({ do: 'append' });
  await b.program.tell({ do: 'open' });
  await b.program.tell({ do: 'append' });
  await a.wire.set({ kind: 'pass' });
  await late;
}

test('an answer lost after the commit is an append acknowledged once; a request that arrives late is refused', async () => {
  const judgement = await inArena(undefined, cutAndLate);
  expect(judgement).toMatchObject({ wrong: [], acknowledged: 2, records: 2, fences: 2 });
  expect(judgement.notes).toMatchObject({ AMBIGUITY_RESOLVED: 1 });
});

describe('a writer that is cut off in the middle of an append', () => {
  test('and is honest: the append is not acknowledged, the history linearizable', async () => {
    expect(await inArena(undefined, cutOff)).toMatchObject({
      wrong: [],
      linearizable: true,
      acknowledged: 2,
      records: 2,
    });
  });

  test('and acknowledges early: caught', async () => {
    const judgement = await inArena('acknowledges-early', cutOff);
    expect(judgement).toMatchObject({ linearizable: false, acknowledged: 3, records: 2 });
    expect(judgement.history).toMatch(/nothing explains\n.*A0 .*"append"/);
  });
});

describe('a writer that is frozen while another takes over', () => {
  test('and is honest: it learns that it was fenced, and answers nothing', async () => {
    expect(await inArena(undefined, frozen)).toMatchObject({
      wrong: [],
      linearizable: true,
      acknowledged: 2,
      reads: 1,
      notes: { FENCED: expect.any(Number) },
    });
  });

  test('and reads without proof: caught', async () => {
    const judgement = await inArena('reads-without-proof', frozen);
    expect(judgement).toMatchObject({
      linearizable: false,
      reads: 2,
      wrong: [expect.stringMatching(/^J1: /)],
    });
    expect(judgement.history).toMatch(/nothing explains\n.*A0 .*"read"/);
  });
});
