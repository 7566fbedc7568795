/**
 * The kit passes machines that keep the contract, and finds each machine that breaks one rule of it (index Z2).
 */
import { describe, expect, test } from '@jest/globals';
import { checkMachine, machineContract, type Subject } from './index.ts';
import { COMMANDS, concurrentBank, QUERIES, regularBank, type Flaw } from './testing/bank.ts';
import { diskBank, type DiskFlaw } from './testing/disk-bank.ts';

/** What a rule says of a machine; undefined when it keeps it. */
async function verdict<Q, A, V>(subject: Subject<Q, A, V>, rule: string): Promise<unknown> {
  const found = machineContract(subject).find((each) => each.rule === rule);
  if (!found) return 'no such rule for this kind';
  return await found.run().then(
    () => undefined,
    (error: unknown) => error,
  );
}

const broken = (rule: string): unknown => expect.objectContaining({ code: 'MACHINE_CONTRACT', rule });

describe('a machine that keeps the contract passes', () => {
  test('of the regular kind', () => checkMachine(regularBank()));
  test('of the concurrent kind', () => checkMachine(concurrentBank()));
  test('of the on-disk kind', () => checkMachine(diskBank()));

  test('and every rule binds some kind', () => {
    const rules = (subject: Subject<never, unknown, never>): string[] =>
      machineContract(subject).map(({ rule }) => rule);
    const all = (kind: Subject['kind']): string[] =>
      rules({
        kind,
        create: () => Promise.reject(new Error('never')),
        commands: COMMANDS,
        queries: QUERIES as never[],
      });
    expect(all('regular')).toEqual(['K1', 'K2', 'K4', 'K5', 'K6', 'K7', 'K8', 'K9', 'K10', 'K11', 'K12']);
    expect(all('concurrent')).toEqual([
      'K1',
      'K2',
      'K3',
      'K4',
      'K5',
      'K6',
      'K7',
      'K8',
      'K9',
      'K10',
      'K11',
      'K12',
      'K13',
    ]);
    expect(all('on-disk')).toEqual(Array.from({ length: 17 }, (_, n) => `K${n + 1}`));
  });
});

const FLAWS: readonly (readonly [Flaw, string])[] = [
  ['drops a result', 'K1'],
  ['answers another index', 'K1'],
  ['gives a fraction', 'K1'],
  ['gives text for data', 'K1'],
  ['changes nothing', 'K1'],
  ['asks for the time', 'K2'],
  ['tries its luck', 'K2'],
  ['counts over all machines', 'K2'],
  ['tells the length of its batch', 'K3'],
  ['keeps the command', 'K4'],
  ['reuses its result', 'K5'],
  ['counts lookups', 'K6'],
  ['has one hash for all', 'K7'],
  ['hashes its age', 'K8'],
  ['forgets empty accounts', 'K8'],
  ['merges what it recovers', 'K9'],
  ['takes the first piece for all', 'K10'],
  ['swallows a broken stream', 'K11'],
  ['does not read to the end', 'K11'],
  ['does not wait for its writes', 'K12'],
  ['swallows a failed write', 'K12'],
  ['saves what is there now', 'K13'],
];

describe('a machine is found that', () => {
  test.each(FLAWS)('%s (%s)', async (flaw, rule) => {
    expect(await verdict(concurrentBank(flaw), rule)).toEqual(broken(rule));
    expect(await verdict(concurrentBank(), rule)).toBeUndefined();
  });
});

const DISK_FLAWS: readonly (readonly [DiskFlaw, string])[] = [
  ['batches its answers', 'K3'],
  ['saves in any order', 'K14'],
  ['opens at an index of its own', 'K15'],
  ['forgets rows', 'K15'],
  ['keeps rows that are gone', 'K15'],
  ['opens behind its last commit', 'K15'],
  ['writes before it commits', 'K16'],
  ['commits in two steps', 'K16'],
  ['commits in place', 'K16'],
  ['does not commit what it recovers', 'K17'],
  ['keeps rows over a recovery', 'K17'],
];

describe('a machine with files of its own is found that', () => {
  test.each(DISK_FLAWS)('%s (%s)', async (flaw, rule) => {
    expect(await verdict(diskBank(flaw), rule)).toEqual(broken(rule));
  });
});

test('the kit does not pass what it could not look at', async () => {
  expect(() => machineContract({ ...regularBank(), commands: COMMANDS.slice(0, 3) })).toThrow(
    expect.objectContaining({ rule: 'K0' }),
  );
  expect(() => machineContract({ ...regularBank(), queries: [] })).toThrow(
    expect.objectContaining({ rule: 'K0' }),
  );
  await expect(checkMachine({ ...concurrentBank(), kind: 'regular' })).rejects.toMatchObject({ rule: 'K0' });
});
