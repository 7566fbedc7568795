/**
 * Whole histories: primaries that come, write, take snapshots, lose answers of the store and die at any point; clients that ask twice at once, or
 * again later; and whoever reads or takes over the log afterwards, from its beginning or from hints, whole or cut at any slot. With machines of every kind.
 */
import { expect } from '@jest/globals';
import fc from 'fast-check';
import { utf8 } from '../../base/index.ts';
import type { FsmHints } from '../../recoverylog/index.ts';
import type { TestLog } from '../../recoverylog/testing/index.ts';
import type { Runtime } from '../runtime.ts';
import { DiskList } from './disk-list.ts';
import { ClientHistory, cutLog } from './history.ts';
import { ListMachine } from './list-machine.ts';
import { RegularList } from './regular-list.ts';
import { until, withReplicasOf, type StartReplica, type TestReplica } from './replica.ts';

type AnyList = ListMachine | RegularList | DiskList;
type Primary = Runtime<void, readonly string[] | Promise<readonly string[]>, readonly string[]>;

const MACHINES = {
  regular: (): AnyList => new RegularList(),
  concurrent: (): AnyList => new ListMachine(),
  'on-disk': (): AnyList => new DiskList(),
};
const kinds = fc.constantFrom('regular' as const, 'concurrent' as const, 'on-disk' as const);

/** Machine and clients of a state's hash, without the position: every primary adds an entry of its own. */
const content = (hash: string): string => hash.split('/').slice(2).join('/');

/** Checks that whoever reads the log, from hints or from its beginning, has the state of `primary`; an on-disk machine is opened for that, by the next primary. */
async function expectSame(
  start: StartReplica<AnyList>,
  hints: FsmHints | undefined,
  primary: Primary,
  term: number,
): Promise<void> {
  const hash = await primary.stateHash();
  const copy = await start(hints);
  if (copy.machine.kind === 'on-disk') {
    const next = await copy.promote(term);
    expect(content(await next.stateHash())).toBe(content(hash));
    await copy.crash();
  } else expect(await (await copy.replayed()).state!.stateHash()).toBe(hash);
}

/** What one primary does before it dies. */
interface Reign {
  /** How many commands it is given at once, one number a round. */
  readonly rounds: readonly number[];
  /** Round in which a snapshot begins. */
  readonly snapshotAt: number;
  /** Whether its last round is answered, its snapshot made and its hints written before it dies. */
  readonly patient: boolean;
  /** Whether the next primary starts after its death, from the last hints; else it is a standby that followed. */
  readonly standby: boolean;
  /** What becomes of its PUTs, the one of its fence first. */
  readonly faults: readonly ('ok' | 'lost-answer' | 'lost-request')[];
}

const reign = fc.record({
  rounds: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
  snapshotAt: fc.integer({ min: 0, max: 4 }),
  patient: fc.boolean(),
  standby: fc.boolean(),
  faults: fc.array(fc.constantFrom('ok', 'ok', 'ok', 'ok', 'lost-answer', 'lost-request'), { maxLength: 6 }),
});

/** Hints, and how many slots the store had when they were written: no log is shorter than its hints. */
interface Hinted {
  readonly hints: FsmHints;
  readonly slots: number;
}

/** Lets a primary rule and die. Every third command is asked twice at once. */
async function rule(
  log: TestLog,
  primary: TestReplica<AnyList>,
  term: number,
  { rounds, snapshotAt, patient, faults }: Reign,
  clients: ClientHistory,
): Promise<Hinted | undefined> {
  log.store.faults = faults.slice();
  const runtime = await primary.promote(term);
  const asked = [...clients.open, ...clients.answered.keys()].map((name) => clients.ask(runtime, name));
  let snapshot: Promise<void> | undefined;
  for (const [round, count] of rounds.entries()) {
    const names = Array.from({ length: count }, (_, n) => `t${term}r${round}n${n}`);
    const twice = names.filter((_, n) => n % 3 === 0);
    asked.push(...[...names, ...twice].map((name) => clients.ask(runtime, name)));
    if (round === snapshotAt) snapshot = runtime.checkpoint();
    snapshot?.catch(() => undefined); // the primary may die on the way
    if (patient || round < rounds.length - 1) await Promise.all(asked);
  }
  let hinted: Hinted | undefined;
  if (patient) {
    await snapshot;
    const hints = await primary.taken!.recorder.buildHints();
    hinted = { hints, slots: log.store.objects.size };
  }
  await primary.crash();
  await Promise.all(asked);
  log.store.faults = [];
  return hinted;
}

/** Takes over what the first `slots` slots say, goes on there, and lets another one read that back. */
async function goOn(
  make: () => AnyList,
  log: TestLog,
  slots: number,
  hints: FsmHints | undefined,
  clients: ClientHistory,
): Promise<void> {
  await withReplicasOf(
    make,
    async (start) => {
      const primary = await start(hints);
      const runtime: Primary = await primary.promote(1000);
      clients.check(await runtime.lookup(), slots);
      await runtime.propose(utf8('goes on'));
      expect((await runtime.lookup()).at(-1)).toBe('goes on');
      await expectSame(start, hints, runtime, 1001);
    },
    cutLog(log, slots),
  );
}

/** Lets primaries come and go, asks the last one for everything, and compares it with all who have the same log. */
async function wholeHistory(
  reigns: readonly Reign[],
  start: StartReplica<AnyList>,
  log: TestLog,
): Promise<{ readonly clients: ClientHistory; readonly hinted: Hinted | undefined; readonly slots: number }> {
  const clients = new ClientHistory(log);
  const witness = await start();
  let hinted: Hinted | undefined;
  let next = await start();
  for (const [n, each] of reigns.entries()) {
    const standby = each.standby ? await start(hinted?.hints) : undefined;
    hinted = (await rule(log, next, n + 1, each, clients)) ?? hinted;
    next = standby ?? (await start(hinted?.hints));
  }
  const slots = log.store.objects.size;
  const last: Primary = await next.promote(reigns.length + 1);
  clients.check(await last.lookup());
  const names = [...clients.open, ...clients.answered.keys()];
  await Promise.all(names.map((name) => clients.ask(last, name)));
  expect(clients.open.size).toBe(0); // in the end every client has its answer
  clients.check(await last.lookup());
  await until(() => witness.follower.appliedIndex === last.appliedIndex);
  if (witness.machine.kind !== 'on-disk')
    expect(await witness.follower.stateHash()).toBe(await last.stateHash());
  for (const [n, hints] of [undefined, hinted?.hints].entries())
    await expectSame(start, hints, last, reigns.length + 2 + n);
  return { clients, hinted, slots };
}

const histories = fc.array(reign, { minLength: 1, maxLength: 3 });

/** Every answer holds and nothing is there twice, on every later primary, a standby that followed it all, and a replay (I1-I3, I7). */
export async function checkHistories(numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(kinds, histories, (kind, reigns) =>
      withReplicasOf(MACHINES[kind], async (start, log) => void (await wholeHistory(reigns, start, log))),
    ),
    { numRuns, endOnFailure: true },
  );
}

/** Wherever the log is cut, the next primary has all that was answered by then, goes on, and is read back (I1-I3, I7). */
export async function checkCuts(numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(kinds, histories, (kind, reigns) =>
      withReplicasOf(MACHINES[kind], async (start, log) => {
        const { clients, hinted, slots } = await wholeHistory(reigns, start, log);
        for (let keep = 0; keep <= slots; keep++) {
          await goOn(MACHINES[kind], log, keep, undefined, clients);
          if (hinted && keep >= hinted.slots) await goOn(MACHINES[kind], log, keep, hinted.hints, clients);
        }
      }),
    ),
    { numRuns, endOnFailure: true },
  );
}
