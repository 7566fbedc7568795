/**
 * A Lease at a server that says what a test tells it to.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { KubeClient } from '../../src/kube/index.ts';
import {
  refusal,
  RESET,
  ScriptedServer,
  SILENCE,
  StillClock,
  until,
  type Script,
} from '../../src/kube/testing/index.ts';
import type { LeaseRecord, LeaseStore } from '../runtime/index.ts';
import { leaseStore } from './index.ts';

const { signal } = new AbortController();
const record: LeaseRecord = {
  holder: 'me',
  durationSeconds: 15,
  acquireTime: '2026-11-20T10:00:00.000000Z',
  renewTime: '2026-11-20T10:00:02.000000Z',
  transitions: 3,
};
const spec = {
  holderIdentity: 'me',
  leaseDurationSeconds: 15,
  acquireTime: record.acquireTime,
  renewTime: record.renewTime,
  leaseTransitions: 3,
};
const lease = (content: unknown, resourceVersion = '7'): Script => ({
  status: 200,
  body: { metadata: { name: 'leader', namespace: 'n', uid: 'u', resourceVersion }, spec: content },
});

let server: ScriptedServer;
let kube: KubeClient;
let store: LeaseStore;

beforeEach(async () => {
  server = await ScriptedServer.start();
  kube = server.client(new StillClock());
  store = leaseStore(kube, { namespace: 'n', name: 'leader' });
});
afterEach(async () => {
  await kube.close();
  await server.close();
});

describe('reading', () => {
  test('tells the record and the version to compare with', async () => {
    server.script = [lease(spec)];
    expect(await store.read(signal)).toEqual({ record, version: 'u/7' });
    expect(server.seen[0]!.url).toBe('/apis/coordination.k8s.io/v1/namespaces/n/leases/leader');
  });

  test('a lease that is not there is none', async () => {
    server.script = [refusal(404, 'NotFound')];
    expect(await store.read(signal)).toBeUndefined();
  });

  test.each([
    ['without content', undefined],
    ['with null for content', null],
    ['with nothing in it', {}],
    [
      'with null everywhere, as a released one',
      Object.fromEntries(Object.keys(spec).map((key) => [key, null])),
    ],
    ['with other kinds of values', { holderIdentity: 7, leaseDurationSeconds: '15', leaseTransitions: {} }],
  ])(
    'a lease %s is held by nobody and can be taken: its version is there to compare with',
    async (_, odd) => {
      server.script = [lease(odd)];
      expect(await store.read(signal)).toEqual({
        record: { holder: '', durationSeconds: 0, acquireTime: '', renewTime: '', transitions: 0 },
        version: 'u/7',
      });
    },
  );

  test.each<[string, Script, string]>([
    ['missing rights', refusal(403, 'Forbidden'), 'KUBE_FORBIDDEN'],
    ['a server in trouble', refusal(500, 'InternalError'), 'KUBE_SERVER_ERROR'],
    ['no answer', RESET, 'KUBE_UNREACHABLE'],
    ['an answer that is no lease', { status: 200, body: {} }, 'KUBE_BAD_RESPONSE'],
  ])('%s is a failure, never a missing lease', async (_, script, code) => {
    server.script = [script];
    await expect(store.read(signal)).rejects.toMatchObject({ code });
  });
});

describe.each<[string, (at?: AbortSignal) => Promise<unknown>]>([
  ['creating', (at = signal) => store.create(record, at)],
  ['updating', (at = signal) => store.update(record, 'u/6', at)],
])('%s', (_, write) => {
  test('tells the new version', async () => {
    server.script = [lease(spec, '8')];
    expect(await write()).toEqual({ kind: 'written', version: 'u/8' });
  });

  test.each([
    [409, 'Conflict'],
    [409, 'AlreadyExists'],
  ])('%i %s: somebody was faster', async (status, reason) => {
    server.script = [refusal(status, reason)];
    expect(await write()).toEqual({ kind: 'conflict' });
  });

  test.each<[string, Script, string]>([
    ['missing rights', refusal(403, 'Forbidden'), 'KUBE_FORBIDDEN'],
    ['a place that is gone', refusal(404, 'NotFound'), 'KUBE_NOT_FOUND'],
    ['a server in trouble', refusal(500, 'InternalError'), 'KUBE_SERVER_ERROR'],
    ['a lost answer', RESET, 'KUBE_UNREACHABLE'],
  ])(
    '%s is a failure, and is not tried again: only the elector knows if it still wants it',
    async (__, script, code) => {
      server.script = [script, lease(spec)];
      await expect(write()).rejects.toMatchObject({ code });
      expect(server.seen).toHaveLength(1);
    },
  );

  test('ends with its caller', async () => {
    server.script = [SILENCE];
    const stop = new AbortController();
    const reason = new Error('the renew deadline');
    const writing = expect(write(stop.signal)).rejects.toBe(reason);
    await until(() => server.seen.length === 1);
    stop.abort(reason);
    await writing;
    await until(async () => (await server.connections()) === 0);
  });
});

test('what is written is a Lease; an update says which object it replaces, and in which state', async () => {
  server.script = [lease(spec)];
  await store.create(record, signal);
  await store.update(record, 'u/6', signal);
  const identity = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
  expect(server.seen.map(({ method, body }) => [method, body])).toEqual([
    ['POST', { ...identity, metadata: { namespace: 'n', name: 'leader' }, spec }],
    [
      'PUT',
      { ...identity, metadata: { namespace: 'n', name: 'leader', uid: 'u', resourceVersion: '6' }, spec },
    ],
  ]);
});
