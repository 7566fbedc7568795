/**
 * Whole lives of agents: what each good and bad day ends in.
 */
import { describe, expect, test } from '@jest/globals';
import { EXIT } from '../api/index.ts';
import { HoldfastError, systemClock, systemRandom, utf8, type Clock } from '../base/index.ts';
import { findPlan, slotKey } from '../journal/index.ts';
import { encodeHintsJson, forkLog, openNewLog, Recorder, replay } from '../recoverylog/index.ts';
import { Fsm, scriptedDisk, systemError } from '../recoverylog/testing/index.ts';
import { AgentWorld } from './testing/agent-world.ts';

describe('a good day', () => {
  test('a pod that is assigned serves; one that is not follows, and serves when its turn comes', () =>
    AgentWorld.use(async (world) => {
      const first = world.start();
      world.assign(1, first);
      expect(await first.reaches('serving')).toMatchObject({ term: 1, handoff: { term: 1 } });
      const second = world.start();
      await second.reaches('tailing');
      await first.application.append('a');
      second.shown(world.assignment(2, second)); // the first hears nothing of it but the fence
      await second.reaches('serving');
      await second.application.append('b');
      expect(await second.application.lines()).toEqual(['term 1', 'a', 'term 2', 'b']);
      await expect(first.application.append('zombie')).rejects.toMatchObject({ code: 'RECORDER_BROKEN' });
      expect(await first.exit).toMatchObject({ code: EXIT.fenced, reason: 'Fenced', released: false });
      expect(await second.application.lines()).toEqual(['term 1', 'a', 'term 2', 'b']);
    }));

  test('a planned handover: the old primary answers what it has, releases, says so; the new one waits for that', () =>
    AgentWorld.use(async (world) => {
      const [first, second] = [world.start(), world.start()];
      world.assign(1, first);
      await first.reaches('serving');
      await second.reaches('tailing');
      await first.application.append('a');
      world.assign(2, second, { from: first });
      await second.reaches('serving');
      expect(await first.exit).toMatchObject({ code: EXIT.ok, reason: 'SteppedDown', released: true });
      expect(first.application.calls).toEqual(['start', 'follow', 'open', 'drain', 'close']);
      expect(await second.application.lines()).toEqual(['term 1', 'a', 'term 2']);
    }));

  test('asked to stop, a standby just ends and a primary hands the log back with hints of all of it', () =>
    AgentWorld.use(async (world) => {
      const [first, second] = [world.start(), world.start()];
      world.assign(1, first);
      await first.reaches('serving');
      await second.reaches('tailing');
      second.stop();
      expect(await second.exit).toMatchObject({ code: EXIT.ok, released: false });
      await first.application.append('a');
      first.stop();
      expect(await first.exit).toMatchObject({ code: EXIT.ok, reason: 'Terminated', released: true });
      const { primary } = await world.hints.readAll();
      expect(primary).toMatchObject({ kind: 'value', term: 1 });
      const third = world.start();
      world.assign(2, third);
      await third.reaches('serving');
      expect(await third.application.lines()).toEqual(['term 1', 'a', 'term 2']);
    }));

  test('hints are written while it serves, and push older ones into the backups once a term', () =>
    AgentWorld.use(async (world) => {
      const first = world.start({ hintsIntervalMs: 10 });
      world.assign(1, first);
      await first.reaches('serving');
      const term = async (slot: 'primary' | 'backup-0'): Promise<number | undefined> => {
        const read = (await world.hints.readAll())[slot];
        return read.kind === 'value' ? read.term : undefined;
      };
      while ((await term('primary')) !== 1) await systemClock.sleep(5);
      expect(await term('backup-0')).toBeUndefined();
      const second = world.start({ hintsIntervalMs: 10 });
      await second.reaches('tailing');
      world.assign(2, second);
      while ((await term('primary')) !== 2) await systemClock.sleep(5);
      expect(await term('backup-0')).toBe(1);
    }));
});

describe('a log that was forked', () => {
  const forked = async (world: AgentWorld): Promise<void> => {
    const { store, clock } = world;
    const ports = { clock, random: systemRandom };
    const old = { store, name: 'default/old', generation: 'g0' };
    const first = await openNewLog(old, ports);
    const recorder = new Recorder({
      session: first,
      fsm: new Fsm({ log: old.name, liveNodes: [], properties: [] }),
    });
    const lines = utf8('of the old log\n');
    recorder.record([{}, { create: { path: '/lines' } }]);
    recorder.recordWrite(2, lines, 0);
    await recorder.barrier();
    const { fsm } = await replay({ ...ports, journal: old, hints: undefined });
    const second = await openNewLog({ store, name: 'default/s', generation: 'g1' }, ports);
    const hints = await forkLog(fsm, second);
    await Promise.all([first.close(), second.close()]);
    await world.hints.write({ term: 1, value: encodeHintsJson(hints), rotate: true });
  };

  test('begins with the files of the other one, which is read where it lies', () =>
    AgentWorld.use(async (world) => {
      await forked(world);
      const first = world.start();
      world.assign(2, first);
      await first.reaches('serving');
      await first.application.append('a');
      expect(await first.application.lines()).toEqual(['of the old log', 'term 2', 'a']);
      first.stop();
      await first.exit;
      const second = world.start();
      world.assign(3, second);
      await second.reaches('serving');
      expect(await second.application.lines()).toEqual(['of the old log', 'term 2', 'a', 'term 3']);
    }));

  test('and whose other one is gone is an error that names it, and nothing is served', () =>
    AgentWorld.use(async (world) => {
      await forked(world);
      const { store } = world;
      for (const { key } of (await store.list('')).objects)
        if (key.includes('/old/')) await store.delete(key);
      const agent = world.start();
      world.assign(2, agent);
      const { error } = await agent.exit;
      expect(error?.message).toContain('default/old');
      expect(agent.application.calls).not.toContain('open');
    }));
});

describe('a log that is pruned', () => {
  const pruned = async (world: AgentWorld): Promise<number> => {
    const plan = await findPlan({ store: world.store, name: 'default/s', generation: 'g1' });
    return (plan?.index.pruned ?? []).reduce((sum, { begin, end }) => sum + end - begin, 0);
  };
  const SMALL = {
    compaction: {
      compression: 'raw',
      triggerSlots: 8,
      intervalMs: 50,
      graceMs: 50,
      pruneAgeMs: 0,
      fragmentBytes: 4096,
    },
    hintsIntervalMs: 20,
    hintsRotationMs: 50,
  } as const;

  test('by a primary that lives on: its hints rotate, and what none of them needs goes, while a pin lets nothing go', () =>
    AgentWorld.use(async (world) => {
      const first = world.start(SMALL);
      world.pins = ['a snapshot'];
      world.assign(1, first);
      await first.reaches('serving');
      const write = async (enough: () => Promise<boolean>): Promise<string> => {
        for (let i = 0; ; i++) {
          const line = `${i} ${'x'.repeat(500)}`;
          await first.application.append(line);
          if (i % 10 === 9) await first.application.startAnew();
          if (i % 10 === 9 && (await enough())) return line;
        }
      };
      const until = systemClock.monotonicMs() + 3000;
      await write(() => Promise.resolve(systemClock.monotonicMs() > until));
      expect(await pruned(world)).toBe(0);
      world.pins = [];
      const last = await write(async () => (await pruned(world)) > 20_000);
      const second = world.start(SMALL);
      await second.reaches('tailing');
      world.assign(2, second);
      await second.reaches('serving');
      expect(await second.application.lines()).toEqual([last, 'term 2']);
    }));
});

describe('a bad day', () => {
  test('the store is away at start: the pod says so and waits; then it goes on', () =>
    AgentWorld.use(async (world) => {
      const away = world.store.add({ fault: { kind: 'drop-request', code: 'STORE_UNREACHABLE' } });
      const agent = world.start();
      world.assign(1, agent);
      let line = await agent.reaches('restoring');
      while (line.reason === undefined) line = (await agent.status())!;
      expect(line.reason).toContain('STORE_UNREACHABLE');
      away.remove();
      await agent.reaches('serving');
      expect(await agent.application.lines()).toEqual(['term 1']);
    }));

  test('the store stays away while a primary writes: it ends without having acknowledged, and its successor decides', () =>
    AgentWorld.use(async (world) => {
      const agent = world.start({ groupCommit: { giveUpMs: 200, firstAttemptMs: 50, laterAttemptMs: 50 } });
      world.assign(1, agent);
      await agent.reaches('serving');
      world.store.add({ fault: { kind: 'drop-request', waitMs: 10 } });
      await expect(agent.application.append('a')).rejects.toMatchObject({ code: 'RECORDER_BROKEN' });
      expect(await agent.exit).toMatchObject({
        code: EXIT.storeRefused,
        reason: 'StoreUnreachable',
        released: false,
      });
      world.store.clear();
      const successor = world.start();
      await successor.reaches('tailing');
      world.assign(2, successor);
      await successor.reaches('serving');
      expect(await successor.application.lines()).toEqual(['term 1', 'term 2']);
    }));

  test('asked to stop while the store is away, a primary says that it could not hand back', () =>
    AgentWorld.use(async (world) => {
      const agent = world.start({ groupCommit: { giveUpMs: 200, firstAttemptMs: 50, laterAttemptMs: 50 } });
      world.assign(1, agent);
      await agent.reaches('serving');
      world.store.add({ fault: { kind: 'drop-request', waitMs: 10 } });
      const write = agent.application.append('a').catch((error: unknown) => error);
      await systemClock.sleep(20);
      agent.stop();
      expect(await agent.exit).toMatchObject({
        code: EXIT.storeRefused,
        reason: 'StoreUnreachable',
        released: false,
      });
      expect(await write).toMatchObject({ code: 'RECORDER_BROKEN' });
    }));

  test('a store that ignores the condition of a create is refused before anything is written to the log', () =>
    AgentWorld.use(async (world) => {
      world.store.add({ fault: { kind: 'lie', lie: 'condition-ignored' } });
      const agent = world.start();
      world.assign(1, agent);
      const exit = await agent.exit;
      expect(exit).toMatchObject({
        code: EXIT.storeRefused,
        reason: 'StoreRefused',
        error: { code: 'STORE_UNFIT' },
      });
      expect(agent.application.calls).not.toContain('open');
    }));

  test('credentials that the store refuses end the pod with that reason', () =>
    AgentWorld.use(async (world) => {
      world.store.add({ fault: { kind: 'status', status: 403 } });
      const agent = world.start();
      expect(await agent.exit).toMatchObject({
        code: EXIT.storeRefused,
        reason: 'StoreRefused',
        error: { code: 'STORE_DENIED' },
      });
    }));

  test('damaged hints are passed over for the backup, and for a full replay when there is none', () =>
    AgentWorld.use(async (world) => {
      const first = world.start();
      world.assign(1, first);
      await first.reaches('serving');
      await first.application.append('a');
      first.stop();
      await first.exit;
      const good = world.hints.annotations['primary']!;
      world.hints.annotations = { primary: 'not hints', 'backup-0': good };
      const second = world.start();
      world.assign(2, second);
      await second.reaches('serving');
      expect(await second.application.lines()).toEqual(['term 1', 'a', 'term 2']);
      second.stop();
      await second.exit;
      world.hints.annotations = { primary: good.replace('"text":"{', '"text":"[') };
      const third = world.start();
      world.assign(3, third);
      await third.reaches('serving');
      expect(await third.application.lines()).toEqual(['term 1', 'a', 'term 2', 'term 3']);
    }));

  test.each([0, 1])('slot %s of a log with history is gone: data loss is told, nothing is served', (seq) =>
    AgentWorld.use(async (world) => {
      const first = world.start();
      world.assign(1, first);
      await first.reaches('serving');
      for (const line of ['a', 'b', 'c']) await first.application.append(line);
      first.stop();
      await first.exit;
      world.hints.annotations = {};
      world.initialized = true;
      await world.store.delete(slotKey({ store: world.store, name: 'default/s', generation: 'g1' }, seq));
      const second = world.start();
      world.assign(2, second);
      expect(await second.exit).toMatchObject({ code: EXIT.dataLoss, reason: 'DataLoss' });
      expect(second.application.calls).not.toContain('open');
    }),
  );

  test('a log that is known to have history, and is empty, is data loss and not a fresh start', () =>
    AgentWorld.use(async (world) => {
      world.initialized = true;
      const agent = world.start();
      world.assign(1, agent);
      expect(await agent.exit).toMatchObject({ code: EXIT.dataLoss, error: { code: 'HISTORY_LOST' } });
    }));

  test('a full disk ends the primary with that reason; what it had acknowledged is at its successor', () =>
    AgentWorld.use(async (world) => {
      const full = scriptedDisk((_, call) => (call === 'file.write' ? systemError('ENOSPC') : 'done'));
      const [first, second] = [world.start(), world.start({ disk: full.disk })];
      world.assign(1, first);
      await first.reaches('serving');
      await first.application.append('a');
      await second.reaches('tailing');
      world.assign(2, second);
      expect(await second.exit).toMatchObject({ code: EXIT.localDisk, reason: 'DiskFull' });
      const third = world.start();
      world.assign(3, third);
      await third.reaches('serving');
      // The second never acknowledged its line; whether it is in the log is open.
      const lines = await third.application.lines();
      expect(lines.filter((line) => line !== 'term 2')).toEqual(['term 1', 'a', 'term 3']);
    }));

  test('two pods are told the same term: one serves, the other ends fenced, and the log has one history', () =>
    AgentWorld.use(async (world) => {
      const [first, second] = [world.start(), world.start()];
      await Promise.all([first.reaches('tailing'), second.reaches('tailing')]);
      first.shown(world.assignment(1, first));
      second.shown(world.assignment(1, second));
      const [loser, winner] = await Promise.race([
        first.exit.then((exit) => [exit, second] as const),
        second.exit.then((exit) => [exit, first] as const),
      ]);
      expect(loser).toMatchObject({ code: EXIT.fenced });
      await winner.reaches('serving');
      await winner.application.append('a');
      expect(await winner.application.lines()).toEqual(['term 1', 'a']);
    }));

  test('an idle primary that hears of nothing finds the fence by looking, and ends', () =>
    AgentWorld.use(async (world) => {
      const [first, second] = [world.start({ fenceCheckMs: 20 }), world.start()];
      world.assign(1, first);
      await first.reaches('serving');
      await second.reaches('tailing');
      second.shown(world.assignment(2, second));
      expect(await first.exit).toMatchObject({ code: EXIT.fenced, released: false });
      await second.reaches('serving');
    }));

  test('an old assignment that is shown again moves nobody', () =>
    AgentWorld.use(async (world) => {
      const [first, second] = [world.start(), world.start()];
      world.assign(1, first);
      await first.reaches('serving');
      await second.reaches('tailing');
      world.assign(2, second);
      await second.reaches('serving');
      second.shown(world.assignment(1, first));
      await second.application.append('a');
      expect((await second.status())?.state).toBe('serving');
      expect(await second.application.lines()).toEqual(['term 1', 'term 2', 'a']);
    }));

  test('a wall clock that jumps an hour either way changes nothing', () => {
    let jumpMs = 0;
    const clock: Clock = {
      wallMs: () => systemClock.wallMs() + jumpMs,
      monotonicMs: () => systemClock.monotonicMs(),
      timer: (delayMs, fire) => systemClock.timer(delayMs, fire),
      sleep: (delayMs, signal) => systemClock.sleep(delayMs, signal),
    };
    return AgentWorld.use(async (world) => {
      const [first, second] = [world.start({ hintsIntervalMs: 5 }), world.start()];
      world.assign(1, first);
      await first.reaches('serving');
      await second.reaches('tailing');
      for (const hours of [1, -1]) {
        jumpMs = hours * 3_600_000;
        await first.application.append(`${hours}`);
      }
      world.assign(2, second, { from: first });
      await second.reaches('serving');
      expect(await second.application.lines()).toEqual(['term 1', '1', '-1', 'term 2']);
    }, clock);
  });

  test('an application that fails by itself ends the pod; its error is the reason', () =>
    AgentWorld.use(async (world) => {
      const agent = world.start();
      world.assign(1, agent);
      await agent.reaches('serving');
      agent.application.fail(new HoldfastError('STATE_DAMAGED', 'The state is damaged.'));
      expect(await agent.exit).toMatchObject({ code: EXIT.dataLoss, reason: 'DataLoss' });
    }));
});
