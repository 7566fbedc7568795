/**
 * The calls, against a server that says what a test tells it to.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { RESOURCES, type KubeClient, type KubeError } from './index.ts';
import {
  found,
  refusal,
  RESET,
  ScriptedServer,
  SILENCE,
  StillClock,
  until,
  type Script,
} from './testing/index.ts';

const POD = RESOURCES.pod;
const ref = { namespace: 'n', name: 'p' };
const manifest = { apiVersion: 'v1', kind: 'Pod', metadata: ref };

let server: ScriptedServer;
let clock: StillClock;
let kube: KubeClient;

beforeEach(async () => {
  server = await ScriptedServer.start();
  clock = new StillClock();
  kube = server.client(clock);
});
afterEach(async () => {
  await kube.close();
  await server.close();
  expect(await clock.isIdle()).toBe(true);
});

const failure = (call: Promise<unknown>): Promise<KubeError> =>
  call.then(
    () => {
      throw new Error('the call did not fail');
    },
    (error: unknown) => error as KubeError,
  );

/** All that an error and its causes say. */
function everyWord(error: unknown): string {
  const { message, fields, cause } = error as KubeError;
  return `${message} ${JSON.stringify(fields)} ${cause === undefined ? '' : everyWord(cause)}`;
}

describe('what a call ends in', () => {
  test.each([
    [401, 'Unauthorized', 'KUBE_UNAUTHORIZED', true],
    [403, 'Forbidden', 'KUBE_FORBIDDEN', true],
    [404, 'NotFound', 'KUBE_NOT_FOUND', false],
    [409, 'Conflict', 'KUBE_CONFLICT', false],
    [409, 'AlreadyExists', 'KUBE_ALREADY_EXISTS', false],
    [410, 'Expired', 'KUBE_EXPIRED', false],
    [413, 'RequestEntityTooLarge', 'KUBE_TOO_LARGE', false],
    [400, 'BadRequest', 'KUBE_INVALID', false],
    [405, 'MethodNotAllowed', 'KUBE_INVALID', false],
    [415, 'UnsupportedMediaType', 'KUBE_INVALID', false],
    [422, 'Invalid', 'KUBE_INVALID', false],
    [429, 'TooManyRequests', 'KUBE_TOO_MANY_REQUESTS', true],
    [500, 'InternalError', 'KUBE_SERVER_ERROR', true],
    [503, 'ServiceUnavailable', 'KUBE_SERVER_ERROR', true],
    [504, 'Timeout', 'KUBE_SERVER_ERROR', true],
    [302, '', 'KUBE_BAD_RESPONSE', false],
    [418, '', 'KUBE_BAD_RESPONSE', false],
  ])('%i %s', async (status, reason, code, retryable) => {
    server.script = [refusal(status, reason)];
    const error = await failure(kube.create(POD, manifest));
    expect(error).toMatchObject({ code, status, retryable, fields: { reason } });
    expect(error.message).toContain(`because ${reason}`);
  });

  test.each<[string, Script]>([
    ['no JSON', { status: 200, body: '<html>' }],
    ['nothing', { status: 200, body: '' }],
    ['an object without a version', { status: 200, body: { metadata: { name: 'p' } } }],
    ['an object without metadata', { status: 200, body: { metadata: null } }],
    ['null', { status: 200, body: 'null' }],
    ['a number', { status: 200, body: '7' }],
  ])('an answer that is %s', async (_, script) => {
    server.script = [script];
    await expect(kube.get(POD, ref)).rejects.toMatchObject({ code: 'KUBE_BAD_RESPONSE' });
    expect(server.seen).toHaveLength(1);
  });

  test('an answer without end is not read to its end', async () => {
    const block = Buffer.alloc(1024 * 1024, ' ');
    let cut = false;
    server.script = [
      (response): void => {
        response.writeHead(200);
        response.on('close', () => (cut = true));
        const more = (): void => {
          if (!cut) response.write(block, more);
        };
        more();
      },
    ];
    await expect(kube.get(POD, ref)).rejects.toMatchObject({ code: 'KUBE_BAD_RESPONSE', retryable: false });
    await until(() => cut);
  });

  test('what is in a body stays out of the error: it may be a secret', async () => {
    for (const [status, body] of [
      [200, '{"data":{"password":"hunter2'],
      [200, 'hunter2'],
      [502, '<html>hunter2'],
      [502, '"hunter2"'],
      [500, '{"kind":"Secret","message":"hunter2","reason":"hunter2"}'],
      [409, '{"kind":"Status","details":"hunter2","message":{"x":"hunter2"}}'],
    ] as const) {
      server.script = [{ status, body }];
      expect(everyWord(await failure(kube.create(POD, manifest)))).not.toContain('hunter2');
    }
  });

  test("even a Status's own text has a limit", async () => {
    server.script = [{ status: 422, body: { kind: 'Status', message: 'x'.repeat(100_000) } }];
    expect((await failure(kube.create(POD, manifest))).message.length).toBeLessThan(1200);
  });

  test('a list that is none is refused; a list gives kind and version to its items', async () => {
    for (const body of [
      { items: 'no', metadata: { resourceVersion: '1' } },
      { items: [], metadata: {} },
      { items: [{}], metadata: { resourceVersion: '1' } },
    ]) {
      server.script = [{ status: 200, body }];
      await expect(kube.list(POD)).rejects.toMatchObject({ code: 'KUBE_BAD_RESPONSE' });
    }
    const item = { metadata: { name: 'p', uid: 'u', resourceVersion: '3' } };
    server.script = [
      { status: 200, body: { items: [item], metadata: { resourceVersion: '9', continue: 'c' } } },
      { status: 200, body: { items: [], metadata: { resourceVersion: '9', continue: '' } } },
    ];
    const lease = { namespace: 'n', labelSelector: 'a=b', limit: 5 };
    expect(await kube.list(RESOURCES.lease, lease)).toEqual({
      items: [{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...item }],
      resourceVersion: '9',
      continueToken: 'c',
    });
    expect(await kube.list(POD, { continueToken: 'c' })).toEqual({ items: [], resourceVersion: '9' });
    expect(server.seen.slice(-2).map(({ url }) => url)).toEqual([
      '/apis/coordination.k8s.io/v1/namespaces/n/leases?labelSelector=a%3Db&limit=5',
      '/api/v1/pods?continue=c',
    ]);
  });
});

describe('a call ends', () => {
  const half: Script = (response) => {
    response.writeHead(200);
    response.write('{"metadata":{');
  };

  test.each([
    ['that never answers', SILENCE],
    ['that stops within its answer', half],
  ])('by its deadline, at a server %s, and says so', async (_, script) => {
    server.script = [script];
    const call = failure(kube.create(POD, manifest));
    await until(() => server.seen.length === 1);
    let ended = false;
    void call.then(() => (ended = true)); // `call` resolves in any case
    await clock.advance(9_999);
    expect(ended).toBe(false);
    await clock.advance(1);
    const error = await call;
    expect(error).toMatchObject({ code: 'KUBE_UNREACHABLE', retryable: true, cause: { code: 'DEADLINE' } });
    expect(error.message).toContain('POST /api/v1/namespaces/n/pods');
    expect(error.message).toContain('10000 ms');
    await until(async () => (await server.connections()) === 0);
  });

  test.each([
    ['before the answer', SILENCE],
    ['within the answer', half],
  ])("with the caller's reason when it is aborted %s, and lets go of its connection", async (_, script) => {
    server.script = [script];
    const stop = new AbortController();
    const reason = new Error('enough');
    const call = failure(kube.get(POD, ref, { signal: stop.signal }));
    await until(() => server.seen.length === 1);
    stop.abort(reason);
    expect(await call).toBe(reason);
    await until(async () => (await server.connections()) === 0);
    expect(server.seen).toHaveLength(1);
  });

  test('unasked when it is aborted before it began', async () => {
    const reason = new Error('enough');
    expect(await failure(kube.get(POD, ref, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(server.seen).toHaveLength(0);
  });

  test('when it is aborted in the pause before it would be repeated', async () => {
    clock.skipsPauses = false;
    server.script = [RESET];
    const stop = new AbortController();
    const reason = new Error('enough');
    const call = failure(kube.get(POD, ref, { signal: stop.signal }));
    await until(() => clock.pauses.length === 1);
    stop.abort(reason);
    expect(await call).toBe(reason);
    expect(server.seen).toHaveLength(1);
  });

  test('with its client: nothing is asked again after the close', async () => {
    server.script = [SILENCE, found('p')];
    const call = failure(kube.get(POD, ref));
    await until(() => server.seen.length === 1);
    await kube.close();
    expect(await call).toMatchObject({ code: 'KUBE_UNREACHABLE' });
    await expect(kube.create(POD, manifest)).rejects.toMatchObject({ code: 'KUBE_UNREACHABLE' });
    expect(server.seen).toHaveLength(1);
    expect(await server.connections()).toBe(0);
  });
});

describe('what is asked again', () => {
  const cut: Script = (response) => {
    response.writeHead(200, { 'content-length': 1000 });
    response.write('{"metadata":', () => response.socket?.destroy());
  };
  const list: Script = { status: 200, body: { items: [], metadata: { resourceVersion: '1' } } };

  test.each<[string, (client: KubeClient) => Promise<unknown>, Script]>([
    ['get', (client) => client.get(POD, ref), found('p')],
    ['list', (client) => client.list(POD), list],
    ['apply', (client) => client.apply(POD, manifest), found('p')],
    ['delete of one very object', (client) => client.delete(POD, ref, { uid: 'u' }), found('p')],
  ])('%s: after a lost or broken answer and an error of the server', async (_, call, good) => {
    server.script = [RESET, refusal(500, 'InternalError'), good];
    await call(kube);
    expect(server.seen).toHaveLength(3);
    server.script = [cut, good];
    await call(kube);
    expect(server.seen).toHaveLength(5);
    server.script = [RESET];
    await expect(call(kube)).rejects.toMatchObject({ code: 'KUBE_UNREACHABLE' });
    expect(server.seen).toHaveLength(8);
    expect(clock.pauses).toHaveLength(5);
    for (const pause of clock.pauses) expect(pause).toBeGreaterThanOrEqual(50);
  });

  test.each<[string, (client: KubeClient) => Promise<unknown>]>([
    ['create', (client) => client.create(POD, manifest)],
    ['merge patch', (client) => client.mergePatch(POD, ref, { a: 1 })],
    ['JSON patch', (client) => client.jsonPatch(POD, ref, [])],
    ['update', (client) => client.update(POD, manifest)],
    ['delete by name', (client) => client.delete(POD, ref)],
  ])('%s: never, when nobody knows whether it happened', async (_, call) => {
    for (const lost of [RESET, cut, refusal(500, 'InternalError'), refusal(504, 'Timeout')]) {
      server.seen.length = 0;
      server.script = [lost, found('p')];
      await expect(call(kube)).rejects.toMatchObject({ retryable: true });
      expect(server.seen).toHaveLength(1);
    }
    expect(clock.pauses).toEqual([]);
  });

  test.each([
    [401, 'Unauthorized'],
    [403, 'Forbidden'],
    [404, 'NotFound'],
    [409, 'Conflict'],
    [410, 'Expired'],
    [422, 'Invalid'],
  ])('nothing that was refused for good: %i', async (status, reason) => {
    server.script = [refusal(status, reason), found('p')];
    await expect(kube.get(POD, ref)).rejects.toMatchObject({ status });
    expect(server.seen).toHaveLength(1);
  });

  test('anything that was turned away unprocessed, after the time the server asked for, three times in all', async () => {
    const busy = refusal(429, 'TooManyRequests', { retryAfterSeconds: 1 });
    server.script = [busy, found('p')];
    await kube.create(POD, manifest);
    expect(clock.pauses).toEqual([1000]);
    server.script = [busy];
    await expect(kube.create(POD, manifest)).rejects.toMatchObject({
      code: 'KUBE_TOO_MANY_REQUESTS',
      retryAfterMs: 1000,
    });
    expect(server.seen).toHaveLength(5);
    expect(clock.pauses).toEqual([1000, 1000, 1000]);
  });

  test('the header counts before the Status; a server cannot make a call wait for an hour, nor not at all', async () => {
    const busy = (after: string): Script => ({
      status: 429,
      headers: { 'retry-after': after },
      body: { kind: 'Status', details: { retryAfterSeconds: 4 } },
    });
    for (const [after, pause] of [
      ['2', 2000],
      ['3600', 5000],
      ['-1', 4000],
      ['Wed, 21 Oct 2026 07:28:00 GMT', 4000],
    ] as const) {
      server.script = [busy(after), found('p')];
      await kube.get(POD, ref);
      expect(clock.pauses.pop()).toBe(pause);
    }
    server.script = [busy('0'), found('p')];
    await kube.get(POD, ref);
    expect(clock.pauses.pop()).toBeGreaterThanOrEqual(50);
  });

  test('a deletion of what is gone already is done', async () => {
    server.script = [refusal(404, 'NotFound')];
    await kube.delete(POD, ref);
    server.script = [RESET, refusal(404, 'NotFound')];
    await kube.delete(POD, ref, { uid: 'u' });
    expect(server.seen).toHaveLength(3);
  });
});

describe('what is sent', () => {
  test('patches name their own content type, owner and part', async () => {
    server.script = [found('p')];
    await kube.mergePatch(POD, ref, { status: {} }, { subresource: 'status', fieldManager: 'me' });
    await kube.jsonPatch(POD, ref, [{ op: 'add', path: '/a', value: 1 }]);
    await kube.apply(POD, manifest);
    await kube.update(POD, manifest, { subresource: 'status' });
    expect(server.seen.map(({ method, url, contentType }) => [method, url, contentType])).toEqual([
      ['PATCH', '/api/v1/namespaces/n/pods/p/status?fieldManager=me', 'application/merge-patch+json'],
      ['PATCH', '/api/v1/namespaces/n/pods/p?fieldManager=test', 'application/json-patch+json'],
      ['PATCH', '/api/v1/namespaces/n/pods/p?fieldManager=test&force=true', 'application/apply-patch+yaml'],
      ['PUT', '/api/v1/namespaces/n/pods/p/status?fieldManager=test', 'application/json'],
    ]);
    expect(server.seen.map(({ body }) => body)).toEqual([
      { status: {} },
      [{ op: 'add', path: '/a', value: 1 }],
      manifest,
      manifest,
    ]);
  });

  test('a deletion names what must be true of its object', async () => {
    server.script = [found('p')];
    const kind = { apiVersion: 'v1', kind: 'DeleteOptions' };
    await kube.delete(POD, ref);
    await kube.delete(POD, ref, { uid: 'u', resourceVersion: '3', gracePeriodSeconds: 0 });
    expect(server.seen.map(({ body }) => body)).toEqual([
      kind,
      { ...kind, gracePeriodSeconds: 0, preconditions: { uid: 'u', resourceVersion: '3' } },
    ]);
  });

  test.each(['', '.', '..', 'a/status', 'a%2Fb'])(
    'a name that leads elsewhere (%j) never becomes a path: without its name a deletion would be one of the whole collection',
    async (odd) => {
      server.script = [found('p')];
      for (const bad of [
        { namespace: 'n', name: odd },
        { namespace: odd, name: 'p' },
      ]) {
        await expect(kube.get(POD, bad)).rejects.toMatchObject({ code: 'KUBE_INVALID', retryable: false });
        await expect(kube.delete(POD, bad)).rejects.toMatchObject({ code: 'KUBE_INVALID' });
      }
      await expect(kube.list(POD, { namespace: odd })).rejects.toMatchObject({ code: 'KUBE_INVALID' });
      expect(server.seen).toHaveLength(0);
    },
  );

  test('an object of a namespaced kind is not looked for outside of all namespaces, where it would seem gone', async () => {
    server.script = [refusal(404, 'NotFound')];
    await expect(kube.delete(POD, { name: 'p' })).rejects.toMatchObject({ code: 'KUBE_INVALID' });
    await expect(kube.create(POD, { ...manifest, metadata: { name: 'p' } })).rejects.toMatchObject({
      code: 'KUBE_INVALID',
    });
    expect(server.seen).toHaveLength(0);
    server.script = [found('node')];
    await kube.get(RESOURCES.node, { name: 'node' });
    expect(server.seen[0]!.url).toBe('/api/v1/nodes/node');
  });
});
