/**
 * testkit/rules-snapshot: what saving and recovering owe (seeds.md F4.8, F4.10, F4.14, §4.1).
 */
import type { Result, WriteChunk } from '../types.ts';
import { sameResults, samePrint, withDrivers } from './compare.ts';
import { Driver, inPieces, type Print, type Saved } from './driver.ts';
import { reference } from './rules-update.ts';
import type { Rule } from './rule.ts';
import { ContractError, type Subject } from './subject.ts';

/** Pieces in which K10 gives a snapshot, bytes. */
const PIECES = [1, 7];

/** Runs with a snapshot of the state behind the first `count` commands. */
async function withSaved<Query, Answer, View>(
  subject: Subject<Query, Answer, View>,
  count: number,
  use: (saved: Saved) => Promise<void>,
): Promise<void> {
  await withDrivers([Driver.start(subject)], async (machine) => {
    await machine.apply(subject.commands.slice(0, count));
    const saved = await machine.save();
    try {
      await use(saved);
    } finally {
      await saved.drop();
    }
  });
}

/** Recovers, looks, gives the rest of the commands, and looks again. */
async function goesOn<Query, Answer, View>(
  rule: string,
  what: string,
  machine: Driver<Query, Answer, View>,
  { results, prints }: { readonly results: readonly Result[]; readonly prints: readonly Print[] },
): Promise<void> {
  const { index } = machine;
  samePrint(rule, what, await machine.print(), prints[index]!);
  const rest = machine.subject.commands.slice(index);
  const found = await machine.apply(rest);
  sameResults(rule, `${what}, and was given the rest`, found, results.slice(index), index + 1);
  samePrint(rule, `${what}, and was given the rest`, await machine.print(), prints.at(-1)!);
}

export const SNAPSHOT_RULES: readonly Rule[] = [
  {
    rule: 'K8',
    name: 'a snapshot of any state, with its files, gives that state, which goes on as the first one does',
    run: async (subject) => {
      const expected = await reference(subject);
      for (let count = 0; count <= subject.commands.length; count++)
        await withSaved(subject, count, (saved) =>
          withDrivers([Driver.start(subject)], async (machine) => {
            await machine.recover(saved);
            await goesOn('K8', `a machine that recovered from the snapshot at ${count}`, machine, expected);
          }),
        );
    },
  },
  {
    rule: 'K9',
    name: 'recovering replaces whatever state there was',
    run: async (subject) => {
      const expected = await reference(subject);
      const half = Math.floor(subject.commands.length / 2);
      for (const count of [0, half])
        await withSaved(subject, count, (saved) =>
          withDrivers([Driver.start(subject)], async (machine) => {
            await machine.apply(subject.commands);
            await machine.recover(saved);
            await goesOn(
              'K9',
              `a machine that went back from ${subject.commands.length} to the snapshot at ${count}`,
              machine,
              expected,
            );
          }),
        );
    },
  },
  {
    rule: 'K10',
    name: 'a snapshot may come in pieces of any size',
    run: async (subject) => {
      const { prints } = await reference(subject);
      await withSaved(subject, subject.commands.length, async (saved) => {
        for (const bytes of PIECES)
          await withDrivers([Driver.start(subject)], async (machine) => {
            await recovering(
              'K10',
              `from a snapshot that came in pieces of ${bytes} bytes`,
              machine.recover(saved, bytes),
            );
            samePrint(
              'K10',
              `a snapshot that came in pieces of ${bytes} bytes`,
              await machine.print(),
              prints.at(-1)!,
            );
          });
      });
    },
  },
  {
    rule: 'K11',
    name: 'recovering fails when the snapshot cannot be read to its end',
    run: (subject) =>
      withSaved(subject, subject.commands.length, async (saved) => {
        for (const whole of [0, Math.floor(saved.bytes.length / 2), saved.bytes.length]) {
          const broken = new Error('the kit breaks the stream');
          const source = breaking(saved.bytes.slice(0, whole), broken);
          await withDrivers([Driver.start(subject)], async (machine) => {
            const failed = await machine.recoverFrom(source, saved).then(
              () => false,
              () => true,
            );
            if (!failed)
              throw new ContractError(
                'K11',
                `recoverFromSnapshot resolved though its source failed behind byte ${whole} of ${saved.bytes.length}. It must read to the end and let the failure through`,
              );
          });
        }
      }),
  },
  {
    rule: 'K12',
    name: 'saving waits for each write, and fails when one fails',
    run: (subject) =>
      withDrivers([Driver.start(subject)], async (machine) => {
        await machine.apply(subject.commands);
        await writesAreAwaited(machine);
        await failuresAreTold(machine);
      }),
  },
  {
    rule: 'K13',
    name: 'a snapshot shows the state as it was pinned, whatever is applied while it is saved',
    kinds: ['concurrent', 'on-disk'],
    run: async (subject) => {
      const expected = await reference(subject);
      const half = Math.floor(subject.commands.length / 2);
      for (const during of [false, true])
        await withDrivers([Driver.start(subject), Driver.start(subject)], async (machine, other) => {
          await machine.apply(subject.commands.slice(0, half));
          await machine.commit();
          const save = machine.prepare();
          const rest = subject.commands.slice(half);
          if (!during) await machine.apply(rest.splice(0));
          const saved = await save(async () => {
            const next = rest.shift();
            if (next) await machine.apply([next]);
          });
          await other.recover(saved);
          await saved.drop();
          await goesOn(
            'K13',
            `a snapshot pinned at ${half} and saved ${during ? 'while' : 'after'} more was applied`,
            other,
            expected,
          );
        });
    },
  },
  {
    rule: 'K14',
    name: 'one state gives one snapshot, to the byte, however often it is saved (F4.10)',
    kinds: ['on-disk'],
    run: (subject) =>
      withDrivers([Driver.start(subject)], async (machine) => {
        await machine.apply(subject.commands);
        const [first, second] = [await machine.save(), await machine.save()];
        if (Buffer.compare(first.bytes, second.bytes) !== 0)
          throw new ContractError('K14', 'a state that was saved twice gave snapshots of different bytes');
      }),
  },
];

async function recovering(rule: string, what: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw new ContractError(rule, `the machine cannot recover ${what}`, {}, error);
  }
}

async function* breaking(bytes: Uint8Array, error: Error): AsyncGenerator<Uint8Array, void> {
  if (bytes.length > 0) yield* inPieces(bytes, bytes.length);
  throw error;
}

async function writesAreAwaited<Query, Answer, View>(machine: Driver<Query, Answer, View>): Promise<void> {
  let underWay = 0;
  let most = 0;
  const write: WriteChunk = async () => {
    most = Math.max(most, ++underWay);
    for (let turn = 0; turn < TURNS; turn++) await Promise.resolve();
    underWay--;
  };
  await machine.saveTo(write);
  if (most > 1)
    throw new ContractError(
      'K12',
      `saveSnapshot had ${most} writes under way at once; wait for each before the next`,
    );
  if (underWay > 0) throw new ContractError('K12', 'saveSnapshot resolved before its last write had');
}

/** Turns of the microtask queue that a write takes: more than it takes to come back from a few nested awaits. */
const TURNS = 50;

async function failuresAreTold<Query, Answer, View>(machine: Driver<Query, Answer, View>): Promise<void> {
  let writes = 0;
  const failed = await machine
    .saveTo(() => {
      writes++;
      return Promise.reject(new Error('the kit refuses the write'));
    })
    .then(
      () => false,
      () => true,
    );
  if (writes > 0 && !failed)
    throw new ContractError('K12', 'saveSnapshot resolved though a write had failed');
}
