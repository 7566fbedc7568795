/**
 * The client at a real API server.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCluster, type Cluster } from '../../e2e/cluster/index.ts';
import { systemClock, systemRandom } from '../base/index.ts';
import { connectKube, RESOURCES, type KubeClient, type KubeObject, type WatchNews } from './index.ts';
import { StillClock, until } from './testing/index.ts';

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

  test('ends by abort and by silence', async () => {
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
  });
});

describe('a version that etcd no longer keeps', () => {
  // Events go past the server's cache, which would still know what etcd has forgotten.
  const event = (name: string): Parameters<KubeClient['create']>[1] => ({
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name, namespace },
    eventTime: '2026-11-20T10:00:00.000000Z',
    reportingController: 'holdfast.dev/test',
    reportingInstance: 'test',
    action: 'Test',
    reason: 'Tested',
    type: 'Normal',
    regarding: { kind: 'Namespace', name: namespace, apiVersion: 'v1' },
  });

  /** Has etcd forget everything before the newest version. */
  async function compact(): Promise<void> {
    const log = await readFile(join(cluster.logDirectory, 'etcd.log'), 'utf8');
    const etcd = /"advertise-client-urls":\["([^"]+)"\]/.exec(log)![1]!;
    const { resourceVersion } = await kube.list(RESOURCES.event, { namespace });
    const answer = await fetch(`${etcd}/v3/kv/compaction`, {
      method: 'POST',
      body: JSON.stringify({ revision: resourceVersion, physical: true }),
    });
    expect(answer.status).toBe(200);
  }

  test('is told as expired, by a watch from it and by the next page of a list at it', async () => {
    for (const name of ['one', 'two', 'three']) await kube.create(RESOURCES.event, event(name));
    const { continueToken, resourceVersion } = await kube.list(RESOURCES.event, { namespace, limit: 1 });
    for (const name of ['four', 'five']) await kube.create(RESOURCES.event, event(name)); // the first of them is missed
    await compact();
    await expect(kube.list(RESOURCES.event, { namespace, limit: 1, continueToken })).rejects.toMatchObject({
      code: 'KUBE_EXPIRED',
      status: 410,
    });
    const watching = kube.watch(RESOURCES.event, {
      namespace,
      resourceVersion,
      timeoutSeconds: 60,
      silenceMs: 30_000,
      signal: new AbortController().signal,
      onNews: () => undefined,
    });
    expect(await watching).toEqual({ kind: 'expired' });
  });
});

describe('a service account, by a token in a file', () => {
  const RBAC = 'rbac.authorization.k8s.io';
  let dir: string;
  let clock: StillClock;
  let visitor: KubeClient;

  const newToken = async (): Promise<string> => {
    const { code, stdout } = await cluster.kubectl(['create', 'token', 'visitor', '--duration=10m']);
    expect(code).toBe(0);
    return stdout; // with its line end, as whoever writes it to a file by hand has it
  };
  const read = (): Promise<KubeObject> => visitor.get(RESOURCES.secret, { namespace, name: 'seen' });
  const watch = (): ReturnType<KubeClient['watch']> =>
    visitor.watch(RESOURCES.secret, {
      namespace,
      resourceVersion: '0',
      timeoutSeconds: 1,
      silenceMs: 30_000,
      signal: new AbortController().signal,
      onNews: () => undefined,
    });

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'holdfast-visitor-'));
    await kube.create(RESOURCES.secret, secret('seen', 'x'));
    await cluster.kubectl(['create', 'serviceaccount', 'visitor']);
    const admin = await cluster.kubectl(['config', 'view', '--raw', '--minify', '-o', 'json']);
    const config = JSON.parse(admin.stdout) as { users: { user: unknown }[] };
    for (const user of config.users) user.user = { tokenFile: 'token' };
    await writeFile(join(dir, 'kubeconfig'), JSON.stringify(config));
    await writeFile(join(dir, 'token'), await newToken());
    clock = new StillClock();
    visitor = connectKube({
      clock,
      random: systemRandom,
      fieldManager: 'visitor',
      kubeconfig: join(dir, 'kubeconfig'),
    });
  });
  afterAll(async () => {
    await visitor?.close();
    await rm(dir, { recursive: true, force: true });
  });

  test('is forbidden without a role, and allowed as soon as it has one', async () => {
    await expect(read()).rejects.toMatchObject({ code: 'KUBE_FORBIDDEN', status: 403, retryable: true });
    await expect(read()).rejects.toThrow('system:serviceaccount:default:visitor');
    expect(await watch()).toMatchObject({ kind: 'forbidden', error: { code: 'KUBE_FORBIDDEN' } });

    const metadata = { name: 'visitor', namespace };
    await kube.create(RESOURCES.role, {
      apiVersion: `${RBAC}/v1`,
      kind: 'Role',
      metadata,
      rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'watch'] }],
    });
    await kube.create(RESOURCES.roleBinding, {
      apiVersion: `${RBAC}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: RBAC, kind: 'Role', name: 'visitor' },
      subjects: [{ kind: 'ServiceAccount', name: 'visitor', namespace }],
    });
    await until(async () => (await watch()).kind === 'closed'); // the server learns of a role by a watch of its own
    expect((await read()).metadata.name).toBe('seen');
    // What the role does not say stays forbidden.
    await expect(visitor.list(RESOURCES.secret, { namespace })).rejects.toMatchObject({
      code: 'KUBE_FORBIDDEN',
    });
    await expect(visitor.create(RESOURCES.secret, secret('more', 'x'))).rejects.toMatchObject({
      code: 'KUBE_FORBIDDEN',
    });
    await expect(visitor.delete(RESOURCES.secret, { namespace, name: 'seen' })).rejects.toMatchObject({
      code: 'KUBE_FORBIDDEN',
    });
  });

  test('with a token that went bad it is nobody, and itself again as soon as the file has a good one', async () => {
    await writeFile(join(dir, 'token'), 'spoilt');
    expect((await read()).metadata.name).toBe('seen'); // the last token is good for a minute
    await clock.advance(60_000);
    await expect(read()).rejects.toMatchObject({ code: 'KUBE_UNAUTHORIZED', status: 401 });
    expect(await watch()).toMatchObject({ kind: 'forbidden', error: { code: 'KUBE_UNAUTHORIZED' } });
    await writeFile(join(dir, 'token'), await newToken());
    expect((await read()).metadata.name).toBe('seen');
  });
});
