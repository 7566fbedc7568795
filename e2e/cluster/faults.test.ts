/**
 * The faults that scenarios are made of: silence without closed sockets, cut links by class and direction, dead nodes, a
 * control plane that is away.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
import {
  startCluster,
  startS3Server,
  type Cluster,
  type ClusterNode,
  type Lease,
  type Pod,
  type S3Server,
} from './index.ts';
import { ask, isAlive, isReady, runPod, TEST_IMAGES, until } from './testing/index.ts';

const PODS = '/api/v1/namespaces/default/pods';

let store: S3Server;
let cluster: Cluster;
let pods: { readonly a: Pod; readonly b: Pod; readonly operator: Pod };
let nodeA: ClusterNode;

beforeAll(async () => {
  store = await startS3Server();
  cluster = await startCluster({ images: TEST_IMAGES, store, renewSeconds: 0.4, nodeMonitorGraceSeconds: 2 });
  const [one, two, three] = cluster.nodes.map(({ name }) => name);
  const labels = { 'app.kubernetes.io/component': 'operator' };
  const started = [
    runPod(cluster, 'a', { node: one! }),
    runPod(cluster, 'b', { node: two! }),
    runPod(cluster, 'operator', { node: three!, labels }),
  ] as const;
  const [a, b, operator] = await Promise.all(started);
  pods = { a, b, operator };
  nodeA = cluster.node(one!);
}, 120_000);
afterAll(async () => {
  await cluster.stop();
  await store.stop();
});

// One failed test must not be the cause of the next one's.
afterEach(() => {
  for (const node of cluster.nodes) {
    if (node.state === 'frozen') node.thaw();
    node.heal();
  }
});

/** What `from` hears when it asks `to`: a status, or the name of what went wrong. */
async function reach(from: Pod, to: Pod | 'store' | 'api'): Promise<number | string> {
  const url = to === 'store' ? store.endpoint : `http://${to === 'api' ? '' : to.status!.podIP}:8080/name`;
  const answer =
    to === 'api' ? ask(cluster, from, '/api', { path: '/version' }) : ask(cluster, from, '/get', { url });
  const { status, error } = (await answer) as { status?: number; error?: string };
  return status ?? error ?? 'nothing';
}

const SILENCE = 'TimeoutError';

async function renewTime(node: string): Promise<string | undefined> {
  const lease = await cluster.api.get<Lease>(
    `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${node}`,
  );
  return lease.spec?.renewTime;
}

async function nodeReady(name: string): Promise<string | undefined> {
  const node = await cluster.api.get<{ status: { conditions: { type: string; status: string }[] } }>(
    `/api/v1/nodes/${name}`,
  );
  return node.status.conditions.find(({ type }) => type === 'Ready')?.status;
}

describe('a cut link', () => {
  test('to the store is silence for the pods of that node only, and for the store only', async () => {
    expect(await reach(pods.a, 'store')).toBe(403); // unsigned, but answered
    nodeA.cut('store');
    expect(await reach(pods.a, 'store')).toBe(SILENCE);
    expect(await reach(pods.b, 'store')).toBe(403);
    expect(await reach(pods.a, 'api')).toBe(200);
    nodeA.heal('store');
    expect(await reach(pods.a, 'store')).toBe(403);
  });

  test('to the API server silences pods and the node itself; after healing the node catches up', async () => {
    await runPod(cluster, 'leaving', { node: nodeA.name });
    nodeA.cut('api');
    expect(await reach(pods.a, 'api')).toBe(SILENCE);
    expect(await reach(pods.a, pods.b)).toBe(200);
    const before = await renewTime(nodeA.name);
    await cluster.api.delete(`${PODS}/leaving`);
    await until(async () => (await nodeReady(nodeA.name)) === 'Unknown');
    expect(await renewTime(nodeA.name)).toBe(before);
    nodeA.heal();
    expect(await reach(pods.a, 'api')).toBe(200);
    await until(async () =>
      (await cluster.api.list<Pod>(PODS)).items.every(({ metadata }) => metadata.name !== 'leaving'),
    );
    await until(async () => (await nodeReady(nodeA.name)) === 'True');
  });

  test('between peers spares the operator, and the other way round', async () => {
    nodeA.cut('peers');
    expect(await reach(pods.b, pods.a)).toBe(SILENCE);
    expect(await reach(pods.a, pods.b)).toBe(SILENCE);
    expect(await reach(pods.operator, pods.a)).toBe(200);
    nodeA.heal();
    nodeA.cut('operator');
    expect(await reach(pods.operator, pods.a)).toBe(SILENCE);
    expect(await reach(pods.operator, pods.b)).toBe(200);
    expect(await reach(pods.b, pods.a)).toBe(200);
    nodeA.heal();
    expect(await reach(pods.operator, pods.a)).toBe(200);
  });

  test('can be cut one way', async () => {
    nodeA.cut({ traffic: 'peers', direction: 'inbound' });
    expect(await reach(pods.b, pods.a)).toBe(SILENCE);
    expect(await reach(pods.a, pods.b)).toBe(200);
    nodeA.heal({ traffic: 'peers', direction: 'inbound' });
    nodeA.cut({ traffic: 'peers', direction: 'outbound' });
    expect(await reach(pods.b, pods.a)).toBe(200);
    expect(await reach(pods.a, pods.b)).toBe(SILENCE);
    nodeA.heal();
    expect(await reach(pods.a, pods.b)).toBe(200);
  });

  test('keeps an open connection open and mute, even when the other end dies, and healing resets it', async () => {
    const other = await runPod(cluster, 'mortal', { node: cluster.nodes[1]!.name });
    const { id } = await ask<{ id: number }>(cluster, pods.a, '/open', {
      host: other.status!.podIP,
      port: 9000,
    });
    const state = (): Promise<{ open: boolean; received: string; error: string | null }> =>
      ask(cluster, pods.a, '/connection', { id });
    await ask(cluster, pods.a, '/send', { id, text: 'before' });
    await until(async () => (await state()).received === 'before');
    // More than all buffers hold, so that something is under way when the cable is cut and the reader dies.
    cluster.freezePod('default', 'mortal');
    await ask(cluster, pods.a, '/send', { id, text: 'x', times: 64 * 1024 * 1024 });
    nodeA.cut('peers');
    cluster.killPod('default', 'mortal');
    await cluster.waitForPod('default', 'mortal', ({ status }) => status?.phase === 'Failed');
    expect(await state()).toEqual({ open: true, received: 'before', error: null });
    nodeA.heal();
    await until(async () => !(await state()).open);
    expect(await state()).toMatchObject({ received: 'before', error: 'ECONNRESET' });
  });

  test('does not exist between pods of one node, and a process that dies is heard of at once without one', async () => {
    const neighbour = await runPod(cluster, 'neighbour', { node: nodeA.name });
    nodeA.cut('all');
    expect(await reach(pods.a, neighbour)).toBe(200);
    nodeA.heal();
    const { id } = await ask<{ id: number }>(cluster, pods.b, '/open', {
      host: neighbour.status!.podIP,
      port: 9000,
    });
    await ask(cluster, pods.b, '/send', { id, text: 'hello' });
    const state = (): Promise<{ open: boolean; received: string }> =>
      ask(cluster, pods.b, '/connection', { id });
    await until(async () => (await state()).received === 'hello');
    cluster.killPod('default', 'neighbour');
    await until(async () => !(await state()).open);
  });
});

describe('a frozen node', () => {
  test('is silent to everybody without closing a socket, and goes on where it stopped', async () => {
    const socket = connect({ host: cluster.dialAddress(pods.a.status!.podIP!), port: 9000 });
    await once(socket, 'connect');
    let heard = '';
    let closed = false;
    socket.on('data', (chunk) => (heard += String(chunk)));
    socket.on('close', () => (closed = true));
    nodeA.freeze();
    socket.write('late');
    expect(nodeA.state).toBe('frozen');
    expect(await reach(pods.b, pods.a)).toBe(SILENCE);
    const stale = await renewTime(nodeA.name); // what was on its way when it froze has arrived by now
    await until(async () => (await nodeReady(nodeA.name)) === 'Unknown');
    expect(await renewTime(nodeA.name)).toBe(stale);
    expect({ heard, closed }).toEqual({ heard: '', closed: false });
    await cluster.waitForPod('default', 'a', (pod) => !isReady(pod)); // the node controller says so
    nodeA.thaw();
    await until(() => heard === 'late');
    await until(async () => (await nodeReady(nodeA.name)) === 'True');
    await cluster.waitForPod('default', 'a', isReady); // and the node puts it right
    expect(closed).toBe(false);
    socket.destroy();
    expect(await reach(pods.b, pods.a)).toBe(200);
    const after = await cluster.api.get<Pod>(`${PODS}/a`);
    expect(after.status?.containerStatuses?.[0]?.restartCount).toBe(0);
  });

  test('reports what died meanwhile only after the thaw', async () => {
    await runPod(cluster, 'died-frozen', { node: nodeA.name });
    nodeA.freeze();
    const { pid } = cluster.pods().find(({ name }) => name === 'died-frozen')!.containers[0]!;
    cluster.killPod('default', 'died-frozen');
    await until(async () => !(await isAlive(pid!)));
    await until(async () => (await nodeReady(nodeA.name)) === 'Unknown');
    expect((await cluster.api.get<Pod>(`${PODS}/died-frozen`)).status?.phase).toBe('Running');
    nodeA.thaw();
    await cluster.waitForPod('default', 'died-frozen', ({ status }) => status?.phase === 'Failed');
    await until(async () => (await nodeReady(nodeA.name)) === 'True');
  });
});

test('a frozen pod is alone in that: its node and its neighbours live on', async () => {
  cluster.freezePod('default', 'b');
  await expect(ask(cluster, pods.b, '/name')).rejects.toMatchObject({ name: SILENCE });
  expect(await reach(pods.operator, pods.a)).toBe(200);
  cluster.thawPod('default', 'b');
  expect(await ask(cluster, pods.b, '/name')).toEqual({ name: 'b' });
});

test('a killed node reports nothing; booted again, it starts what still belongs to it and finds its data', async () => {
  const node = cluster.nodes[2]!;
  const volumes = [{ name: 'data', emptyDir: {} }];
  const container = { args: ['/data'], volumeMounts: [{ name: 'data', mountPath: '/data' }] };
  const always = await runPod(cluster, 'returns', {
    node: node.name,
    spec: { restartPolicy: 'Always', volumes },
    container,
  });
  await runPod(cluster, 'ends', { node: node.name });
  const [directory] = (await ask<{ argv: string[] }>(cluster, always, '/process')).argv;
  await ask(cluster, always, '/write', { file: `${directory}/kept`, text: 'kept' });
  const pids = cluster
    .pods()
    .filter((pod) => pod.node === node.name)
    .map((pod) => pod.containers[0]!.pid!);
  await node.kill();
  expect(await Promise.all(pids.map(isAlive))).toEqual(pids.map(() => false));
  await until(async () => (await nodeReady(node.name)) === 'Unknown');
  expect((await cluster.api.get<Pod>(`${PODS}/returns`)).status?.phase).toBe('Running');
  await node.start();
  const back = await cluster.waitForPod(
    'default',
    'returns',
    (pod) => isReady(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 1,
  );
  expect(back.status?.containerStatuses?.[0]?.lastState.terminated).toMatchObject({
    exitCode: 255,
    reason: 'Unknown',
  });
  await until(async () => (await cluster.podLogs('default', 'returns')) === 'serving\nserving\n');
  expect(await ask(cluster, back, '/read', { file: `${directory}/kept` })).toEqual({ text: 'kept' });
  const failed = await cluster.waitForPod('default', 'ends', ({ status }) => status?.phase === 'Failed');
  expect(failed.metadata.name).toBe('ends');
});

describe('the API server', () => {
  test('can be away: pods go on, and what happened meanwhile is told when it is back', async () => {
    const pod = await runPod(cluster, 'unseen', { node: nodeA.name });
    await cluster.apiServer.kill();
    await expect(cluster.api.get('/version')).rejects.toThrow();
    await ask(cluster, pod, '/exit', { code: 9 });
    expect(await reach(pods.b, pods.a)).toBe(200);
    await cluster.apiServer.restart();
    const seen = await cluster.waitForPod('default', 'unseen', ({ status }) => status?.phase === 'Failed');
    expect(seen.status?.containerStatuses?.[0]?.state.terminated?.exitCode).toBe(9);
  });

  test('can be frozen and thawed', async () => {
    cluster.apiServer.pause();
    expect(await reach(pods.b, 'api')).toBe(SILENCE);
    cluster.apiServer.resume();
    await until(async () => (await reach(pods.b, 'api')) === 200);
  });
});
