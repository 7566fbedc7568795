/**
 * The judge against writers that break their word, in schedules that leave no luck: each is caught, and an honest writer in the same schedule is not.
 */
import { describe, expect, test } from '@jest/globals';
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
