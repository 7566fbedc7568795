import { expect, test } from '@jest/globals';
import { Turns } from './turns.ts';

const soon = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test('no more than the count hold a turn, and they are served in order of arrival', async () => {
  const turns = new Turns(2);
  const order: number[] = [];
  const held: (() => void)[] = [];
  const asked = [0, 1, 2, 3].map(async (who) => {
    held.push(await turns.take(undefined));
    order.push(who);
  });
  await soon();
  expect(order).toEqual([0, 1]);
  held[0]!();
  held[0]!(); // giving back twice is giving back once
  await soon();
  expect(order).toEqual([0, 1, 2]);
  held[1]!();
  await Promise.all(asked);
  expect(order).toEqual([0, 1, 2, 3]);
});

test('who gives up leaves the queue with the reason, and takes no turn from those behind', async () => {
  const turns = new Turns(1);
  const giveBack = await turns.take(undefined);
  const stop = new AbortController();
  const first = turns.take(stop.signal);
  const second = turns.take(undefined);
  stop.abort(new Error('had enough'));
  await expect(first).rejects.toThrow('had enough');
  giveBack();
  (await second)();
  await expect(turns.take(AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
  (await turns.take(undefined))();
});
