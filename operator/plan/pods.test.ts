import { describe, expect, test } from '@jest/globals';
import { noteCrashes, planPods, type CrashHistory } from './pods.ts';
import { assigned, hears, NOW_MS, primary, replica, SEES_CLEARLY, shard } from './testing/fixtures.ts';
import type { NodeView, ShardView } from './types.ts';

const node = (name: string, edit: Partial<NodeView> = {}): NodeView => ({
  name,
  ready: 'True',
  cordoned: false,
  ...edit,
});
const plan = (view: ShardView, crashes?: CrashHistory) => planPods(view, crashes);

describe('the number of pods', () => {
  test('a settled shard is left alone', () => {
    expect(plan(shard([primary('a'), replica('b')]))).toEqual({ create: 0, delete: [], labels: [] });
  });

  test('a new shard gets all its pods at once', () => {
    expect(plan(shard([], { standbys: 2, assignment: undefined })).create).toBe(3);
  });

  test('pods that are starting, or not bound to a node yet, count', () => {
    const pending = replica('b', { neverHeard: true, pod: { phase: 'Pending', node: undefined } });
    expect(plan(shard([primary('a'), pending])).create).toBe(0);
  });

  test('an ended standby is replaced and its remains are removed', () => {
    const ended = replica('b', { pod: { phase: 'Failed', exitCode: 70 } });
    expect(plan(shard([primary('a'), ended]))).toMatchObject({
      create: 1,
      delete: [{ pod: 'b', uid: 'uid-b', reason: 'Finished' }],
    });
  });

  test('a pod being deleted is replaced while it still ends', () => {
    expect(plan(shard([primary('a'), replica('b', { pod: { deleting: true } })])).create).toBe(1);
  });

  test('an ended primary is replaced but kept until the shard has another: it is evidence', () => {
    const dead = primary('a', { pod: { phase: 'Failed', exitCode: 137 } });
    expect(plan(shard([dead, replica('b')]))).toMatchObject({ create: 1, delete: [] });
    const after = shard([dead, primary('b', { line: { term: 2 } })], {
      assignment: assigned('b', { term: 2 }),
    });
    expect(plan(after)).toMatchObject({ create: 1, delete: [{ pod: 'a', reason: 'Finished' }] });
  });

  test.each([
    ['silent for the solo time', { silentMs: 6_000 }, undefined],
    [
      'silent for the confirmed time on a node that is not ready',
      { silentMs: 3_100 },
      node('node-b', { ready: 'Unknown' }),
    ],
    ['silent for the confirmed time on a node that was deleted', { silentMs: 3_100 }, node('node-x')],
  ])('a standby %s is replaced at once and kept for a while: it may come back', (_, edit, other) => {
    const nodes = [node('node-a'), other ?? node('node-b')];
    const planned = plan(shard([primary('a'), replica('b', edit)], { nodes }));
    expect(planned.create).toBe(1);
    expect(planned.delete).toEqual(
      other?.name === 'node-x' ? [{ pod: 'b', uid: 'uid-b', reason: 'Lost' }] : [],
    );
  });

  test('a pod lost for a minute is removed, the assigned primary never', () => {
    const view = shard([
      primary('a', { silentMs: 90_000 }),
      replica('b', { silentMs: 60_000 }),
      replica('c'),
    ]);
    expect(plan(view).delete).toEqual([{ pod: 'b', uid: 'uid-b', reason: 'Lost' }]);
  });

  test('a blind operator calls nobody lost', () => {
    const view = shard([primary('a'), replica('b', { silentMs: 20_000 })], {
      operator: { ...SEES_CLEARLY, podsSilent: 5 },
    });
    expect(plan(view)).toMatchObject({ create: 0, delete: [] });
  });

  test('whatever is lost, there are at most two more than wanted', () => {
    const lost = ['b', 'c', 'd'].map((name) => replica(name, { silentMs: 10_000 }));
    expect(plan(shard([primary('a'), ...lost], { standbys: 1 })).create).toBe(0);
    expect(plan(shard([primary('a'), ...lost.slice(1)], { standbys: 1 })).create).toBe(1);
  });
});

describe('processes that end by errors', () => {
  const empty = shard([primary('a')], { standbys: 1 });
  test('are replaced at once the first time, then after a growing pause', () => {
    expect(plan(empty, { failures: 1, lastAtMs: NOW_MS }).create).toBe(1);
    expect(plan(empty, { failures: 3, lastAtMs: NOW_MS - 500 })).toMatchObject({
      create: 0,
      createNotBeforeMs: NOW_MS + 1_500,
    });
    expect(plan(empty, { failures: 3, lastAtMs: NOW_MS - 2_000 }).create).toBe(1);
    expect(plan(empty, { failures: 500, lastAtMs: NOW_MS - 29_999 }).create).toBe(0);
    expect(plan(empty, { failures: 500, lastAtMs: NOW_MS - 30_000 }).create).toBe(1);
  });

  test('are forgotten after ten calm minutes', () => {
    const history = noteCrashes(noteCrashes(undefined, 1, 0), 2, 1_000);
    expect(history).toEqual({ failures: 3, lastAtMs: 1_000 });
    expect(noteCrashes(history, 0, 600_999)).toEqual(history);
    expect(noteCrashes(history, 0, 601_000)).toBeUndefined();
    expect(noteCrashes(history, 1, 601_000)).toEqual({ failures: 1, lastAtMs: 601_000 });
  });
});

describe('one pod too many', () => {
  test('the standby least far ahead goes, when enough caught-up ones stay', () => {
    const view = shard([primary('a'), replica('b', { line: { appliedOffset: 900 } }), replica('c')], {
      standbys: 1,
    });
    expect(plan(view).delete).toEqual([{ pod: 'b', uid: 'uid-b', reason: 'Surplus' }]);
  });

  test.each([
    [
      'the only caught-up standby would be left without its replacement',
      { line: { state: 'restoring' as const } },
    ],
    ['the replacement is not heard', { silentMs: 2_600 }],
  ])('nobody goes while %s', (_, edit) => {
    const restoring = shard([primary('a'), replica('b'), replica('c', edit), replica('d', edit)], {
      standbys: 2,
    });
    expect(plan(restoring).delete).toEqual([]);
  });

  test('nobody goes while the primary does not serve, or another is on its way out', () => {
    const three = [replica('b'), replica('c')];
    expect(plan(shard([primary('a', { silentMs: 2_000 }), ...three], { standbys: 1 })).delete).toEqual([]);
    const leaving = replica('d', { pod: { deleting: true } });
    expect(plan(shard([primary('a'), ...three, leaving], { standbys: 1 })).delete).toEqual([]);
  });

  test('one left behind deleting on a dead node holds nobody up', () => {
    const stuck = replica('d', { silentMs: 50_000, pod: { deleting: true } });
    const nodes = ['a', 'b', 'c'].map((n) => node(`node-${n}`)).concat(node('node-d', { ready: 'Unknown' }));
    expect(
      plan(shard([primary('a'), replica('b'), replica('c'), stuck], { standbys: 1, nodes })).delete,
    ).toHaveLength(1);
  });

  test('standbys 0: the last standby goes too', () => {
    expect(plan(shard([primary('a'), replica('b')], { standbys: 0 })).delete).toMatchObject([
      { pod: 'b', reason: 'Surplus' },
    ]);
  });

  test('a drained standby is replaced first, then removed', () => {
    const nodes = [node('node-a'), node('node-b', { cordoned: true }), node('node-c')];
    const before = shard([primary('a'), replica('b')], { nodes });
    expect(plan(before)).toMatchObject({ create: 1, delete: [] });
    const restoring = shard([primary('a'), replica('b'), replica('c', { line: { state: 'restoring' } })], {
      nodes,
      standbys: 1,
    });
    expect(plan(restoring)).toMatchObject({ create: 0, delete: [] });
    const after = shard([primary('a'), replica('b'), replica('c')], { nodes, standbys: 1 });
    expect(plan(after)).toMatchObject({ create: 0, delete: [{ pod: 'b', reason: 'Drained' }] });
  });
});

describe('suspended and paused', () => {
  test('suspending removes standbys, then the primary', () => {
    const both = shard([primary('a'), replica('b')], { suspended: true });
    expect(plan(both).delete).toMatchObject([{ pod: 'b', reason: 'Suspended' }]);
    expect(
      plan(shard([primary('a'), replica('b', { pod: { deleting: true } })], { suspended: true })).delete,
    ).toEqual([]);
    expect(plan(shard([primary('a')], { suspended: true }))).toMatchObject({
      create: 0,
      delete: [{ pod: 'a' }],
    });
  });

  test('a paused shard keeps what it has', () => {
    const ended = replica('b', { pod: { phase: 'Failed' } });
    expect(plan(shard([primary('a'), ended], { paused: true }))).toMatchObject({ create: 0, delete: [] });
  });
});

describe('role labels', () => {
  test('follow the assignment at once, and only differences are listed', () => {
    const old = primary('a', { silentMs: 3_500, line: { peers: [hears('b', 100)] } });
    const view = shard([old, replica('b')], { assignment: assigned('b', { term: 2, seenSinceMs: NOW_MS }) });
    expect(plan(view).labels).toEqual([
      { pod: 'a', uid: 'uid-a', role: 'none' },
      { pod: 'b', uid: 'uid-b', role: 'primary' },
    ]);
  });

  test('a restoring, deleted or ended pod is nobody’s standby', () => {
    const view = shard([
      primary('a'),
      replica('b', { line: { state: 'restoring' } }),
      replica('c', { pod: { deleting: true } }),
      replica('d', { pod: { phase: 'Succeeded' } }),
    ]);
    expect(plan(view).labels.map((l) => [l.pod, l.role])).toEqual([
      ['b', 'none'],
      ['c', 'none'],
      ['d', 'none'],
    ]);
  });

  test('an ended primary loses its label', () => {
    expect(plan(shard([primary('a', { pod: { exitCode: 0 } }), replica('b')])).labels).toEqual([
      { pod: 'a', uid: 'uid-a', role: 'none' },
    ]);
  });
});
