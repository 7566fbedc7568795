/**
 * The cluster that scenarios stand on: a real control plane schedules pods onto process nodes, and they do what a kubelet does.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hasStatus, startCluster, type Cluster, type Pod } from './index.ts';
import { ask, isAlive, isReady, runPod, TEST_IMAGES, testPod, until } from './testing/index.ts';

const PODS = '/api/v1/namespaces/default/pods';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ images: TEST_IMAGES, crashLoopBaseSeconds: 0.2 });
}, 120_000);
afterAll(async () => {
  await cluster.stop();
});

const create = (path: string, object: object): Promise<unknown> => cluster.api.create(path, object);
const isGone = (name: string): Promise<boolean> =>
  cluster.api.get(`${PODS}/${name}`).then(
    () => false,
    (error: unknown) => hasStatus(error, 404),
  );

interface Inside {
  readonly env: Record<string, string>;
  readonly argv: readonly string[];
}

describe('a pod', () => {
  test('is scheduled, runs on an address of its own, and is found by its Service', async () => {
    const readinessProbe = { tcpSocket: { port: 'http' }, periodSeconds: 1 };
    const pod = await runPod(cluster, 'web', { container: { readinessProbe } });
    expect(pod.status?.phase).toBe('Running');
    expect(pod.status?.podIP).toMatch(/^10\.244\.\d+\.\d+$/);
    expect(await ask(cluster, pod, '/name')).toEqual({ name: 'web' });
    await create('/api/v1/namespaces/default/services', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
    });
    const slices =
      '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dweb';
    let addresses: readonly string[] = [];
    await until(async () => {
      const list = await cluster.api.get<{ items: { endpoints?: { addresses: string[] }[] }[] }>(slices);
      addresses = list.items.flatMap(({ endpoints }) => (endpoints ?? []).flatMap((end) => end.addresses));
      return addresses.length > 0;
    });
    expect(addresses).toEqual([pod.status!.podIP]);
  });

  test('speaks to the API server as its own service account: allowed only what a role allows', async () => {
    await create('/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
      metadata: { name: 'view' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
    });
    // The usual place for scratch files, and on this machine also the head of the kubeconfig's path.
    const pod = await runPod(cluster, 'token', {
      spec: { volumes: [{ name: 'tmp', emptyDir: {} }] },
      container: { volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }] },
    });
    let seen: { status: number; body: { message?: string } } = { status: 0, body: {} };
    await until(async () => {
      seen = await ask(cluster, pod, '/api', { path: PODS });
      return seen.status === 200; // the authorizer learns of a new binding a moment later
    });
    const secrets = await ask<typeof seen>(cluster, pod, '/api', {
      path: '/api/v1/namespaces/default/secrets',
    });
    expect(secrets.status).toBe(403);
    expect(secrets.body.message).toContain('system:serviceaccount:default:default');
    const who = await cluster.kubectl(['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}']);
    expect(who.stdout).toBe('envtest-admin');
  });

  test('sees environment, secrets, config maps, downward API and volumes as it was promised', async () => {
    await create('/api/v1/namespaces/default/secrets', {
      metadata: { name: 'keys' },
      stringData: { access: 'AKIA', secret: 'x y' },
    });
    await create('/api/v1/namespaces/default/configmaps', {
      metadata: { name: 'settings' },
      data: { level: 'debug' },
    });
    const pod = await runPod(cluster, 'inside', {
      labels: { tier: 'gold' },
      env: [
        { name: 'LEVEL', valueFrom: { configMapKeyRef: { name: 'settings', key: 'level' } } },
        { name: 'ABSENT', valueFrom: { secretKeyRef: { name: 'none', key: 'none', optional: true } } },
        { name: 'TIER', valueFrom: { fieldRef: { fieldPath: "metadata.labels['tier']" } } },
        { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
        { name: 'JOINED', value: '$(LEVEL)-$(TIER)-$(UNKNOWN)-$$(LEVEL)' },
        { name: 'DATA', value: 'file:///data/log' },
        { name: 'OTHER', value: '/database' },
      ],
      container: {
        args: ['--dir=/data', '--level', '$(LEVEL)'],
        envFrom: [{ prefix: 'S3_', secretRef: { name: 'keys' } }],
        volumeMounts: [
          { name: 'data', mountPath: '/data' },
          { name: 'keys', mountPath: '/etc/keys' },
          { name: 'info', mountPath: '/etc/info' },
        ],
      },
      spec: {
        initContainers: [
          {
            name: 'first',
            image: 'test:web',
            command: ['sh', '-c', 'printf one > /data/init'],
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
          },
          {
            name: 'second',
            image: 'test:web',
            command: ['sh', '-c', 'printf "%s two" "$(cat /data/init)" > /data/init'],
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
          },
        ],
        volumes: [
          { name: 'data', emptyDir: {} },
          { name: 'keys', secret: { secretName: 'keys', items: [{ key: 'secret', path: 'deep/secret' }] } },
          {
            name: 'info',
            projected: {
              sources: [
                { configMap: { name: 'settings' } },
                { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
              ],
            },
          },
        ],
      },
    });
    const { env, argv } = await ask<Inside>(cluster, pod, '/process');
    expect(env).toMatchObject({
      LEVEL: 'debug',
      TIER: 'gold',
      NODE: pod.spec.nodeName,
      JOINED: 'debug-gold-$(UNKNOWN)-$(LEVEL)',
      S3_access: 'AKIA',
      S3_secret: 'x y',
      OTHER: '/database',
      POD_IP: cluster.dialAddress(pod.status!.podIP!),
    });
    expect(env['ABSENT']).toBeUndefined();
    const directory = argv[0]!.replace('--dir=', '');
    expect(argv.slice(1)).toEqual(['--level', 'debug']);
    expect(env['DATA']).toBe(`file://${directory}/log`);
    const read = async (file: string): Promise<string> =>
      (await ask<{ text: string }>(cluster, pod, '/read', { file })).text;
    expect(await read(`${directory}/init`)).toBe('one two');
    expect(await read(`${directory}/../keys/deep/secret`)).toBe('x y');
    expect(await read(`${directory}/../info/level`)).toBe('debug');
    expect(await read(`${directory}/../info/labels`)).toContain('tier="gold"');
    expect(pod.status?.initContainerStatuses?.map(({ state }) => state.terminated?.exitCode)).toEqual([0, 0]);
  });

  test("runs a program of its image by name, and one of the machine's by its path", async () => {
    const pod = await runPod(cluster, 'by-name', {
      container: { image: 'test:tool', command: ['tool', 'serve'] },
    });
    const { env, argv } = await ask<Inside>(cluster, pod, '/process');
    expect(argv).toEqual(['serve']);
    expect(env['FROM_IMAGE']).toBe('yes');
    expect(env['HOME']).not.toBe(process.env['HOME']);
  });

  test('that asks for what this kind of node has not fails at once and says why', async () => {
    await create(
      PODS,
      testPod('asks-too-much', { container: { lifecycle: { preStop: { exec: { command: ['true'] } } } } }),
    );
    const pod = await cluster.waitForPod(
      'default',
      'asks-too-much',
      ({ status }) => status?.phase === 'Failed',
    );
    expect(pod.status).toMatchObject({ reason: 'UnsupportedByProcessNode' });
    expect(pod.status?.message).toContain('lifecycle hooks');
  });

  test('waits for a secret that comes late, and says what it waits for', async () => {
    const env = [{ name: 'LATE', valueFrom: { secretKeyRef: { name: 'late', key: 'value' } } }];
    await create(PODS, testPod('patient', { env }));
    const waiting = await cluster.waitForPod(
      'default',
      'patient',
      ({ status }) => status?.containerStatuses?.[0]?.state.waiting?.reason === 'CreateContainerConfigError',
    );
    expect(waiting.status?.phase).toBe('Pending');
    await create('/api/v1/namespaces/default/secrets', {
      metadata: { name: 'late' },
      stringData: { value: 'here' },
    });
    const pod = await cluster.waitForPod('default', 'patient', isReady);
    await until(async () => (await cluster.podLogs('default', 'patient')) === 'serving\n');
    expect((await ask<Inside>(cluster, pod, '/process')).env['LATE']).toBe('here');
  });
});

const ended = ({ status }: Pod): boolean => status?.phase === 'Failed' || status?.phase === 'Succeeded';
const exitOf = (pod: Pod): number | undefined =>
  pod.status?.containerStatuses?.[0]?.state.terminated?.exitCode;

describe('the end of a container', () => {
  test.each([
    ['Never', 0, 'Succeeded', 'Completed'],
    ['Never', 3, 'Failed', 'Error'],
    ['OnFailure', 0, 'Succeeded', 'Completed'],
  ])('restartPolicy %s, exit %i: %s', async (restartPolicy, code, phase, reason) => {
    const name = `ends-${restartPolicy.toLowerCase()}-${code}`;
    await create(
      PODS,
      testPod(name, { spec: { restartPolicy }, container: { command: ['sh', '-c', `exit ${code}`] } }),
    );
    const pod = await cluster.waitForPod('default', name, ended);
    expect(pod.status?.phase).toBe(phase);
    expect(pod.status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 0,
      ready: false,
      started: false,
    });
    expect(pod.status?.containerStatuses?.[0]?.state.terminated).toMatchObject({ exitCode: code, reason });
    expect(isReady(pod)).toBe(false);
  });

  test('with FallbackToLogsOnError: what a container that failed wrote last is in the status, as much of it as a kubelet takes', async () => {
    const container = {
      terminationMessagePolicy: 'FallbackToLogsOnError',
      command: ['sh', '-c', 'for i in $(seq 1 3000); do echo line $i; done; echo the reason; exit 3'],
    };
    await create(PODS, testPod('last-words', { spec: { restartPolicy: 'Never' }, container }));
    const pod = await cluster.waitForPod('default', 'last-words', ended);
    const { message } = pod.status!.containerStatuses![0]!.state.terminated!;
    expect(message!.split('\n').at(-1)).toBe('the reason');
    expect(message!.split('\n')).toHaveLength(80);
    expect(message!.length).toBeLessThanOrEqual(2048);
  });

  test('by SIGKILL is a failed pod with exit code 137, and nothing of its process group is left', async () => {
    const pod = await runPod(cluster, 'victim');
    const child = await ask<{ pid: number }>(cluster, pod, '/child');
    expect(await isAlive(child.pid)).toBe(true);
    const { pid } = cluster.pods().find(({ name }) => name === 'victim')!.containers[0]!;
    process.kill(pid!, 'SIGKILL'); // the main process only
    expect(exitOf(await cluster.waitForPod('default', 'victim', ended))).toBe(137);
    await until(async () => !(await isAlive(child.pid)));
  });

  test('is followed by a restart: at once the first time, with back-off after that, and it is ready again', async () => {
    await runPod(cluster, 'phoenix', { spec: { restartPolicy: 'Always' } });
    cluster.killPod('default', 'phoenix');
    const again = await cluster.waitForPod(
      'default',
      'phoenix',
      (pod) => isReady(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 1,
    );
    await until(async () => (await cluster.podLogs('default', 'phoenix')) === 'serving\nserving\n');
    expect(await ask(cluster, again, '/name')).toEqual({ name: 'phoenix' });
    expect(again.status?.containerStatuses?.[0]?.lastState.terminated?.exitCode).toBe(137);
    await create(
      PODS,
      testPod('crashing', { spec: { restartPolicy: 'Always' }, container: { command: ['false'] } }),
    );
    await cluster.waitForPod('default', 'crashing', ({ status }) => {
      const main = status?.containerStatuses?.[0];
      return main?.state.waiting?.reason === 'CrashLoopBackOff' && main.restartCount >= 2;
    });
  });

  test('in an init container without restarts fails the pod before its main container ever ran', async () => {
    const initContainers = [{ name: 'broken', image: 'test:web', command: ['sh', '-c', 'exit 5'] }];
    await create(PODS, testPod('no-start', { spec: { initContainers } }));
    const pod = await cluster.waitForPod('default', 'no-start', ended);
    expect(pod.status?.initContainerStatuses?.[0]?.state.terminated?.exitCode).toBe(5);
    expect(pod.status?.containerStatuses?.[0]?.state.waiting?.reason).toBe('PodInitializing');
  });
});

describe('probes', () => {
  test('hold back readiness, restart the dead, and wait for a slow start', async () => {
    const file = '/state/flag';
    const volumeMounts = [{ name: 'state', mountPath: '/state' }];
    const exists = { exec: { command: ['test', '-e', file] }, periodSeconds: 1, failureThreshold: 1 };
    const pod = testPod('probed', {
      spec: { restartPolicy: 'Always', volumes: [{ name: 'state', emptyDir: {} }] },
      container: {
        args: ['/state'],
        volumeMounts,
        startupProbe: { httpGet: { path: '/name', port: 'http' }, periodSeconds: 1, failureThreshold: 20 },
        readinessProbe: exists,
        livenessProbe: { ...exists, exec: { command: ['sh', '-c', 'test ! -e /state/dead'] } },
      },
    });
    await create(PODS, pod);
    const started = await cluster.waitForPod(
      'default',
      'probed',
      ({ status }) => status?.containerStatuses?.[0]?.started === true,
    );
    expect(isReady(started)).toBe(false);
    const [directory] = (await ask<Inside>(cluster, started, '/process')).argv;
    await ask(cluster, started, '/write', { file: `${directory}/flag`, text: '' });
    const ready = await cluster.waitForPod('default', 'probed', isReady);
    await ask(cluster, ready, '/write', { file: `${directory}/dead`, text: '' });
    const restarted = await cluster.waitForPod(
      'default',
      'probed',
      ({ status }) => status?.containerStatuses?.[0]?.restartCount === 1,
    );
    expect(restarted.status?.containerStatuses?.[0]?.lastState.terminated?.exitCode).toBe(0); // it took the SIGTERM
    expect(await cluster.podLogs('default', 'probed')).toContain('asked to end');
  });
});

describe('deletion', () => {
  test('asks first; the object goes when the process is gone', async () => {
    await runPod(cluster, 'polite');
    const { pid } = cluster.pods().find(({ name }) => name === 'polite')!.containers[0]!;
    await cluster.api.delete(`${PODS}/polite`);
    await until(() => isGone('polite'));
    expect(await isAlive(pid!)).toBe(false);
    expect(await cluster.podLogs('default', 'polite')).toContain('asked to end');
  });

  test('of a pod that will not go kills it when its grace is over, and its last status says so', async () => {
    const pod = await runPod(cluster, 'stubborn', { env: [{ name: 'STUBBORN', value: '1' }] });
    const { resourceVersion } = await cluster.api.list<Pod>(PODS);
    const stop = new AbortController();
    const watching = cluster.api.watch<Pod>(
      `${PODS}?fieldSelector=metadata.name=stubborn`,
      resourceVersion,
      stop.signal,
    );
    await cluster.api.delete(`${PODS}/stubborn`, { gracePeriodSeconds: 1 });
    let last: Pod | undefined;
    for await (const { type, object } of watching) {
      if (type === 'DELETED') break;
      last = object;
    }
    stop.abort();
    expect(pod.metadata.uid).toBe(last?.metadata.uid);
    expect(exitOf(last!)).toBe(137);
    expect(last?.status?.phase).toBe('Failed');
  });

  test('by force takes the process along at once', async () => {
    await runPod(cluster, 'forced', { env: [{ name: 'STUBBORN', value: '1' }] });
    const { pid } = cluster.pods().find(({ name }) => name === 'forced')!.containers[0]!;
    await cluster.api.delete(`${PODS}/forced`, { gracePeriodSeconds: 0 });
    await until(async () => !(await isAlive(pid!)));
    await until(() => cluster.pods().every(({ name }) => name !== 'forced'));
  });
});

test('helm and kubectl work with the cluster', async () => {
  const version = await cluster.kubectl(['version', '-o', 'json']);
  expect(JSON.parse(version.stdout)).toMatchObject({ serverVersion: { gitVersion: 'v1.36.3' } });
  expect(await cluster.helm(['list', '-q'])).toMatchObject({ code: 0, stdout: '' });
  const applied = await cluster.kubectl(['apply', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'piped' } }),
  });
  expect(applied.stdout).toBe('namespace/piped created\n');
  expect((await cluster.kubectl(['get', 'pod', 'nobody'])).code).toBe(1);
});
