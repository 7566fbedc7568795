/**
 * Sessions from a client's point of view: over handoffs, restarts and snapshots, on machines of every kind (seeds.md F4.19-F4.23, I3).
 */
import { describe, expect, test } from '@jest/globals';
import { CommandSeries, utf8 } from '../base/index.ts';
import { DiskList, ListMachine, RegularList, withReplicasOf } from './testing/index.ts';

describe.each([
  ['regular', (): RegularList | ListMachine | DiskList => new RegularList()],
  ['concurrent', (): RegularList | ListMachine | DiskList => new ListMachine()],
  ['on-disk', (): RegularList | ListMachine | DiskList => new DiskList()],
])('a session of a %s machine', (_, make) => {
  test.each([['from the log'], ['from a checkpoint']])(
    'has each command applied once across a handoff, %s, and forgets none it may be asked for',
    (how) =>
      withReplicasOf(make, async (start) => {
        const [old, next] = [await start(), await start()];
        const runtime = await old.promote(1);
        const clientId = await runtime.registerSession();
        const numbers = new CommandSeries();
        const call = (series: bigint) => ({ clientId, series, respondedTo: numbers.respondedTo });
        const [first, second, third] = [numbers.begin(), numbers.begin(), numbers.begin()];
        for (const [series, text] of [
          [first, 'a'],
          [second, 'b'],
          [first, 'a'],
        ] as const)
          await runtime.propose(utf8(text), { session: call(series) });
        numbers.complete(first);
        if (how === 'from a checkpoint') await runtime.checkpoint();
        const promoted = await next.promote(2);
        const again = await promoted.propose(utf8('b'), { session: call(second) });
        expect(again).toMatchObject({ value: 2 });
        expect(await promoted.propose(utf8('c'), { session: call(third) })).toMatchObject({
          value: 3,
        });
        expect(promoted.lookup()).toEqual(['a', 'b', 'c']);
        await promoted.unregisterSession(clientId);
        await expect(promoted.propose(utf8('late'), { session: call(third) })).rejects.toMatchObject({
          code: 'SESSION_UNKNOWN',
          fields: { clientId: `${clientId}` },
        });
        expect(promoted.lookup()).toEqual(['a', 'b', 'c']);
      }),
  );
});

test('a client without a session, with one that ended, or with a number that it has the answer of is told so', () =>
  withReplicasOf(
    () => new ListMachine(),
    async (start) => {
      const runtime = await (await start()).promote(1);
      const session = (series: bigint, respondedTo = 0n): object => ({
        session: { clientId: 5n, series, respondedTo },
      });
      await expect(runtime.propose(utf8('a'), session(1n))).rejects.toMatchObject({
        code: 'SESSION_UNKNOWN',
      });
      await expect(runtime.unregisterSession(5n)).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
      const clientId = await runtime.registerSession();
      const other = await runtime.registerSession();
      expect(new Set([clientId, other, 0n]).size).toBe(3);
      const mine = { clientId, series: 3n, respondedTo: 3n };
      await expect(runtime.propose(utf8('a'), { session: mine })).rejects.toMatchObject({
        code: 'SERIES_ANSWERED',
      });
      expect(runtime.lookup()).toEqual([]);
    },
  ));

test.each([
  [{ session: { clientId: 0n, series: 1n, respondedTo: 0n } }],
  [{ session: { clientId: 2n ** 64n, series: 1n, respondedTo: 0n } }],
  [{ session: { clientId: 1n, series: 0n, respondedTo: 0n } }],
  [{ session: { clientId: 1n, series: 2n ** 64n - 2n, respondedTo: 0n } }],
  [{ session: { clientId: 1n, series: 1n, respondedTo: -1n } }],
  [{ session: { clientId: 1n, series: 1n, respondedTo: 0n }, requestId: 'r' }],
])('what cannot be written down is refused before it is: %j', (options) =>
  withReplicasOf(
    () => new ListMachine(),
    async (start) => {
      const runtime = await (await start()).promote(1);
      await expect(runtime.propose(utf8('a'), options)).rejects.toMatchObject({
        code: 'PROPOSAL_INVALID',
        outcome: 'rejected',
      });
    },
  ),
);
