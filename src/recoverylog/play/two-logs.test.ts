/**
 * Hints that begin in another log: a fork's history lies in the log it was forked from, up to a byte that they name, and goes on in its own.
 */
import { describe, expect, test } from '@jest/globals';
import { goldenScenario } from '../../../e2e/vectors/golden.ts';
import { sha256Hex, utf8 } from '../../base/index.ts';
import { compactJournal, type Journal } from '../../journal/index.ts';
import { parseHints, planRestore, Player, type FsmHints } from '../index.ts';
import { logHolding, play, takeOver, treeOf, withTempDir, type TestLog } from '../testing/index.ts';

const golden = await goldenScenario('two-logs');
const [PARENT, CHILD] = golden.journals.map(({ name }) => name) as [string, string];
const HINTS = ['child', 'child-end', 'child-player', 'child-end-player'];
const hintsOf = (name: string): FsmHints => parseHints(golden.hints.get(name)!.json);

/** A journal of ours that holds the first `end` bytes of the golden one. */
async function journalOf(name: string, end: number): Promise<TestLog> {
  const { content } = golden.journals.find((each) => each.name === name)!;
  return await logHolding(content.subarray(0, end), 100, name);
}

async function compact({ journal, clock, random }: TestLog): Promise<void> {
  await compactJournal(journal, { term: 2, clock, random });
}

describe('hints that begin in another log', () => {
  const full = { [PARENT]: 832, [CHILD]: 1012 };

  test.each([
    ['in slots', false],
    ['compacted', true],
  ])('give the files that the original gives, both logs %s', (_, isCompacted) =>
    withTempDir(async (root) => {
      const playbacks = golden.playbacks.flatMap((each) =>
        each.error === undefined && HINTS.includes(each.hints) && each.mode === 'finishAtWriteHead'
          ? [each]
          : [],
      );
      expect(playbacks).toHaveLength(HINTS.length);
      for (const { hints, logEndAtStart, files, nextSeqNo, nextChecksum } of playbacks) {
        expect(logEndAtStart).toEqual(full);
        const parent = await journalOf(PARENT, full[PARENT]!);
        const child = await journalOf(CHILD, full[CHILD]!);
        if (isCompacted) for (const log of [parent, child]) await compact(log);
        const asked: string[] = [];
        const openLog = (name: string): Journal => {
          asked.push(name);
          return parent.journal;
        };
        const fsm = await play(child, `${root}/${hints}`, hintsOf(hints), true, { openLog });
        expect(asked).toEqual([PARENT]);
        expect([BigInt(fsm.nextSeqNo), fsm.nextChecksum]).toEqual([nextSeqNo, nextChecksum]);
        const tree = Object.entries(await treeOf(`${root}/${hints}`));
        expect(
          Object.fromEntries(
            tree.map(([path, content]) => [path, sha256Hex(Buffer.from(content, 'latin1'))]),
          ),
        ).toEqual(Object.fromEntries(files.map(({ path, sha256 }) => [path, sha256])));
      }
    }),
  );

  test('can be taken over; what is written then is in the child alone, and so is what later hints still need of it', () =>
    withTempDir(async (root) => {
      const parent = await journalOf(PARENT, full[PARENT]!);
      const child = await journalOf(CHILD, full[CHILD]!);
      const objects = parent.store.objects.size;
      const openLog = (): Journal => parent.journal;
      const primary = await takeOver(child, `${root}/a`, 2, hintsOf('child-player'), { openLog });
      const more = await primary.fs.open('/more', { create: true });
      await more.write(utf8('in the child'), 0);
      await more.close();
      await primary.fs.barrier(); // its directory too
      const hints = await primary.recorder.buildHints();
      await play(child, `${root}/b`, hints, true, { openLog });
      expect(await treeOf(`${root}/b`)).toEqual(await treeOf(`${root}/a`));
      expect((await treeOf(`${root}/b`))['/more']).toBe('in the child');
      expect(parent.store.objects.size).toBe(objects);
    }));

  test('are planned over both logs', async () => {
    const parent = await journalOf(PARENT, full[PARENT]!);
    const child = await journalOf(CHILD, full[CHILD]!);
    const plan = await planRestore(child.journal, hintsOf('child-player'), undefined, () => parent.journal);
    expect(plan.parts.map(({ log, reads }) => [log, reads])).toEqual([
      [PARENT, [{ begin: 622, end: 777, source: 'slots' }]],
      [
        CHILD,
        [
          { begin: 20, end: 215, source: 'slots' },
          { begin: 250, end: 1012, source: 'slots' },
        ],
      ],
    ]);
    expect([plan.log, plan.bytes, plan.skippedBytes]).toEqual([CHILD, 155 + 195 + 762, 20 + 35]);
  });

  test('name the log that is needed when nobody has said how it is found, or when it cannot be opened', () =>
    withTempDir(async (dir) => {
      const child = await journalOf(CHILD, full[CHILD]!);
      const needed = { code: 'REPLAY_FAILED', name: 'OtherLogNeededError', needed: PARENT };
      await expect(play(child, dir, hintsOf('child'))).rejects.toMatchObject(needed);
      await expect(planRestore(child.journal, hintsOf('child'))).rejects.toMatchObject(needed);
      const openLog = (): Promise<Journal> => Promise.reject(new Error('no such log'));
      const failed = play(child, dir, hintsOf('child'), true, { openLog });
      await expect(failed).rejects.toMatchObject({ ...needed, cause: { message: 'no such log' } });
    }));

  test('are lost history when the other log ends before what they name, and nobody waits for it to grow', () =>
    withTempDir(async (dir) => {
      const parent = await journalOf(PARENT, 700);
      const child = await journalOf(CHILD, full[CHILD]!);
      const openLog = (): Journal => parent.journal;
      const lost = { code: 'HISTORY_LOST', reason: 'ends-early', fields: { log: PARENT } };
      await expect(play(child, dir, hintsOf('child'), true, { openLog })).rejects.toMatchObject(lost);
      await expect(planRestore(child.journal, hintsOf('child'), undefined, openLog)).rejects.toMatchObject(
        lost,
      );
    }));

  test('are lost history when what they name in the other log is not there', () =>
    withTempDir(async (dir) => {
      const child = await journalOf(CHILD, full[CHILD]!);
      const openLog = (): Journal => child.journal; // long enough, and the wrong one
      const lost = { code: 'HISTORY_LOST', reason: 'operations-missing', fields: { log: PARENT } };
      await expect(play(child, dir, hintsOf('child'), true, { openLog })).rejects.toMatchObject(lost);
    }));

  test('lost, the child by itself is no whole history: it is refused where history is expected', () =>
    withTempDir(async (dir) => {
      const child = await journalOf(CHILD, full[CHILD]!);
      const lost = { code: 'HISTORY_LOST', reason: 'operations-missing' };
      await expect(play(child, dir, undefined, true)).rejects.toMatchObject(lost);
    }));

  test('called off while the other log is read leaves nothing going', () =>
    withTempDir(async (dir) => {
      const parent = await journalOf(PARENT, full[PARENT]!);
      const child = await journalOf(CHILD, full[CHILD]!);
      const stop = new AbortController();
      const player = new Player({
        ...child,
        hints: hintsOf('child'),
        expectHistory: true,
        dir,
        openLog: () => parent.journal,
        onProgress: () => stop.abort(new Error('called off')),
      });
      await expect(player.run(stop.signal)).rejects.toThrow('called off');
      expect(Object.keys(await treeOf(dir)).filter((path) => !path.startsWith('/.fnodes/'))).toEqual([]);
    }));
});
