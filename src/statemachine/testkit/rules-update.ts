/**
 * testkit/rules-update: what update and lookup owe (types Y1-Y3, seeds.md F4.2, F4.5).
 */
import { isDeepStrictEqual } from 'node:util';
import { logIndex, type Entry, type Result } from '../types.ts';
import { sameResults, samePrint, shown, withDrivers } from './compare.ts';
import { Driver, type Print } from './driver.ts';
import type { Rule } from './rule.ts';
import { ContractError, type Subject } from './subject.ts';
import { WORLDS } from './world.ts';

/** Batch lengths of K3, used in turn. */
const UNEVEN = [2, 1, 3, 5];

/** What the commands give when they are applied one by one: the results, and the state before the first and behind each. */
export async function reference<Query, Answer, View>(
  subject: Subject<Query, Answer, View>,
): Promise<{ readonly results: readonly Result[]; readonly prints: readonly Print[] }> {
  const results: Result[] = [];
  const prints: Print[] = [];
  await withDrivers([Driver.start(subject)], async (machine) => {
    prints.push(await machine.print());
    for (const command of subject.commands) {
      results.push(...(await machine.apply([command])));
      prints.push(await machine.print());
    }
  });
  return { results, prints };
}

export const UPDATE_RULES: readonly Rule[] = [
  {
    rule: 'K1',
    name: 'every entry is answered, in its place, by a result that a snapshot can hold; and some command changes what the queries answer',
    run: async (subject) => {
      const { prints } = await reference(subject);
      const [first, ...rest] = prints;
      if (rest.every((print) => isDeepStrictEqual(print.answers, first!.answers)))
        throw new ContractError(
          'K1',
          'no command changes any answer, so the kit cannot see the state; give it better queries or commands',
        );
    },
  },
  {
    rule: 'K2',
    name: 'the same commands give the same results, answers and hash, at another time and with other luck',
    run: (subject) =>
      withDrivers(
        WORLDS.map((world) => Driver.start(subject, { world })),
        async (here, there) => {
          for (const command of subject.commands) {
            const expected = await here.apply([command]);
            const found = await there.apply([command]);
            sameResults('K2', 'another machine, which was given the same', found, expected, here.index);
            samePrint(
              'K2',
              `another machine, which was given the same ${here.index} commands`,
              await there.print(),
              await here.print(),
            );
          }
        },
      ),
  },
  {
    rule: 'K3',
    name: 'how commands are batched changes nothing',
    kinds: ['concurrent', 'on-disk'],
    run: async (subject) => {
      const { results, prints } = await reference(subject);
      for (const lengths of [[subject.commands.length], UNEVEN])
        await withDrivers([Driver.start(subject)], async (machine) => {
          const found: Result[] = [];
          for (const batch of batches(subject.commands, lengths)) found.push(...(await machine.apply(batch)));
          sameResults('K3', `in batches of ${lengths.join(', ')}`, found, results, 1);
          samePrint('K3', `in batches of ${lengths.join(', ')}`, await machine.print(), prints.at(-1)!);
        });
    },
  },
  {
    rule: 'K4',
    name: 'the bytes of a command are not kept: they are the log’s, and change (F4.5)',
    run: async (subject) => {
      const { prints } = await reference(subject);
      await withDrivers([Driver.start(subject)], async (machine) => {
        for (const [n, command] of subject.commands.entries()) {
          const cmd = command.slice();
          await machine.raw([{ index: logIndex(n + 1), cmd }]);
          cmd.fill(0xff);
        }
        samePrint(
          'K4',
          'when the bytes of the commands change after update has returned',
          await machine.print(),
          prints.at(-1)!,
        );
      });
    },
  },
  {
    rule: 'K5',
    name: 'the bytes of a result are given away: the machine does not write to them again (F4.5)',
    run: (subject) =>
      withDrivers([Driver.start(subject)], async (machine) => {
        const given: { readonly result: Result; readonly copy: Uint8Array }[] = [];
        for (const [n, cmd] of subject.commands.entries()) {
          const entry: Entry = { index: logIndex(n + 1), cmd };
          for (const result of await machine.raw([entry])) given.push({ result, copy: result.data.slice() });
        }
        for (const [n, { result, copy }] of given.entries())
          if (Buffer.compare(result.data, copy) !== 0)
            throw new ContractError(
              'K5',
              `the result of command ${n + 1} was ${shown(copy)} and has become ${shown(result.data)}`,
              { index: n + 1 },
            );
      }),
  },
  {
    rule: 'K6',
    name: 'lookups change nothing',
    run: async (subject) => {
      const { results, prints } = await reference(subject); // asks everything behind each command
      await withDrivers([Driver.start(subject)], async (machine) => {
        const found: Result[] = [];
        for (const command of subject.commands) found.push(...(await machine.apply([command])));
        sameResults('K6', 'a machine that nobody asked anything', found, results, 1);
        samePrint('K6', 'a machine that nobody had asked anything', await machine.print(), prints.at(-1)!);
        samePrint('K6', 'a second look at the same state', await machine.print(), prints.at(-1)!);
      });
    },
  },
  {
    rule: 'K7',
    name: 'different states have different hashes',
    run: async (subject) => {
      const { prints } = await reference(subject);
      for (const [n, one] of prints.entries())
        for (const [m, other] of prints.entries())
          if (
            one.hash !== undefined &&
            one.hash === other.hash &&
            !isDeepStrictEqual(one.answers, other.answers)
          )
            throw new ContractError(
              'K7',
              `the states behind commands ${n} and ${m} answer differently and have one hash, ${one.hash}`,
              { one: n, other: m },
            );
    },
  },
];

function* batches(
  commands: readonly Uint8Array[],
  lengths: readonly number[],
): Generator<readonly Uint8Array[]> {
  for (let at = 0, n = 0; at < commands.length; n++) {
    const length = lengths[n % lengths.length]!;
    yield commands.slice(at, at + length);
    at += length;
  }
}
