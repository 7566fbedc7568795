import { describe, expect, test } from '@jest/globals';
import { ClientSession } from './session.ts';

function counting(): { readonly session: ClientSession; readonly registered: () => bigint } {
  let count = 0n;
  return { session: new ClientSession(() => Promise.resolve(++count)), registered: () => count };
}

describe('a client session', () => {
  test('numbers mutations from 1 on, and says up to where all are over, whatever the order they end in (S1, S2)', async () => {
    const { session } = counting();
    const tickets = [];
    for (let i = 0; i < 4; i++) tickets.push(await session.ticket(undefined));
    expect(tickets.map(({ identity }) => identity.series)).toEqual([1n, 2n, 3n, 4n]);
    const respondedTo = async (): Promise<bigint> => (await session.ticket(undefined)).identity.respondedTo;
    tickets[2]!.done();
    expect(await respondedTo()).toBe(0n);
    tickets[0]!.done();
    expect(await respondedTo()).toBe(1n);
    tickets[0]!.done();
    tickets[1]!.done();
    expect(await respondedTo()).toBe(3n);
    tickets[3]!.done();
    expect(await respondedTo()).toBe(4n);
  });

  test('is opened once for calls that come together', async () => {
    const { session, registered } = counting();
    const tickets = await Promise.all(Array.from({ length: 5 }, () => session.ticket(undefined)));
    expect(registered()).toBe(1n);
    expect(new Set(tickets.map(({ identity }) => identity.series)).size).toBe(5);
  });

  test('that is lost is replaced once, however many calls notice (S3)', async () => {
    const { session, registered } = counting();
    const { identity } = await session.ticket(undefined);
    for (let i = 0; i < 3; i++) session.lost(identity.clientId);
    const next = await session.ticket(undefined);
    session.lost(identity.clientId); // a late one of the old session
    expect((await session.ticket(undefined)).identity.clientId).toBe(next.identity.clientId);
    expect(registered()).toBe(2n);
  });

  test('a failed registration is told to those who waited, and tried again for the next', async () => {
    let tries = 0;
    const session = new ClientSession(() =>
      ++tries === 1 ? Promise.reject(new Error('no primary')) : Promise.resolve(7n),
    );
    const waiting = [session.ticket(undefined), session.ticket(undefined)];
    for (const outcome of await Promise.allSettled(waiting)) expect(outcome.status).toBe('rejected');
    expect((await session.ticket(undefined)).identity.clientId).toBe(7n);
  });

  test('a caller that gives up does not take the registration from the others', async () => {
    const { promise, resolve } = Promise.withResolvers<bigint>();
    const session = new ClientSession(() => promise);
    const abort = new AbortController();
    const gone = session.ticket(abort.signal);
    const stays = session.ticket(undefined);
    abort.abort(new Error('enough'));
    await expect(gone).rejects.toThrow('enough');
    resolve(9n);
    expect((await stays).identity.clientId).toBe(9n);
  });
});
