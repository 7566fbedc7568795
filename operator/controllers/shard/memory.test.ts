import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '../../../src/base/testing/index.ts';
import { parseShard } from '../../../src/api/index.ts';
import type { KubeObject } from '../../../src/kube/index.ts';
import { countCrashes, recentSilenceHandoffs, ShardMemories, unansweredName } from './memory.ts';

function shardOf(term: number, reason: string): KubeObject {
  const assignment = { term, primary: 'a', planned: false, reason, since: '2026-01-01T00:00:00Z' };
  const handoffs = [
    { term, toPod: 'a', reason, evidence: 'e', startedAt: assignment.since, outcome: 'Completed' as const },
  ];
  const object = {
    metadata: { name: 'orders', namespace: 'shop', uid: 'u', resourceVersion: String(term) },
    spec: { storeRef: { name: 's' }, application: { name: 'kv' } },
    status: { assignment, handoffs },
  };
  parseShard(object);
  return object;
}

describe('what a process remembers of a shard', () => {
  test('handoffs that it saw happen count as flaps for ten minutes; those it found do not', async () => {
    const clock = new VirtualClock();
    const memories = new ShardMemories(clock);
    const memory = memories.of('shop/orders');
    memories.note('shop/orders', shardOf(5, 'PrimarySilent'), undefined);
    expect(recentSilenceHandoffs(memory, clock.monotonicMs())).toBe(0);
    memories.note('shop/orders', shardOf(6, 'PrimarySilent'), shardOf(5, 'PrimarySilent'));
    memories.note('shop/orders', shardOf(6, 'PrimarySilent'), shardOf(6, 'PrimarySilent'));
    memories.note('shop/orders', shardOf(7, 'PrimaryGone'), shardOf(6, 'PrimarySilent'));
    expect(recentSilenceHandoffs(memory, clock.monotonicMs())).toBe(1);
    await clock.run(clock.sleep(600_001));
    expect(recentSilenceHandoffs(memory, clock.monotonicMs())).toBe(0);
  });

  test('a term is counted from when it was first seen, and an older one does not put it back', async () => {
    const clock = new VirtualClock();
    const memories = new ShardMemories(clock);
    memories.note('shop/orders', shardOf(2, 'PrimaryGone'), undefined);
    await clock.run(clock.sleep(1_000));
    memories.note('shop/orders', shardOf(1, 'FirstAssignment'), undefined);
    memories.note('shop/orders', shardOf(2, 'PrimaryGone'), undefined);
    expect(memories.of('shop/orders')).toMatchObject({ term: 2, termSinceMs: 0 });
  });

  test('the name of a pod that got no answer is tried again for a moment, and never after that', () => {
    const memory = new ShardMemories(new VirtualClock()).of('shop/orders');
    memory.unansweredPods.set('orders-x', 1_000);
    expect(unansweredName(memory, 2_000)).toBe('orders-x');
    expect(unansweredName(memory, 60_000)).toBeUndefined();
    expect(memory.unansweredPods.size).toBe(0);
  });

  test('each end by error counts once, however often it is looked at', () => {
    const memory = new ShardMemories(new VirtualClock()).of('shop/orders');
    const ends = [
      { uid: 'a', pod: 'orders-a', byError: true, how: 'exit code 40' },
      { uid: 'b', pod: 'orders-b', byError: false, how: 'exit code 0' },
    ];
    countCrashes(memory, ends, 1_000);
    countCrashes(memory, ends, 2_000);
    expect(memory.crashes).toEqual({ failures: 1, lastAtMs: 1_000 });
    countCrashes(memory, [{ uid: 'c', pod: 'orders-c', byError: true, how: 'exit code 30' }], 3_000);
    expect(memory.crashes).toEqual({ failures: 2, lastAtMs: 3_000 });
    expect([...memory.countedEnds]).toEqual(['c']);
    expect(memory.untoldEnds.map(({ pod }) => pod)).toEqual(['orders-a', 'orders-b', 'orders-c']);
    expect(memory.lastFailure).toBe('orders-c: exit code 30');
  });
});
