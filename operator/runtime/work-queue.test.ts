import { describe, expect, test } from '@jest/globals';
import { seededRandom, VirtualClock } from '../../src/base/testing/index.ts';
import { WorkQueue } from './work-queue.ts';

function setUp() {
  const clock = new VirtualClock();
  const queue = new WorkQueue({ clock, random: seededRandom(1) });
  const drain = async (): Promise<string[]> => {
    const keys: string[] = [];
    while (queue.depth('recovery') + queue.depth('routine') > 0) {
      const work = await queue.take();
      keys.push(work!.key);
      queue.done(work!.key);
    }
    return keys;
  };
  return { clock, queue, drain };
}

describe('work queue', () => {
  test('a waiting key is there once', async () => {
    const { queue, drain } = setUp();
    queue.add('a');
    queue.add('b');
    queue.add('a');
    expect(await drain()).toEqual(['a', 'b']);
  });

  test('the recovery lane goes first, and a waiting key rises to it', async () => {
    const { queue, drain } = setUp();
    for (const key of ['a', 'b', 'c']) queue.add(key);
    queue.add('d', 'recovery');
    queue.add('c', 'recovery');
    queue.add('c', 'routine');
    expect(await drain()).toEqual(['d', 'c', 'a', 'b']);
  });

  test('a key in a worker is not handed out again, but comes back when it was added meanwhile', async () => {
    const { queue } = setUp();
    queue.add('a');
    const first = await queue.take();
    queue.add('a', 'recovery');
    expect(queue.depth('recovery')).toBe(0);
    queue.done(first!.key);
    expect(await queue.take()).toMatchObject({ key: 'a', lane: 'recovery' });
  });

  test('a worker of the recovery lane leaves routine work to others', async () => {
    const { queue, clock } = setUp();
    queue.add('a');
    const taken = queue.take('recovery');
    clock.timer(10, () => queue.add('b', 'recovery'));
    expect(await clock.run(taken)).toMatchObject({ key: 'b' });
    expect(queue.depth('routine')).toBe(1);
  });

  test('of delayed wishes the earliest counts', async () => {
    const { queue, clock } = setUp();
    queue.addAfter('a', 500);
    queue.addAfter('a', 100);
    queue.addAfter('a', 300);
    expect(await clock.run(queue.take())).toMatchObject({ key: 'a' });
    expect(clock.monotonicMs()).toBe(100);
    queue.done('a');
    await clock.run(clock.sleep(1_000));
    expect(queue.depth('routine')).toBe(0);
  });

  test('retries back off to five seconds and never beyond; success starts anew; news do not wait', async () => {
    const { queue } = setUp();
    const delays = Array.from({ length: 40 }, () => queue.retry('a'));
    expect(delays[0]).toBeLessThanOrEqual(50);
    expect(Math.max(...delays)).toBeLessThanOrEqual(5_000);
    expect(delays[39]).toBeGreaterThanOrEqual(4_000);
    queue.add('a');
    expect(await queue.take()).toMatchObject({ key: 'a', failures: 40 });
    queue.forget('a');
    expect(queue.retry('a')).toBeLessThanOrEqual(50);
  });

  test('after shut-down nothing comes out, and nobody waits for ever', async () => {
    const { queue, clock } = setUp();
    const waiting = queue.take();
    queue.addAfter('late', 10);
    queue.shutDown();
    queue.add('a');
    expect(await clock.run(waiting)).toBeUndefined();
    await clock.run(clock.sleep(100));
    expect([queue.depth('recovery'), queue.depth('routine'), await queue.take()]).toEqual([0, 0, undefined]);
  });

  test('a waiting take ends with its signal', async () => {
    const { queue } = setUp();
    const stop = new AbortController();
    const waiting = queue.take(undefined, stop.signal);
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});
