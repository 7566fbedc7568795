/**
 * Readers behind a network that loses many requests: whatever takes several of them must not begin anew when one is lost, or it never ends.
 */
import { describe, expect, test } from '@jest/globals';
import { StoreError } from '../../store/index.ts';
import { BuiltJournal, calmJournal, lastSlots, type CalmJournal } from '../testing/index.ts';
import { slotKey } from '../names.ts';

/** Every request that reads is lost with this probability. */
const LOST = 0.5;
/** A look that begins anew at each lost request takes days of luck for the logs below. */
const PATIENCE_MS = 15 * 60_000;

function loseRequests({ store, random }: CalmJournal): void {
  const lost = (): boolean => random.chance(LOST);
  const failure = new StoreError('STORE_UNREACHABLE', 'lost', { retryable: true });
  const [get, list] = [store.get.bind(store), store.list.bind(store)];
  store.get = async (...call) => (lost() ? Promise.reject(failure) : await get(...call));
  store.list = async (...call) => (lost() ? Promise.reject(failure) : await list(...call));
}

/** What a fresh reader finds of the log with these slots missing; one that never comes to the tail fails. */
async function readBehindLoss(
  build: (built: BuiltJournal) => BuiltJournal,
  missing: readonly number[] = [],
): Promise<{ readonly text: string; readonly nextSeq: number }> {
  const calm = calmJournal();
  const built = build(new BuiltJournal(calm.random));
  for (const [key, body] of built.objects(calm.journal)) calm.store.objects.set(key, body);
  for (const seq of missing) calm.store.objects.delete(slotKey(calm.journal, seq));
  loseRequests(calm);
  const { text, reader } = await calm.clock.run(lastSlots(calm), { maxVirtualMs: PATIENCE_MS });
  return { text, nextSeq: reader.cursor.nextSeq };
}

/** A takeover that leaped in vain, and whose FILLERs were the last that anybody wrote. */
function leftByLeap(built: BuiltJournal): BuiltJournal {
  built.fence().data('a').data('b').data('c');
  for (let n = 0; n < 16; n++) built.filler();
  return built.voidLeap();
}

describe('a reader behind a network that loses half of all requests', () => {
  test('looks past all that a leap left at the end of a log, and comes to its tail', async () => {
    expect(await readBehindLoss(leftByLeap)).toEqual({ text: 'abc', nextSeq: 21 });
  });

  test('proves that a hole is the tail below the leap fences of many openers that died', async () => {
    const leaps = (built: BuiltJournal): BuiltJournal => {
      built.fence().data('a').filler(); // nobody is there yet
      for (let n = 0; n < 12; n++) built.voidLeap();
      return built;
    };
    expect(await readBehindLoss(leaps, [2])).toEqual({ text: 'a', nextSeq: 2 });
  });
});
