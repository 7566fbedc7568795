/**
 * On-disk machines under the runtime: what they commit, what is applied again, and what is refused.
 */
import { describe, expect, test } from '@jest/globals';
import { fromUtf8, utf8 } from '../base/index.ts';
import { COMMIT_AFTER_COMMANDS } from './limits.ts';
import { DiskList, ListMachine, until, withReplicasOf, type TestReplica } from './testing/index.ts';
import { logIndex, logTerm, type DiskMark } from './types.ts';

const propose = (
  replica: TestReplica<DiskList>,
  text: string,
  requestId?: string,
): Promise<{ value: number }> => replica.runtime!.propose(utf8(text), { requestId });
const list = (replica: TestReplica<DiskList>): readonly string[] => replica.runtime!.lookup();
const onDisk = withReplicasOf<DiskList>;
const make = (): DiskList => new DiskList();

describe('an on-disk machine', () => {
  test('is opened once, by the primary; a standby follows its log and answers no lookup (F4.15)', () =>
    onDisk(make, async (start) => {
      const [primary, standby] = [await start(), await start()];
      const runtime = await primary.promote(1);
      expect(await propose(primary, 'a')).toMatchObject({ value: 1 });
      expect(list(primary)).toEqual(['a']);
      await until(() => standby.follower.appliedIndex === runtime.appliedIndex);
      const notOpen = expect.objectContaining({ code: 'STATE_MACHINE_NOT_OPEN' });
      expect(() => standby.follower.lookup()).toThrow(notOpen);
      await expect(standby.follower.stateHash()).rejects.toEqual(notOpen);
      expect(standby.machine.opened).toBe(0);
      await standby.promote(2);
      expect([primary.machine.opened, standby.machine.opened]).toEqual([1, 1]);
      expect(list(standby)).toEqual(['a']);
    }));

  test('has what it committed, and is given the rest once more: nothing up to its mark, everything above (F4.13)', () =>
    onDisk(make, async (start) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      await propose(primary, 'a');
      await propose(primary, 'b');
      await runtime.drain();
      expect(primary.machine.commits).toEqual([3]); // the no-op and two commands
      await propose(primary, 'c');
      const hash = await runtime.stateHash();
      await primary.crash();
      const next = await start();
      await next.promote(2);
      expect(next.machine.updated).toEqual([4]);
      expect(list(next)).toEqual(['a', 'b', 'c']);
      expect(hash).toMatch(/^4\/1\//);
    }));

  test('commits by itself when much was applied, and is given only what is above that', () =>
    onDisk(make, async (start) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      const count = COMMIT_AFTER_COMMANDS + 10;
      await Promise.all(Array.from({ length: count }, (_, n) => propose(primary, `${n}`)));
      await until(() => primary.machine.commits.length > 0);
      await propose(primary, 'its barrier takes the commit into the log as well');
      const [mark] = primary.machine.commits;
      const last = runtime.appliedIndex;
      await primary.crash();
      const next = await start();
      await next.promote(2);
      expect(next.machine.updated).toEqual(Array.from({ length: last - mark! }, (_, n) => mark! + n + 1));
      expect(list(next)).toHaveLength(count + 1);
    }));

  test('that waits in the middle of a batch is asked by lookups meanwhile, and by nobody else', () =>
    onDisk(make, async (start) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      const { promise, resolve } = Promise.withResolvers<void>();
      let waits = 0;
      primary.machine.beforeEach = () => (waits++ === 1 ? promise : Promise.resolve());
      const answers = ['a', 'b', 'c'].map((text) => propose(primary, text));
      await until(() => waits === 2);
      const hashing = runtime.stateHash();
      const checkpoint = runtime.checkpoint();
      expect(list(primary)).toEqual(['a']);
      expect([primary.machine.commits, runtime.appliedIndex]).toEqual([[], 1]);
      resolve();
      expect((await Promise.all(answers)).map(({ value }) => value)).toEqual([1, 2, 3]);
      expect(await hashing).toMatch(/^4\/1\//);
      await checkpoint;
      expect(primary.machine.commits).toEqual([4]);
    }));

  test('that fails to commit halts the primary; whoever comes next has everything (F4.6)', () =>
    onDisk(make, async (start) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      await propose(primary, 'a');
      primary.machine.failCommit = new Error('the disk is full');
      await expect(runtime.drain()).rejects.toMatchObject({ code: 'STATE_MACHINE_FAILED' });
      expect(await runtime.halted).toMatchObject({ code: 'SHARD_HALTED' });
      await primary.crash();
      const next = await start();
      await next.promote(2);
      expect(list(next)).toEqual(['a']);
    }));
});

describe('a checkpoint of an on-disk machine', () => {
  test('is a commit and a place in the log: the machine is not saved, and little is applied after it (F4.10)', () =>
    onDisk(make, async (start) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      for (const text of ['a', 'b', 'c']) await propose(primary, text, `r-${text}`);
      await runtime.checkpoint();
      await runtime.checkpoint(); // also when nothing is new: the machine may have files to write anew
      expect(primary.machine).toMatchObject({ prepared: 0, commits: [4], compacted: 2 });
      await propose(primary, 'd');
      const hash = await runtime.stateHash();
      const next = await start(await primary.taken!.recorder.buildHints());
      await primary.crash();
      await next.promote(2);
      expect(next.machine.updated).toEqual([5]);
      expect(list(next)).toEqual(['a', 'b', 'c', 'd']);
      expect(await propose(next, 'a', 'r-a')).toMatchObject({ value: 1 });
      expect(hash.split('/')[2]).toBe((await next.runtime!.stateHash()).split('/')[2]);
    }));

  test('has the machine for itself while it commits; what comes meanwhile is behind it, and none of it is lost (F4.8)', () =>
    onDisk(make, async (start) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      await propose(primary, 'a');
      const { promise, resolve } = Promise.withResolvers<void>();
      let waits = false;
      primary.machine.beforeCommit = () => ((waits = true), promise);
      const checkpoint = runtime.checkpoint();
      await until(() => waits);
      const end = primary.taken!.recorder.end;
      const answers = ['b', 'c'].map((text) => propose(primary, text));
      await until(() => primary.taken!.recorder.end > end);
      await primary.taken!.fs.barrier();
      expect(list(primary)).toEqual(['a']);
      resolve();
      expect((await Promise.all(answers)).map(({ value }) => value)).toEqual([2, 3]);
      await checkpoint;
      expect(primary.machine.commits).toEqual([2]);
      await primary.crash();
      const next = await start();
      await next.promote(2);
      expect(next.machine.updated).toEqual([3, 4]);
      expect(list(next)).toEqual(['a', 'b', 'c']);
    }));

  test('is refused as a state when the machine has lost what it had committed (F4.15)', () =>
    onDisk(make, async (start) => {
      const primary = await start();
      await primary.promote(1);
      await propose(primary, 'a');
      await primary.runtime!.checkpoint();
      await primary.crash();
      const next = await start();
      const losing = next.promote(2, { beforeOpen: () => next.taken!.fs.unlink('/machine/list') });
      await expect(losing).rejects.toMatchObject({
        code: 'STATE_BEHIND',
        fields: { committed: 2, found: 0 },
      });
      expect(next.machine.closed).toBe(true);
    }));

  test('leaves a state that a machine in memory refuses by name', () =>
    onDisk(make, async (start, log) => {
      const primary = await start();
      await primary.promote(1);
      await propose(primary, 'a');
      await primary.runtime!.checkpoint();
      await primary.crash();
      await withReplicasOf(
        () => new ListMachine(),
        async (startOther) => {
          const other = await startOther();
          await expect(other.replayed()).rejects.toMatchObject({ code: 'STATE_KIND' });
        },
        log,
      );
    }));
});

describe('the files of a machine that are ahead of the log', () => {
  class Ahead extends DiskList {
    override async open(...args: Parameters<DiskList['open']>): Promise<DiskMark | undefined> {
      const mark = await super.open(...args);
      return { term: logTerm(1), rows: [], ...mark, index: logIndex((mark?.index ?? 0) + 1) };
    }
  }

  test('are refused, whether the log is new or not (F4.15)', () =>
    withReplicasOf(
      () => new Ahead(),
      async (start) => {
        const primary = await start();
        await expect(primary.promote(1)).rejects.toMatchObject({ code: 'STATE_HISTORY_BROKEN' });
        expect(primary.machine.closed).toBe(true);
      },
    ));
});

test('a machine that goes over from memory to the disk takes its state from the snapshot in the log', () =>
  withReplicasOf(
    () => new ListMachine(),
    async (start, log) => {
      const primary = await start();
      const runtime = await primary.promote(1);
      for (const text of ['a', 'b']) await runtime.propose(utf8(text), { requestId: `r-${text}` });
      await runtime.checkpoint();
      await runtime.propose(utf8('c'));
      await primary.crash();
      await onDisk(
        make,
        async (startDisk) => {
          const next = await startDisk();
          await next.promote(2);
          expect(list(next)).toEqual(['a', 'b', 'c']);
          expect(await propose(next, 'b', 'r-b')).toMatchObject({ value: 2 });
          await next.runtime!.checkpoint();
          await next.crash();
          const last = await startDisk();
          await last.promote(3);
          expect(last.machine.updated).toEqual([]);
          expect(await propose(last, 'a', 'r-a')).toMatchObject({ value: 1 });
        },
        log,
      );
    },
  ));

test('the whole state can be saved from any kind, with its header (F4.10)', () =>
  onDisk(make, async (start) => {
    const primary = await start();
    const runtime = await primary.promote(1);
    for (const text of ['a', 'b']) await propose(primary, text);
    const chunks: Uint8Array[] = [];
    const { signal } = new AbortController();
    const place = await runtime.save((chunk) => Promise.resolve(void chunks.push(chunk.slice())), signal);
    expect(place).toEqual({ index: 3, term: 1 });
    expect(primary.machine).toMatchObject({ prepared: 1, commits: [] });
    expect(fromUtf8(new Uint8Array(Buffer.concat(chunks.slice(1))))).toBe('a\nb\n');
  }));
