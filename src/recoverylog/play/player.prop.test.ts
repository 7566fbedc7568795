/**
 * Restores of any log, in slots and fragments, from any hints, by windows of any size: the files that the primary had, with their names.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compactJournal } from '../../journal/index.ts';
import type { FsmHints, RecordedFs } from '../index.ts';
import { newLog, play, takeOver, treeOf, withTempDir } from '../testing/index.ts';
import type { WindowLimits } from './write-window.ts';

const path = fc.constantFrom('/a', '/b', '/d/c', '/d/e', '/f');
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      path,
      at: fc.nat(100),
      length: fc.integer({ min: 0, max: 80 }),
      truncate: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('rename' as const, 'link' as const), path, to: path }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unlink' as const), path }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('hints' as const, 'barrier' as const, 'compact' as const) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const window: fc.Arbitrary<WindowLimits> = fc.record({
  bytes: fc.constantFrom(1, 60, 500, 1e6),
  pieces: fc.constantFrom(1, 5, 1000),
  copyBelow: fc.constantFrom(0, 16, 1000),
});

let byte = 0;

/** Does a step; what the file system refuses (no such file, it exists already) is no step. */
async function perform(fs: RecordedFs, change: Step): Promise<void> {
  try {
    if (change.do === 'rename') await fs.rename(change.path, change.to);
    else if (change.do === 'link') await fs.link(change.path, change.to);
    else if (change.do === 'unlink') await fs.unlink(change.path);
    else if (change.do === 'write') {
      const { path: name, at, length, truncate } = change;
      const file = await fs.open(name, { create: true, truncate });
      await file.write(
        Uint8Array.from({ length }, () => (byte = (byte % 255) + 1)),
        at,
      );
      await file.close();
    }
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as { code: string }).code)) throw error;
  }
}

/** Which paths are names of one file: for each its first one. */
async function groupsOf(dir: string): Promise<Record<string, string>> {
  const first = new Map<number, string>();
  const groups: Record<string, string> = {};
  for (const name of Object.keys(await treeOf(dir))) {
    const { ino } = await stat(join(dir, name));
    if (!first.has(ino)) first.set(ino, name);
    groups[name] = first.get(ino)!;
  }
  return groups;
}

test('any sequence of changes is restored, from the beginning and from hints of any moment, whatever the window', () =>
  fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), window, (story, limits) =>
      withTempDir(async (root) => {
        const log = newLog();
        let term = 1;
        let primary = await takeOver(log, `${root}/p0`, term);
        let dir = `${root}/p0`;
        const hints: FsmHints[] = [];
        for (const change of story) {
          if (change.do === 'hints') hints.push(await primary.recorder.buildHints());
          else if (change.do === 'barrier') await primary.fs.barrier();
          else if (change.do === 'compact') {
            await primary.fs.barrier();
            await primary.session.close();
            const options = { compression: 'raw' as const };
            await compactJournal(log.journal, {
              term: ++term,
              options,
              clock: log.clock,
              random: log.random,
            });
            dir = `${root}/p${++term}`;
            primary = await takeOver(log, dir, term, hints.at(-1), { window: limits });
          } else await perform(primary.fs, change);
        }
        await primary.fs.barrier();
        const wanted = [await treeOf(dir), await groupsOf(dir)];
        for (const [i, from] of [undefined, ...hints].entries()) {
          const copy = `${root}/copy${i}`;
          await play(log, copy, from, true, { window: limits });
          expect([await treeOf(copy), await groupsOf(copy)]).toEqual(wanted);
        }
      }),
    ),
    { numRuns: 30 },
  ));
