/**
 * The decisions of a process node that need no process: expansion, path replacement, phases, back-off.
 */
import { describe, expect, test } from '@jest/globals';
import { CrashBackoff } from './container-runner.ts';
import { commandLine } from './images.ts';
import type { ContainerState, ContainerStatus, Pod } from './kube-types.ts';
import { expand, replaceMounts } from './pod-env.ts';
import { endedPhase, type PodFacts, podConditions, podPhase } from './pod-status.ts';

describe('replaceMounts', () => {
  const mounts = new Map([
    ['/data', '/host/1'],
    ['/data/deep', '/host/2'],
    ['/etc/keys', '/host/3'],
  ]);
  test.each([
    ['/data', '/host/1'],
    ['/data/x', '/host/1/x'],
    ['/data/deep/x', '/host/2/x'],
    ['--dir=/data', '--dir=/host/1'],
    ['/data:/etc/keys', '/host/1:/host/3'],
    ['file:///data/x', 'file:///host/1/x'],
    ['{"dir":"/data"}', '{"dir":"/host/1"}'],
    ['cat /data/a > /data/b', 'cat /host/1/a > /host/1/b'],
    ['/database', '/database'],
    ['/var/data', '/var/data'],
    ['http://data/x', 'http://data/x'],
    ['my/data', 'my/data'],
  ])('%s becomes %s', (text, expected) => expect(replaceMounts(text, mounts)).toBe(expected));
});

test.each([
  ['$(A)', 'a'],
  ['$(A)$(B)', 'ab'],
  ['$$(A)', '$(A)'],
  ['$(NONE)', '$(NONE)'],
  ['$A and $', '$A and $'],
  ['$$$(A)', '$a'],
])('expand %s gives %s', (text, expected) => {
  expect(
    expand(
      text,
      new Map([
        ['A', 'a'],
        ['B', 'b'],
      ]),
    ),
  ).toBe(expected);
});

describe('commandLine', () => {
  const image = {
    entrypoint: ['node', 'main.js'],
    cmd: ['default'],
    bins: { holdfast: ['node', 'main.js'] },
    files: { '/app/own.ts': '/here/own.ts' },
  };
  test.each([
    [undefined, undefined, ['node', 'main.js', 'default']],
    [undefined, ['agent'], ['node', 'main.js', 'agent']],
    [['holdfast', 'agent'], ['--x'], ['node', 'main.js', 'agent', '--x']],
    [['sh', '-c'], ['true'], ['sh', '-c', 'true']],
    [['node', '/app/own.ts'], ['/app/own.ts'], ['node', '/here/own.ts', '/app/own.ts']],
  ])('command %j, args %j', (command, args, expected) =>
    expect(commandLine(image, command, args)).toEqual(expected),
  );
});

test('back-off is nothing at first, then the base doubling to 300 s, and nothing again after 600 s of calm', () => {
  const backoff = new CrashBackoff(10_000);
  let now = 1_000_000;
  const waits = Array.from({ length: 8 }, () => {
    const wait = backoff.next(now);
    now += wait;
    return wait / 1000;
  });
  expect(waits).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
  expect(backoff.next(now + 600_001)).toBe(0);
});

const running: ContainerState = { running: { startedAt: 'then' } };
const waiting: ContainerState = { waiting: { reason: 'CrashLoopBackOff' } };
const exited = (exitCode: number): ContainerState => ({
  terminated: { exitCode, reason: 'r', finishedAt: 'then' },
});
const status = (state: ContainerState, lastState: ContainerState = {}): ContainerStatus => ({
  name: 'c',
  image: 'i',
  imageID: 'i',
  ready: state.running !== undefined,
  started: true,
  restartCount: 0,
  state,
  lastState,
});
const podWith = (restartPolicy: 'Always' | 'OnFailure' | 'Never', extra: object = {}): Pod => ({
  metadata: { name: 'p' },
  spec: { restartPolicy, containers: [], ...extra },
});
const facts = (main: readonly ContainerStatus[], init: readonly ContainerStatus[] = []): PodFacts => ({
  init,
  main,
  podIP: '10.244.1.1',
  hostIP: '10.200.0.1',
  startTime: 'then',
});

describe('podPhase', () => {
  test.each([
    ['runs', 'Always', [status(running)], [], 'Running'],
    ['has not begun', 'Always', [status({ waiting: { reason: 'ContainerCreating' } })], [], 'Pending'],
    ['is between two tries', 'Always', [status(waiting, exited(1))], [], 'Running'],
    ['ended well', 'Never', [status(exited(0))], [], 'Succeeded'],
    ['ended badly', 'Never', [status(exited(0)), status(exited(1))], [], 'Failed'],
    ['ended badly and will be tried again', 'OnFailure', [status(exited(1))], [], 'Running'],
    ['ended in one of two', 'Never', [status(exited(1)), status(running)], [], 'Running'],
    [
      'is in its first init container',
      'Always',
      [status({ waiting: { reason: 'PodInitializing' } })],
      [status(running)],
      'Pending',
    ],
    [
      'failed in an init container',
      'Never',
      [status({ waiting: { reason: 'PodInitializing' } })],
      [status(exited(1))],
      'Failed',
    ],
  ] as const)('of a pod that %s', (_story, policy, main, init, phase) => {
    expect(podPhase(podWith(policy), facts(main, init))).toBe(phase);
  });

  test('of a pod that was told to end is Succeeded only when every container ended well', () => {
    expect(endedPhase(facts([status(exited(0))]))).toBe('Succeeded');
    expect(endedPhase(facts([status(exited(143)), status(exited(0))]))).toBe('Failed');
  });
});

describe('podConditions', () => {
  const find = (pod: Pod, previous: Parameters<typeof podConditions>[3], now: string, ready = true) =>
    podConditions(pod, facts([{ ...status(running), ready }]), 'Running', previous, now).find(
      ({ type }) => type === 'Ready',
    );

  test('keep their transition time until the status moves', () => {
    const first = find(podWith('Always'), [], 't1')!;
    expect(first).toMatchObject({ status: 'True', lastTransitionTime: 't1' });
    expect(find(podWith('Always'), [first], 't2')?.lastTransitionTime).toBe('t1');
    expect(find(podWith('Always'), [first], 't3', false)).toMatchObject({
      status: 'False',
      lastTransitionTime: 't3',
    });
  });

  test('a readiness gate holds Ready back until its own condition is True', () => {
    const gated = podWith('Always', { readinessGates: [{ conditionType: 'gate' }] });
    expect(find(gated, [], 't')).toMatchObject({ status: 'False', reason: 'ReadinessGatesNotReady' });
    const open: Pod = { ...gated, status: { conditions: [{ type: 'gate', status: 'True' }] } };
    expect(find(open, [], 't')?.status).toBe('True');
  });
});
