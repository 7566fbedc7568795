/**
 * The runtime over a real recorder, real files and a journal on a scripted store.
 */
import { describe, expect, test } from '@jest/globals';
import { systemClock, utf8, type HoldfastError } from '../base/index.ts';
import type { ProposeOptions } from './proposals.ts';
import { POISON, until, withReplicas, type TestReplica } from './testing/index.ts';

const propose = (replica: TestReplica, text: string, requestId?: string): Promise<{ value: number }> =>
  replica.runtime!.propose(utf8(text), { requestId });
const list = (replica: TestReplica): readonly string[] => replica.runtime!.lookup();

describe('a proposal', () => {
  test('is answered after it is durable, and nothing of it can be read before', () =>
    withReplicas(async (start, log) => {
      const primary = await start();
      await primary.promote(1);
      log.store.faults = Array.from({ length: 4 }, () => 'busy');
      const answer = propose(primary, 'a');
      await until(() => log.store.faults.length < 3);
      expect(list(primary)).toEqual([]);
      expect(await answer).toMatchObject({ value: 1 });
      expect(list(primary)).toEqual(['a']);
    }));

  test('many at once are applied in the order they came in, in few entries', () =>
    withReplicas(async (start) => {
      const primary = await start();
      await primary.promote(1);
      const texts = Array.from({ length: 200 }, (_, n) => `c${n}`);
      const results = await Promise.all(texts.map((text) => propose(primary, text)));
      expect(results.map(({ value }) => value)).toEqual(texts.map((_, n) => n + 1));
      expect(list(primary)).toEqual(texts);
      expect(primary.machine.batches.length).toBeLessThan(20);
    }));

  test('that comes while the store is slow waits for company: few entries, whatever the number of callers', () =>
    withReplicas(async (start, log) => {
      const primary = await start();
      await primary.promote(1);
      log.store.faults = Array.from({ length: 1000 }, () => 'busy');
      const putsBefore = log.store.puts.length;
      const answers = [propose(primary, 'c0')];
      await until(() => log.store.puts.length > putsBefore);
      for (let n = 1; n < 20; n++) {
        answers.push(propose(primary, `c${n}`));
        await systemClock.sleep(1);
      }
      expect(list(primary)).toEqual([]);
      log.store.faults = [];
      await Promise.all(answers);
      expect(list(primary)).toHaveLength(20);
      expect(primary.machine.batches).toEqual([1, 1, 18]); // on its way, written behind it, and all the others
    }));

  test('that is too long, or one too many, is refused and leaves no trace', () =>
    withReplicas(async (start) => {
      const primary = await start();
      await primary.promote(1);
      await expect(primary.runtime!.propose(new Uint8Array(8 * 1024 * 1024))).rejects.toMatchObject({
        code: 'PROPOSAL_INVALID',
      });
      await expect(propose(primary, 'a', 'x'.repeat(129))).rejects.toMatchObject({
        code: 'PROPOSAL_INVALID',
      });
      const all = await Promise.allSettled(Array.from({ length: 20_000 }, () => propose(primary, 'a')));
      const refused = all.filter((each) => each.status === 'rejected').map(({ reason }) => reason as unknown);
      expect(refused.length).toBeGreaterThan(0);
      for (const reason of refused)
        expect(reason).toMatchObject({ code: 'PROPOSAL_QUEUE_FULL', outcome: 'rejected' });
      expect(list(primary)).toHaveLength(20_000 - refused.length);
    }));
});

describe('commands that are proposed together', () => {
  const together = async (
    { runtime }: TestReplica,
    commands: readonly (readonly [string, ProposeOptions?])[],
  ): Promise<unknown[]> => {
    const outcomes: unknown[] = [];
    const all = commands.map(([text, identity = {}]) => ({ cmd: utf8(text), identity }));
    await runtime!.proposeAll(all, (n, outcome) => {
      expect(outcomes[n]).toBeUndefined(); // told once
      outcomes[n] = outcome instanceof Error ? (outcome as HoldfastError).code : outcome.value;
    });
    return outcomes;
  };
  const session = { clientId: 5n, series: 1n, respondedTo: 0n };

  test('have an outcome each, in their order, whatever becomes of the others', () =>
    withReplicas(async (start) => {
      const primary = await start();
      await primary.promote(1);
      expect(await together(primary, [])).toEqual([]);
      expect(await together(primary, [['a', { requestId: 'r1' }]])).toEqual([1]);
      const outcomes = await together(primary, [
        ['b'],
        ['a', { requestId: 'r1' }], // known
        ['c', { requestId: 'x'.repeat(129) }],
        ['d', { session }],
        ['e', { requestId: 'r2' }],
        ['e', { requestId: 'r2' }], // known when its turn comes
        ['x'.repeat(8 * 1024 * 1024)],
        ['f'],
      ]);
      const refusals = ['PROPOSAL_INVALID', 'SESSION_UNKNOWN'];
      expect(outcomes).toEqual([2, 1, ...refusals, 3, 3, 'PROPOSAL_INVALID', 4]);
      expect(list(primary)).toEqual(['a', 'b', 'e', 'f']);
      expect(primary.machine.batches.length).toBeLessThan(5);
    }));

  test('are all told when the primary ends: those that were written do not know, the others were not made', () =>
    withReplicas(async (start, log) => {
      const primary = await start();
      await primary.promote(1);
      log.store.faults = Array.from({ length: 1000 }, () => 'busy');
      const written = primary.runtime!.proposeAll([{ cmd: utf8('a'), identity: {} }], (_, outcome) =>
        expect(outcome).toMatchObject({ code: 'PROPOSAL_UNKNOWN', outcome: 'unknown' }),
      );
      const putsBefore = log.store.puts.length;
      await until(() => log.store.puts.length > putsBefore);
      await primary.runtime!.close();
      await written;
      expect(await together(primary, [['b'], ['c']])).toEqual(['PROPOSAL_REJECTED', 'PROPOSAL_REJECTED']);
    }));

  test('a fault of whoever is told is theirs, and the others are told all the same', () =>
    withReplicas(async (start) => {
      const primary = await start();
      await primary.promote(1);
      const told: number[] = [];
      const fault = new Error('cannot take it');
      const all = ['a', 'b', 'c'].map((text) => ({ cmd: utf8(text), identity: {} }));
      await expect(
        primary.runtime!.proposeAll(all, (n) => {
          told.push(n);
          if (n === 1) throw fault;
        }),
      ).rejects.toBe(fault);
      expect(told).toEqual([0, 1, 2]);
      expect(await propose(primary, 'd')).toMatchObject({ value: 4 });
    }));
});

describe('the end of a primary', () => {
  test('fenced: what was written is unknown, what waits is rejected, and the runtime takes nothing more', () =>
    withReplicas(async (start) => {
      const [old, next] = [await start(), await start()];
      await old.promote(1);
      await propose(old, 'a');
      await next.promote(2);
      await expect(propose(old, 'zombie')).rejects.toMatchObject({
        code: 'PROPOSAL_UNKNOWN',
        outcome: 'unknown',
      });
      expect(await old.runtime!.halted).toMatchObject({ code: 'SHARD_HALTED' });
      await expect(propose(old, 'late')).rejects.toMatchObject({ outcome: 'rejected' });
      expect(() => list(old)).toThrow(expect.objectContaining({ code: 'SHARD_HALTED' }));
      await expect(old.runtime!.checkpoint()).rejects.toMatchObject({ code: 'SHARD_HALTED' });
      await propose(next, 'b');
      expect(list(next)).toEqual(['a', 'b']);
    }));

  test('a machine that throws halts the primary, and every replica that replays the entry', () =>
    withReplicas(async (start) => {
      const primary = await start();
      await primary.promote(1);
      await propose(primary, 'a');
      await expect(propose(primary, POISON)).rejects.toMatchObject({ outcome: 'unknown' });
      await primary.crash();
      const other = await start();
      expect(await other.follower.failed).toMatchObject({ code: 'STATE_MACHINE_FAILED' });
      await expect(other.promote(2)).rejects.toMatchObject({ code: 'STATE_MACHINE_FAILED' });
    }));

  test('close answers everything: written ones unknown, waiting ones rejected', () =>
    withReplicas(async (start, log) => {
      const primary = await start();
      await primary.promote(1);
      log.store.faults = Array.from({ length: 1000 }, () => 'busy');
      const first = propose(primary, 'a').catch((error: unknown) => error);
      await until(() => log.store.faults.length < 1000);
      const settled = Promise.all([
        first,
        ...['b', 'c', 'd'].map((text) => propose(primary, text).catch((e: unknown) => e)),
      ]);
      await primary.runtime!.close();
      const outcomes = (await settled).map((error) => (error as { outcome: string }).outcome);
      expect(outcomes[0]).toBe('unknown');
      expect(outcomes.at(-1)).toBe('rejected');
      log.store.faults = [];
    }));

  test('a term below the one in the state is refused', () =>
    withReplicas(async (start) => {
      const primary = await start();
      await primary.promote(5);
      await primary.crash();
      const other = await start();
      await expect(other.promote(4)).rejects.toMatchObject({ code: 'STALE_TERM' });
    }));
});

describe('a request id', () => {
  test('makes a command take effect once across a handoff', () =>
    withReplicas(async (start) => {
      const [old, next] = [await start(), await start()];
      await old.promote(1);
      expect(await propose(old, 'a', 'r1')).toMatchObject({ value: 1 });
      await propose(old, 'b');
      await next.promote(2);
      expect(await propose(next, 'a', 'r1')).toMatchObject({ value: 1 });
      expect(list(next)).toEqual(['a', 'b']);
    }));
});

describe('a checkpoint', () => {
  test('under load loses nothing, and a restart from it gives the same state (I7)', () =>
    withReplicas(async (start) => {
      const primary = await start();
      const standby = await start();
      await primary.promote(1);
      const proposals: Promise<unknown>[] = [];
      for (let n = 0; n < 60; n++) {
        proposals.push(propose(primary, `c${n}`, n % 3 === 0 ? `r${n}` : undefined));
        if (n % 20 === 10) proposals.push(primary.runtime!.checkpoint());
        if (n % 7 === 0) await systemClock.sleep(1);
      }
      await Promise.all(proposals);
      const { appliedIndex } = primary.runtime!;
      await until(() => standby.follower.appliedIndex === appliedIndex);
      expect(await standby.follower.stateHash()).toBe(await primary.runtime!.stateHash());
      const copy = await start();
      await until(() => copy.follower.appliedIndex === appliedIndex);
      expect(await copy.follower.stateHash()).toBe(await primary.runtime!.stateHash());
      expect(copy.follower.lookup()).toHaveLength(60);
    }));

  test('that begins while entries are on their way has them all behind it', () =>
    withReplicas(async (start, log) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      await propose(primary, 'a', 'r1');
      log.store.faults = ['busy'];
      const putsBefore = log.store.puts.length;
      const answer = propose(primary, 'on its way');
      await until(() => log.store.puts.length > putsBefore);
      expect(list(primary)).toEqual(['a']);
      await Promise.all([runtime.checkpoint(), answer]);
      const copy = await start(await primary.taken!.recorder.buildHints());
      await until(() => copy.follower.appliedIndex === runtime.appliedIndex);
      expect(await copy.follower.stateHash()).toBe(await runtime.stateHash());
      expect(copy.machine.batches).toEqual([1]); // one came with the snapshot, one behind it
      await primary.crash();
      await copy.promote(2);
      expect(await propose(copy, 'a', 'r1')).toMatchObject({ value: 1 });
      expect(list(copy)).toEqual(['a', 'on its way']);
    }));

  test('starts by itself when the log behind the last one has grown, and joins one under way', () =>
    withReplicas(async (start) => {
      const primary = await start();
      const runtime = await primary.promote(1, { snapshotAfterBytes: 2000 });
      for (let n = 0; n < 60; n++) await propose(primary, `command number ${n}`);
      await Promise.all([runtime.checkpoint(), runtime.checkpoint()]);
      const copy = await start(await primary.taken!.recorder.buildHints());
      await until(() => copy.follower.appliedIndex === runtime.appliedIndex);
      expect(copy.machine.batches).toEqual([]); // all of it came in with the snapshot
      expect(copy.follower.lookup()).toHaveLength(60);
    }));

  test('writes nothing when nothing is new since the last one; a failed one is no last one (F4.9)', () =>
    withReplicas(async (start) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      await propose(primary, 'a');
      primary.machine.failSave = new Error('not today');
      await expect(runtime.checkpoint()).rejects.toThrow();
      primary.machine.failSave = undefined;
      const ends: number[] = [];
      for (const then of [undefined, undefined, 'b', undefined]) {
        if (then !== undefined) await propose(primary, then);
        const before = primary.taken!.recorder.end;
        await runtime.checkpoint();
        ends.push(primary.taken!.recorder.end - before);
      }
      expect(ends.map((bytes) => bytes > 0)).toEqual([true, false, true, false]);
    }));

  test('that is aborted leaves everything as it was', () =>
    withReplicas(async (start) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      await propose(primary, 'a');
      const stop = new AbortController();
      stop.abort(new Error('not now'));
      await expect(runtime.checkpoint(stop.signal)).rejects.toThrow('not now');
      await propose(primary, 'b');
      await runtime.checkpoint();
      await primary.crash();
      const next = await start();
      await next.promote(2);
      expect(list(next)).toEqual(['a', 'b']);
    }));
});
