/**
 * Recording on a bad day: every call to the disk and every append failing in turn, and a process that dies at every one of them. After the first failure
 * nothing more is acknowledged (recorder.ts C3), and what was acknowledged, hints included, plays (DESIGN I1, I5).
 */
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { silentLogger, utf8 } from '../../base/index.ts';
import { journalMetrics, openSession } from '../../journal/index.ts';
import { lastSlots, mortal } from '../../journal/testing/index.ts';
import { Fsm, Player, type FsmHints, type RecordedFs } from '../index.ts';
import { RecordedFs as Fs } from './recorded-fs.ts';
import { Recorder } from './recorder.ts';
import { TrackedDirectory } from '../play/live-directory.ts';
import {
  calmTime,
  newLog,
  play,
  scriptedDisk,
  systemError,
  treeOf,
  withTempDir,
  type DiskFate,
  type TestLog,
} from '../testing/index.ts';

type Tree = Record<string, string>;

/** What a primary has been told is durable. */
interface Told {
  /** The files as of the last sync that was answered. */
  acknowledged: Tree;
  /** As of the last sync that was begun. */
  begun: Tree;
  readonly hints: FsmHints[];
  /** Codes of what failed, and how much was answered after the first. */
  readonly failures: string[];
  answeredAfterFailure: number;
  readonly unexpected: unknown[];
}

function without(tree: Tree, gone: string): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([path]) => path !== gone));
}

/** Changes of every kind, each followed by what the files are then. */
const STORY: readonly (readonly [(fs: RecordedFs) => Promise<unknown>, (tree: Tree) => Tree])[] = [
  [(fs) => put(fs, '/a', 'one'), (tree) => ({ ...tree, '/a': 'one' })],
  [(fs) => put(fs, '/d/b', 'two'), (tree) => ({ ...tree, '/d/b': 'two' })],
  [(fs) => fs.link('/a', '/d/c'), (tree) => ({ ...tree, '/d/c': tree['/a']! })],
  [(fs) => truncate(fs, '/d/c', 2), (tree) => ({ ...tree, '/a': 'on', '/d/c': 'on' })],
  [(fs) => fs.rename('/d/b', '/a'), ({ '/d/b': moved, ...tree }) => ({ ...tree, '/a': moved! })],
  [(fs) => put(fs, '/id', 'me'), (tree) => ({ ...tree, '/id': 'me' })],
  [(fs) => fs.rename('/id', '/IDENTITY'), ({ '/id': id, ...tree }) => ({ ...tree, '/IDENTITY': id! })],
  [(fs) => truncate(fs, '/a', 0), (tree) => ({ ...tree, '/a': '' })],
  [(fs) => fs.unlink('/d/c'), (tree) => without(tree, '/d/c')],
];

async function put(fs: RecordedFs, path: string, text: string): Promise<void> {
  const file = await fs.open(path, { create: true, truncate: true });
  try {
    await file.write(utf8(text), 0);
  } finally {
    await file.close();
  }
}

async function truncate(fs: RecordedFs, path: string, size: number): Promise<void> {
  const file = await fs.open(path);
  try {
    await file.truncate(size);
  } finally {
    await file.close();
  }
}

/** Lives through the story with a sync after each change and hints now and then, whatever fails on the way. */
async function live(fs: RecordedFs, recorder: Recorder, told: Told): Promise<void> {
  let tree: Tree = {};
  const attempt = async (act: () => Promise<unknown>): Promise<boolean> => {
    try {
      await act();
      if (told.failures.length > 0) told.answeredAfterFailure++;
      return true;
    } catch (error) {
      const { code } = error as { code: string };
      told.failures.push(code);
      if (code !== 'RECORDER_BROKEN') told.unexpected.push(error);
      return false;
    }
  };
  for (const [i, [change, after]] of STORY.entries()) {
    tree = after(tree);
    told.begun = tree; // it may reach the log from here on
    const changed = await attempt(() => change(fs));
    if (changed && (await attempt(() => fs.barrier()))) told.acknowledged = tree;
    if (i % 2 === 1) await attempt(async () => told.hints.push(await recorder.buildHints()));
  }
}

interface World {
  readonly log: TestLog;
  readonly told: Told;
  readonly run: Promise<void>;
  /** The process is dead: what it has under way stays as it is. */
  readonly bury: () => Promise<void>;
}

/** A primary over a disk and a log that misbehave as told. */
async function primary(
  dir: string,
  fate: (call: number) => DiskFate,
  misbehave: (log: TestLog) => TestLog['journal'] = (log) => log.journal,
): Promise<World & { readonly calls: () => readonly string[] }> {
  const log = newLog();
  const player = new Player({
    journal: log.journal,
    hints: undefined,
    expectHistory: false,
    dir,
    clock: log.clock,
    random: log.random,
  });
  void player.run();
  await player.tailing;
  await player.finish(); // an empty directory
  const { reader } = await lastSlots(log);
  const { clock, random } = log;
  const session = await openSession(misbehave(log), {
    cursor: reader.cursor,
    author: 7,
    term: 1,
    clock,
    random,
    log: silentLogger,
    metrics: journalMetrics(),
  });
  const recorder = new Recorder({
    session,
    fsm: new Fsm({ log: log.journal.name, liveNodes: [], properties: [] }),
  });
  const { disk, calls, release } = scriptedDisk(fate);
  const live_ = new TrackedDirectory({ resolve: () => undefined, paths: () => [] });
  const fs = new Fs(dir, recorder, live_, calmTime(clock).clock, disk);
  const told: Told = {
    acknowledged: {},
    begun: {},
    hints: [],
    failures: [],
    answeredAfterFailure: 0,
    unexpected: [],
  };
  const bury = async (): Promise<void> => {
    session.abandon('the story is over');
    await session.ended;
    await release();
  };
  return { log, told, run: live(fs, recorder, told), bury, calls: () => calls };
}

/** Whatever was told of is there: the files are those of the last sync that was answered, or of a moment since. */
async function checkHistory({ log, told, bury }: World, root: string): Promise<void> {
  await bury();
  const moments: Tree[] = [{}];
  for (const [, after] of STORY) moments.push(after(moments.at(-1)!));
  const from = moments.findIndex((tree) => same(tree, told.acknowledged));
  const to = moments.findIndex((tree) => same(tree, told.begun));
  await play(log, join(root, 'full'));
  const played = await treeOf(join(root, 'full'));
  const visible = without(played, '/.truncating'); // the next primary clears it away
  // A change of several calls may be in the log in part: a new file without its content.
  const partial = to > 0 ? partsOf(moments[to - 1]!, moments[to]!) : [];
  expect([...moments.slice(from, to + 1), ...partial]).toContainEqual(visible);
  const { reader } = await lastSlots(log);
  for (const [i, hints] of told.hints.entries()) {
    for (const { segments } of hints.liveNodes)
      for (const { lastOffset } of segments) expect(lastOffset).toBeLessThanOrEqual(reader.cursor.offset); // I5
    await play(log, join(root, `h${i}`), hints, true);
    expect(await treeOf(join(root, `h${i}`))).toEqual(played);
  }
}

/** The later moment with each of its new files still empty. */
function partsOf(before: Tree, after: Tree): Tree[] {
  const added = Object.keys(after).filter((path) => !(path in before));
  return added.map((path) => ({ ...after, [path]: '' }));
}

function same(one: Tree, other: Tree): boolean {
  const lines = (tree: Tree): string =>
    JSON.stringify(Object.entries(tree).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return lines(one) === lines(other);
}

/** Tries one number after the other until `one` says that it lies behind the end of the story; returns that. */
async function eachUntilEnd(
  first: number,
  one: (number: number, root: string) => Promise<boolean>,
): Promise<number> {
  for (let number = first; ; number++) if (await withTempDir((root) => one(number, root))) return number;
}

describe('a call to the local disk', () => {
  test('that fails, whichever it is, breaks the recorder for good; what was acknowledged plays', async () => {
    const calls = await eachUntilEnd(0, async (failing, root) => {
      const fate = (call: number): DiskFate => (call === failing ? systemError('EIO') : 'done');
      const world = await primary(join(root, 'dir'), fate);
      await world.run;
      const isOver = world.calls().length <= failing;
      expect(world.told.unexpected).toEqual([]);
      expect(world.told.answeredAfterFailure).toBe(0);
      expect(world.told.failures.length > 0).toBe(!isOver);
      await checkHistory(world, root);
      return isOver;
    });
    expect(calls).toBeGreaterThan(25);
  }, 60_000);

  test.each(['death before', 'death after'] as const)(
    'at which the process dies (%s), whichever it is, loses nothing that was acknowledged',
    async (death) => {
      const calls = await eachUntilEnd(0, async (dying, root) => {
        const died = Promise.withResolvers<void>();
        const world = await primary(join(root, 'dir'), (call) => {
          if (call !== dying) return 'done';
          died.resolve();
          return death;
        });
        await Promise.race([world.run, died.promise]);
        await checkHistory(world, root);
        return world.calls().length <= dying;
      });
      expect(calls).toBeGreaterThan(25);
    },
    60_000,
  );
});

describe('a slot', () => {
  test('that the store refuses, whichever it is, breaks the recorder for good', async () => {
    const slots = await eachUntilEnd(1, async (failing, root) => {
      const world = await primary(
        join(root, 'dir'),
        () => 'done',
        (log) => {
          log.store.faults = [...Array<'ok'>(failing).fill('ok'), 'denied'];
          return log.journal;
        },
      );
      await world.run;
      expect(world.told.unexpected).toEqual([]);
      expect(world.told.answeredAfterFailure).toBe(0);
      await checkHistory(world, root);
      return world.told.failures.length === 0;
    });
    expect(slots).toBeGreaterThan(8);
  }, 60_000);

  test.each(['before the effect', 'after the effect'] as const)(
    'at which the process dies (%s), whichever it is, loses nothing that was acknowledged',
    async (when) => {
      const slots = await eachUntilEnd(2, async (dying, root) => {
        let doomed: ReturnType<typeof mortal> | undefined;
        const world = await primary(
          join(root, 'dir'),
          () => 'done',
          (log) => {
            doomed = mortal(log.store, dying, when);
            return { ...log.journal, store: doomed.store };
          },
        );
        await Promise.race([world.run, doomed!.died]);
        await checkHistory(world, root);
        return doomed!.mutations() < dying;
      });
      expect(slots).toBeGreaterThan(8);
    },
    60_000,
  );
});
