/**
 * The cluster that scenarios stand on: a real control plane schedules pods onto process nodes, and its faults are real.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hasStatus, startCluster, type Cluster, type Pod } from './index.ts';

/** A small web server: says who it is, and what the world looks like from inside. */
const PROGRAM = `
const http = require('node:http');
const server = http.createServer(async (request, response) => {
  if (request.url === '/env') return response.end(JSON.stringify(process.env));
  if (request.url.startsWith('/get?')) {
    const url = decodeURIComponent(request.url.slice(5));
    try { return response.end(await (await fetch(url, { signal: AbortSignal.timeout(1500) })).text()); }
    catch (error) { response.statusCode = 502; return response.end(String(error.name)); }
  }
  response.end(process.env.POD_NAME);
});
server.listen(8080, process.env.POD_IP);
process.on('SIGTERM', () => { console.log('terminated politely'); process.exit(0); });
console.log('started');
`;

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({
    images: { 'test:web': { entrypoint: [process.execPath, '-e', PROGRAM] } },
    crashLoopBaseSeconds: 1,
  });
}, 120_000);
afterAll(async () => {
  await cluster?.stop();
});

function pod(name: string, spec: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 2,
      containers: [
        {
          name: 'main',
          image: 'test:web',
          env: [
            { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          ],
          ports: [{ name: 'http', containerPort: 8080 }],
          readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
        },
      ],
      ...spec,
    },
  };
}

const isReady = (object: Pod): boolean =>
  object.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;

async function run(name: string, spec: object = {}): Promise<Pod> {
  await cluster.api.create('/api/v1/namespaces/default/pods', pod(name, spec));
  return await cluster.waitForPod('default', name, isReady);
}

async function ask(object: Pod, path: string): Promise<string> {
  const response = await fetch(`http://${cluster.dialAddress(object.status!.podIP!)}:8080${path}`, {
    signal: AbortSignal.timeout(3000),
  });
  return await response.text();
}

describe('a process node', () => {
  test('runs a scheduled pod on an address of its own, Ready by its probe, found by its EndpointSlice', async () => {
    const object = await run('web');
    expect(object.spec.nodeName).toMatch(/./);
    expect(object.status?.podIP).toMatch(/^10\.244\./);
    expect(await ask(object, '/')).toBe('web');
    await cluster.api.create('/api/v1/namespaces/default/services', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
    });
    const path =
      '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dweb';
    let addresses: readonly string[] = [];
    for (let i = 0; i < 100 && addresses.length === 0; i++) {
      const list = await cluster.api.get<{ items: { endpoints?: { addresses: string[] }[] }[] }>(path);
      addresses = list.items.flatMap((slice) =>
        (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses),
      );
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(addresses).toEqual([object.status!.podIP]);
    await cluster.api.delete('/api/v1/namespaces/default/services/web');
  });

  test('gives a pod its own service account: it may not read what it was not allowed to', async () => {
    const object = await run('token');
    const env = JSON.parse(await ask(object, '/env')) as Record<string, string>;
    expect(env['KUBECONFIG']).toMatch(/./);
    const { execFile } = await import('node:child_process');
    const { ensureServers } = await import('../tools/servers.ts');
    const { kubectl } = await ensureServers();
    const kubeconfig = env['KUBECONFIG']!;
    const outcome = await new Promise<{ code: number; stderr: string }>((resolve) => {
      execFile(kubectl, ['--kubeconfig', kubeconfig, 'get', 'secrets'], (error, _stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stderr }),
      );
    });
    expect(outcome.code).not.toBe(0);
    expect(outcome.stderr).toMatch(/system:serviceaccount:default:default.*cannot list|Forbidden/s);
  });

  test('reports a killed process as a failed pod, with its signal', async () => {
    await run('victim');
    cluster.killPod('default', 'victim');
    const failed = await cluster.waitForPod(
      'default',
      'victim',
      (object) => object.status?.phase === 'Failed',
    );
    expect(failed.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 137 });
  });

  test('starts a crashed container again when the pod asks for it', async () => {
    await run('phoenix', { restartPolicy: 'Always' });
    cluster.killPod('default', 'phoenix');
    const again = await cluster.waitForPod(
      'default',
      'phoenix',
      (object) => isReady(object) && object.status?.containerStatuses?.[0]?.restartCount === 1,
    );
    expect(await ask(again, '/')).toBe('phoenix');
  });

  test('ends a deleted pod with SIGTERM first, and then the object is gone', async () => {
    await run('polite');
    const log = cluster.podLogs('default', 'polite');
    await log;
    await cluster.api.delete('/api/v1/namespaces/default/pods/polite');
    let gone = false;
    for (let i = 0; i < 100 && !gone; i++) {
      gone = await cluster.api.get('/api/v1/namespaces/default/pods/polite').then(
        () => false,
        (error: unknown) => hasStatus(error, 404),
      );
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(gone).toBe(true);
    expect(await cluster.podLogs('default', 'polite')).toContain('terminated politely');
  });
});

describe('faults', () => {
  test('a frozen node is silent without closing a socket, and goes on when thawed', async () => {
    const object = await run('frozen');
    const node = cluster.node(object.spec.nodeName!);
    node.freeze();
    await expect(ask(object, '/')).rejects.toMatchObject({ name: 'TimeoutError' });
    node.thaw();
    expect(await ask(object, '/')).toBe('frozen');
  });

  test('a cut between two nodes black-holes their pods and nobody else; healing ends it', async () => {
    const [one, two] = cluster.nodes;
    const a = await run('cut-a', { nodeName: one!.name });
    const b = await run('cut-b', { nodeName: two!.name });
    const fromA = `/get?${encodeURIComponent(`http://${b.status!.podIP}:8080/`)}`;
    expect(await ask(a, fromA)).toBe('cut-b');
    one!.cut('peers');
    expect(await ask(a, fromA)).toBe('TimeoutError');
    expect(await ask(b, '/')).toBe('cut-b');
    one!.heal();
    expect(await ask(a, fromA)).toBe('cut-b');
  });
});

test('after stop nothing of the cluster runs any more', async () => {
  const pids = cluster
    .pods()
    .flatMap((placement) => placement.containers.map((container) => container.pid))
    .filter((pid) => pid !== undefined);
  expect(pids.length).toBeGreaterThan(0);
  await cluster.stop();
  const alive = pids.filter((pid) => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  });
  expect(alive).toEqual([]);
});
