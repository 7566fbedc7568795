import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ClientSession } from './client-session.ts';

const usage = expect.objectContaining({ code: 'SESSION_USAGE' });

describe('a client of a session', () => {
  test('numbers its commands from 1 on, and sends the same number as often as it asks', () => {
    const session = new ClientSession(7n);
    const first = session.begin();
    expect(session.call(first)).toEqual({ clientId: 7n, series: 1n, respondedTo: 0n });
    expect(session.call(first)).toEqual({ clientId: 7n, series: 1n, respondedTo: 0n });
    session.complete(first);
    expect(session.call(session.begin())).toEqual({ clientId: 7n, series: 2n, respondedTo: 1n });
  });

  test('completes each command once, and none that it never began (F4.23)', () => {
    const session = new ClientSession(7n);
    const [first, second] = [session.begin(), session.begin()];
    session.complete(second);
    for (const wrong of [0n, second, 3n]) expect(() => session.complete(wrong)).toThrow(usage);
    expect(() => session.call(second)).toThrow(usage);
    session.complete(first);
    expect(() => session.complete(first)).toThrow(usage);
  });

  test('says that a command is answered only when all before it are, in whatever order the answers come', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }).chain((count) => {
          const numbers = Array.from({ length: count }, (_, n) => BigInt(n + 1));
          return fc.shuffledSubarray(numbers, { minLength: count, maxLength: count });
        }),
        (order) => {
          const session = new ClientSession(1n);
          for (const _ of order) session.begin();
          const done = new Set<bigint>();
          for (const series of order) {
            session.complete(series);
            done.add(series);
            const probe = session.begin();
            const { respondedTo } = session.call(probe);
            session.complete(probe);
            for (let n = 1n; n <= respondedTo; n++) if (n <= BigInt(order.length)) expect(done).toContain(n);
            expect(session.open).toBe(order.length - done.size);
          }
          expect(session.call(session.begin()).respondedTo).toBe(BigInt(2 * order.length));
        },
      ),
    );
  });
});
