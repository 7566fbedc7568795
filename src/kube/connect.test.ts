/**
 * Which server a client talks to and who it says it is, from files as kubectl takes them.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom } from '../base/index.ts';
import { connectKube, RESOURCES, type KubeClient } from './index.ts';
import { found, refusal, ScriptedServer, StillClock } from './testing/index.ts';

const ref = { namespace: 'n', name: 'p' };
let server: ScriptedServer;
let clock: StillClock;
let dir: string;
let clients: KubeClient[];
const before = { ...process.env };

beforeEach(async () => {
  server = await ScriptedServer.start();
  server.script = [found('p')];
  clock = new StillClock();
  dir = await mkdtemp(join(tmpdir(), 'holdfast-kube-'));
  clients = [];
});
afterEach(async () => {
  for (const name of ['KUBECONFIG', 'HOME', 'KUBERNETES_SERVICE_HOST'])
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  for (const client of clients) await client.close();
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

function client(kubeconfig?: string): KubeClient {
  const made = connectKube({ clock, random: systemRandom, fieldManager: 'test', kubeconfig });
  clients.push(made);
  return made;
}

const cluster = (name: string, url = server.url, more = {}): unknown => ({
  name,
  cluster: { server: url, 'insecure-skip-tls-verify': true, ...more },
});
const context = (name: string, to: string, user: string): unknown => ({
  name,
  context: { cluster: to, user },
});

/** Writes a kubeconfig; what is left out is left out of the file. */
async function config(name: string, parts: Readonly<Record<string, unknown>>): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...parts }));
  return path;
}

const whole = (user: unknown): Promise<string> =>
  config('config', {
    clusters: [cluster('c')],
    contexts: [context('x', 'c', 'u')],
    users: [{ name: 'u', user }],
    'current-context': 'x',
  });

const said = (): (string | undefined)[] => server.seen.map(({ authorization }) => authorization);

describe('a token file', () => {
  test('is found beside the kubeconfig that names it, counts before a token, and its line end is no part of the token', async () => {
    await writeFile(join(dir, 'token'), 'one\n');
    await client(await whole({ tokenFile: 'token', token: 'stale' })).get(RESOURCES.pod, ref);
    expect(said()).toEqual(['Bearer one']);
  });

  test('is read again every minute, and at once after the server refused the token', async () => {
    await writeFile(join(dir, 'token'), 'one');
    const kube = client(await whole({ tokenFile: join(dir, 'token') }));
    await kube.get(RESOURCES.pod, ref);
    await writeFile(join(dir, 'token'), 'two');
    await clock.advance(59_999);
    await kube.get(RESOURCES.pod, ref);
    await clock.advance(1);
    await kube.get(RESOURCES.pod, ref);
    await writeFile(join(dir, 'token'), 'three');
    server.script = [refusal(401, 'Unauthorized'), found('p')];
    await expect(kube.get(RESOURCES.pod, ref)).rejects.toMatchObject({ code: 'KUBE_UNAUTHORIZED' });
    await kube.get(RESOURCES.pod, ref);
    expect(said()).toEqual(['Bearer one', 'Bearer one', 'Bearer two', 'Bearer two', 'Bearer three']);
  });

  test('a refused watch has the file read again as well', async () => {
    await writeFile(join(dir, 'token'), 'one');
    const kube = client(await whole({ tokenFile: 'token' }));
    const watch = (): Promise<unknown> =>
      kube.watch(RESOURCES.pod, {
        resourceVersion: '1',
        timeoutSeconds: 1,
        silenceMs: 1000,
        signal: new AbortController().signal,
        onNews: () => undefined,
      });
    server.script = [refusal(401, 'Unauthorized')];
    expect(await watch()).toMatchObject({ kind: 'forbidden', error: { code: 'KUBE_UNAUTHORIZED' } });
    await writeFile(join(dir, 'token'), 'two');
    await watch();
    expect(said()).toEqual(['Bearer one', 'Bearer two']);
  });

  test.each([
    ['is gone', (path: string) => rm(path)],
    ['is empty', (path: string) => writeFile(path, '\n')],
  ])('that %s for a while takes no token away', async (_, harm) => {
    const path = join(dir, 'token');
    await writeFile(path, 'one');
    const kube = client(await whole({ tokenFile: 'token' }));
    await kube.get(RESOURCES.pod, ref);
    await harm(path);
    await clock.advance(60_000);
    await kube.get(RESOURCES.pod, ref);
    await writeFile(path, 'two');
    await kube.get(RESOURCES.pod, ref);
    expect(said()).toEqual(['Bearer one', 'Bearer one', 'Bearer two']);
  });

  test('that was never there is told as that, and nothing is sent without it', async () => {
    const kube = client(await whole({ tokenFile: 'token' }));
    const call = kube.get(RESOURCES.pod, ref);
    await expect(call).rejects.toMatchObject({ code: 'KUBE_UNAUTHORIZED', retryable: true });
    await expect(call).rejects.toThrow(join(dir, 'token'));
    expect(server.seen).toHaveLength(0);
    await writeFile(join(dir, 'token'), 'one');
    await kube.get(RESOURCES.pod, ref);
    expect(said()).toEqual(['Bearer one']);
  });
});

describe('a program that says who we are', () => {
  test('may hang: the call ends by its deadline or its caller all the same', async () => {
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'sh',
      args: ['-c', 'while [ -d "$0" ]; do sleep 0.02; done', dir], // ends with the test
      env: null,
    };
    const kube = client(await whole({ exec }));
    const stop = new AbortController();
    const aborted = kube.create(
      RESOURCES.pod,
      { apiVersion: 'v1', kind: 'Pod', metadata: ref },
      { signal: stop.signal },
    );
    stop.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    const late = kube.create(RESOURCES.pod, { apiVersion: 'v1', kind: 'Pod', metadata: ref });
    const told = expect(late).rejects.toMatchObject({
      code: 'KUBE_UNREACHABLE',
      cause: { code: 'DEADLINE' },
    });
    await clock.advance(10_000);
    await told;
    expect(server.seen).toHaveLength(0);
  });

  test('its token is used', async () => {
    const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential' };
    const exec = {
      apiVersion: credential.apiVersion,
      command: 'echo',
      args: [JSON.stringify({ ...credential, status: { token: 'made' } })],
      env: null,
    };
    await client(await whole({ exec })).get(RESOURCES.pod, ref);
    expect(said()).toEqual(['Bearer made']);
  });
});

describe('several files', () => {
  test('are joined; of what is named twice the first counts, the current context too; one that is missing is passed over', async () => {
    const first = await config('first', {
      clusters: [cluster('c')],
      contexts: [context('x', 'c', 'u')],
      'current-context': 'x',
    });
    await mkdir(join(dir, 'sub'));
    const second = await config('sub/second', {
      clusters: [cluster('c', 'http://127.0.0.1:9'), cluster('d', 'http://127.0.0.1:9')],
      contexts: [context('x', 'd', 'u'), context('y', 'd', 'u')],
      users: [{ name: 'u', user: { tokenFile: 'token' } }],
      'current-context': 'y',
    });
    await writeFile(join(dir, 'sub', 'token'), 'joined');
    const third = await config('third', { users: [{ name: 'u', user: { token: 'late' } }] });
    process.env['KUBECONFIG'] = [join(dir, 'nowhere'), first, '', second, third].join(':');
    await client().get(RESOURCES.pod, ref);
    expect(said()).toEqual(['Bearer joined']);
  });

  test('the only one may not be missing', async () => {
    expect(() => client(join(dir, 'nowhere'))).toThrow(join(dir, 'nowhere'));
    expect(() => client(`${join(dir, 'nowhere')}:${join(dir, 'never')}`)).toThrow(join(dir, 'nowhere'));
  });
});

describe('without a word', () => {
  beforeEach(() => {
    delete process.env['KUBERNETES_SERVICE_HOST'];
    process.env['HOME'] = dir;
  });

  test.each(['', ':', undefined])("KUBECONFIG %j means the user's own file", async (variable) => {
    if (variable === undefined) delete process.env['KUBECONFIG'];
    else process.env['KUBECONFIG'] = variable;
    await mkdir(join(dir, '.kube'));
    await config('.kube/config', {
      clusters: [cluster('c')],
      contexts: [context('x', 'c', 'u')],
      users: [{ name: 'u', user: { tokenFile: 'token' } }],
      'current-context': 'x',
    });
    await writeFile(join(dir, '.kube', 'token'), 'mine');
    await client().get(RESOURCES.pod, ref);
    expect(said()).toEqual(['Bearer mine']);
  });

  test('nothing to connect to is said at once, not guessed', () => {
    delete process.env['KUBECONFIG'];
    expect(() => client()).toThrow(expect.objectContaining({ code: 'KUBE_UNREACHABLE', retryable: false }));
  });

  test.each([
    ['a context that is nowhere', { 'current-context': 'y' }],
    [
      'a proxy, which is not spoken',
      { clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:9', 'proxy-url': 'http://p' } }] },
    ],
  ])('%s is refused at once', async (_, parts) => {
    const path = await config('config', {
      clusters: [cluster('c')],
      contexts: [context('x', 'c', 'u')],
      users: [],
      'current-context': 'x',
      ...parts,
    });
    expect(() => client(path)).toThrow(
      expect.objectContaining({ code: 'KUBE_UNREACHABLE', retryable: false }),
    );
  });
});

test('a path of the server is kept, and the client says its name', async () => {
  const path = await config('config', {
    clusters: [cluster('c', `${server.url}/k8s/clusters/one/`)],
    contexts: [context('x', 'c', 'u')],
    users: [{ name: 'u', user: {} }],
    'current-context': 'x',
  });
  await client(path).get(RESOURCES.pod, ref);
  expect(server.seen[0]).toMatchObject({
    url: '/k8s/clusters/one/api/v1/namespaces/n/pods/p',
    userAgent: 'holdfast/test',
    authorization: undefined,
  });
});
