import { describe, expect, test } from '@jest/globals';
import { raceAbort, silentLogger } from '../../src/base/index.ts';
import { seededRandom, VirtualClock } from '../../src/base/testing/index.ts';
import type { LeaderSignals } from './controller.ts';
import { checkElectionTiming, ELECTION_TIMING } from './election-timing.ts';
import { LeaderElector, type ElectionEnd } from './elector.ts';
import type { LeaseRecord, LeaseStore, LeaseWrite } from './ports.ts';
import { PausableClock } from './testing/pausable-clock.ts';
import { LeaseClient, ScriptedLease } from './testing/scripted-lease.ts';

function setUp() {
  const clock = new VirtualClock();
  const lease = new ScriptedLease();
  const pass = (ms: number): Promise<void> => clock.run(clock.sleep(ms));
  let seed = 1;
  const replica = (identity: string) => {
    const own = new PausableClock(clock);
    const client = new LeaseClient(lease, own, seededRandom(seed++));
    const elector = new LeaderElector({
      lease: client,
      identity,
      clock: own,
      random: seededRandom(seed++),
      log: silentLogger,
    });
    const stop = new AbortController();
    const seen: string[] = [];
    let end: ElectionEnd | undefined;
    /** Leads until stopped, then drains for a while; stops at once when the lease is lost. */
    const lead = async ({ stop: asked, lost }: LeaderSignals): Promise<void> => {
      seen.push(`leads at ${Math.round(clock.monotonicMs())}`);
      lost.addEventListener('abort', () => seen.push(`lost at ${Math.round(clock.monotonicMs())}`));
      await new Promise<void>((resolve) => asked.addEventListener('abort', () => resolve(), { once: true }));
      await own.sleep(2_000);
      seen.push(`drained, ${elector.isLeader() ? 'still leader' : 'no longer leader'}`);
    };
    const run = (work = lead): void => void elector.run(stop.signal, work).then((e) => (end = e)); // run never rejects
    return { client, clock: own, elector, stop, seen, run, end: () => end };
  };
  return { clock, lease, pass, replica };
}

describe('leader election', () => {
  test('one of two leads, the other takes over within the budget when it dies', async () => {
    const { lease, pass, replica, clock } = setUp();
    const [a, b] = [replica('a'), replica('b')];
    a.run();
    await pass(100);
    b.run();
    await pass(30_000);
    expect([a.elector.isLeader(), b.elector.isLeader(), b.elector.holder]).toEqual([true, false, 'a']);
    const diedAt = clock.monotonicMs();
    a.clock.pause(1e9);
    await pass(8_400);
    expect(b.elector.isLeader()).toBe(true);
    expect(Number(b.seen[0]!.split(' ').at(-1)) - diedAt).toBeGreaterThan(4_000);
    expect(lease.current?.record).toMatchObject({ holder: 'b', transitions: 1, durationSeconds: 6 });
  });

  test('a clean stop drains first, then releases; the other takes over at its next look', async () => {
    const { pass, replica } = setUp();
    const [a, b] = [replica('a'), replica('b')];
    a.run();
    await pass(2_000);
    b.run();
    await pass(2_000);
    a.stop.abort();
    await pass(1_900);
    expect(b.elector.isLeader()).toBe(false);
    await pass(1_500);
    expect(a.end()).toEqual({ kind: 'stopped', released: true });
    expect(a.seen.at(-1)).toBe('drained, still leader');
    expect(b.elector.isLeader()).toBe(true);
  });

  test('a leader that cannot renew gives up before anybody else may lead', async () => {
    const { pass, replica } = setUp();
    const [a, b] = [replica('a'), replica('b')];
    a.run();
    await pass(2_000);
    b.run();
    await pass(3_000);
    a.client.faults.cut = true;
    await pass(4_100);
    expect(a.elector.isLeader()).toBe(false);
    expect(a.end()).toMatchObject({ kind: 'lost', error: { code: 'LEASE_LOST' } });
    expect(a.seen.at(-1)).toMatch(/^lost at/);
    expect(b.elector.isLeader()).toBe(false);
    await pass(4_400);
    expect(b.elector.isLeader()).toBe(true);
  });

  test('a paused leader knows at its first look at the clock that it leads no more', async () => {
    const { pass, replica } = setUp();
    const [a, b] = [replica('a'), replica('b')];
    a.run();
    await pass(2_000);
    b.run();
    await pass(2_000);
    a.clock.pause(20_000);
    await pass(19_999);
    expect(a.seen).toHaveLength(1); // its work has not been told: that is what the log's fence is for (E3)
    expect([a.elector.isLeader(), b.elector.isLeader()]).toEqual([false, true]);
    await pass(2_000);
    expect(a.end()).toMatchObject({ kind: 'lost' });
  });

  test('a lost answer to a write that landed costs nothing', async () => {
    const { pass, replica, lease } = setUp();
    const a = replica('a');
    a.run();
    await pass(2_000);
    for (let i = 0; i < 20; i++) {
      a.client.faults.loseAnswer = i % 2;
      a.client.faults.failFast = 1;
      await pass(1_500);
      expect(a.elector.isLeader()).toBe(true);
    }
    expect(new Set(lease.writes.map((w) => w.record.holder))).toEqual(new Set(['a']));
    expect(lease.current?.record.transitions).toBe(0);
  });

  /** A lease whose writes land at once and are answered 1.5 s later. */
  const slowToAnswer = (lease: ScriptedLease, clock: VirtualClock, cut: () => boolean): LeaseStore => {
    const write = async (
      record: LeaseRecord,
      version: string | undefined,
      signal: AbortSignal,
    ): Promise<LeaseWrite> => {
      if (cut()) await clock.sleep(1e9, signal);
      const outcome = lease.write(record, version, clock.monotonicMs());
      await clock.sleep(1_500, signal);
      return outcome;
    };
    return {
      read: () => Promise.resolve(lease.current),
      create: (record, signal) => write(record, undefined, signal),
      update: write,
    };
  };

  test('a renewal counts from when it was sent, however late its answer came', async () => {
    const { clock, lease, pass } = setUp();
    let cut = false;
    const slow = slowToAnswer(lease, clock, () => cut);
    const elector = new LeaderElector({
      lease: slow,
      identity: 'a',
      clock,
      random: seededRandom(1),
      log: silentLogger,
    });
    const ended = elector.run(new AbortController().signal, () => new Promise(() => undefined));
    await pass(20_000);
    cut = true;
    await clock.run(ended);
    const sentAtMs = lease.writes.at(-1)!.atMs;
    expect(clock.monotonicMs() - sentAtMs).toBeGreaterThan(3_900);
    expect(clock.monotonicMs() - sentAtMs).toBeLessThanOrEqual(4_000);
  });

  test('a stop in the middle of a renewal whose answer is not waited for still releases the lease', async () => {
    const { clock, lease, pass } = setUp();
    const slow = slowToAnswer(lease, clock, () => false);
    const elector = new LeaderElector({
      lease: slow,
      identity: 'a',
      clock,
      random: seededRandom(1),
      log: silentLogger,
    });
    const stop = new AbortController();
    const ended = elector.run(stop.signal, (signals) =>
      raceAbort(new Promise<void>(() => undefined), signals.stop).catch(() => undefined),
    );
    await pass(20_000);
    const before = lease.writes.length;
    for (let i = 0; i < 500 && lease.writes.length === before; i++) await pass(10);
    expect(lease.writes.length).toBe(before + 1);
    stop.abort(new Error('SIGTERM'));
    await pass(100);
    // The release has landed and its answer has not come: from now on another may lead (found by elector.prop.test.ts).
    expect([lease.current?.record.holder, elector.isLeader()]).toEqual(['', false]);
    expect(await clock.run(ended)).toEqual({ kind: 'stopped', released: true });
    expect(lease.current?.record.holder).toBe('');
  });

  test('wall clocks an hour apart, jumping, change nothing', async () => {
    const { pass, replica, clock } = setUp();
    const [a, b] = [replica('a'), replica('b')];
    a.run();
    await pass(2_000);
    b.run();
    for (const jump of [3_600_000, -7_200_000, 3_600_000]) {
      clock.jumpWall(jump);
      await pass(20_000);
      expect([a.elector.isLeader(), b.elector.isLeader()]).toEqual([true, false]);
    }
  });

  test('led work that fails ends the leadership and releases', async () => {
    const { pass, replica, lease } = setUp();
    const a = replica('a');
    a.run(() => Promise.reject(new Error('controller broke')));
    await pass(1_000);
    expect(a.end()).toMatchObject({ kind: 'ended', error: { message: 'controller broke' } });
    expect(lease.current?.record.holder).toBe('');
  });

  test('a follower that is stopped ends at once, having led nothing', async () => {
    const { pass, replica } = setUp();
    const [a, b] = [replica('a'), replica('b')];
    a.run();
    await pass(1_000);
    b.run();
    await pass(1_000);
    b.stop.abort();
    await pass(0);
    expect([b.end(), b.seen]).toEqual([{ kind: 'stopped', released: true }, []]);
  });

  test.each([
    [{ leaseMs: 6_500 }, 'whole number'],
    [{ renewDeadlineMs: 6_000 }, 'below the lease'],
    [{ retryMs: 3_400 }, 'room for more'],
    [{ retryMs: 0 }, 'room for more'],
  ])('times that cannot work are refused: %j', (edit, rule) => {
    expect(() => checkElectionTiming({ ...ELECTION_TIMING, ...edit })).toThrow(rule);
  });
});
