/**
 * A Lease at a real API server: what the elector writes is accepted, and of two writers one wins.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startCluster, type Cluster } from '../../e2e/cluster/index.ts';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { connectKube, RESOURCES, type KubeClient } from '../../src/kube/index.ts';
import type { LeaseRecord } from '../runtime/index.ts';
import { leaseStore } from './index.ts';

const namespace = 'default';
const { signal } = new AbortController();
const record: LeaseRecord = {
  holder: 'me',
  durationSeconds: 15,
  acquireTime: '2026-11-20T10:00:00.000000Z',
  renewTime: '2026-11-20T10:00:02.123456Z',
  transitions: 0,
};
let cluster: Cluster;
let kube: KubeClient;

beforeAll(async () => {
  cluster = await startCluster({ images: {}, zones: ['a'] });
  const { kubeconfig } = cluster;
  kube = connectKube({ clock: systemClock, random: systemRandom, fieldManager: 'test', kubeconfig });
}, 120_000);
afterAll(async () => {
  await kube?.close();
  await cluster?.stop();
});

test('a lease is made once, renewed by whoever has seen the newest one, released and taken over', async () => {
  const mine = leaseStore(kube, { namespace, name: 'leader' });
  const other = leaseStore(kube, { namespace, name: 'leader' });
  expect(await mine.read(signal)).toBeUndefined();
  const made = await mine.create(record, signal);
  expect(made.kind).toBe('written');
  expect(await other.create({ ...record, holder: 'other' }, signal)).toEqual({ kind: 'conflict' });
  const seen = await other.read(signal);
  expect(seen).toEqual({ record, version: made.kind === 'written' && made.version });

  const renewed = { ...record, renewTime: '2026-11-20T10:00:04.000000Z' };
  expect((await mine.update(renewed, seen!.version, signal)).kind).toBe('written');
  expect(await other.update({ ...record, holder: 'other' }, seen!.version, signal)).toEqual({
    kind: 'conflict',
  });

  const released = { ...renewed, holder: '', durationSeconds: 1 };
  expect((await mine.update(released, (await mine.read(signal))!.version, signal)).kind).toBe('written');
  const free = await other.read(signal);
  expect(free!.record).toEqual(released);
  const taken = { ...record, holder: 'other', transitions: 1 };
  expect((await other.update(taken, free!.version, signal)).kind).toBe('written');
  expect((await mine.read(signal))!.record).toEqual(taken);
});

test('a lease that somebody made by hand, with nothing in it, is held by nobody and can be taken', async () => {
  await kube.create(RESOURCES.lease, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { namespace, name: 'bare' },
  });
  const store = leaseStore(kube, { namespace, name: 'bare' });
  const bare = await store.read(signal);
  expect(bare!.record).toEqual({
    holder: '',
    durationSeconds: 0,
    acquireTime: '',
    renewTime: '',
    transitions: 0,
  });
  expect((await store.update(record, bare!.version, signal)).kind).toBe('written');
  expect((await store.read(signal))!.record).toEqual(record);
});

test('a lease that is gone in between is a conflict, not made anew, also when another one of that name is there', async () => {
  const store = leaseStore(kube, { namespace, name: 'gone' });
  const made = await store.create(record, signal);
  const version = made.kind === 'written' ? made.version : '';
  await kube.delete(RESOURCES.lease, { namespace, name: 'gone' });
  expect(await store.update(record, version, signal)).toEqual({ kind: 'conflict' });
  expect(await store.read(signal)).toBeUndefined();
  expect((await store.create({ ...record, holder: 'other' }, signal)).kind).toBe('written');
  expect(await store.update(record, version, signal)).toEqual({ kind: 'conflict' });
  expect((await store.read(signal))!.record.holder).toBe('other');
});
