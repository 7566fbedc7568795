/**
 * The calls, against a server that says what a test tells it to.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock, systemRandom, type Clock } from '../base/index.ts';
import { connectKube, RESOURCES, type KubeClient } from './index.ts';
import { found, refusal, RESET, ScriptedServer, SILENCE, type Script } from './testing/index.ts';

const POD = RESOURCES.pod;
const ref = { namespace: 'n', name: 'p' };
const manifest = { apiVersion: 'v1', kind: 'Pod', metadata: ref };

/** Real time, a hundred times as fast: deadlines and pauses are what is tested, not patience. */
const hurried: Clock = {
  wallMs: () => systemClock.wallMs(),
  monotonicMs: () => systemClock.monotonicMs() * 100,
  timer: (delayMs, fire) => systemClock.timer(delayMs / 100, fire),
  sleep: (delayMs, signal) => systemClock.sleep(delayMs / 100, signal),
};

let server: ScriptedServer;
let kube: KubeClient;

beforeEach(async () => {
  server = await ScriptedServer.start();
  kube = server.client(hurried);
});
afterEach(async () => {
  await kube.close();
  await server.close();
});

describe('what a call ends in', () => {
  test.each([
    [401, 'Unauthorized', 'KUBE_UNAUTHORIZED', true],
    [403, 'Forbidden', 'KUBE_FORBIDDEN', true],
    [404, 'NotFound', 'KUBE_NOT_FOUND', false],
    [409, 'Conflict', 'KUBE_CONFLICT', false],
    [409, 'AlreadyExists', 'KUBE_ALREADY_EXISTS', false],
    [410, 'Expired', 'KUBE_EXPIRED', false],
    [413, 'RequestEntityTooLarge', 'KUBE_TOO_LARGE', false],
    [422, 'Invalid', 'KUBE_INVALID', false],
    [415, 'UnsupportedMediaType', 'KUBE_INVALID', false],
    [429, 'TooManyRequests', 'KUBE_TOO_MANY_REQUESTS', true],
    [500, 'InternalError', 'KUBE_SERVER_ERROR', true],
    [503, 'ServiceUnavailable', 'KUBE_SERVER_ERROR', true],
    [302, '', 'KUBE_BAD_RESPONSE', false],
  ])('%i %s', async (status, reason, code, retryable) => {
    server.script = [refusal(status, reason)];
    await expect(kube.create(POD, manifest)).rejects.toMatchObject({
      code,
      status,
      retryable,
      fields: { reason },
    });
  });

  test.each<[string, Script]>([
    ['no JSON', { status: 200, body: '<html>' }],
    ['an object without a version', { status: 200, body: { metadata: { name: 'p' } } }],
    ['a number', { status: 200, body: '7' }],
  ])('an answer that is %s', async (_, script) => {
    server.script = [script];
    await expect(kube.get(POD, ref)).rejects.toMatchObject({ code: 'KUBE_BAD_RESPONSE' });
  });

  test("a proxy's page is told in short, and never whole", async () => {
    server.script = [{ status: 502, body: 'x'.repeat(100_000) }];
    const error = await kube.create(POD, manifest).catch((thrown: unknown) => thrown as Error);
    expect(error).toMatchObject({ code: 'KUBE_SERVER_ERROR' });
    expect((error as Error).message.length).toBeLessThan(1200);
  });

  test('silence ends with the deadline, an abort with its reason; neither keeps a connection', async () => {
    server.script = [SILENCE];
    await expect(kube.create(POD, manifest)).rejects.toMatchObject({
      code: 'KUBE_UNREACHABLE',
      retryable: true,
    });
    const stop = new AbortController();
    const waiting = kube.get(POD, ref, { signal: stop.signal });
    while (server.seen.length < 2) await systemClock.sleep(1);
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    while ((await server.connections()) > 0) await systemClock.sleep(1);
  });

  test('a list that is none is refused; a list gives kind and version to its items', async () => {
    server.script = [{ status: 200, body: { items: 'no' } }];
    await expect(kube.list(POD)).rejects.toMatchObject({ code: 'KUBE_BAD_RESPONSE' });
    const item = { metadata: { name: 'p', uid: 'u', resourceVersion: '3' } };
    server.script = [
      { status: 200, body: { items: [item], metadata: { resourceVersion: '9', continue: 'c' } } },
    ];
    expect(await kube.list(POD, { namespace: 'n', labelSelector: 'a=b', limit: 5 })).toEqual({
      items: [{ apiVersion: 'v1', kind: 'Pod', ...item }],
      resourceVersion: '9',
      continueToken: 'c',
    });
    expect(server.seen.at(-1)!.url).toBe('/api/v1/namespaces/n/pods?labelSelector=a%3Db&limit=5');
  });
});

describe('what is asked again', () => {
  test.each<[string, (client: KubeClient) => Promise<unknown>]>([
    ['get', (client) => client.get(POD, ref)],
    ['apply', (client) => client.apply(POD, manifest)],
    ['delete of one very object', (client) => client.delete(POD, ref, { uid: 'u' })],
  ])('%s: after a lost answer and an error of the server', async (_, call) => {
    server.script = [RESET, refusal(500, 'InternalError'), found('p')];
    await call(kube);
    expect(server.seen).toHaveLength(3);
  });

  test.each<[string, (client: KubeClient) => Promise<unknown>]>([
    ['create', (client) => client.create(POD, manifest)],
    ['merge patch', (client) => client.mergePatch(POD, ref, { a: 1 })],
    ['update', (client) => client.update(POD, manifest)],
    ['delete by name', (client) => client.delete(POD, ref)],
  ])('%s: never, when nobody knows whether it happened', async (_, call) => {
    server.script = [RESET, found('p')];
    await expect(call(kube)).rejects.toMatchObject({ code: 'KUBE_UNREACHABLE' });
    expect(server.seen).toHaveLength(1);
  });

  test('anything that was turned away unprocessed, after the time the server asked for, three times at most', async () => {
    const busy = refusal(429, 'TooManyRequests', { retryAfterSeconds: 1 });
    server.script = [busy, found('p')];
    const startMs = systemClock.monotonicMs();
    await kube.create(POD, manifest);
    expect(systemClock.monotonicMs() - startMs).toBeGreaterThanOrEqual(9); // a second, a hundred times as fast
    server.script = [busy];
    await expect(kube.create(POD, manifest)).rejects.toMatchObject({
      code: 'KUBE_TOO_MANY_REQUESTS',
      retryAfterMs: 1000,
    });
    expect(server.seen).toHaveLength(5);
  });

  test('a deletion of what is gone already is done', async () => {
    server.script = [refusal(404, 'NotFound')];
    await kube.delete(POD, ref);
  });
});

describe('what is sent', () => {
  test('patches name their own content type, owner and part', async () => {
    server.script = [found('p')];
    await kube.mergePatch(POD, ref, { status: {} }, { subresource: 'status', fieldManager: 'me' });
    await kube.jsonPatch(POD, ref, [{ op: 'add', path: '/a', value: 1 }]);
    await kube.apply(POD, manifest);
    expect(server.seen.map(({ method, url, contentType }) => [method, url, contentType])).toEqual([
      ['PATCH', '/api/v1/namespaces/n/pods/p/status?fieldManager=me', 'application/merge-patch+json'],
      ['PATCH', '/api/v1/namespaces/n/pods/p?fieldManager=test', 'application/json-patch+json'],
      ['PATCH', '/api/v1/namespaces/n/pods/p?fieldManager=test&force=true', 'application/apply-patch+yaml'],
    ]);
  });

  test('a kubeconfig with a token file, relative to it, is honoured; several files are joined', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-kube-'));
    try {
      const cluster = {
        clusters: [{ name: 'c', cluster: { server: server.url, 'insecure-skip-tls-verify': true } }],
      };
      const context = {
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'x',
      };
      const base = { apiVersion: 'v1', kind: 'Config' };
      await writeFile(join(dir, 'one'), JSON.stringify({ ...base, ...cluster, ...context, users: [] }));
      await writeFile(
        join(dir, 'two'),
        JSON.stringify({
          ...base,
          clusters: [],
          contexts: [],
          users: [{ name: 'u', user: { tokenFile: 'token' } }],
        }),
      );
      await writeFile(join(dir, 'token'), 'secret');
      const client = connectKube({
        clock: hurried,
        random: systemRandom,
        fieldManager: 'test',
        kubeconfig: `${join(dir, 'one')}:${join(dir, 'two')}`,
      });
      server.script = [found('p')];
      await client.get(POD, ref);
      expect(server.seen[0]!.authorization).toBe('Bearer secret');
      await client.close();
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
