/**
 * A collection through the runtime's port, at a server that says what a test tells it to.
 */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { RESOURCES, type KubeClient, type WatchNews } from '../../src/kube/index.ts';
import { refusal, ScriptedServer, StillClock } from '../../src/kube/testing/index.ts';
import { listWatch } from './index.ts';

const { signal } = new AbortController();
const pod = (name: string): unknown => ({
  metadata: { name, namespace: 'n', uid: name, resourceVersion: '3' },
});
let server: ScriptedServer;
let kube: KubeClient;

beforeEach(async () => {
  server = await ScriptedServer.start();
  kube = server.client(new StillClock());
});
afterEach(async () => {
  await kube.close();
  await server.close();
});

test('lists and watches the same selection, page by page and from the version asked for', async () => {
  const pods = listWatch(kube, RESOURCES.pod, {
    namespace: 'n',
    labelSelector: 'app=x',
    fieldSelector: 'a=b',
  });
  server.script = [
    { status: 200, body: { items: [pod('p')], metadata: { resourceVersion: '9', continue: 'more' } } },
    { status: 200, body: { items: [], metadata: { resourceVersion: '9' } } },
    (response): void => {
      response.writeHead(200);
      response.end(`${JSON.stringify({ type: 'ADDED', object: pod('q') })}\n`);
    },
  ];
  expect(await pods.list({ limit: 1, signal })).toMatchObject({
    items: [{ kind: 'Pod', metadata: { name: 'p' } }],
    resourceVersion: '9',
    continueToken: 'more',
  });
  expect(await pods.list({ limit: 1, continueToken: 'more', signal })).toEqual({
    items: [],
    resourceVersion: '9',
  });
  const news: WatchNews[] = [];
  const end = await pods.watch({
    resourceVersion: '9',
    timeoutSeconds: 300,
    silenceMs: 1000,
    signal,
    onOpen: () => undefined,
    onNews: (event) => news.push(event),
  });
  expect(end).toEqual({ kind: 'closed' });
  expect(news).toMatchObject([{ kind: 'added', object: { metadata: { name: 'q' } } }]);
  const selection = 'labelSelector=app%3Dx&fieldSelector=a%3Db';
  const path = '/api/v1/namespaces/n/pods';
  expect(server.seen.map(({ url }) => url)).toEqual([
    `${path}?${selection}&limit=1`,
    `${path}?${selection}&limit=1&continue=more`,
    `${path}?${selection}&watch=true&allowWatchBookmarks=true&resourceVersion=9&timeoutSeconds=300`,
  ]);
});

test('without a selection it is all of them, in all namespaces', async () => {
  server.script = [{ status: 200, body: { items: [], metadata: { resourceVersion: '9' } } }];
  await listWatch(kube, RESOURCES.pod).list({ limit: 500, signal });
  expect(server.seen[0]!.url).toBe('/api/v1/pods?limit=500');
});

test('a version that is no longer kept is told as that, by a list and by a watch', async () => {
  const pods = listWatch(kube, RESOURCES.pod);
  server.script = [refusal(410, 'Expired')];
  await expect(pods.list({ limit: 500, continueToken: 'old', signal })).rejects.toMatchObject({
    code: 'KUBE_EXPIRED',
  });
  const nobody = { onOpen: () => undefined, onNews: () => undefined };
  const watch = { ...nobody, resourceVersion: '1', timeoutSeconds: 1, silenceMs: 1000, signal };
  expect(await pods.watch(watch)).toEqual({ kind: 'expired' });
});
