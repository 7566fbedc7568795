import { describe, expect, test } from '@jest/globals';
import { KINDS } from '../../src/api/index.ts';
import { createMetrics, silentLogger } from '../../src/base/index.ts';
import { seededRandom, VirtualClock } from '../../src/base/testing/index.ts';
import { EventRecorder } from './events.ts';
import { EVENT } from './kinds.ts';
import { ScriptedKube, ScriptedKubeClient } from './testing/scripted-kube.ts';

function setUp() {
  const clock = new VirtualClock();
  const server = new ScriptedKube(clock);
  const kube = new ScriptedKubeClient(server, 'op');
  const metrics = createMetrics();
  const recorder = new EventRecorder({
    kube,
    clock,
    random: seededRandom(3),
    log: silentLogger,
    metrics,
    instance: 'op-a',
  });
  const about = {
    metadata: { name: 'orders', namespace: 'shop', uid: 'u1', resourceVersion: '7' },
  };
  const stop = new AbortController();
  let ended = false;
  void recorder.run(stop.signal).then(() => (ended = true)); // never rejects
  const tell = (message: string): void =>
    recorder.tell(KINDS.shard, about, { type: 'Normal', reason: 'PodCreated', message });
  const pass = (ms: number): Promise<void> => clock.run(clock.sleep(ms));
  const events = (): Record<string, unknown>[] => server.all(EVENT) as unknown as Record<string, unknown>[];
  return { clock, kube, server, metrics, stop, tell, pass, events, ended: () => ended };
}

describe('events', () => {
  test('say what happened to which object, who says so, and when', async () => {
    const { tell, pass, events } = setUp();
    tell('Created pod a.');
    await pass(100);
    expect(events()).toMatchObject([
      {
        involvedObject: {
          kind: 'Shard',
          apiVersion: 'holdfast.dev/v1alpha1',
          name: 'orders',
          namespace: 'shop',
          uid: 'u1',
        },
        type: 'Normal',
        reason: 'PodCreated',
        message: 'Created pod a.',
        count: 1,
        reportingInstance: 'op-a',
      },
    ]);
  });

  test('that repeat raise a count, and begin anew when the first has expired', async () => {
    const { tell, pass, events, server } = setUp();
    for (let i = 0; i < 3; i++) tell('again');
    await pass(200);
    expect(events().map((e) => e['count'])).toEqual([3]);
    server.remove(EVENT, server.all(EVENT)[0]!.metadata, 'ttl');
    tell('again');
    await pass(200);
    expect(events().map((e) => e['count'])).toEqual([1]);
  });

  test('never hold up who tells: a flood is dropped and counted, a failing server too', async () => {
    const { kube, tell, pass, metrics, events } = setUp();
    kube.cut = true;
    for (let i = 0; i < 2_500; i++) tell(`event ${i}`);
    await pass(30_000);
    const text = await metrics.render();
    expect(text).toMatch(/events_total\{outcome="dropped"\} [45]\d\d/);
    kube.cut = false;
    tell('later');
    await pass(1_000);
    expect(events().at(-1)).toMatchObject({ message: 'later' });
  });

  test('that are queued at the stop are still sent', async () => {
    const { tell, stop, pass, events, ended } = setUp();
    tell('one');
    tell('two');
    stop.abort(new Error('stop'));
    await pass(1_000);
    expect(events()).toHaveLength(2);
    expect(ended()).toBe(true);
  });
});
