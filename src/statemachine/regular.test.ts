/**
 * A regular machine under the runtime: one command a call, nothing while it is saved, and lookups all the time (seeds.md F4.4, F4.7).
 */
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../base/index.ts';
import { AppliedState } from './applied-state.ts';
import { NO_FILES, noFilesOf } from './snapshot-file/no-files.ts';
import { openSnapshot } from './envelope.ts';
import {
  DiskList,
  ListMachine,
  POISON,
  RegularList,
  until,
  withReplicasOf,
  type TestReplica,
} from './testing/index.ts';
import { logIndex, logTerm } from './types.ts';

const regular = (use: Parameters<typeof withReplicasOf<RegularList>>[1]): Promise<void> =>
  withReplicasOf(() => new RegularList(), use);
const propose = (replica: TestReplica<RegularList>, text: string): Promise<{ value: number }> =>
  replica.runtime!.propose(utf8(text));

describe('a regular machine', () => {
  test('takes over, is followed, restarts from a snapshot, and has one state everywhere (I7)', () =>
    regular(async (start) => {
      const [primary, standby] = [await start(), await start()];
      const runtime = await primary.promote(1);
      for (const text of ['a', 'b']) await propose(primary, text);
      await runtime.checkpoint();
      await propose(primary, 'c');
      await until(() => standby.follower.appliedIndex === runtime.appliedIndex);
      const hash = await runtime.stateHash();
      expect(await standby.follower.stateHash()).toBe(hash);
      const copy = await start(await primary.taken!.recorder.buildHints());
      await until(() => copy.follower.appliedIndex === runtime.appliedIndex);
      expect(await copy.follower.stateHash()).toBe(hash);
      await primary.crash();
      await copy.promote(2);
      expect(copy.runtime!.lookup()).toEqual(['a', 'b', 'c']);
    }));

  test('stands still while it is saved: updates wait, lookups do not, and all are answered afterwards', () =>
    regular(async (start) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      await propose(primary, 'a');
      const release = primary.machine.holdSave();
      const checkpoint = runtime.checkpoint();
      const slots = primary.taken!.recorder.end;
      const answers = [propose(primary, 'b'), propose(primary, 'c')];
      await until(() => primary.taken!.recorder.end > slots);
      await primary.taken!.fs.barrier(); // they are in the log, and still not applied
      expect(runtime.lookup()).toEqual(['a']);
      expect(runtime.appliedIndex).toBe(2);
      release();
      expect((await Promise.all(answers)).map(({ value }) => value)).toEqual([2, 3]);
      await checkpoint;
      expect(primary.machine.updatesWhileSaved).toBe(0);
      const copy = await start(await primary.taken!.recorder.buildHints());
      await until(() => copy.follower.appliedIndex === runtime.appliedIndex);
      expect(copy.follower.lookup()).toEqual(['a', 'b', 'c']);
    }));

  test('answers lookups in every turn around an update that had to wait for a save', async () => {
    const state = new AppliedState(new RegularList());
    const pinned = await state.pin();
    const applied = state.apply({
      kind: 'batch',
      term: logTerm(1),
      first: logIndex(1),
      commands: [{ requestId: new Uint8Array(0), cmd: utf8('a') }],
    });
    pinned.release();
    const seen: unknown[] = [];
    for (let turn = 0; turn < 10; turn++) {
      seen.push(state.lookup(undefined));
      await Promise.resolve();
    }
    await applied;
    expect(seen.every((texts) => Array.isArray(texts))).toBe(true);
    expect([seen[0], seen.at(-1)]).toEqual([[], ['a']]);
  });

  test('that fails in an update is saved for nobody who waited behind it (D3)', async () => {
    const state = new AppliedState(new RegularList());
    const pinned = await state.pin();
    const failing = state.apply({
      kind: 'batch',
      term: logTerm(1),
      first: logIndex(1),
      commands: [{ requestId: utf8('r'), cmd: utf8(POISON) }],
    });
    const next = state.pin();
    pinned.release();
    const failure = { code: 'STATE_MACHINE_FAILED' };
    await expect(failing).rejects.toMatchObject(failure);
    await expect(next).rejects.toMatchObject(failure);
  });

  test('a save that is given up lets the updates go on', () =>
    regular(async (start) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      await propose(primary, 'a');
      const release = primary.machine.holdSave();
      const stop = new AbortController();
      const checkpoint = runtime.checkpoint(stop.signal);
      const answer = propose(primary, 'b');
      stop.abort(new Error('enough'));
      release();
      await expect(checkpoint).rejects.toThrow('enough');
      expect(await answer).toMatchObject({ value: 2 });
    }));

  test('that answers by promises is not changed until it has answered; lookups behind the update see it', () =>
    regular(async (start) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      await propose(primary, 'a');
      const { promise, resolve } = Promise.withResolvers<void>();
      primary.machine.slowLookups = promise;
      const first = runtime.lookup();
      const answer = propose(primary, 'b');
      await until(() => runtime.lookup() instanceof Promise);
      await primary.taken!.fs.barrier();
      expect(runtime.appliedIndex).toBe(2);
      resolve();
      expect(await first).toEqual(['a']);
      expect(await answer).toMatchObject({ value: 2 });
      expect(await runtime.lookup()).toEqual(['a', 'b']);
    }));

  test('answers nothing while a snapshot replaces its state, and the new state afterwards (F4.17)', async () => {
    const state = new AppliedState(new RegularList());
    const { signal } = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    const saved = new AppliedState(new RegularList());
    await saved.apply({
      kind: 'batch',
      term: logTerm(1),
      first: logIndex(1),
      commands: [{ requestId: new Uint8Array(0), cmd: utf8('a') }],
    });
    const chunks: Uint8Array[] = [];
    await (await saved.pin()).save((chunk) => Promise.resolve(void chunks.push(chunk)), signal, NO_FILES);
    const slowly = async function* (): AsyncGenerator<Uint8Array> {
      yield chunks[0]!;
      await promise;
      yield* chunks.slice(1);
    };
    const recovering = state.meetSnapshot(await openSnapshot(slowly()), signal, noFilesOf);
    expect(() => state.lookup(undefined)).toThrow(
      expect.objectContaining({ code: 'STATE_MACHINE_NOT_OPEN' }),
    );
    resolve();
    await recovering;
    expect(state.lookup(undefined)).toEqual(['a']);
  });

  test.each([
    ['regular', () => new RegularList()],
    ['concurrent', () => new ListMachine()],
    ['on-disk', () => new DiskList()],
  ])(
    'that cannot recover (%s) has no state any more, and its reason is told unchanged (F4.6)',
    async (_, make) => {
      const reason = new Error('this is no list');
      const machine = Object.assign(make(), { recoverFromSnapshot: () => Promise.reject(reason) });
      const state = new AppliedState<void, unknown, readonly string[]>(machine);
      const header = {
        kind: 'forced' as const,
        term: logTerm(1),
        index: logIndex(3),
        clients: new Uint8Array(0),
        manifest: new Uint8Array(0),
      };
      const none = async function* (): AsyncGenerator<Uint8Array> {};
      const { signal } = new AbortController();
      const failed = { code: 'STATE_MACHINE_FAILED', cause: reason };
      await expect(state.meetSnapshot({ header, state: none() }, signal, noFilesOf)).rejects.toMatchObject(
        failed,
      );
      expect(() => state.lookup()).toThrow(expect.objectContaining(failed));
      await expect(state.stateHash()).rejects.toMatchObject(failed);
    },
  );

  test('that a recovery was stopped on has no state any more (F4.14)', async () => {
    const state = new AppliedState(new ListMachine());
    const stop = new AbortController();
    const header = {
      kind: 'full' as const,
      term: logTerm(1),
      index: logIndex(3),
      clients: new Uint8Array(0),
      manifest: new Uint8Array(0),
    };
    const chunks = async function* (): AsyncGenerator<Uint8Array> {
      yield utf8('half\n');
      stop.abort(new Error('the pod goes away'));
      stop.signal.throwIfAborted();
    };
    await expect(state.meetSnapshot({ header, state: chunks() }, stop.signal, noFilesOf)).rejects.toThrow(
      'the pod goes away',
    );
    const stopped = expect.objectContaining({ code: 'REPLICA_STOPPED' });
    expect(() => state.lookup(undefined)).toThrow(stopped);
    await expect(state.pin()).rejects.toEqual(stopped);
    expect(() => state.apply({ kind: 'noop', term: logTerm(1), first: logIndex(1) })).toThrow(stopped);
  });
});

describe('what a machine does not offer', () => {
  test('is said by name: a hash, questions in bytes, files beside a snapshot (F4.17)', async () => {
    const notOffered = expect.objectContaining({ code: 'NOT_IMPLEMENTED' });
    const machine = Object.assign(new ListMachine(), { stateHash: undefined }) as unknown as ListMachine;
    const state = new AppliedState(machine);
    await expect(state.stateHash()).rejects.toEqual(notOffered);
    expect(() => state.lookupBytes(utf8('?'))).toThrow(notOffered);
    expect(() => NO_FILES.add(1, '/file')).toThrow(notOffered);
    await expect(noFilesOf(utf8('manifest'), new AbortController().signal)).rejects.toEqual(notOffered);
  });

  test('and what it offers is answered, of any kind', async () => {
    for (const machine of [new RegularList(), new ListMachine(), new DiskList()]) {
      const asked = Object.assign(machine, { lookupBytes: (query: Uint8Array) => query });
      expect(new AppliedState<void, unknown, readonly string[]>(asked).lookupBytes(utf8('?'))).toEqual(
        utf8('?'),
      );
    }
  });
});
