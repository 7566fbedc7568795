import { describe, expect, test } from '@jest/globals';
import { KINDS, type Condition } from '../../../src/api/index.ts';
import { RESOURCES } from '../../../src/kube/index.ts';
import { NAMESPACE, ScriptedCluster } from '../testing/scripted-cluster.ts';

function setUp(secret?: string) {
  const cluster = new ScriptedCluster();
  cluster.operator('op-a');
  cluster.createStore('logs', secret);
  const ready = (): Condition | undefined => cluster.condition(KINDS.journalStore, 'logs', 'Ready');
  const status = () =>
    cluster.kube.find(KINDS.journalStore, { namespace: NAMESPACE, name: 'logs' })!['status'];
  const until = (reason: string): Promise<number> => cluster.until(reason, () => ready()?.reason === reason);
  return { cluster, ready, status, until };
}

const KEYS = { AWS_ACCESS_KEY_ID: btoa('id'), AWS_SECRET_ACCESS_KEY: btoa('key') };
const secret = (data: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'keys', namespace: NAMESPACE },
  data,
});

describe('a journal store', () => {
  test('is probed; the URL that pods get and every promise stand in its status', async () => {
    const { ready, status, until, cluster } = setUp();
    await until('ProbePassed');
    expect(ready()).toMatchObject({ status: 'True', observedGeneration: 1 });
    expect(status()).toMatchObject({ url: 's3://bucket?region=eu-1', observedGeneration: 1 });
    const { probe } = status() as { probe: { properties: { ok: boolean }[] } };
    expect(probe.properties.length).toBeGreaterThan(5);
    expect(probe.properties.every((p) => p.ok)).toBe(true);
    await cluster.pass(1_000);
    expect(cluster.events('ProbePassed')).toHaveLength(1);
  });

  test('whose secret is missing waits for it, and for its keys', async () => {
    const { cluster, until } = setUp('keys');
    await until('SecretMissing');
    cluster.create(RESOURCES.secret, secret({ AWS_ACCESS_KEY_ID: KEYS.AWS_ACCESS_KEY_ID }));
    await until('SecretIncomplete');
    cluster.kube.change(
      RESOURCES.secret,
      { namespace: NAMESPACE, name: 'keys' },
      { data: KEYS },
      'all',
      'user',
    );
    await until('ProbePassed');
  });

  test('is probed anew when its secret changes', async () => {
    const { cluster, until } = setUp('keys');
    cluster.create(RESOURCES.secret, secret(KEYS));
    await until('ProbePassed');
    cluster.store.add({ fault: { kind: 'status', status: 403, code: 'InvalidAccessKeyId' } });
    await cluster.pass(60_000);
    cluster.kube.change(
      RESOURCES.secret,
      { namespace: NAMESPACE, name: 'keys' },
      { data: { AWS_SECRET_ACCESS_KEY: btoa('other') } },
      'all',
      'user',
    );
    await until('CredentialsRejected');
  });

  test('is probed anew when its spec changes', async () => {
    const { cluster, until, status } = setUp();
    await until('ProbePassed');
    cluster.patchSpec(KINDS.journalStore, 'logs', { s3: { prefix: 'deeper' } });
    await cluster.until('the new place is probed', () =>
      (status() as { url: string }).url.includes('/deeper'),
    );
  });

  test('that cannot be reached becomes Unknown after three looks, not after one, and is fine again soon', async () => {
    const { cluster, until, ready } = setUp();
    await until('ProbePassed');
    const rule = cluster.store.add({ fault: { kind: 'status', status: 503, code: 'SlowDown' } });
    const seen = new Set<string>();
    for (let i = 0; i < 5_000 && ready()?.reason !== 'StoreUnreachable'; i++) {
      await cluster.pass(100);
      seen.add(`${ready()!.status} ${ready()!.reason}`);
    }
    expect([...seen]).toEqual(['True ProbePassed', 'Unknown StoreUnreachable']);
    rule.remove();
    await until('ProbePassed');
  });
});
