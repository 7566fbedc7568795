/**
 * What hints may look like on a bad day, each with the life that begins from them: the next hints mend what they can, and what they cannot is told; nothing
 * older or empty is ever served.
 */
import { describe, expect, test } from '@jest/globals';
import { EXIT, type HeartbeatLine } from '../api/index.ts';
import { fromUtf8, systemClock, systemRandom, toHex, utf8 } from '../base/index.ts';
import { findPlan, fragmentKey, listSlots, openSession, START, type Journal } from '../journal/index.ts';
import { memoryHintsSlots } from '../persistence/index.ts';
import { MemoryObjects } from '../persistence/testing/index.ts';
import { encodeHintsJson, parseHints, type FsmHints, type Segment } from '../recoverylog/index.ts';
import { StoreError } from '../store/index.ts';
import { AgentWorld, type TestAgent } from './testing/agent-world.ts';

const LOG = 'default/s';
/** Compacts at once; hints are written when the primary ends, so that a test knows which there are. */
const SMALL = {
  compaction: {
    compression: 'raw',
    triggerSlots: 8,
    intervalMs: 20,
    graceMs: 50,
    pruneAgeMs: 0,
    fragmentBytes: 2048,
  },
  hintsIntervalMs: 3_600_000,
} as const;

const journalOf = (world: AgentWorld): Journal => ({ store: world.store, name: LOG, generation: 'g1' });

/** The hints in the primary slot. */
async function stored(world: AgentWorld): Promise<FsmHints> {
  const { primary } = await world.hints.readAll();
  if (primary.kind !== 'value') throw new Error(`the primary slot is ${primary.kind}`);
  return parseHints(primary.value);
}

/** Fills the slots, the first one given into the primary slot. Text is stored as it is. */
async function put(world: AgentWorld, ...newestFirst: readonly (FsmHints | string)[]): Promise<void> {
  world.hints.annotations = {};
  for (const hints of newestFirst.toReversed()) {
    const value = typeof hints === 'string' ? utf8(hints) : encodeHintsJson(hints);
    await world.hints.write({ term: 1, value, rotate: true });
  }
}

let term = 0;

/** A primary that writes and ends in good order. @returns the hints that it left */
async function life(world: AgentWorld, work: (agent: TestAgent) => Promise<void>): Promise<FsmHints> {
  const agent = world.start(SMALL);
  world.assign(++term, agent);
  await agent.reaches('serving');
  await work(agent);
  agent.stop();
  expect(await agent.exit).toMatchObject({ released: true });
  return await stored(world);
}

/** A pod that comes new: its lines, and what its status page says of its restore. */
async function comesUp(
  world: AgentWorld,
): Promise<{ readonly lines: string[]; readonly hints: HeartbeatLine['hints'] }> {
  const agent = world.start(SMALL);
  world.assign(++term, agent);
  const { hints } = await Promise.race([
    agent.reaches('serving'),
    agent.exit.then((exit) => {
      throw exit.error ?? new Error(exit.reason);
    }),
  ]);
  const lines = (await agent.application.lines()).filter((line) => !line.startsWith('term '));
  expect(agent.application.calls.filter((call) => call === 'follow').length).toBe(1);
  agent.stop();
  await agent.exit;
  return { lines, hints };
}

/** A pod that comes new and must not serve: how it ends. */
async function ends(world: AgentWorld): Promise<Awaited<TestAgent['exit']>> {
  const agent = world.start(SMALL);
  world.assign(++term, agent);
  const exit = await agent.exit;
  expect(agent.application.calls).not.toContain('open');
  return exit;
}

const passed = (hints: HeartbeatLine['hints']): string[] =>
  (hints?.passedOver ?? []).map(({ from, code }) => `${from} ${code}`);

const lines = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `line ${from + i} ${'x'.repeat(400)}`);
const writes =
  (all: readonly string[]) =>
  async ({ application }: TestAgent): Promise<void> => {
    for (const line of all) await application.append(line);
  };

/** Hints with one field of every segment changed. */
function changed(hints: FsmHints, change: (segment: Segment) => Partial<Segment>): FsmHints {
  const liveNodes = hints.liveNodes.map(({ fnode, segments }) => ({
    fnode,
    segments: segments.map((segment) => ({ ...segment, ...change(segment) })),
  }));
  return { ...hints, liveNodes };
}

describe('hints that are of no use', () => {
  const cases: [string, string, (good: FsmHints) => FsmHints | string][] = [
    ['are no hints', 'HINTS_INVALID', () => 'hello'],
    ['are cut', 'HINTS_INVALID', (good) => fromUtf8(encodeHintsJson(good)).slice(0, -9)],
    ['contradict themselves', 'HINTS_INVALID', (good) => changed(good, () => ({ firstSeqNo: 7 }))],
    ['are of another log', 'HINTS_OF_ANOTHER_LOG', (good) => ({ ...good, log: 'default/other' })],
    ['end in another log', 'HINTS_INVALID', (good) => changed(good, () => ({ log: 'default/other' }))],
    ['name operations of somebody else', 'HISTORY_LOST', (good) => changed(good, () => ({ author: 7 }))],
    [
      'name operations of another history',
      'HISTORY_LOST',
      (good) => changed(good, () => ({ firstChecksum: 7 })),
    ],
  ];
  test.each(cases)(
    'because they %s: the backup is used, and the reason is told (%s)',
    async (_, code, spoil) =>
      AgentWorld.use(async (world) => {
        const all = lines(0, 3);
        const good = await life(world, writes(all));
        await put(world, spoil(good), good);
        const { lines: found, hints } = await comesUp(world);
        expect(found).toEqual(all);
        expect(hints).toMatchObject({ from: 'backup-0', passedOver: [{ from: 'primary', code }] });
      }),
  );

  test('in all slots: a log that is whole is played from its beginning', () =>
    AgentWorld.use(async (world) => {
      const all = lines(0, 3);
      const good = await life(world, writes(all));
      await put(
        world,
        'hello',
        { ...good, log: 'default/other' },
        changed(good, () => ({ author: 7 })),
      );
      const { lines: found, hints } = await comesUp(world);
      expect(found).toEqual(all);
      expect([hints?.from, passed(hints)]).toEqual([
        'beginning',
        ['primary HINTS_INVALID', 'backup-0 HINTS_OF_ANOTHER_LOG', 'backup-1 HISTORY_LOST'],
      ]);
    }));

  test('and are the same in two slots are tried once', () =>
    AgentWorld.use(async (world) => {
      const good = await life(world, writes(lines(0, 3)));
      const bad = changed(good, () => ({ author: 7 }));
      await put(world, bad, bad, good);
      const { hints } = await comesUp(world);
      expect([hints?.from, passed(hints)]).toEqual([
        'backup-1',
        ['primary HISTORY_LOST', 'backup-0 RESTORE_NOT_TRIED'],
      ]);
    }));

  test('are replaced by the primary that they failed, and do not push out the backup that it used', () =>
    AgentWorld.use(async (world) => {
      const good = await life(world, writes(lines(0, 3)));
      await put(
        world,
        changed(good, () => ({ author: 7 })),
        good,
      );
      const backup = world.hints.annotations['backup-0'];
      const agent = world.start({ hintsIntervalMs: 10 });
      world.assign(++term, agent);
      await agent.reaches('serving');
      const isReplaced = async (): Promise<boolean> =>
        (await stored(world)).liveNodes[0]!.segments[0]!.author !== 7;
      while (!(await isReplaced())) await systemClock.sleep(5);
      expect(world.hints.annotations['backup-0']).toBe(backup);
    }));

  test('and begin in another log, as those of a clone: what is there of this log is no whole history, and is not played as one', () =>
    AgentWorld.use(async (world) => {
      const good = await life(world, writes(lines(0, 3)));
      const [node] = good.liveNodes;
      const parent = { ...node!.segments[0]!, log: 'default/parent', lastSeqNo: node!.fnode, lastOffset: 50 };
      const own = { ...node!.segments[0]!, firstSeqNo: node!.fnode + 1, firstOffset: 60 };
      await put(world, { ...good, liveNodes: [{ fnode: node!.fnode, segments: [parent, own] }] });
      expect(await ends(world)).toMatchObject({ code: EXIT.dataLoss, error: { code: 'REPLAY_FAILED' } });
    }));
});

describe('a log that ends before what hints of it name has lost its end, and is never taken for whole', () => {
  /** Older and newer hints, and a log without what the newer ones name last. */
  const shortened = async (world: AgentWorld): Promise<readonly [FsmHints, FsmHints]> => {
    const older = await life(world, writes(lines(0, 3)));
    const newer = await life(world, writes(lines(3, 6)));
    const keys: string[] = [];
    for await (const { key } of listSlots(journalOf(world))) keys.push(key);
    for (const key of keys.slice(-2)) await world.store.delete(key);
    return [older, newer];
  };

  test.each<[string, (older: FsmHints, newer: FsmHints) => (FsmHints | string)[]]>([
    ['the primary slot says so: the backup is not used', (older, newer) => [newer, older]],
    ['a backup says so, while what is in the primary slot could be played', (older, newer) => [older, newer]],
    ['only a backup can be read', (_older, newer) => ['hello', newer]],
    ['the last backup says so', (older, newer) => ['hello', older, newer]],
  ])('%s', async (_, slots) =>
    AgentWorld.use(async (world) => {
      const [older, newer] = await shortened(world);
      await put(world, ...slots(older, newer));
      const { error, code } = await ends(world);
      expect(code).toBe(EXIT.dataLoss);
      const told = error!.code === 'RESTORE_FAILED' ? error!.cause : error;
      expect(told).toMatchObject({ code: 'HISTORY_LOST', reason: 'ends-early' });
    }),
  );

  test('also when the hints are of a program that does not say where operations end', () =>
    AgentWorld.use(async (world) => {
      const [older, newer] = await shortened(world);
      await put(
        world,
        changed(newer, () => ({ lastOffset: 0 })),
        older,
      );
      expect(await ends(world)).toMatchObject({ code: EXIT.dataLoss, error: { code: 'HISTORY_LOST' } });
    }));
});

describe('damage in a log that was compacted', () => {
  /** Old hints, of a file that is dead by now; those of what is alive; and the fragments. Nothing is pruned while `pins` hold it. */
  const compacted = async (world: AgentWorld): Promise<{ old: FsmHints; now: FsmHints; all: string[] }> => {
    const old = await life(world, writes(lines(0, 10)));
    const all = lines(40, 60);
    const now = await life(world, async (agent) => {
      await writes(lines(10, 40))(agent);
      await agent.application.startAnew();
      await writes(all)(agent);
      const isCompacted = async (): Promise<boolean> => {
        const plan = await findPlan(journalOf(world));
        return (plan?.index.end ?? 0) > 20_000;
      };
      while (!(await isCompacted())) await systemClock.sleep(10);
    });
    return { old, now, all: [lines(39, 40)[0]!, ...all] };
  };
  const loseFirst = async (world: AgentWorld): Promise<void> => {
    const plan = await findPlan(journalOf(world));
    await world.store.delete(fragmentKey(journalOf(world), plan!.index.fragments[0]!));
  };

  test('that only the newest hints need is passed by with the backup', () =>
    AgentWorld.use(async (world) => {
      world.pins = ['a test'];
      const { old, now, all } = await compacted(world);
      await loseFirst(world);
      await put(world, old, now);
      const { lines: found, hints } = await comesUp(world);
      expect(found).toEqual(all);
      expect([hints?.from, passed(hints)]).toEqual(['backup-0', ['primary DATA_LOSS']]);
    }));

  test('that all hints need is told with its place; nobody tries the others for nothing', () =>
    AgentWorld.use(async (world) => {
      world.pins = ['a test'];
      const { old } = await compacted(world);
      await loseFirst(world);
      await put(world, old, { ...old, properties: [{ path: '/other', content: '' }] });
      const { code, error } = await ends(world);
      expect(code).toBe(EXIT.dataLoss);
      expect(error).toMatchObject({
        code: 'RESTORE_FAILED',
        cause: { code: 'DATA_LOSS', begin: 0 },
        fields: {
          primary: expect.stringContaining('DATA_LOSS'),
          'backup-0': expect.stringContaining('RESTORE_NOT_TRIED'),
          beginning: expect.stringContaining('RESTORE_NOT_TRIED'),
        },
      });
    }));

  /** The same, and what only the old hints need is pruned. */
  const pruned = async (world: AgentWorld): Promise<{ old: FsmHints; now: FsmHints; all: string[] }> => {
    world.pins = ['a test'];
    const { old, now, all } = await compacted(world);
    await put(world, now, now, now);
    world.pins = [];
    const newest = await life(world, async () => {
      const holes = async (): Promise<number> => (await findPlan(journalOf(world)))!.index.pruned.length;
      while ((await holes()) === 0) await systemClock.sleep(10);
    });
    return { old, now: newest, all };
  };

  test('that is no damage: what was pruned. Hints that name it are passed over; when there are no others, that is data loss', () =>
    AgentWorld.use(async (world) => {
      const { old, now, all } = await pruned(world);
      await put(world, old, now);
      const { lines: found, hints } = await comesUp(world);
      expect(found).toEqual(all);
      expect(hints).toMatchObject({
        from: 'backup-0',
        passedOver: [{ from: 'primary', code: 'HISTORY_LOST', problem: expect.stringContaining('pruned') }],
      });
      await put(world, old, 'hello');
      const { code, error } = await ends(world);
      expect(code).toBe(EXIT.dataLoss);
      expect(error).toMatchObject({
        code: 'RESTORE_FAILED',
        cause: { code: 'HISTORY_LOST', reason: 'pruned' },
        fields: { 'backup-0': expect.stringContaining('HINTS_INVALID') },
      });
      expect(Object.keys(error!.fields)).toEqual(['log', 'backup-0', 'primary', 'beginning']);
    }));

  test('that comes while a restore is under way: it begins anew from the hints that are there by then', () =>
    AgentWorld.use(async (world) => {
      const { old, now, all } = await pruned(world);
      await put(world, old);
      const read = world.hints.readAll.bind(world.hints);
      world.hints.readAll = async (signal) => {
        const found = await read(signal);
        await put(world, now); // the primary goes on
        return found;
      };
      const { lines: found, hints } = await comesUp(world);
      expect(found).toEqual(all);
      expect(hints).toEqual({ from: 'primary', passedOver: [] });
    }));
});

describe('what other hints cannot mend', () => {
  test('a store that does not give large hints out for a while is waited for; the pod says so', async () => {
    const objects = new MemoryObjects();
    const slots = memoryHintsSlots(objects);
    const noise = (path: string) => ({ path, content: toHex(systemRandom.bytes(50_000)) });
    const story = async (world: AgentWorld): Promise<void> => {
      const first = world.start({ hintsIntervalMs: 10 });
      world.assign(++term, first);
      await first.reaches('serving');
      await writes(lines(0, 3))(first);
      const own = async (): Promise<FsmHints | undefined> => {
        const { primary } = await slots.readAll();
        return primary.kind === 'value' ? parseHints(primary.value) : undefined;
      };
      while ((await own())?.liveNodes.length !== 1) await systemClock.sleep(5);
      first.stop();
      await first.exit;
      const large = { ...(await own())!, properties: [noise('/noise')] };
      expect(await slots.write({ term, value: encodeHintsJson(large), rotate: true })).toBe('object');
      const away = new StoreError('STORE_UNREACHABLE', 'scripted', { retryable: true });
      objects.failures.push(away, away, away, away);
      const second = world.start(SMALL);
      let line = await second.status();
      while (line?.reason === undefined && line?.state !== 'tailing') line = await second.status();
      expect(line).toMatchObject({ state: 'starting', reason: expect.stringContaining('STORE_UNREACHABLE') });
      expect((await second.reaches('tailing')).hints).toEqual({ from: 'primary', passedOver: [] });
      expect(objects.failures).toEqual([]);
    };
    await AgentWorld.use(story, systemClock, undefined, slots);
  });

  test('a store that refuses ends the restore at once, with that reason', () =>
    AgentWorld.use(async (world) => {
      const good = await life(world, writes(lines(0, 3)));
      await put(world, good, { ...good, properties: [{ path: '/other', content: '' }] });
      world.store.add({ operation: 'get', key: /\/log\//, fault: { kind: 'status', status: 403 } });
      expect(await ends(world)).toMatchObject({ reason: 'StoreRefused', error: { code: 'STORE_DENIED' } });
    }));

  test('a damaged slot behind all hints is met once, and told with its place', () =>
    AgentWorld.use(async (world) => {
      const good = await life(world, writes(lines(0, 3)));
      await life(world, writes(lines(3, 4)));
      await put(world, good, { ...good, properties: [{ path: '/other', content: '' }] });
      const slots: string[] = [];
      for await (const { key } of listSlots(journalOf(world))) slots.push(key);
      world.store.add({ operation: 'get', key: slots.at(-1)!, fault: { kind: 'corrupt', bit: 900 } });
      const { code, error } = await ends(world);
      expect(code).toBe(EXIT.dataLoss);
      expect(error).toMatchObject({ code: 'RESTORE_FAILED', cause: { code: 'CORRUPT_SLOT' } });
    }));

  test('content that begins no history is not an empty shard', () =>
    AgentWorld.use(async (world) => {
      const ports = { clock: systemClock, random: systemRandom };
      const session = await openSession(journalOf(world), { cursor: START, author: 5, term: 1, ...ports });
      await session.append(utf8('this is no operation of a recovery log'), { barrier: true }).committed;
      await session.close();
      expect(await ends(world)).toMatchObject({ code: EXIT.dataLoss, error: { code: 'HISTORY_LOST' } });
    }));
});
