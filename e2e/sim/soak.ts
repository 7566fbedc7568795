/**
 * A journal's long life in virtual time: the production code with its default options, one handoff after another, on a store that is merely slow. It
 * measures what grows: slots, LIST pages, requests (s3log.md §6.4, §6.8, §6.10). The judgement is soak.test.ts.
 *
 * Each process restores from the oldest stored hint, fences the one before it, appends in bursts far enough apart that each is compacted by the
 * interval, compacts, prunes by the newest hints, and gives way. A cold standby follows for a part of the time.
 */
import { silentLogger } from '../../src/base/index.ts';
import { seededRandom, VirtualClock, type SeededRandom } from '../../src/base/testing/index.ts';
import {
  Compactor,
  DEFAULT_COMPACTOR_OPTIONS,
  findPlan,
  JournalReader,
  openSession,
  slotPrefix,
  type Journal,
  type Range,
  type Session,
} from '../../src/journal/index.ts';
import { AdversaryStore, CALM, SharedObjects, type Requests } from './adversary.ts';
import { encodeRecord } from './content.ts';
import { emptyTally, tallyMetrics, type Tally } from './tally.ts';

export interface SoakOptions {
  readonly handoffs: number;
  readonly days: number;
  /** Days from the beginning for which a cold standby follows. */
  readonly standbyDays: number;
}

/** What one process asked of the store until it was alive, and from then to its end. */
export interface LifeReport {
  readonly opening: Readonly<Requests>;
  readonly living: Readonly<Requests>;
  /** Slots there when it began. */
  readonly slots: number;
}

export interface SoakReport {
  readonly lives: readonly LifeReport[];
  readonly standby: { readonly requests: Readonly<Requests>; readonly hours: number; readonly slots: number };
  readonly fences: { readonly count: number; readonly bytes: number };
  /** DATA, FILLER and CHECKPOINT slots at the end. */
  readonly otherSlots: number;
  readonly fragments: number;
  readonly indexBytes: number;
  readonly tally: Tally;
  readonly virtualDays: number;
}

/** The life that is measured: a handoff every 35 minutes (s3log.md §7.6). */
export const SOAK = { handoffs: 1000, days: 24 } as const;
/** Bursts of appends in a life, and appends in each, one slot each. */
export const BURSTS = 3;
export const BURST_APPENDS = 20;
/** Between the appends of a burst, ms: above the flush interval, so that none shares a slot. */
const APPEND_MS = 400;
const DAY_MS = 86_400_000;
/** Hints kept: primary and backups. */
const HINTS = 3;
const FENCE = 2;
const KIND_AT = 5;

interface Soak {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly objects: SharedObjects;
  readonly tally: Tally;
  /** Where what hints name begins, newest last; each is open at its end. */
  hints: number[];
  nextId: number;
}

interface Client {
  readonly store: AdversaryStore;
  readonly journal: Journal;
}

function connect({ objects, clock, random }: Soak): Client {
  const store = new AdversaryStore(objects, clock, random.fork(), CALM);
  return { store, journal: { name: 'soak/journal', generation: 'g1', store } };
}

const minus = (a: Readonly<Requests>, b: Readonly<Requests>): Requests => ({
  create: a.create - b.create,
  get: a.get - b.get,
  list: a.list - b.list,
  delete: a.delete - b.delete,
});

/** Runs the whole life; resolves with what was measured. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const world: Soak = {
    clock,
    random,
    objects: new SharedObjects(),
    tally: emptyTally(),
    hints: [0],
    nextId: 1,
  };
  const untilMs = options.days * DAY_MS;
  const over = new AbortController();
  const following = follow(world, options.standbyDays * DAY_MS, over.signal);
  const lives = await clock.run(allLives(world, options.handoffs, untilMs / options.handoffs), {
    maxVirtualMs: 2 * untilMs,
    maxTimers: Number.POSITIVE_INFINITY,
  });
  over.abort(new Error('over'));
  const standby = await clock.run(following);
  const { journal } = connect(world);
  const plan = await clock.run(findPlan(journal));
  const slots = [...world.objects.keys(slotPrefix(journal))].map((key) => world.objects.get(key)!);
  const fences = slots.filter((bytes) => bytes[KIND_AT] === FENCE);
  return {
    lives,
    standby,
    fences: { count: fences.length, bytes: fences.reduce((sum, { length }) => sum + length, 0) },
    otherSlots: slots.length - fences.length,
    fragments: [...world.objects.keys('soak/journal/')].length,
    indexBytes: plan
      ? world.objects.get(`${slotPrefix(journal)}${plan.seq.toString(16).padStart(16, '0')}`)!.length
      : 0,
    tally: world.tally,
    virtualDays: clock.monotonicMs() / DAY_MS,
  };
}

async function allLives(world: Soak, handoffs: number, periodMs: number): Promise<LifeReport[]> {
  const reports: LifeReport[] = [];
  let last: { readonly session: Session; readonly compactor: Compactor } | undefined;
  for (let n = 0; n < handoffs; n++) {
    const endMs = (n + 1) * periodMs;
    const client = connect(world);
    const slots = [...world.objects.keys(slotPrefix(client.journal))].length;
    const session = await restoreAndFence(world, client, n + 1);
    last?.session.abandon('another process has taken over');
    const opening = { ...client.store.sent };
    const compactor = compactAndPrune(world, client, session);
    await appendInBursts(world, session, endMs);
    world.hints = [...world.hints, session.fenceOffset].slice(-HINTS);
    await world.clock.sleep(endMs - world.clock.monotonicMs());
    reports.push({ opening, living: minus(client.store.sent, opening), slots });
    if (compactor.problem) throw compactor.problem;
    last = { session, compactor };
  }
  return reports;
}

async function restoreAndFence(world: Soak, { journal }: Client, term: number): Promise<Session> {
  const { clock, random, tally } = world;
  const reader = new JournalReader(journal, {
    clock,
    random,
    from: world.hints[0]!,
    metrics: tallyMetrics(tally),
  });
  const read = async (isThere: (kind: string) => boolean): Promise<void> => {
    for (let kind = ''; !isThere(kind);) {
      const event = await reader.next();
      if (event.kind === 'hole' && event.end > world.hints[0]!)
        throw new Error(`the hole [${event.begin}, ${event.end}) is in what the oldest hint names`);
      kind = event.kind;
    }
  };
  await read((kind) => kind === 'tail');
  const author = 1 + random.below(2 ** 32 - 2);
  const session = await openSession(journal, { cursor: reader.cursor, author, term, clock, random });
  reader.believe(session.fenceSeq);
  await read(() => reader.cursor.nextSeq > session.fenceSeq);
  reader.checkReached(session);
  return session;
}

function compactAndPrune(world: Soak, { journal }: Client, session: Session): Compactor {
  const { clock, random, tally } = world;
  const needed = async (): Promise<{ ranges: Range[]; proof: string }> => ({
    ranges: world.hints.map((begin) => ({ begin, end: Number.MAX_SAFE_INTEGER })),
    proof: `hints from ${world.hints.join(', ')} in ${journal.name}`,
  });
  const ports = { session, clock, random, log: silentLogger, metrics: tallyMetrics(tally), needed };
  return new Compactor(ports, { ...DEFAULT_COMPACTOR_OPTIONS, compression: 'raw' }); // compressing is done by threads
}

async function appendInBursts(world: Soak, session: Session, endMs: number): Promise<void> {
  const { clock } = world;
  const everyMs = (endMs - clock.monotonicMs()) / BURSTS;
  for (let burst = 0; burst < BURSTS; burst++) {
    const nextMs = clock.monotonicMs() + everyMs;
    for (let n = 0; n < BURST_APPENDS; n++) {
      await session.append(encodeRecord(world.nextId++), { barrier: true }).committed;
      await clock.sleep(APPEND_MS);
    }
    if (burst < BURSTS - 1) await clock.sleep(nextMs - clock.monotonicMs());
  }
}

async function follow(world: Soak, forMs: number, over: AbortSignal): Promise<SoakReport['standby']> {
  const { clock, random } = world;
  const { journal, store } = connect(world);
  const reader = new JournalReader(journal, { clock, random, pace: 'cold' });
  const stop = new AbortController();
  const until = AbortSignal.any([stop.signal, over]);
  const timer = clock.timer(forMs, () => stop.abort(new Error('the standby is no longer needed')));
  try {
    for (;;) await reader.next(until);
  } catch (error) {
    if (!until.aborted) throw error;
  } finally {
    timer.cancel();
  }
  return {
    requests: { ...store.sent },
    hours: clock.monotonicMs() / 3_600_000,
    slots: reader.cursor.nextSeq,
  };
}
