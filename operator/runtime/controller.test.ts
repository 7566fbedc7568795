import { describe, expect, test } from '@jest/globals';
import { createMetrics, silentLogger } from '../../src/base/index.ts';
import { seededRandom, VirtualClock } from '../../src/base/testing/index.ts';
import { Controller, TerminalReconcileError, type Reconcile, type ReconcileContext } from './controller.ts';

function setUp(reconcile: Reconcile, options: { workers?: number; recoveryWorkers?: number } = {}) {
  const clock = new VirtualClock();
  const metrics = createMetrics();
  const controller = new Controller({
    name: 'things',
    reconcile: (key, context) => reconcile(key, context),
    clock,
    random: seededRandom(1),
    log: silentLogger,
    metrics,
    ...options,
  });
  const stop = new AbortController();
  const lost = new AbortController();
  let ended = false;
  const run = (): void =>
    void controller.run({ stop: stop.signal, lost: lost.signal }).finally(() => (ended = true)); // never rejects
  const pass = (ms: number): Promise<void> => clock.run(clock.sleep(ms));
  const outcomes = async (): Promise<Record<string, number>> => {
    const lines = (await metrics.render()).matchAll(
      /reconciles_total\{controller="things",outcome="(\w+)"\} (\d+)/g,
    );
    return Object.fromEntries([...lines].map((m) => [m[1], Number(m[2])]));
  };
  return { clock, controller, stop, lost, run, pass, ended: () => ended, outcomes };
}

describe('controller', () => {
  test('a failing key is tried again, at least every five seconds; a terminal failure is not', async () => {
    let tries = 0;
    let terminal = 0;
    const { controller, run, pass, outcomes, stop } = setUp((key) => {
      if (key === 'broken') {
        terminal++;
        throw new TerminalReconcileError('spec is wrong', undefined);
      }
      tries++;
      return Promise.reject(new Error('not yet'));
    });
    controller.enqueue('flaky');
    controller.enqueue('broken');
    run();
    await pass(100_000);
    expect(tries).toBeGreaterThan(20);
    expect(terminal).toBe(1);
    controller.enqueue('broken');
    await pass(10);
    expect(terminal).toBe(2);
    expect(await outcomes()).toMatchObject({ terminal: 2, failed: tries, done: 0 });
    stop.abort();
  });

  test('"again" looks again after its time, without counting as a failure', async () => {
    const looks: number[] = [];
    const { clock, controller, run, pass, stop } = setUp((_, { failures }) => {
      looks.push(clock.monotonicMs());
      expect(failures).toBe(0);
      return Promise.resolve({ kind: 'again', afterMs: 250 });
    });
    controller.enqueue('a');
    run();
    await pass(1_000);
    expect(looks).toEqual([0, 250, 500, 750]);
    stop.abort();
  });

  test('recovery work does not wait behind slow routine work', async () => {
    const started: string[] = [];
    const { clock, controller, run, pass, stop } = setUp(
      async (key) => {
        started.push(`${key} at ${clock.monotonicMs()}`);
        await clock.sleep(10_000);
        return { kind: 'done' };
      },
      { workers: 2, recoveryWorkers: 1 },
    );
    for (let i = 0; i < 50; i++) controller.enqueue(`routine-${i}`);
    run();
    await pass(100);
    controller.enqueue('failover', 'recovery');
    await pass(1);
    expect(started).toEqual(['routine-0 at 0', 'routine-1 at 0', 'failover at 100']);
    stop.abort();
  });

  test('a stop takes no more keys and waits for what is under way', async () => {
    const { clock, controller, run, pass, stop, ended } = setUp(async () => {
      await clock.sleep(3_000);
      return { kind: 'done' };
    });
    for (let i = 0; i < 20; i++) controller.enqueue(`k${i}`);
    run();
    await pass(100);
    stop.abort();
    await pass(2_000);
    expect(ended()).toBe(false);
    await pass(1_000);
    expect(ended()).toBe(true);
    expect(controller.queue.depth('routine')).toBe(0);
  });

  test('work that does not end within the drain time is aborted', async () => {
    let context: ReconcileContext | undefined;
    const { clock, controller, run, pass, stop, ended, outcomes } = setUp(async (_, c) => {
      context = c;
      await clock.sleep(1e9, c.signal);
      return { kind: 'done' };
    });
    controller.enqueue('slow');
    run();
    await pass(10);
    stop.abort();
    await pass(4_900);
    expect(context?.signal.aborted).toBe(false);
    await pass(200);
    expect(context?.signal.reason).toMatchObject({ code: 'DRAIN_TIMEOUT' });
    expect(ended()).toBe(true);
    expect(await outcomes()).toMatchObject({ stopped: 1, failed: 0 });
  });

  test('a lost lease aborts what is under way at once', async () => {
    const { clock, controller, run, pass, lost, ended } = setUp(async (_, { signal }) => {
      await clock.sleep(1e9, signal);
      return { kind: 'done' };
    });
    controller.enqueue('a');
    controller.enqueue('b');
    run();
    await pass(10);
    lost.abort(new Error('lease lost'));
    await pass(0);
    expect(ended()).toBe(true);
  });
});
