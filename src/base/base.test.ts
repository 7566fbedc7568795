import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { deadline, raceAbort } from './abort.ts';
import { backoffMs } from './backoff.ts';
import { Breath } from './breath.ts';
import { letGo } from './bytes.ts';
import { systemClock } from './clock.ts';
import { HoldfastError } from './errors.ts';
import { createLogger } from './log.ts';
import { checkPosition, PositionError, positionFromBigInt } from './position.ts';
import { BoundedQueue, QueueClosedError } from './queue.ts';
import { seededRandom, SimulationStalledError, VirtualClock } from './testing/index.ts';

describe('waiting', () => {
  test('raceAbort rejects with the reason while the work is still under way', async () => {
    const controller = new AbortController();
    const never = new Promise<void>(() => undefined);
    const raced = raceAbort(never, controller.signal);
    controller.abort(new Error('stop'));
    await expect(raced).rejects.toThrow('stop');
  });

  test('a deadline aborts by the clock it was given, and follows its parent', async () => {
    const clock = new VirtualClock();
    const parent = new AbortController();
    const byTime = deadline(clock, 50, 'the probe');
    const byParent = deadline(clock, 1000, 'the probe', parent.signal);
    await clock.run(clock.sleep(60));
    expect(byTime.signal.reason).toMatchObject({ code: 'DEADLINE' });
    expect(byParent.signal.aborted).toBe(false);
    parent.abort(new Error('parent'));
    expect(byParent.signal.reason).toMatchObject({ message: 'parent' });
    byTime.clear();
    byParent.clear();
  });

  test('an aborted sleep of the system clock rejects at once', async () => {
    const controller = new AbortController();
    const asleep = systemClock.sleep(60_000, controller.signal);
    controller.abort(new Error('woken'));
    await expect(asleep).rejects.toThrow('woken');
  });
});

describe('virtual clock', () => {
  test('fires timers in time order, ties in the order they were set, cancelled ones never', async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    clock.timer(20, () => seen.push('b'));
    clock.timer(10, () => seen.push('a'));
    clock.timer(20, () => seen.push('c'));
    clock.timer(15, () => seen.push('never')).cancel();
    await clock.run(clock.sleep(30));
    expect(seen).toEqual(['a', 'b', 'c']);
    expect(clock.monotonicMs()).toBe(30);
  });

  test('a wall clock that jumps an hour leaves monotonic time alone', () => {
    const clock = new VirtualClock();
    const before = clock.wallMs();
    clock.jumpWall(-3_600_000);
    expect(clock.wallMs()).toBe(before - 3_600_000);
    expect(clock.monotonicMs()).toBe(0);
  });

  test('says so when work can never finish', async () => {
    const clock = new VirtualClock();
    await expect(clock.run(new Promise(() => undefined))).rejects.toBeInstanceOf(SimulationStalledError);
  });
});

test('letting go of bytes empties them, but never what shares its memory with them', () => {
  const own = new Uint8Array(1000).fill(1);
  letGo(own);
  expect([own.length, own.buffer.byteLength]).toEqual([0, 0]);
  const whole = new Uint8Array(1000).fill(1);
  for (const part of [whole.subarray(1), whole.subarray(0, 999), whole.subarray(3, 3)]) letGo(part);
  expect(whole.every((byte) => byte === 1)).toBe(true);
  expect(whole.length).toBe(1000);
  letGo(new Uint8Array(0));
});

test('work on bytes takes a breath after each MiB, and none before', async () => {
  const breath = new Breath();
  let turns = 0;
  const count = (): void => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  let isOver = false;
  setImmediate(count);
  for (let i = 0; i < 1023; i++) await breath.after(1024);
  expect(turns).toBe(0);
  for (let i = 0; i < 10; i++) await breath.after(1024 * 1024);
  expect(turns).toBeGreaterThanOrEqual(10);
  isOver = true;
});

describe('bounded queue', () => {
  test('makes the producer wait at the limit and delivers in order', async () => {
    const queue = new BoundedQueue<number>(2);
    await queue.push(1);
    await queue.push(2);
    expect(queue.tryPush(3)).toBe(false);
    const third = queue.push(3);
    expect(await queue.pop()).toBe(1);
    await third;
    queue.close();
    expect([await queue.pop(), await queue.pop(), await queue.pop()]).toEqual([2, 3, undefined]);
    expect(() => queue.tryPush(4)).toThrow(QueueClosedError);
  });
});

test('the same seed gives the same numbers, another seed others', () => {
  const draw = (seed: number): number[] => Array.from({ length: 5 }, () => seededRandom(seed).below(1e9));
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});

test('backoff grows to its cap and never leaves [delay x (1 - jitter), delay]', () => {
  const random = seededRandom(1);
  const policy = { firstMs: 50, factor: 2, capMs: 2000, jitter: 0.5 };
  for (let attempt = 0; attempt < 100; attempt++) {
    const full = Math.min(2000, 50 * 2 ** attempt);
    const delay = backoffMs(policy, attempt, random);
    expect(delay).toBeGreaterThanOrEqual(full / 2);
    expect(delay).toBeLessThanOrEqual(full);
  }
});

test('positions beyond 2^53-1, negative or fractional are refused', () => {
  expect(checkPosition('offset', 2 ** 53 - 1)).toBe(Number.MAX_SAFE_INTEGER);
  for (const bad of [2 ** 53, -1, 0.5, Number.NaN])
    expect(() => checkPosition('offset', bad)).toThrow(PositionError);
  expect(() => positionFromBigInt('offset', 2n ** 53n)).toThrow(PositionError);
});

test('a log line keeps code, fields and the whole chain of causes of nested errors', () => {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const cause = new HoldfastError('STORE_DENIED', 'Access was denied.', {
    fields: { key: 'a/b', bytes: 5n },
  });
  const log = createLogger({ level: 'info', format: 'json', stream, fields: { shard: 'orders-0' } });
  log
    .child({ term: 3 })
    .error('cannot start', { error: new Error('outer', { cause }), message: 'kept apart' });
  log.debug('not shown');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toMatchObject({
    level: 'error',
    msg: 'cannot start',
    shard: 'orders-0',
    term: 3,
    message_: 'kept apart',
    error: {
      message: 'outer',
      cause: { code: 'STORE_DENIED', message: 'Access was denied.', key: 'a/b', bytes: '5' },
    },
  });
});
