/**
 * testkit/rules-disk: what a machine that keeps its own files owes (seeds.md F4.13, F4.15, C5.10): marks, and what a crash leaves.
 */
import { isDeepStrictEqual } from 'node:util';
import { toHex, utf8 } from '../../base/index.ts';
import type { DiskMark, MarkRow } from '../types.ts';
import { sameResults, samePrint, shown, withDrivers } from './compare.ts';
import { Driver } from './driver.ts';
import { reference } from './rules-update.ts';
import type { Rule } from './rule.ts';
import { ContractError, type Subject } from './subject.ts';

/** Places where the log is cut, at most; the first and the last operation are among them. */
const CUTS = 16;
const COMMIT_EVERY = 2;

/** A commit of the story that is told to every machine, and where the log ended when it was durable. */
interface Committed {
  readonly index: number;
  /** Rows that must be there, by key. */
  readonly rows: Readonly<Record<string, string>>;
  readonly durableAt: number;
}

/** The rows of the commit at `index`: one that changes, one that goes again, one that stays. */
function rowsAt(index: number): readonly MarkRow[] {
  const passing = index % (2 * COMMIT_EVERY) === 0;
  return [
    { key: utf8('changes'), value: utf8(`at ${index}`) },
    { key: utf8('passes'), value: passing ? undefined : utf8('here') },
    { key: utf8(`stays-${index}`), value: utf8(`since ${index}`) },
  ];
}

function withRows(
  rows: Readonly<Record<string, string>>,
  changed: readonly MarkRow[],
): Record<string, string> {
  const next = { ...rows };
  for (const { key, value } of changed) {
    if (value === undefined) delete next[toHex(key)];
    else next[toHex(key)] = toHex(value);
  }
  return next;
}

/** Rows as they compare. @throws ContractError */
function rowsOf(rule: string, mark: DiskMark): Record<string, string> {
  const rows: Record<string, string> = {};
  for (const { key, value } of mark.rows) {
    if (value === undefined) throw new ContractError(rule, 'open gave a row without a value');
    rows[toHex(key)] = toHex(value);
  }
  return rows;
}

/** Applies everything, with a commit and a barrier after every other command; what is behind the last commit is applied only. */
async function tell<Query, Answer, View>(
  machine: Driver<Query, Answer, View>,
): Promise<readonly Committed[]> {
  const commits: Committed[] = [];
  let rows: Record<string, string> = {};
  for (const command of machine.subject.commands) {
    await machine.apply([command]);
    if (machine.index % COMMIT_EVERY !== 0) continue;
    const changed = rowsAt(machine.index);
    rows = withRows(rows, changed);
    await machine.commit(changed);
    commits.push({ index: machine.index, rows, durableAt: await machine.home!.barrier() });
  }
  return commits;
}

/** At most `CUTS` of the places, the first and the last among them. */
function someOf(places: readonly number[]): readonly number[] {
  if (places.length <= CUTS) return places;
  return Array.from({ length: CUTS }, (_, n) => places[Math.round((n * (places.length - 1)) / (CUTS - 1))]!);
}

/** @throws ContractError unless what was opened is one of the commits, and none that is older than what was durable */
function whichCommit(
  rule: string,
  mark: DiskMark | undefined,
  commits: readonly Committed[],
  cut: number,
): Committed {
  const none: Committed = { index: 0, rows: {}, durableAt: 0 };
  const found = mark === undefined ? none : commits.find(({ index }) => index === mark.index);
  if (!found)
    throw new ContractError(rule, `open gave the mark of index ${mark?.index}, which was never committed`, {
      cut,
    });
  const durable = commits.findLast(({ durableAt }) => durableAt <= cut) ?? none;
  if (found.index < durable.index)
    throw new ContractError(
      rule,
      `open gave index ${found.index} though the commit of ${durable.index} was durable`,
      { cut },
    );
  const rows = mark === undefined ? {} : rowsOf(rule, mark);
  if (!isDeepStrictEqual(rows, found.rows))
    throw new ContractError(
      rule,
      `with the mark of index ${found.index} came rows ${shown(rows)} where ${shown(found.rows)} were committed`,
      { cut },
    );
  return found;
}

async function afterCrash<Query, Answer, View>(
  subject: Subject<Query, Answer, View>,
  content: Uint8Array,
  cut: number,
  commits: readonly Committed[],
  { results, prints }: Awaited<ReturnType<typeof reference>>,
): Promise<void> {
  await withDrivers([opening(subject, content, cut)], async (machine) => {
    const { index } = whichCommit('K16', machine.opened, commits, cut);
    const what = `after a crash at log byte ${cut}, opened at index ${index}`;
    samePrint('K16', what, await machine.print(), prints[index]!);
    const rest = await machine.apply(subject.commands.slice(index));
    sameResults('K16', `${what} and given the rest`, rest, results.slice(index), index + 1);
    samePrint('K16', `${what} and given the rest`, await machine.print(), prints.at(-1)!);
  });
}

async function opening<Query, Answer, View>(
  subject: Subject<Query, Answer, View>,
  content: Uint8Array,
  cut: number,
): Promise<Driver<Query, Answer, View>> {
  try {
    return await Driver.start(subject, { content: content.subarray(0, cut) });
  } catch (error) {
    throw new ContractError(
      'K16',
      `the machine cannot be opened after a crash at log byte ${cut}`,
      { cut },
      error,
    );
  }
}

export const DISK_RULES: readonly Rule[] = [
  {
    rule: 'K15',
    name: 'open gives nothing at first, and after a restart the last mark that was committed, with all its rows',
    kinds: ['on-disk'],
    run: (subject) =>
      withDrivers([Driver.start(subject)], async (machine) => {
        if (machine.opened !== undefined)
          throw new ContractError('K15', `open gave index ${machine.opened.index} in an empty directory`);
        const commits = await tell(machine);
        const { content } = await machine.home!.log();
        await withDrivers([Driver.start(subject, { content })], async (again) => {
          const last = commits.at(-1)!;
          const found = whichCommit('K15', again.opened, commits, content.length);
          if (found.index !== last.index || again.opened?.term !== machine.mark().term)
            throw new ContractError(
              'K15',
              `after a restart open gave ${shown(again.opened)} where index ${last.index} was committed`,
            );
        });
      }),
  },
  {
    rule: 'K16',
    name: 'wherever a crash cuts the log, open gives a commit and exactly its state, and what is durable is there',
    kinds: ['on-disk'],
    run: async (subject) => {
      const expected = await reference(subject);
      await withDrivers([Driver.start(subject)], async (machine) => {
        const commits = await tell(machine);
        const { content, cuts } = await machine.home!.log();
        for (const cut of someOf(cuts)) await afterCrash(subject, content, cut, commits, expected);
      });
    },
  },
  {
    rule: 'K17',
    name: 'recovering commits the snapshot with its mark, in place of all that was there',
    kinds: ['on-disk'],
    run: async (subject) => {
      const { prints } = await reference(subject);
      const half = Math.floor(subject.commands.length / 2);
      await withDrivers([Driver.start(subject), Driver.start(subject)], async (source, target) => {
        await source.apply(subject.commands.slice(0, half));
        const saved = await source.save();
        await tell(target);
        await target.recover(saved);
        const { content } = await target.home!.log();
        await withDrivers([Driver.start(subject, { content })], async (again) => {
          if (again.opened?.index !== half)
            throw new ContractError(
              'K17',
              `after a recovery to ${half} and a restart open gave ${shown(again.opened)}`,
            );
          const rows = rowsOf('K17', again.opened);
          if (Object.keys(rows).length > 0)
            throw new ContractError('K17', `rows of the state before outlived the recovery: ${shown(rows)}`);
          samePrint(
            'K17',
            `a machine that recovered to ${half} and was restarted`,
            await again.print(),
            prints[half]!,
          );
        });
      });
    },
  },
];
