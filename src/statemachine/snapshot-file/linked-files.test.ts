/**
 * Files beside snapshots, from the machine that adds them to whoever recovers from them, and what a crash at any step leaves (the original's tests of its
 * files and of its snapshotter: seeds.md §4.6).
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { systemClock, utf8 } from '../../base/index.ts';
import type { RecordedFs } from '../../recoverylog/index.ts';
import { contentOf, cutLog, withTempDir } from '../../recoverylog/testing/index.ts';
import { Follower } from '../follower.ts';
import { CURRENT } from '../paths.ts';
import type { LiveChange, LiveDirectory } from '../ports.ts';
import {
  EVEN,
  FiledList,
  ODD,
  TestReplica,
  until,
  withReplicasOf,
  type PromoteOptions,
} from '../testing/index.ts';
import { cutsOf } from '../testkit/cuts.ts';
import type { SnapshotFiles } from '../types.ts';

type Replica = TestReplica<FiledList>;

const make = (): FiledList => new FiledList();

async function promoted(
  replica: Replica,
  term: number,
  options: PromoteOptions = {},
): ReturnType<Replica['promote']> {
  const runtime = await replica.promote(term, options);
  replica.machine.fs = replica.taken!.fs;
  return runtime;
}

async function propose(replica: Replica, ...texts: string[]): Promise<void> {
  for (const text of texts) await replica.runtime!.propose(utf8(text));
}

/** Names of the files of snapshots in the recorded directory. */
async function linked(fs: RecordedFs): Promise<string[]> {
  return (await fs.readdir('/state')).includes('snapshots') ? await fs.readdir('/state/snapshots') : [];
}

const names = (index: string, term: number): string[] =>
  [ODD, EVEN].map((id) => `${index.padStart(16, '0')}-${term}.external-file-${id}`);

describe('files that a machine adds to its snapshot', () => {
  test('are there, as they were when they were added, for a standby that follows, for one that starts, and for the next primary', () =>
    withReplicasOf(make, async (start) => {
      const [primary, standby] = [await start(), await start()];
      const runtime = await promoted(primary, 1);
      await propose(primary, 'a', 'b', 'c');
      await runtime.checkpoint();
      expect(await linked(primary.taken!.fs)).toEqual(names('4', 1)); // its first entry is a no-op
      expect(primary.taken!.fs.exists('/list/even')).toBe(false);
      await propose(primary, 'd');
      const late = await start(await primary.taken!.recorder.buildHints());
      for (const replica of [standby, late]) {
        await until(() => replica.follower.appliedIndex === runtime.appliedIndex);
        expect(replica.follower.lookup()).toEqual(['a', 'b', 'c', 'd']);
      }
      expect(late.machine.batches).toEqual([1]); // what came behind the snapshot
      await promoted(late, 2);
      await propose(late, 'e');
      expect(late.runtime!.lookup()).toEqual(['a', 'b', 'c', 'd', 'e']);
    }));

  test('go when the next snapshot is there: only the newest has files', () =>
    withReplicasOf(make, async (start) => {
      const primary = await start();
      const runtime = await promoted(primary, 1);
      for (const text of ['a', 'b', 'c']) {
        await propose(primary, text);
        await runtime.checkpoint();
      }
      expect(await linked(primary.taken!.fs)).toEqual(names('4', 1));
      await runtime.checkpoint(); // nothing new: nothing changes
      expect(await linked(primary.taken!.fs)).toEqual(names('4', 1));
    }));

  test('that cannot be saved leave nothing, and the next snapshot is taken', () =>
    withReplicasOf(make, async (start) => {
      const primary = await start();
      const runtime = await promoted(primary, 1);
      await propose(primary, 'a', 'b');
      await runtime.checkpoint();
      await propose(primary, 'c');
      primary.machine.failSave = new Error('no snapshot today');
      await expect(runtime.checkpoint()).rejects.toBeDefined();
      expect(await linked(primary.taken!.fs)).toEqual(names('3', 1));
      primary.machine.failSave = undefined;
      await runtime.checkpoint();
      expect(await linked(primary.taken!.fs)).toEqual(names('4', 1));
    }));

  const mistakes: readonly (readonly [
    string,
    'addMore' | 'addLate',
    (files: SnapshotFiles) => void,
    string,
  ])[] = [
    ['two of one id', 'addMore', (files) => files.add(ODD, '/state/current'), 'already'],
    ['one that is missing', 'addMore', (files) => files.add(9, '/nowhere'), 'no such file'],
    ['a directory', 'addMore', (files) => files.add(9, '/state'), 'a directory'],
    ['one that is empty', 'addMore', (files) => files.add(9, '/empty'), 'empty'],
    ['an id that is no number', 'addMore', (files) => files.add(-1, '/state/current'), 'whole number'],
    [
      'one behind the first byte',
      'addLate',
      (files) => files.add(9, '/state/current'),
      'before the first byte',
    ],
  ];
  test.each(mistakes)('are not a snapshot with %s; the shard goes on', (_, when, add, why) =>
    withReplicasOf(make, async (start) => {
      const primary = await start();
      const runtime = await promoted(primary, 1);
      await (await primary.taken!.fs.open('/empty', { create: true })).close();
      await propose(primary, 'a');
      primary.machine[when] = add;
      const error = await runtime
        .checkpoint()
        .catch((thrown: unknown) => thrown as Error & { cause?: Error });
      expect(String(error && [error.message, error.cause?.message])).toContain(why);
      expect(await linked(primary.taken!.fs)).toEqual([]);
      primary.machine[when] = undefined;
      await propose(primary, 'b');
      await runtime.checkpoint();
      expect(await linked(primary.taken!.fs)).toEqual(names('3', 1));
    }),
  );

  test('are not taken when they are others than those that were added', () =>
    withReplicasOf(make, async (start, log) => {
      const primary = await start();
      const runtime = await promoted(primary, 1);
      await propose(primary, 'a', 'b');
      await runtime.checkpoint();
      const { player } = primary;
      const odd = player.live.resolve(`/state/snapshots/${names('3', 1)[0]}`)!;
      await writeFile(odd, 'of 2\nB\n');
      const follower = Follower.start({ machine: make(), live: player.live, clock: log.clock });
      expect(await follower.failed).toMatchObject({ code: 'SNAPSHOT_DAMAGED' });
      await follower.close();
    }));
});

test('a standby that is so late that a snapshot’s files are gone takes the next snapshot', () =>
  withReplicasOf(make, async (start) => {
    const primary = await start();
    const runtime = await promoted(primary, 1);
    await propose(primary, 'a');
    await runtime.checkpoint();
    await withTempDir(async (dir) => {
      const { live } = primary.player;
      const old = join(dir, 'old');
      const file = await primary.taken!.fs.open(CURRENT);
      await writeFile(old, await file.readAll());
      await file.close();
      await propose(primary, 'b');
      await runtime.checkpoint();
      const late = new LateDirectory(live, old);
      const follower = Follower.start({ machine: make(), live: late, clock: systemClock });
      await until(() => follower.appliedIndex === runtime.appliedIndex);
      expect(late.isLate).toBe(false);
      expect(await follower.stateHash()).toBe(await runtime.stateHash());
      await follower.close();
    });
  }));

/** A directory in which `current` is an older file until its snapshot's own files are asked for. */
class LateDirectory implements LiveDirectory {
  readonly #now: LiveDirectory;
  readonly #old: string;
  readonly #listeners = new Set<(change: LiveChange) => void>();
  isLate = true;

  constructor(now: LiveDirectory, old: string) {
    this.#now = now;
    this.#old = old;
  }

  paths(): readonly string[] {
    return this.#now.paths();
  }

  resolve(path: string): string | undefined {
    if (path === CURRENT) return this.isLate ? this.#old : this.#now.resolve(path);
    if (this.isLate) {
      this.isLate = false;
      for (const listener of this.#listeners) listener({ path: CURRENT, kind: 'link' });
    }
    return this.#now.resolve(path);
  }

  subscribe(listener: (change: LiveChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

test(
  'wherever the log ends, the next primary has a whole snapshot or none, all that was answered by then, and no file that belongs to nothing',
  () =>
    withReplicasOf(make, async (start, log) => {
      const primary = await start();
      const runtime = await promoted(primary, 1);
      const answered: { readonly text: string; readonly end: number }[] = [];
      const ask = async (text: string): Promise<void> => {
        await propose(primary, text);
        answered.push({ text, end: primary.taken!.recorder.end });
      };
      for (const text of ['a', 'b', 'c']) {
        await ask(text);
        await runtime.checkpoint();
      }
      await ask('d');
      const content = await contentOf(log);
      for (const end of await cutsOf(log.journal)) {
        const cut = await cutLog(content, end);
        await withTempDir(async (dir) => {
          const next = await TestReplica.start(cut, dir, make());
          try {
            await promoted(next, 2);
            const list = next.runtime!.lookup();
            for (const { text } of answered.filter((each) => each.end <= end)) expect(list).toContain(text);
            expect(list).toEqual(['a', 'b', 'c', 'd'].slice(0, list.length));
            const files = await linked(next.taken!.fs);
            expect([0, 2]).toContain(files.length);
            await propose(next, 'z');
            await next.runtime!.checkpoint();
            expect(await linked(next.taken!.fs)).toHaveLength(2);
          } finally {
            await next.crash();
          }
        });
      }
    }),
  60_000,
);
