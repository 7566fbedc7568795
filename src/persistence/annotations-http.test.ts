/**
 * Annotations over HTTP: the conformance suite and the bad days again, through the real client, against a server that fails on the wire.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { fromUtf8, systemClock, systemRandom, utf8, type Clock } from '../base/index.ts';
import { RESOURCES, type KubeClient } from '../kube/index.ts';
import { refusal, ScriptedServer, SILENCE } from '../kube/testing/index.ts';
import {
  annotationStore,
  hintsSlots,
  memoryHintsSlots,
  updateState,
  type HintsSlots,
  type RevisionStore,
} from './index.ts';
import { CONFORMANCE, LOST_ANSWER, LOST_REQUEST, ObjectServer, type WireFault } from './testing/index.ts';

/** Real time, a hundred times as fast: a deadline is what is tested here, not patience. */
const hurried: Clock = {
  wallMs: () => systemClock.wallMs(),
  monotonicMs: () => systemClock.monotonicMs() * 100,
  timer: (delayMs, fire) => systemClock.timer(delayMs / 100, fire),
  sleep: (delayMs, signal) => systemClock.sleep(delayMs / 100, signal),
};
const retry = { clock: hurried, random: systemRandom };
const KEYS = { primary: 'primary', 'backup-0': 'backup-0', 'backup-1': 'backup-1' } as const;

let server: ScriptedServer;
let object: ObjectServer;
let kube: KubeClient;
let store: RevisionStore;
let slots: HintsSlots;

beforeEach(async () => {
  server = await ScriptedServer.start();
  object = new ObjectServer(server);
  kube = server.client(hurried);
  const options = { kube, resource: RESOURCES.secret, namespace: 'n', name: 'o', writer: 'test', ...retry };
  store = annotationStore({ ...options, keyPrefix: 'holdfast.dev/state-' });
  slots = hintsSlots({ ...options, annotations: KEYS });
});
afterEach(async () => {
  await kube.close();
  await server.close();
});

test.each(CONFORMANCE.map((each) => [each.name, each] as const))('%s', async (_, each) => {
  // In real time: 25 writers at once on a busy machine are no reason for a deadline.
  const patient = server.client(systemClock);
  try {
    const parts = { kube: patient, clock: systemClock, random: systemRandom };
    const address = { resource: RESOURCES.secret, namespace: 'n', name: 'o' };
    await each.run(
      annotationStore({ ...parts, ...address, keyPrefix: 'holdfast.dev/state-', writer: 'test' }),
    );
  } finally {
    await patient.close();
  }
});

describe('a write on a bad network', () => {
  const page = { status: 200, body: '<html>' };
  test.each<[string, readonly WireFault[]]>([
    ['whose answer is cut off', [LOST_ANSWER]],
    ['that is cut off before it arrives', [LOST_REQUEST, LOST_REQUEST]],
    ['that is done by a server that says it failed', [{ kind: 'after', answer: refusal(500, 'Timeout') }]],
    ['that is done by a server that falls silent', [{ kind: 'after', answer: SILENCE }]],
    ['that is turned away for now', [{ kind: 'instead', answer: refusal(429, 'TooManyRequests') }]],
    ['that meets somebody else in the object', [{ kind: 'instead', answer: refusal(409, 'Conflict') }]],
    ['that meets all of it', [LOST_REQUEST, { kind: 'instead', answer: refusal(503, 'x') }, LOST_ANSWER]],
  ])('%s is done once', async (_, faults) => {
    object.faults.push(...faults);
    expect(await store.compareAndSet('id', undefined, utf8('a'))).toBe(1);
    expect(object.committed).toBe(1);
    expect(object.faults).toEqual([]);
    expect((await store.read('id'))!.revision).toBe(1);
  });

  test('and an answer nobody understands leaves open whether it was done: it is told so, and a reader sees it', async () => {
    object.faults.push({ kind: 'after', answer: page });
    await expect(store.compareAndSet('id', undefined, utf8('a'))).rejects.toMatchObject({
      code: 'STATE_UNAVAILABLE',
      cause: { code: 'KUBE_BAD_RESPONSE' },
    });
    expect(fromUtf8((await store.read('id'))!.value)).toBe('a');
  });

  test.each([
    [401, 'Unauthorized', 'STATE_FORBIDDEN'],
    [403, 'Forbidden', 'STATE_FORBIDDEN'],
    [404, 'NotFound', 'STATE_UNAVAILABLE'],
    [413, 'RequestEntityTooLarge', 'STATE_TOO_LARGE'],
    [422, 'Invalid', 'STATE_REFUSED'],
  ])('%i is not tried again: %s', async (status, reason, code) => {
    object.faults.push({ kind: 'instead', answer: refusal(status, reason) });
    await expect(store.compareAndSet('id', undefined, utf8('a'))).rejects.toMatchObject({ code });
    expect(server.seen.filter(({ method }) => method === 'PATCH').length).toBe(1);
    expect(object.committed).toBe(0);
  });

  test('whose answer was lost, and that is refused ever after, is told as unknown, never as not done', async () => {
    object.faults.push(LOST_ANSWER);
    const other = 'holdfast.dev/someone-else';
    const mine = store.compareAndSet('id', undefined, utf8('a'));
    while (object.committed < 1) await systemClock.sleep(0);
    object.annotations = { [other]: '' }; // what we wrote is gone from sight, and rights with it
    object.faults.push({ kind: 'instead', answer: refusal(403, 'Forbidden') });
    await expect(mine).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE', retryable: true });
  });

  test('that is based on a stale read loses nothing: the server compares, and it is read and decided again', async () => {
    await store.compareAndSet('id', undefined, utf8('old'));
    const stale = { ...object.annotations };
    await store.compareAndSet('id', 1, utf8('new'));
    object.stale.push(stale);
    const seen: string[] = [];
    await updateState(
      store,
      'id',
      (current) => {
        seen.push(fromUtf8(current!));
        return utf8(`${fromUtf8(current!)}er`);
      },
      retry,
    );
    expect(seen).toEqual(['old', 'new']);
    expect(await store.read('id')).toEqual({ value: utf8('newer'), revision: 3 });
  });

  test('whose answer was lost, and after which a stale read does not show it, is done once', async () => {
    await store.compareAndSet('id', undefined, utf8('old'));
    object.faults.push(LOST_ANSWER);
    const mine = store.compareAndSet('id', 1, utf8('new'));
    while (object.faults.length > 0) await systemClock.sleep(0);
    object.stale.push(object.before);
    expect(await mine).toBe(2);
    expect(object.committed).toBe(2);
    expect(await store.read('id')).toEqual({ value: utf8('new'), revision: 2 });
  });

  test('an abort while the answer is out ends it with its own reason, and nothing is sent after it', async () => {
    const reason = new RangeError('enough');
    const caller = new AbortController();
    object.faults.push({
      kind: 'instead',
      answer: (response) => {
        caller.abort(reason);
        response.socket?.destroy();
      },
    });
    await expect(store.compareAndSet('id', undefined, utf8('a'), caller.signal)).rejects.toBe(reason);
    expect(object.committed).toBe(0);
    expect(server.seen.length).toBe(2); // the read and the write
  });

  test('an abort ends the pause between two attempts at once', async () => {
    const reason = new RangeError('enough');
    const caller = new AbortController();
    const endless: Clock = {
      ...hurried,
      sleep: (_, signal) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(reason), { once: true });
          caller.abort(reason); // nothing but the abort ends this pause
        }),
    };
    const patient = annotationStore({
      kube,
      resource: RESOURCES.secret,
      namespace: 'n',
      name: 'o',
      keyPrefix: 'holdfast.dev/state-',
      writer: 'test',
      clock: endless,
      random: systemRandom,
    });
    object.faults.push({ kind: 'instead', answer: refusal(409, 'Conflict') });
    await expect(patient.compareAndSet('id', undefined, utf8('a'), caller.signal)).rejects.toBe(reason);
    expect(object.committed).toBe(0);
  });
});

test('every write names the version that was read, so the server compares and not we', async () => {
  await updateState(store, 'id', () => utf8('a'), retry);
  await slots.write({ term: 1, value: utf8('h'), rotate: true });
  const versions = server.seen
    .filter(({ method }) => method === 'PATCH')
    .map(({ body }) => (body as { metadata: { resourceVersion: string } }).metadata.resourceVersion);
  expect(versions).toEqual(['1', '2']);
});

test('reads ask for the newest state, never for what a cache of the server holds', async () => {
  await store.read('id');
  await slots.readAll();
  for (const { url } of server.seen) expect(url).not.toContain('resourceVersion');
});

describe('hints on a bad network', () => {
  const read = async (): Promise<string[]> =>
    Object.values(await slots.readAll()).map((slot) =>
      slot.kind === 'value' ? `${slot.term}:${fromUtf8(slot.value)}` : slot.kind,
    );

  test('whose answer is lost move the older ones back once', async () => {
    for (const term of [1, 2, 3]) {
      object.faults.push(LOST_ANSWER);
      await slots.write({ term, value: utf8('h'), rotate: true });
    }
    expect(object.committed).toBe(3);
    expect(await read()).toEqual(['3:h', '2:h', '1:h']);
  });

  test('of a primary that is replaced while its request is under way are refused, and change nothing', async () => {
    await slots.write({ term: 1, value: utf8('first'), rotate: true });
    const successor = memoryHintsSlots();
    await successor.write({ term: 2, value: utf8('new'), rotate: false });
    object.faults.push({
      kind: 'instead',
      answer: (response) => {
        object.touch({ primary: successor.annotations['primary']! });
        response.writeHead(409, { 'content-type': 'application/json' }).end('{"reason":"Conflict"}');
      },
    });
    await expect(slots.write({ term: 1, value: utf8('late'), rotate: true })).rejects.toMatchObject({
      code: 'HINTS_STALE_TERM',
      fields: { term: 1, stored: 2 },
    });
    expect(await read()).toEqual(['2:new', 'absent', 'absent']);
  });

  test('that cannot be read for lack of rights or of an answer are an error, never absent', async () => {
    server.script = [refusal(403, 'Forbidden')];
    await expect(slots.readAll()).rejects.toMatchObject({ code: 'STATE_FORBIDDEN' });
    server.script = [refusal(404, 'NotFound')];
    await expect(slots.readAll()).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
    server.script = [refusal(503, 'ServiceUnavailable')];
    await expect(slots.readAll()).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  });
});
