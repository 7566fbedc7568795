/** The rules of group commit (s3log.md §6.6), each alone and under virtual time. A request takes 10 ms. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { utf8 } from '../../base/index.ts';
import { openSession, START, type Session, type SessionOptions } from '../index.ts';
import { calmJournal, lastSlots, type CalmJournal } from '../testing/index.ts';

const PUT_MS = 10;

/** Runs a story with a session that has been idle for long. */
async function story(
  options: Partial<SessionOptions>,
  tell: (session: Session, calm: CalmJournal) => Promise<void>,
): Promise<void> {
  const calm = calmJournal();
  const { clock, random } = calm;
  const run = async (): Promise<void> => {
    const session = await openSession(calm.journal, {
      cursor: START,
      author: 7,
      term: 1,
      options,
      clock,
      random,
    });
    await clock.sleep(100_000);
    calm.store.puts.length = 0;
    await tell(session, calm);
  };
  await clock.run(run(), { maxVirtualMs: 3_600_000 });
}

/** When each PUT was begun, ms after the first of them. */
const putTimes = ({ store }: CalmJournal): number[] =>
  store.puts.map(({ atMs }) => atMs - store.puts[0]!.atMs);

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(46);

describe('the interval', () => {
  test('runs from the first byte that waits, so that a steady trickle cannot put it off', () =>
    story({ flushIntervalMs: 100 }, async (session, { clock, store }) => {
      await session.append(bytes(1)).committed; // no longer idle
      const beganMs = clock.monotonicMs();
      for (let i = 0; i < 9; i++) {
        session.append(bytes(1));
        await clock.sleep(20);
      }
      const slotMs = store.puts.slice(1).map(({ atMs }) => atMs - beganMs);
      expect(slotMs).toEqual([100]); // and the next at 200 at the earliest
      expect(session.appendedHead - session.head).toBeGreaterThan(0);
    }));

  test('counts anew for what waits behind a slot: from when that slot was flushed', () =>
    story({ flushIntervalMs: 100, idleFlushMs: 100, maxBatchBytes: 1024 }, async (session, calm) => {
      session.append(bytes(1000));
      await calm.clock.sleep(50);
      await session.append(bytes(30)).committed; // fills the first batch, and is in the second
      expect(putTimes(calm)).toEqual([0, 100]);
    }));

  test('of zero flushes at once', () =>
    story({ flushIntervalMs: 0 }, async (session, { clock }) => {
      for (let i = 0; i < 3; i++) {
        const beganMs = clock.monotonicMs();
        await session.append(bytes(1)).committed;
        expect(clock.monotonicMs() - beganMs).toBe(PUT_MS);
      }
    }));

  test.each([
    [{}, 20],
    [{ idleFlushMs: 0 }, 0],
    [{ idleFlushMs: 60 }, 60],
    [{ idleFlushMs: 20, flushIntervalMs: 5 }, 5],
  ])('after an idle time is the shorter one: %p', (options, waitMs) =>
    story(options, async (session, { clock }) => {
      const beganMs = clock.monotonicMs();
      await session.append(bytes(1)).committed;
      expect(clock.monotonicMs() - beganMs).toBe(waitMs + PUT_MS);
    }),
  );

  test('has the idle time begin only after an interval without a commit', () =>
    story({ flushIntervalMs: 100 }, async (session, { clock }) => {
      const waits: number[] = [];
      for (const idleMs of [0, 100, 101]) {
        await session.append(bytes(1)).committed;
        await clock.sleep(idleMs);
        const beganMs = clock.monotonicMs();
        await session.append(bytes(1)).committed;
        waits.push(clock.monotonicMs() - beganMs - PUT_MS);
      }
      expect(waits).toEqual([100, 100, 20]);
    }));

  test('is not waited for when the session closes', () =>
    story({ flushIntervalMs: 60_000, idleFlushMs: 60_000 }, async (session, { clock }) => {
      session.append(bytes(1));
      await clock.sleep(5);
      const beganMs = clock.monotonicMs();
      await session.close();
      expect([clock.monotonicMs() - beganMs, session.head]).toEqual([PUT_MS, 1]);
    }));
});

describe('a barrier', () => {
  test('flushes at once, also what was waiting before it', () =>
    story({ flushIntervalMs: 1000, idleFlushMs: 1000 }, async (session, { clock }) => {
      session.append(bytes(1));
      await clock.sleep(5);
      const beganMs = clock.monotonicMs();
      expect(await session.barrier()).toBe(1);
      expect(clock.monotonicMs() - beganMs).toBe(PUT_MS);
    }));

  test('hurries only what it stands behind: bytes that come after it wait for their interval', () =>
    story({ flushIntervalMs: 100 }, async (session, { clock }) => {
      const first = session.append(bytes(1), { barrier: true }).committed;
      await clock.sleep(1); // its PUT is under way
      const beganMs = clock.monotonicMs();
      const second = session.append(bytes(1)).committed;
      await first;
      await second;
      expect(clock.monotonicMs() - beganMs).toBe(100 + PUT_MS);
    }));

  test('waits for the rate limit', () =>
    story({ flushIntervalMs: 1000, barrierIntervalMs: 50 }, async (session, calm) => {
      for (let i = 0; i < 4; i++) await session.append(bytes(1), { barrier: true }).committed;
      expect(putTimes(calm)).toEqual([0, 50, 100, 150]);
    }));

  test('waits no longer for the rate limit than its bytes would have without it', () =>
    story({ flushIntervalMs: 30, barrierIntervalMs: 500 }, async (session, calm) => {
      for (let i = 0; i < 3; i++) await session.append(bytes(1), { barrier: true }).committed;
      expect(putTimes(calm)).toEqual([0, 40, 80]);
    }));

  test('without a rate limit is bounded by one PUT at a time', () =>
    story({}, async (session, calm) => {
      for (let i = 0; i < 4; i++) await session.append(bytes(1), { barrier: true }).committed;
      expect(putTimes(calm)).toEqual([0, 10, 20, 30]);
    }));
});

describe('a batch', () => {
  test('is the only one in flight, however much waits and however long the store takes', () =>
    story({ maxBatchBytes: 1024, flushIntervalMs: 0 }, async (session, { clock, store }) => {
      const create = store.create.bind(store);
      let inFlight = 0;
      let most = 0;
      store.create = async (...call) => {
        most = Math.max(most, ++inFlight);
        await clock.sleep(37);
        const outcome = await create(...call);
        inFlight--;
        return outcome;
      };
      const work: Promise<void>[] = [];
      for (let i = 0; i < 100; i++) {
        work.push(session.append(bytes(1 + ((i * 37) % 900)), { barrier: i % 3 === 0 }).committed);
        if (i % 10 === 0) await clock.sleep(7);
      }
      await Promise.all(work);
      expect([most, inFlight]).toEqual([1, 0]);
    }));

  test('is due at once when it is full', () =>
    story({ maxBatchBytes: 1024, flushIntervalMs: 1000, idleFlushMs: 1000 }, async (session, { clock }) => {
      const beganMs = clock.monotonicMs();
      session.append(bytes(1023));
      await clock.sleep(5);
      expect(session.head).toBe(0);
      await session.append(bytes(1)).committed;
      expect(clock.monotonicMs() - beganMs).toBe(5 + PUT_MS);
    }));

  test('is never larger than it may be, and holds whole appends unless one alone is larger', async () => {
    const sizes = fc.array(fc.oneof(fc.nat(400), fc.integer({ min: 900, max: 1100 }), fc.nat(5000)), {
      minLength: 1,
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(sizes, fc.boolean(), (lengths, paced) =>
        story({ maxBatchBytes: 1024, flushIntervalMs: 10 }, async (session, calm) => {
          const appended: { begin: number; end: number }[] = [];
          let text = '';
          for (const [i, length] of lengths.entries()) {
            const content = String.fromCharCode(97 + (i % 26)).repeat(length);
            appended.push(session.append([utf8(content.slice(0, 3)), utf8(content.slice(3))]));
            text += content;
            if (paced) await calm.clock.sleep(3);
          }
          await session.barrier();
          const { events, text: found } = await lastSlots(calm);
          expect(found).toBe(text);
          const slots = events.filter((event) => event.kind === 'data');
          for (const { begin, end } of slots) expect(end - begin).toBeLessThanOrEqual(1024);
          for (const { begin, end } of appended.filter((each) => each.begin < each.end)) {
            const over = slots.filter((slot) => slot.begin < end && slot.end > begin);
            const least = Math.ceil((end - begin) / 1024);
            expect(over.length).toBe(least);
          }
        }),
      ),
      { numRuns: 60 },
    );
  });

  test('is one slot for all who came within the interval', () =>
    story({ flushIntervalMs: 50 }, async (session, { clock, store }) => {
      const work = Array.from({ length: 1000 }, async (_, i) => {
        await clock.sleep(i % 15);
        await session.append(bytes(10)).committed;
      });
      await Promise.all(work);
      expect(store.puts.length).toBe(1);
    }));
});

describe('back-pressure', () => {
  const LIMITS = { maxBatchBytes: 1024, bufferLimitBytes: 4096, flushIntervalMs: 0 };

  test('lets writers through in the order they came, and never beyond the limit by more than one append', () =>
    story(LIMITS, async (session, { clock }) => {
      const order: number[] = [];
      let most = 0;
      session.append(bytes(5000));
      const work = Array.from({ length: 100 }, async (_, i) => {
        await session.whenWritable();
        await Promise.resolve(); // a caller has a thing or two to do
        order.push(i);
        const { committed } = session.append(bytes(1000));
        most = Math.max(most, session.appendedHead - session.head);
        await committed;
      });
      await Promise.all(work);
      expect(order).toEqual(Array.from({ length: 100 }, (_, i) => i));
      expect(most).toBeLessThanOrEqual(4096 + 1000 + 1024); // limit, one append, one batch in flight
      expect(clock.monotonicMs()).toBeLessThan(100_000 + 110 * 2 * PUT_MS);
    }));

  test('lets the next one go when one has appended, without a turn of the clock between them', () =>
    story(LIMITS, async (session, { clock }) => {
      session.append(bytes(5000));
      const timer = clock.timer.bind(clock);
      clock.timer = (delayMs, fire) => timer(delayMs === 0 ? 60_000 : delayMs, fire); // a clock whose turns are long
      const beganMs = clock.monotonicMs();
      const work = Array.from({ length: 20 }, async () => {
        await session.whenWritable();
        session.append(bytes(100));
      });
      await Promise.all(work);
      expect(clock.monotonicMs() - beganMs).toBeLessThan(100);
    }));

  test('passes over one who has gone, and does not wait for one who appends nothing', () =>
    story(LIMITS, async (session, { clock }) => {
      session.append(bytes(8000));
      const stop = new AbortController();
      const order: string[] = [];
      const gone = session.whenWritable(stop.signal).then(
        () => order.push('gone'),
        (error: Error) => order.push(error.message),
      );
      const idle = session.whenWritable().then(() => order.push('idle'));
      const last = session.whenWritable().then(() => order.push('last'));
      stop.abort(new Error('enough'));
      await gone;
      await clock.sleep(1000);
      expect(order).toEqual(['enough', 'idle', 'last']);
      await Promise.all([idle, last]);
    }));

  test('does not hold a writer who comes when all is calm', () =>
    story(LIMITS, async (session, { clock }) => {
      const beganMs = clock.monotonicMs();
      for (let i = 0; i < 3; i++) await session.whenWritable();
      expect(clock.monotonicMs()).toBe(beganMs);
    }));

  test('lets everybody go when the session ends; the append then says why', () =>
    story(LIMITS, async (session) => {
      session.append(bytes(8000));
      const waiting = Array.from({ length: 5 }, () => session.whenWritable());
      session.abandon('the process stops');
      await Promise.all(waiting);
      await session.whenWritable();
      expect(() => session.append(bytes(1))).toThrow(/the process stops/);
    }));

  test('refuses who does not wait, at four times the limit', () =>
    story(LIMITS, async (session) => {
      for (let i = 0; i < 5; i++) session.append(bytes(4096)); // the fifth begins at the limit, not beyond it
      expect(() => session.append(bytes(1))).toThrow(/await whenWritable before appending/);
      await session.whenWritable();
      session.append(bytes(1));
    }));
});
