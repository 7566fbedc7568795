/**
 * The client at a real API server.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startCluster, type Cluster } from '../../e2e/cluster/index.ts';
import { systemClock, systemRandom } from '../base/index.ts';
import { connectKube, RESOURCES, type KubeClient, type KubeObject, type WatchNews } from './index.ts';

const SECRET = { apiVersion: 'v1', kind: 'Secret' } as const;
const namespace = 'default';
let cluster: Cluster;
let kube: KubeClient;

beforeAll(async () => {
  cluster = await startCluster({ images: {}, zones: ['a'] });
  kube = connectKube({
    clock: systemClock,
    random: systemRandom,
    fieldManager: 'test',
    kubeconfig: cluster.kubeconfig,
  });
}, 120_000);
afterAll(async () => {
  await kube?.close();
  await cluster?.stop();
});

const secret = (name: string, value: string): Parameters<KubeClient['create']>[1] => ({
  ...SECRET,
  metadata: { name, namespace },
  stringData: { value },
});

async function next(queue: readonly WatchNews[], count: number): Promise<readonly WatchNews[]> {
  while (queue.length < count) await systemClock.sleep(5);
  return queue;
}

describe('calls', () => {
  test('create, read, compare, change and delete', async () => {
    const made = await kube.create(RESOURCES.secret, secret('a', 'one'));
    await expect(kube.create(RESOURCES.secret, secret('a', 'two'))).rejects.toMatchObject({
      code: 'KUBE_ALREADY_EXISTS',
      retryable: false,
    });
    const read = await kube.get(RESOURCES.secret, { namespace, name: 'a' });
    expect(read.metadata.uid).toBe(made.metadata.uid);
    const changed = await kube.mergePatch(
      RESOURCES.secret,
      { namespace, name: 'a' },
      { metadata: { resourceVersion: read.metadata.resourceVersion, annotations: { 'x/y': '1' } } },
    );
    expect(changed.metadata.annotations).toEqual({ 'x/y': '1' });
    await expect(
      kube.mergePatch(
        RESOURCES.secret,
        { namespace, name: 'a' },
        { metadata: { resourceVersion: read.metadata.resourceVersion, annotations: { 'x/y': '2' } } },
      ),
    ).rejects.toMatchObject({ code: 'KUBE_CONFLICT' });
    await expect(kube.update(RESOURCES.secret, read)).rejects.toMatchObject({ code: 'KUBE_CONFLICT' });
    const patch = [
      { op: 'test', path: '/metadata/annotations/x~1y', value: '1' },
      { op: 'add', path: '/metadata/annotations/x~1y', value: '3' },
    ] as const;
    await kube.jsonPatch(RESOURCES.secret, { namespace, name: 'a' }, patch);
    await expect(kube.jsonPatch(RESOURCES.secret, { namespace, name: 'a' }, patch)).rejects.toMatchObject({
      code: 'KUBE_INVALID',
    });
    const other = '00000000-0000-0000-0000-000000000000';
    await expect(
      kube.delete(RESOURCES.secret, { namespace, name: 'a' }, { uid: other }),
    ).rejects.toMatchObject({
      code: 'KUBE_CONFLICT',
    });
    await kube.delete(RESOURCES.secret, { namespace, name: 'a' }, { uid: made.metadata.uid });
    await kube.delete(RESOURCES.secret, { namespace, name: 'a' });
    await expect(kube.get(RESOURCES.secret, { namespace, name: 'a' })).rejects.toMatchObject({
      code: 'KUBE_NOT_FOUND',
      status: 404,
    });
  });

  test('apply makes and changes, and lists come in pages', async () => {
    for (const n of [1, 2, 3]) {
      const applied = { ...SECRET, metadata: { name: `p${n}`, namespace, labels: { set: 'p' } } };
      await kube.apply(RESOURCES.secret, applied);
      await kube.apply(RESOURCES.secret, applied);
    }
    const names: string[] = [];
    let continueToken: string | undefined;
    do {
      const page = await kube.list(RESOURCES.secret, {
        namespace,
        labelSelector: 'set=p',
        limit: 2,
        continueToken,
      });
      names.push(...page.items.map((item: KubeObject) => item.metadata.name));
      continueToken = page.continueToken;
    } while (continueToken !== undefined);
    expect(names).toEqual(['p1', 'p2', 'p3']);
  });

  test('an object that breaks the rules, a kind that is not served, and a wrong server are told apart', async () => {
    await expect(kube.create(RESOURCES.secret, secret('Not A Name', 'x'))).rejects.toMatchObject({
      code: 'KUBE_INVALID',
    });
    const unknown = { ...RESOURCES.secret, plural: 'nothings' };
    await expect(kube.list(unknown, { namespace })).rejects.toMatchObject({ code: 'KUBE_NOT_FOUND' });
    const nowhere = connectKube({
      clock: systemClock,
      random: systemRandom,
      fieldManager: 'test',
      server: 'http://127.0.0.1:9',
    });
    await expect(nowhere.get(RESOURCES.secret, { namespace, name: 'a' })).rejects.toMatchObject({
      code: 'KUBE_UNREACHABLE',
      retryable: true,
    });
  });
});

describe('a watch', () => {
  test('tells of every change from the version asked for, then ends as the server was asked to', async () => {
    const { resourceVersion } = await kube.list(RESOURCES.secret, { namespace });
    const news: WatchNews[] = [];
    let opened = 0;
    const watching = kube.watch(RESOURCES.secret, {
      namespace,
      fieldSelector: 'metadata.name=w',
      resourceVersion,
      timeoutSeconds: 2,
      silenceMs: 30_000,
      signal: new AbortController().signal,
      onOpen: () => opened++,
      onNews: (event) => news.push(event),
    });
    await kube.create(RESOURCES.secret, secret('w', '1'));
    await kube.mergePatch(RESOURCES.secret, { namespace, name: 'w' }, { stringData: { value: '2' } });
    await kube.delete(RESOURCES.secret, { namespace, name: 'w' });
    await next(news, 3);
    expect(news.slice(0, 3).map(({ kind }) => kind)).toEqual(['added', 'modified', 'deleted']);
    expect(await watching).toEqual({ kind: 'closed' });
    expect(opened).toBe(1);
  });

  test('ends by abort, by silence, and as expired when its version is gone', async () => {
    const { resourceVersion } = await kube.list(RESOURCES.secret, { namespace });
    const stop = new AbortController();
    const options = {
      namespace,
      resourceVersion,
      timeoutSeconds: 60,
      silenceMs: 30_000,
      signal: stop.signal,
      onNews: () => undefined,
    };
    const watching = kube.watch(RESOURCES.secret, {
      ...options,
      onOpen: () => stop.abort(new Error('enough')),
    });
    expect(await watching).toEqual({ kind: 'aborted' });
    const { signal } = new AbortController();
    expect(await kube.watch(RESOURCES.secret, { ...options, signal, silenceMs: 100 })).toMatchObject({
      kind: 'reset',
      error: { code: 'KUBE_UNREACHABLE' },
    });
    const future = { ...options, signal, resourceVersion: '1' };
    expect(['expired', 'closed', 'reset']).toContain(
      (await kube.watch(RESOURCES.secret, { ...future, timeoutSeconds: 1 })).kind,
    );
  });
});
