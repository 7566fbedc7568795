/**
 * A log that is pruned by what its hints say: it stays small, and every stored hints value still restores the same files.
 */
import { describe, expect, test } from '@jest/globals';
import { systemClock, utf8, type Clock } from '../base/index.ts';
import { compactJournal, OPEN_END, type Journal, type PruneEvidence } from '../journal/index.ts';
import { mortal, type DeathWhen } from '../journal/testing/index.ts';
import { encodeHintsJson, neededByHints, parseHints, type FsmHints, type TakenOver } from './index.ts';
import { newLog, play, takeOver, treeOf, withTempDir, type TestLog } from './testing/index.ts';

const FRAGMENT_BYTES = 65_536;
const GRACE_MS = 60_000;
const STATE_BYTES = 150_000;
/** Every eight bytes the beginning of a frame that is far too long: what a hole cuts in two must not be taken for operations. */
const POISON = Uint8Array.from([0x66, 0x33, 0x93, 0x36, 0xff, 0xff, 0xff, 0x7f]);

function poison(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => POISON[at % POISON.length]!);
}

/** Waits no grace: what it protects, late readers, plays no part here. */
const hasty: Clock = {
  wallMs: () => systemClock.wallMs(),
  monotonicMs: () => systemClock.monotonicMs(),
  timer: (delayMs, fire) => systemClock.timer(delayMs, fire),
  sleep: (delayMs, signal) => systemClock.sleep(delayMs >= GRACE_MS ? 0 : delayMs, signal),
};

const hintsBytes = (hints: FsmHints): Uint8Array => encodeHintsJson(hints);

/** What all stored hints need. */
function needed(log: TestLog, stored: readonly FsmHints[]): PruneEvidence {
  const each = stored.map((hints) => neededByHints(log.journal.name, hintsBytes(hints)));
  return { ranges: each.flatMap(({ ranges }) => ranges), proof: each.map(({ proof }) => proof).join('; ') };
}

async function compactAndPrune(
  log: TestLog,
  term: number,
  stored: readonly FsmHints[],
  journal: Journal = log.journal,
): Promise<void> {
  await compactJournal(journal, {
    term,
    needed: needed(log, stored),
    options: { compression: 'raw', fragmentBytes: FRAGMENT_BYTES, graceMs: GRACE_MS },
    reclaim: true,
    clock: hasty,
    random: log.random,
  });
}

/** A state that is written anew under another name and renamed, as snapshots are; and a file that was written once and stays. */
async function rewrite({ fs }: TakenOver, round: number): Promise<void> {
  const content = poison(STATE_BYTES);
  content.set(utf8(`round ${round};`));
  const next = await fs.open('/state.next', { create: true });
  await next.write(content, 0);
  await next.close();
  await fs.rename('/state.next', '/state');
  if (round === 0) {
    const stays = await fs.open('/stays', { create: true });
    await stays.write(utf8('from the beginning'), 0);
    await stays.close();
  }
  await fs.barrier();
}

const storedBytes = (log: TestLog): number =>
  [...log.store.objects.values()].reduce((sum, { length }) => sum + length, 0);

/** The first `rounds` rounds of a shard that is rewritten, handed over, compacted and pruned again and again. */
async function live(
  log: TestLog,
  root: string,
  rounds: number,
): Promise<{ stored: FsmHints[]; all: FsmHints[]; bytes: number[]; term: number }> {
  let stored: FsmHints[] = [];
  const [all, bytes]: [FsmHints[], number[]] = [[], []];
  let term = 1;
  for (let round = 0; round < rounds; round++) {
    const primary = await takeOver(log, `${root}/p${round}`, term++, stored[0]);
    await rewrite(primary, round);
    const hints = parseHints(hintsBytes(await primary.recorder.buildHints()));
    all.push(hints);
    stored = [hints, ...stored].slice(0, 3);
    await rewrite(primary, round + 0.5); // hints are older than the log
    primary.session.abandon('it is lost');
    await compactAndPrune(log, term++, stored);
    bytes.push(storedBytes(log));
  }
  return { stored, all, bytes, term };
}

describe('a shard that keeps rewriting its files', () => {
  test('has a bounded log, and every stored hints value restores the same files', () =>
    withTempDir(async (root) => {
      const log = newLog();
      const rounds = 12;
      const { stored, bytes } = await live(log, root, rounds);
      const written = rounds * 2 * STATE_BYTES;
      expect(log.store.objects.size).toBeGreaterThan(0);
      // Three hints values hold three rounds of two states each; what is cut through by a fragment's edge, and the FENCEs, come on top.
      const bound = 3 * 2 * STATE_BYTES + 4 * FRAGMENT_BYTES;
      expect(Math.max(...bytes)).toBeLessThan(bound);
      expect(bound).toBeLessThan(written / 2);
      const wanted = await treeOf(`${root}/p${rounds - 1}`);
      expect(wanted['/stays']).toBe('from the beginning');
      expect(wanted['/state']).toMatch(/^round 11.5;/);
      for (const [i, hints] of stored.entries()) {
        await play(log, `${root}/h${i}`, hints, true);
        expect(await treeOf(`${root}/h${i}`)).toEqual(wanted);
      }
    }));

  test('hints that were pushed out long ago restore nothing rather than an older state; neither does no hints', () =>
    withTempDir(async (root) => {
      const log = newLog();
      const { all } = await live(log, root, 8);
      for (const [i, hints] of [all[0], all[2], undefined].entries())
        await expect(play(log, `${root}/old${i}`, hints, true)).rejects.toMatchObject({
          code: 'HISTORY_LOST',
        });
    }));

  test(
    'a crash at any request of a pruning, before or after its effect, leaves the newest and the oldest hints a restore',
    () =>
      withTempDir(async (root) => {
        let crashes = 0;
        const before = newLog();
        const { stored, term } = await live(before, `${root}/before`, 3);
        for (let atRequest = 1, ended = false; !ended; atRequest++)
          for (const when of ['before the effect', 'after the effect'] as const)
            ended = await crashStory(`${root}/${atRequest}-${when.slice(0, 3)}`, atRequest, when);
        async function crashStory(dir: string, atRequest: number, when: DeathWhen): Promise<boolean> {
          const log = newLog();
          for (const [key, body] of before.store.objects) log.store.objects.set(key, body);
          const primary = await takeOver(log, `${dir}/last`, term, stored[0]);
          await rewrite(primary, 100);
          const now = [await primary.recorder.buildHints(), ...stored].slice(0, 3);
          primary.session.abandon('it is lost');
          const wanted = await treeOf(`${dir}/last`);
          const doomed = mortal(log.store, atRequest, when);
          const pruning = compactAndPrune(log, term + 1, now, { ...log.journal, store: doomed.store });
          await Promise.race([pruning, doomed.died]);
          const hasDied = doomed.mutations() >= atRequest;
          if (hasDied) crashes++;
          for (const [i, hints] of [now[0], now[2]].entries()) {
            await play(log, `${dir}/h${i}`, hints, true);
            expect(await treeOf(`${dir}/h${i}`)).toEqual(wanted);
          }
          await compactAndPrune(log, term + 2, now); // the next one goes on
          await play(log, `${dir}/again`, now[2], true);
          expect(await treeOf(`${dir}/again`)).toEqual(wanted);
          return !hasDied;
        }
        expect(crashes).toBeGreaterThan(20); // fence, fragments, two CHECKPOINTs, deletions
      }),
    60_000,
  );
});

describe('a hole', () => {
  test('that ends in the middle of an operation does not make operations of its rest', () =>
    withTempDir(async (root) => {
      const log = newLog();
      const { fs, recorder, session } = await takeOver(log, `${root}/p`, 1);
      const write = async (path: string, content: Uint8Array): Promise<void> => {
        const file = await fs.open(path, { create: true });
        await file.write(content, 0);
        await file.close();
      };
      await write('/stays', utf8('from the beginning'));
      await write('/dies', poison(200_000));
      await fs.unlink('/dies');
      await write('/last', utf8('of all'));
      const hints = await recorder.buildHints();
      session.abandon('it is lost');
      await compactAndPrune(log, 2, [hints]);
      expect(storedBytes(log)).toBeLessThan(100_000); // the middle is gone
      await play(log, `${root}/h`, hints, true);
      expect(await treeOf(`${root}/h`)).toEqual({ '/last': 'of all', '/stays': 'from the beginning' });
    }));
});

describe('what hints need', () => {
  test('is what they name, and everything behind the beginning of their last segment', () =>
    withTempDir(async (root) => {
      const log = newLog();
      const primary = await takeOver(log, `${root}/p`, 1);
      await rewrite(primary, 1);
      const hints = await primary.recorder.buildHints();
      const { ranges, proof } = neededByHints(log.journal.name, hintsBytes(hints));
      expect(ranges.at(-1)!.end).toBe(OPEN_END);
      expect(ranges.slice(0, -1).every(({ end }) => end < OPEN_END)).toBe(true);
      expect(proof).toMatch(/^sha256 [0-9a-f]{16} needs .*all from \d+ on$/);
    }));

  test('is not known for hints of another log, for hints without files, and for what is no hints', () => {
    const empty: FsmHints = { log: 'test/journal', liveNodes: [], properties: [] };
    for (const value of [hintsBytes(empty), utf8('{}'), utf8('not hints'), new Uint8Array()])
      expect(() => neededByHints('test/journal', value)).toThrow(/HINTS|hints/);
    expect(() => neededByHints('another/journal', hintsBytes(empty))).toThrow(/of log test\/journal/);
  });
});
