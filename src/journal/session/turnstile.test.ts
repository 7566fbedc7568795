import { beforeEach, describe, expect, test } from '@jest/globals';
import { VirtualClock } from '../../base/testing/index.ts';
import { Turnstile } from './turnstile.ts';

/** Lets every promise job run; time stands still. */
const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('callers that wait for room', () => {
  let clock: VirtualClock;
  let room: boolean;
  let order: string[];
  let writers: Turnstile;

  beforeEach(() => {
    clock = new VirtualClock();
    room = false;
    order = [];
    writers = new Turnstile(clock, () => room);
  });

  const come = (name: string, signal?: AbortSignal): void => {
    writers.pass(signal).then(
      () => order.push(name),
      (error: Error) => order.push(`${name}: ${error.message}`),
    );
  };

  test('pass at once while there is room and nobody waits', async () => {
    room = true;
    come('a');
    come('b');
    await settle();
    expect(order).toEqual(['a', 'b']);
  });

  test('are let through one by one, the next when the one before has appended', async () => {
    for (const name of ['a', 'b', 'c']) come(name);
    await settle();
    expect(order).toEqual([]);
    room = true;
    writers.next();
    await settle();
    expect(order).toEqual(['a']);
    writers.next(); // a has appended, and there is room still
    await settle();
    room = false;
    writers.next(); // b has appended, and now it is full
    await settle();
    expect(order).toEqual(['a', 'b']);
  });

  test('are not overtaken by one who comes the moment there is room', async () => {
    come('a');
    room = true;
    come('late');
    await settle();
    expect(order).toEqual([]);
    writers.next();
    await settle();
    expect(order).toEqual(['a']);
  });

  test('nor by one who comes while the last of them is on the way to it', async () => {
    come('a');
    room = true;
    writers.next();
    come('late');
    await settle();
    expect(order).toEqual(['a']);
    writers.next();
    await settle();
    expect(order).toEqual(['a', 'late']);
  });

  test('are passed over when they have gone', async () => {
    const stop = new AbortController();
    come('gone', stop.signal);
    come('b');
    stop.abort(new Error('enough'));
    await settle();
    room = true;
    writers.next();
    await settle();
    expect(order).toEqual(['gone: enough', 'b']);
  });

  test('and append nothing hold up the next for one turn of the clock', async () => {
    for (const name of ['a', 'b', 'c']) come(name);
    room = true;
    writers.next();
    await clock.run(clock.sleep(0));
    await clock.run(clock.sleep(0));
    expect(order).toEqual(['a', 'b', 'c']);
  });

  test('all go, also those who come later, once the turnstile is open for good', async () => {
    come('a');
    come('b');
    writers.open();
    come('late');
    await settle();
    expect(order.toSorted()).toEqual(['a', 'b', 'late']);
  });
});
