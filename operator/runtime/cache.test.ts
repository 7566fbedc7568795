import { describe, expect, test } from '@jest/globals';
import { silentLogger } from '../../src/base/index.ts';
import { VirtualClock } from '../../src/base/testing/index.ts';
import { ObjectCache, type Change } from './cache.ts';
import type { KubeObject } from './ports.ts';

interface Pod extends KubeObject {
  readonly spec: { readonly node: string; readonly tags: string[] };
}

const pod = (name: string, uid: string, version: number, node = 'n1'): Pod => ({
  metadata: {
    name,
    namespace: 'ns',
    uid,
    resourceVersion: String(version),
    managedFields: [{ manager: 'x' }],
  } as Pod['metadata'],
  spec: { node, tags: ['a'] },
});

function setUp() {
  const clock = new VirtualClock();
  const cache = new ObjectCache<Pod>({
    name: 'pods',
    clock,
    log: silentLogger,
    indexes: { node: (p) => [p.spec.node] },
  });
  const seen: string[] = [];
  const told = (c: Change<Pod>): void => {
    const version =
      c.kind === 'deleted'
        ? `${c.old.metadata.uid}${c.foundMissing ? ' found missing' : ''}`
        : c.object.metadata.uid;
    seen.push(`${c.kind} ${c.key} ${version}`);
  };
  return { clock, cache, seen, told };
}

describe('object cache', () => {
  test('hands out frozen, trimmed objects', () => {
    const { cache } = setUp();
    cache.replace([pod('a', 'u1', 5)], '9');
    const got = cache.get('ns/a')!;
    expect(got.metadata).not.toHaveProperty('managedFields');
    expect(() => got.spec.tags.push('b')).toThrow(TypeError);
    expect(Object.isFrozen(got.metadata)).toBe(true);
  });

  test('reports additions, updates and deletions after it holds them', () => {
    const { cache, seen, told } = setUp();
    cache.replace([pod('a', 'u1', 5)], '9');
    cache.subscribe(told);
    cache.subscribe((c) => {
      if (c.kind === 'updated') expect(cache.get(c.key)).toBe(c.object);
      expect(cache.resourceVersion).not.toBe('');
    });
    cache.apply({ kind: 'added', object: pod('b', 'u2', 10) });
    cache.apply({ kind: 'modified', object: pod('b', 'u2', 11) });
    cache.apply({ kind: 'deleted', object: pod('b', 'u2', 12) });
    expect(seen).toEqual(['added ns/a u1', 'added ns/b u2', 'updated ns/b u2', 'deleted ns/b u2']);
    expect(cache.resourceVersion).toBe('12');
    expect([cache.sawDeleted('u2'), cache.sawDeleted('u1')]).toEqual([true, false]);
  });

  test('the same name with another UID is a deletion and an addition, in an event and in a list', () => {
    const { cache, seen, told } = setUp();
    cache.replace([pod('a', 'u1', 5)], '9');
    cache.subscribe(told);
    cache.apply({ kind: 'modified', object: pod('a', 'u2', 10) });
    cache.replace([pod('a', 'u3', 20)], '21');
    expect(seen.slice(1)).toEqual([
      'deleted ns/a u1 found missing',
      'added ns/a u2',
      'deleted ns/a u2 found missing',
      'added ns/a u3',
    ]);
  });

  test('a late deletion of the predecessor does not touch its successor', () => {
    const { cache } = setUp();
    cache.replace([pod('a', 'u2', 10)], '10');
    cache.apply({ kind: 'deleted', object: pod('a', 'u1', 11) });
    expect(cache.get('ns/a')?.metadata.uid).toBe('u2');
  });

  test('a list tells only what differs, and what is missing', () => {
    const { cache, seen, told } = setUp();
    cache.replace([pod('a', 'u1', 5), pod('b', 'u2', 6), pod('c', 'u3', 7)], '9');
    cache.subscribe(told);
    seen.length = 0;
    cache.replace([pod('a', 'u1', 5), pod('b', 'u2', 8)], '12');
    expect(seen).toEqual(['updated ns/b u2', 'deleted ns/c u3 found missing']);
  });

  test('indexes follow every change', () => {
    const { cache } = setUp();
    const on = (node: string): string[] => cache.byIndex('node', node).map((p) => p.metadata.name);
    cache.replace([pod('a', 'u1', 5), pod('b', 'u2', 6, 'n2')], '9');
    cache.apply({ kind: 'modified', object: pod('a', 'u1', 10, 'n2') });
    expect([on('n1'), on('n2').sort()]).toEqual([[], ['a', 'b']]);
    cache.apply({ kind: 'deleted', object: pod('b', 'u2', 11, 'n2') });
    cache.replace([], '20');
    expect([on('n1'), on('n2')]).toEqual([[], []]);
    expect(() => cache.byIndex('nope', 'x')).toThrow(RangeError);
  });

  test('a handler that throws hurts nobody else', () => {
    const { cache, seen, told } = setUp();
    cache.subscribe(() => {
      throw new Error('bad handler');
    });
    cache.subscribe(told);
    cache.replace([pod('a', 'u1', 5)], '9');
    expect(seen).toEqual(['added ns/a u1']);
  });

  test('knows since when it has heard nothing', async () => {
    const { cache, clock } = setUp();
    expect([cache.newsAgeMs(), cache.hasSynced]).toEqual([Infinity, false]);
    cache.replace([], '9');
    await clock.run(cache.whenSynced());
    await clock.run(clock.sleep(700));
    expect(cache.newsAgeMs()).toBe(700);
    cache.apply({ kind: 'bookmark', resourceVersion: '50' });
    expect([cache.newsAgeMs(), cache.resourceVersion]).toEqual([0, '50']);
  });
});
