/**
 * The conformance suite on the annotations of RecoveryLogs at a real API server, and its bad days on a wire that loses answers.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startCluster, type Cluster } from '../../e2e/cluster/index.ts';
import { startTcpProxy, type TcpProxy } from '../../e2e/harness/tcp-proxy.ts';
import { ANNOTATIONS, GROUP_VERSION, KINDS } from '../api/index.ts';
import { equalBytes, fromUtf8, systemClock, systemRandom, utf8 } from '../base/index.ts';
import { connectKube, type KubeClient } from '../kube/index.ts';
import {
  annotationStore,
  hintsSlots,
  MAX_ANNOTATION_BYTES,
  updateState,
  type RevisionStore,
} from './index.ts';
import { CONFORMANCE } from './testing/index.ts';

const namespace = 'default';
const parts = { clock: systemClock, random: systemRandom };
let cluster: Cluster;
let kube: KubeClient;
let logs = 0;

beforeAll(async () => {
  cluster = await startCluster({ images: {}, zones: ['a'] });
  const crds = join(import.meta.dirname, '..', '..', 'crds');
  expect(await cluster.kubectl(['apply', '-f', crds])).toMatchObject({ code: 0 });
  const wait = ['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'];
  expect(await cluster.kubectl(wait)).toMatchObject({ code: 0 });
  kube = connectKube({ ...parts, fieldManager: 'test', kubeconfig: cluster.kubeconfig });
}, 120_000);
afterAll(async () => {
  await kube?.close();
  await cluster?.stop();
});

interface KubeConfig {
  readonly clusters: readonly { readonly cluster: { server: string } }[];
  readonly users: readonly { user: unknown }[];
}

/** Another client, of the same configuration with a change. */
async function connectedWith(change: (config: KubeConfig) => void): Promise<KubeClient> {
  const args = ['config', 'view', '--raw', '--minify', '-o', 'json'];
  const config = JSON.parse((await cluster.kubectl(args)).stdout) as KubeConfig;
  change(config);
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-kubeconfig-'));
  try {
    const file = join(directory, 'kubeconfig');
    await writeFile(file, JSON.stringify(config));
    return connectKube({ ...parts, fieldManager: 'test', kubeconfig: file });
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function recoveryLog(): Promise<string> {
  const name = `log-${logs++}`;
  const spec = { storeRef: { name: 's' }, journal: `default/${name}` };
  const { kind } = KINDS.recoveryLog;
  await kube.create(KINDS.recoveryLog, {
    apiVersion: GROUP_VERSION,
    kind,
    metadata: { name, namespace },
    spec,
  });
  return name;
}

test.each(CONFORMANCE.map((each) => [each.name, each] as const))('%s', async (_, each) => {
  const name = await recoveryLog();
  const options = { kube, resource: KINDS.recoveryLog, namespace, name, ...parts };
  await each.run(annotationStore({ ...options, keyPrefix: 'holdfast.dev/state-', writer: 'test' }));
});

test('hints go through the slots of a RecoveryLog, whatever else changes in it', async () => {
  const name = await recoveryLog();
  const slots = hintsSlots({
    kube,
    resource: KINDS.recoveryLog,
    namespace,
    name,
    annotations: {
      primary: ANNOTATIONS.hintsPrimary,
      'backup-0': ANNOTATIONS.hintsBackup0,
      'backup-1': ANNOTATIONS.hintsBackup1,
    },
    writer: 'test',
    ...parts,
  });
  for (const term of [1, 2, 3]) {
    const status = { initialized: true, head: term };
    await Promise.all([
      slots.write({ term, value: utf8(`hints of ${term}`), rotate: true }),
      kube.mergePatch(KINDS.recoveryLog, { namespace, name }, { status }, { subresource: 'status' }),
    ]);
  }
  const read = await slots.readAll();
  expect(
    Object.values(read).map((slot) => (slot.kind === 'value' ? fromUtf8(slot.value) : slot.kind)),
  ).toEqual(['hints of 3', 'hints of 2', 'hints of 1']);
  await expect(slots.write({ term: 2, value: utf8('zombie'), rotate: false })).rejects.toMatchObject({
    code: 'HINTS_STALE_TERM',
  });
});

test('what we count as too large is what the server counts, to the byte', async () => {
  const fits = await recoveryLog();
  const key = 'someone/else';
  const fill = (name: string, bytes: number): Promise<unknown> =>
    kube.mergePatch(
      KINDS.recoveryLog,
      { namespace, name },
      { metadata: { annotations: { [key]: 'x'.repeat(bytes) } } },
    );
  await fill(fits, MAX_ANNOTATION_BYTES - key.length);
  await expect(fill(fits, MAX_ANNOTATION_BYTES - key.length + 1)).rejects.toMatchObject({
    code: 'KUBE_INVALID',
  });
  const options = { kube, resource: KINDS.recoveryLog, namespace, ...parts };
  const store = (name: string): RevisionStore =>
    annotationStore({ ...options, name, keyPrefix: 'holdfast.dev/state-', writer: 'test' });
  await expect(store(fits).compareAndSet('id', undefined, utf8('a'))).rejects.toMatchObject({
    code: 'STATE_TOO_LARGE',
  });
  const large = await recoveryLog();
  const value = new Uint8Array(180_000).fill(0xff); // no text, so base64: 240 KB
  await store(large).compareAndSet('id', undefined, value);
  expect(equalBytes((await store(large).read('id'))!.value, value)).toBe(true);
  await expect(store(large).compareAndSet('id', 1, new Uint8Array(200_000).fill(0xff))).rejects.toMatchObject(
    {
      code: 'STATE_TOO_LARGE',
    },
  );
});

test('a log that is not there is told as away, by reading and by writing', async () => {
  const options = { kube, resource: KINDS.recoveryLog, namespace, name: 'nowhere', ...parts };
  const store = annotationStore({ ...options, keyPrefix: 'holdfast.dev/state-', writer: 'test' });
  await expect(store.read('id')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  await expect(store.compareAndSet('id', undefined, utf8('a'))).rejects.toMatchObject({
    code: 'STATE_UNAVAILABLE',
  });
});

test('a service account without rights is told as that, never as an empty log', async () => {
  const name = await recoveryLog();
  await cluster.kubectl(['create', 'serviceaccount', 'nobody']);
  const token = (await cluster.kubectl(['create', 'token', 'nobody'])).stdout.trim();
  const nobody = await connectedWith((config) => {
    for (const user of config.users) user.user = { token };
  });
  try {
    const options = { kube: nobody, resource: KINDS.recoveryLog, namespace, name, ...parts };
    const store = annotationStore({ ...options, keyPrefix: 'holdfast.dev/state-', writer: 'test' });
    await expect(store.read('id')).rejects.toMatchObject({ code: 'STATE_FORBIDDEN' });
    await expect(store.list()).rejects.toMatchObject({ code: 'STATE_FORBIDDEN' });
  } finally {
    await nobody.close();
  }
});

test('writers of many ids of one object all get through', async () => {
  const name = await recoveryLog();
  const options = { kube, resource: KINDS.recoveryLog, namespace, name, ...parts };
  const store = annotationStore({ ...options, keyPrefix: 'holdfast.dev/state-', writer: 'test' });
  const ids = Array.from({ length: 8 }, (_, n) => `id-${n}`);
  await Promise.all(ids.map((id) => updateState(store, id, () => utf8(id), parts)));
  expect(await store.list()).toEqual(ids);
});

describe('on a wire to the API server', () => {
  let proxy: TcpProxy;
  let wired: KubeClient;
  let name: string;
  const over = (client: KubeClient): RevisionStore =>
    annotationStore({
      kube: client,
      resource: KINDS.recoveryLog,
      namespace,
      name,
      keyPrefix: 'holdfast.dev/state-',
      writer: 'test',
      ...parts,
    });

  beforeAll(async () => {
    const args = ['config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}'];
    proxy = await startTcpProxy(Number(new URL((await cluster.kubectl(args)).stdout).port));
    wired = await connectedWith((config) => {
      for (const each of config.clusters) each.cluster.server = `https://127.0.0.1:${proxy.port}`;
    });
  });
  afterAll(async () => {
    await wired?.close();
    await proxy?.close();
  });

  test('an answer that is cut off after the server has done what was asked is found out: done once', async () => {
    name = await recoveryLog();
    const [shaky, steady] = [over(wired), over(kube)];
    let cut = 0;
    for (let n = 1; n <= 8; n++) {
      await shaky.read('id'); // the connection lives
      const before = proxy.cuts;
      await proxy.set({ kind: 'cut', afterBytes: 1 });
      const commit = shaky.compareAndSet('id', n === 1 ? undefined : n - 1, utf8(String(n)));
      while (proxy.cuts === before) await systemClock.sleep(1);
      await proxy.set({ kind: 'pass' });
      expect(await commit).toBe(n);
      cut += proxy.cuts - before;
      expect(await steady.read('id')).toEqual({ value: utf8(String(n)), revision: n });
    }
    expect(cut).toBeGreaterThanOrEqual(8);
  });

  test('an answer that is lost while somebody else goes on is told as unknown, and done once', async () => {
    name = await recoveryLog();
    const [shaky, steady] = [over(wired), over(kube)];
    const held = Promise.withResolvers<void>();
    // The wire is cut between the read of the attempt and its write: the write arrives, its answer does not.
    const watched: KubeClient = {
      ...bound(wired),
      mergePatch: async (...args) => {
        await proxy.set({ kind: 'swallow', direction: 'to-client' });
        const answer = wired.mergePatch(...args);
        while ((await steady.read('id')) === undefined) await systemClock.sleep(5);
        held.resolve();
        proxy.reset();
        return await answer;
      },
    };
    const told = expect(over(watched).compareAndSet('id', undefined, utf8('mine'))).rejects.toMatchObject({
      code: 'STATE_UNAVAILABLE',
      retryable: true,
    });
    await held.promise;
    await steady.compareAndSet('id', 1, utf8('other'));
    await proxy.set({ kind: 'pass' });
    await told;
    expect(await shaky.read('id')).toEqual({ value: utf8('other'), revision: 2 });
  });

  test('a server that refuses connections is told as away, for reading and for writing, never as nothing stored', async () => {
    name = await recoveryLog();
    await over(kube).compareAndSet('id', undefined, utf8('a'));
    await proxy.set({ kind: 'refuse' });
    const away = { code: 'STATE_UNAVAILABLE', retryable: true };
    await expect(over(wired).read('id')).rejects.toMatchObject(away);
    await expect(over(wired).compareAndSet('id', 1, utf8('b'))).rejects.toMatchObject(away);
    await proxy.set({ kind: 'pass' });
    expect(await over(wired).compareAndSet('id', 1, utf8('b'))).toBe(2);
  });

  test('409 is decided again, 422 is refused: the first costs an attempt, the second says what to mend', async () => {
    name = await recoveryLog();
    let meetings = 0;
    const met: KubeClient = {
      ...bound(kube),
      mergePatch: async (...args) => {
        if (meetings++ < 3)
          await kube.mergePatch(
            KINDS.recoveryLog,
            { namespace, name },
            { metadata: { labels: { meeting: `m${meetings}` } } },
          );
        return await kube.mergePatch(...args);
      },
    };
    expect(await over(met).compareAndSet('id', undefined, utf8('a'))).toBe(1);
    expect(meetings).toBe(4);
    const options = { kube, resource: KINDS.recoveryLog, namespace, name, writer: 'test', ...parts };
    const refused = annotationStore({ ...options, keyPrefix: 'no annotation may be called so/' });
    await expect(refused.compareAndSet('id', undefined, utf8('a'))).rejects.toMatchObject({
      code: 'STATE_REFUSED',
      retryable: false,
      cause: { code: 'KUBE_INVALID', status: 422 },
    });
    await expect(over(kube).compareAndSet('id', undefined, utf8('b'))).rejects.toMatchObject({
      code: 'STATE_CONFLICT',
      current: { revision: 1, value: utf8('a') },
    });
  });
});

/** The calls of a client as values, so that one of them can be replaced. */
function bound(client: KubeClient): KubeClient {
  return {
    get: (...args) => client.get(...args),
    list: (...args) => client.list(...args),
    create: (...args) => client.create(...args),
    update: (...args) => client.update(...args),
    apply: (...args) => client.apply(...args),
    jsonPatch: (...args) => client.jsonPatch(...args),
    mergePatch: (...args) => client.mergePatch(...args),
    delete: (...args) => client.delete(...args),
    watch: (...args) => client.watch(...args),
    close: () => client.close(),
  };
}
