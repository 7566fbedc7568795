/**
 * What a restore does with the memory of what it reads (player.ts L7).
 */
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../base/index.ts';
import { compactJournal } from '../journal/index.ts';
import type { GetCall } from '../store/index.ts';
import { newLog, play, takeOver, treeOf, withTempDir, type TestLog } from './testing/index.ts';

/** The smallest there are: large writes span several of them, and small ones begin and end anywhere. */
const FRAGMENT_BYTES = 65_536;
const FRAGMENT = /\.(raw|gz|zst)$/;

/** A log of small and large writes, all of it compacted. Every fragment is full of what looks different from its neighbours. */
async function compactedLog(dir: string, compression: 'raw' | 'gzip'): Promise<TestLog> {
  const log = newLog();
  const { fs, session } = await takeOver(log, dir, 1);
  for (let n = 0; n < 40; n++) {
    const file = await fs.open(`/file-${n}`, { create: true });
    await file.write(utf8(`${n};`.repeat(n % 4 === 0 ? 60_000 : 50)), n);
    await file.close();
    await fs.barrier();
  }
  await session.close();
  await compactJournal(log.journal, {
    term: 2,
    options: { compression, fragmentBytes: FRAGMENT_BYTES },
    clock: log.clock,
    random: log.random,
  });
  return log;
}

/** From now on the store takes memory back and writes over it at once; how often for each body of a fragment, in their order. */
function takeMemoryBack(log: TestLog): readonly { back: number }[] {
  const lent: { back: number }[] = [];
  const get = log.store.get.bind(log.store);
  log.store.get = async (key: string, call?: GetCall) => {
    const found = await get(key, call);
    if (!found || !FRAGMENT.test(key)) return found;
    const loan = { back: 0 };
    lent.push(loan);
    const release = (): void => {
      loan.back++;
      found.body.fill(0xee);
    };
    return { ...found, release };
  };
  return lent;
}

describe('a restore from fragments', () => {
  test.each(['raw', 'gzip'] as const)(
    'gives each memory back once, and is right although it is overwritten (%s)',
    (compression) =>
      withTempDir((dir) =>
        withTempDir(async (copy) => {
          const log = await compactedLog(dir, compression);
          const lent = takeMemoryBack(log);
          await play(log, copy);
          expect(await treeOf(copy)).toEqual(await treeOf(dir));
          expect(lent.length).toBeGreaterThan(10);
          expect(lent.filter(({ back }) => back !== 1)).toEqual([]);
        }),
      ),
  );
});
