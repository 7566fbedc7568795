/**
 * The faulty store does what its script says, in virtual time, and repeats exactly from a seed.
 */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { seededRandom, VirtualClock } from '../../base/testing/index.ts';
import { utf8 } from '../../base/index.ts';
import type { CreateOutcome, ObjectStore } from '../types.ts';
import { adversary, FaultyStore, MemoryStore, type FaultRule, type StoreEvent } from './index.ts';

let clock: VirtualClock;
let memory: MemoryStore;
let store: FaultyStore;
const body = utf8('body');

function make(rules: readonly FaultRule[] = [], seed = 1): void {
  clock = new VirtualClock();
  memory = new MemoryStore({ clock });
  store = new FaultyStore(memory, { clock, random: seededRandom(seed), rules });
}
const bytes = async (key: string): Promise<string | undefined> => {
  const found = await memory.get(key);
  return found && Buffer.from(found.body).toString();
};
/** Runs one create and tells what the caller got and when. */
const create = (key: string, signal?: AbortSignal): Promise<{ outcome: CreateOutcome; atMs: number }> =>
  clock.run(store.create(key, body, { signal }).then((outcome) => ({ outcome, atMs: clock.monotonicMs() })));

beforeEach(() => make());

describe('faults', () => {
  test('a dropped request has no effect; the caller hears of it later', async () => {
    store.add({ fault: { kind: 'drop-request', waitMs: 700, code: 'STORE_TIMEOUT' } });
    expect(await create('k')).toMatchObject({
      outcome: { kind: 'undecided', cause: { code: 'STORE_TIMEOUT' } },
      atMs: 700,
    });
    expect(await bytes('k')).toBeUndefined();
  });

  test('a dropped response hides an effect', async () => {
    store.add({ times: 1, fault: { kind: 'drop-response' } });
    expect((await create('k')).outcome).toMatchObject({
      kind: 'undecided',
      cause: { code: 'STORE_UNREACHABLE' },
    });
    expect(await bytes('k')).toBe('body');
    expect((await create('k')).outcome).toEqual({ kind: 'exists' });
  });

  test('a late request arrives long after its sender gave up', async () => {
    store.add({ fault: { kind: 'late', giveUpMs: 2_000, arriveMs: 60_000 } });
    expect(await create('k')).toMatchObject({ outcome: { kind: 'undecided' }, atMs: 2_000 });
    expect(await bytes('k')).toBeUndefined();
    await clock.run(store.settled());
    expect([await bytes('k'), clock.monotonicMs()]).toEqual(['body', 60_000]);
  });

  test('a duplicate re-creates what was deleted in between, as a delayed packet can', async () => {
    store.add({ times: 1, fault: { kind: 'duplicate', againMs: 1_000 } });
    expect((await create('k')).outcome).toEqual({ kind: 'created' });
    await clock.run(store.delete('k'));
    await clock.run(store.settled());
    expect(await bytes('k')).toBe('body');
  });

  test('an aborted wait does not stop the request (N1), and later changes of the buffer do not reach it', async () => {
    store.add({ fault: { kind: 'delay', requestMs: 5_000 } });
    const stop = new AbortController();
    clock.timer(100, () => stop.abort(new Error('enough')));
    const buffer = utf8('body');
    const outcome = await clock.run(store.create('k', buffer, { signal: stop.signal }));
    expect([outcome.kind, clock.monotonicMs()]).toEqual(['undecided', 100]);
    buffer.fill(0);
    await clock.run(store.settled());
    expect(await bytes('k')).toBe('body');
  });

  test('held requests wait for the test, before or after their effect', async () => {
    const [request, response] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    store.add({ key: 'before', fault: { kind: 'hold', at: 'request', until: request.promise } });
    store.add({ key: 'after', fault: { kind: 'hold', at: 'response', until: response.promise } });
    const both = Promise.all([store.create('before', body), store.create('after', body)]);
    await clock.run(clock.sleep(10));
    expect([await bytes('before'), await bytes('after')]).toEqual([undefined, 'body']);
    request.resolve();
    response.resolve();
    expect(await clock.run(both)).toEqual([{ kind: 'created' }, { kind: 'created' }]);
  });

  test.each([
    [409, false, 'undecided', 'STORE_CONFLICT'],
    [429, false, 'undecided', 'STORE_THROTTLED'],
    [500, true, 'undecided', 'STORE_SERVER_ERROR'],
    [500, false, 'undecided', 'STORE_SERVER_ERROR'],
    [403, false, 'refused', 'STORE_DENIED'],
  ])('status %i (acted: %s) is %s with %s', async (status, effect, kind, code) => {
    store.add({ times: 1, fault: { kind: 'status', status, effect } });
    expect((await create('k')).outcome).toMatchObject({ kind, cause: { code } });
    expect(await bytes('k')).toBe(effect ? 'body' : undefined);
    await memory.create('r', body);
    store.add({ operation: 'get', fault: { kind: 'status', status, effect } });
    await expect(store.get('r')).rejects.toMatchObject({ code });
  });

  test('bodies come short or with a flipped bit, without a word', async () => {
    await memory.create('k', body);
    store.add({ times: 1, fault: { kind: 'truncate', bytes: 2 } });
    store.add({ fault: { kind: 'corrupt', bit: 0 } });
    expect((await store.get('k'))?.body).toEqual(utf8('bo'));
    expect((await store.get('k'))?.body).toEqual(utf8('cody'));
    expect(await bytes('k')).toBe('body');
  });

  test('a stale list shows the store as it was: without the new, with the deleted', async () => {
    await clock.run(store.create('p/old', body));
    await clock.run(store.create('p/deleted', body));
    await clock.run(clock.sleep(1_000));
    await clock.run(store.create('p/new', body));
    await clock.run(store.delete('p/deleted'));
    const stale = { operation: 'list', times: 2, fault: { kind: 'stale-list', ageMs: 500 } } as const;
    store.add(stale);
    const keys = async (limit?: number): Promise<string[]> =>
      (await clock.run(store.list('p/', { limit }))).objects.map(({ key }) => key);
    expect(await keys()).toEqual(['p/deleted', 'p/old']);
    expect(await keys(1)).toEqual(['p/deleted']);
    expect(await keys()).toEqual(['p/new', 'p/old']);
  });
});

describe('rules', () => {
  test('strike by client, operation, key and count', async () => {
    const rule = store.add({
      client: 'a',
      operation: ['create', 'delete'],
      key: /^log\//,
      skip: 1,
      times: 2,
      fault: { kind: 'drop-request' },
    });
    const kinds: string[] = [];
    const attempt = async (client: ObjectStore, key: string): Promise<void> => {
      kinds.push((await clock.run(client.create(key, body))).kind);
    };
    await attempt(store.as('b'), 'log/0'); // another client
    await attempt(store.as('a'), 'other'); // another key
    for (const key of ['log/1', 'log/2', 'log/3', 'log/4']) await attempt(store.as('a'), key);
    expect(kinds).toEqual(['created', 'created', 'created', 'undecided', 'undecided', 'created']);
    expect([rule.matched, rule.struck]).toEqual([4, 2]);
  });

  test('a partition is a rule of one client, until it is removed', async () => {
    const [cut, well] = [store.as('cut'), store.as('well')];
    const partition = store.add({ client: 'cut', fault: { kind: 'drop-request' } });
    await expect(cut.get('k')).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    expect(await well.get('k')).toBeUndefined();
    partition.remove();
    expect(await cut.get('k')).toBeUndefined();
  });
});

describe('from a seed', () => {
  /** A scramble for slots by three clients in rough weather; everything that happened. */
  async function scramble(
    seed: number,
  ): Promise<{ events: StoreEvent[]; created: string[]; content: Map<string, string> }> {
    const events: StoreEvent[] = [];
    const created: string[] = [];
    clock = new VirtualClock();
    memory = new MemoryStore({ clock });
    const random = seededRandom(seed);
    store = new FaultyStore(memory, {
      clock,
      random,
      rules: adversary(),
      latency: (r) => ({ requestMs: r.below(50), responseMs: r.below(50) }),
      trace: (event) => events.push(event),
    });
    const client = async (name: string): Promise<void> => {
      const mine = store.as(name);
      for (let slot = 0; slot < 20; slot += 1) {
        const outcome = await mine.create(`log/${slot}`, utf8(name));
        if (outcome.kind === 'created') created.push(`log/${slot} ${name}`);
      }
    };
    await clock.run(Promise.all(['a', 'b', 'c'].map(client)));
    await clock.run(store.settled());
    const content = new Map<string, string>();
    for (const { key } of (await memory.list('')).objects) content.set(key, (await bytes(key))!);
    return { events, created, content };
  }

  test('the same seed gives the same run, another seed another', async () => {
    const first = await scramble(7);
    expect(await scramble(7)).toEqual(first);
    expect((await scramble(8)).events).not.toEqual(first.events);
    expect(first.events.some(({ fault }) => fault !== undefined)).toBe(true);
  });

  test('the adversary never lies: who was told created owns the key for good', async () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const { created, content } = await scramble(seed);
      for (const win of created) {
        const [key, name] = win.split(' ');
        expect({ seed, key, owner: content.get(key!) }).toEqual({ seed, key, owner: name });
      }
    }
  });
});
