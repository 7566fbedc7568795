/**
 * Deterministic simulation of the journal: the production code of src/journal under virtual time and an adversarial store.
 *
 * Three writers fence each other, append, compact and delete, read linearizably, are paused for up to an hour, and crash at any moment; two
 * tailers follow. In some worlds the writers leave no gap between two commits, so that openers must leap, and openers die between their leap and
 * the end of its filling.
 * At the end a fresh reader reads everything, and a fresh writer opens the journal once more. Checked (s3log.md §7.2):
 *   X1  acknowledged records are in the log exactly once, at the offsets they were given
 *   X2  records known not to be appended are not in the log
 *   X3  no record of an older session that was acknowledged lies at or above a later session's fence
 *   X4  every tailer's content is a prefix of the log, and every session opened on a true prefix
 *   X5  a linearizable read reflects everything that was acknowledged before it arrived
 *   X6  terms along the log never fall, and never repeat for two authors
 *   X7  no compactor meets damage: what it deletes nobody misses
 *   X8  every fence that a tailer meets is in the log, where it met it
 *   X9  whatever was left behind, the journal is opened by the first or second to try, and goes on where the log ends
 */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { errorCode, silentLogger, type Clock } from '../../src/base/index.ts';
import { seededRandom, VirtualClock, type SeededRandom } from '../../src/base/testing/index.ts';
import {
  Compactor,
  JournalReader,
  journalMetrics,
  openSession,
  type Journal,
  type JournalCursor,
  type JournalMetrics,
  type OpenSession,
  type Session,
  type SessionOptions,
} from '../../src/journal/index.ts';
import { AdversaryStore, SharedObjects, type Malice } from './adversary.ts';

export interface JournalRun {
  readonly seed: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  readonly sessions: number;
  readonly fenced: number;
  readonly compacting: number;
  readonly reads: number;
  /** Leap fences and FILLERs put, and openers that died between the two. */
  readonly leaps: number;
  readonly fillers: number;
  readonly orphans: number;
  readonly compressed: number;
  readonly virtualMs: number;
}

export class SimulationError extends Error {
  constructor(seed: number, what: string, cause?: unknown) {
    super(`seed ${seed}: ${what} (replay: npm run sim -- --seed ${seed} --seeds 1)`, { cause });
  }
}

const RECORD_BYTES = 8;
const WRITERS = 3;
const TAILERS = 2;
const LIFE_MS = 120_000;
/** A busy world lives shorter: it commits, and its openers read, many times as much in the same time. */
const BUSY_LIFE_MS = 45_000;
/** A world that has not come to rest by then, long after the longest pause, never will: somebody waits for what nobody does. */
const GIVE_UP_MS = 80 * 60_000;
/** Most time between two appends of a writer, ms; that of a busy one leaves always something to commit. */
const THINK_MS = 60;
const BUSY_THINK_MS = 20;
/** How many worlds have such writers. */
const BUSY_WORLDS = 0.4;
/** How likely the appending ends for a while just when somebody leaps, so that holes stay; and for how long, ms. */
const RESTS_AT_LEAP = 0.6;
const REST_MS = 1500;
/** How likely an opener dies right behind its leap fence, and behind each of its FILLERs. */
const DIES_LEAPING = 0.4;
const DIES_FILLING = 0.05;
const JOURNAL = { name: 'sim/journal', generation: 'g1' };

interface World {
  readonly seed: number;
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly objects: SharedObjects;
  readonly malice: Malice;
  readonly untilMs: number;
  /** Whether its writers never rest. */
  readonly busy: boolean;
  readonly acks: { id: number; begin: number; fenceSeq: number }[];
  readonly refused: number[];
  readonly fences: { seq: number; offset: number }[];
  readonly reads: { ackedEnd: number; head: number }[];
  readonly prefixes: { content: number[]; who: string }[];
  ackedEnd: number;
  nextId: number;
  nextTerm: number;
  unknown: number;
  fenced: number;
  /** Sessions that published a CHECKPOINT. */
  compacting: number;
  readonly damage: Error[];
  /** Fences that tailers met. */
  readonly fencesRead: { readonly seq: number; readonly offset: number; readonly who: string }[];
  leaps: number;
  fillers: number;
  orphans: number;
  /** Nobody appends before. */
  restUntilMs: number;
}

function encodeRecord(id: number): Uint8Array {
  const bytes = new Uint8Array(RECORD_BYTES);
  new DataView(bytes.buffer).setUint32(0, id, true);
  new DataView(bytes.buffer).setUint32(4, ~id >>> 0, true);
  return bytes;
}

/** Collects records out of content bytes that may be cut anywhere. */
class Content {
  readonly ids: number[] = [];
  #rest: Uint8Array = new Uint8Array(0);
  end = 0;

  add(begin: number, bytes: Uint8Array): void {
    if (begin !== this.end) throw new Error(`content jumps from ${this.end} to ${begin}`);
    this.end += bytes.length;
    const whole = Buffer.concat([this.#rest, bytes]);
    const count = Math.floor(whole.length / RECORD_BYTES);
    for (let i = 0; i < count; i++) this.ids.push(whole.readUInt32LE(i * RECORD_BYTES));
    this.#rest = whole.subarray(count * RECORD_BYTES);
  }
}

function pickMalice(random: SeededRandom): Malice {
  const level = random.pick([0, 0.02, 0.1, 0.3]);
  return {
    loseRequest: level * random.unit(),
    loseAnswer: level * random.unit(),
    duplicate: level * random.unit(),
    refuseForNow: level * random.unit(),
    crawl: level * 0.5 * random.unit(),
  };
}

function connect(world: World): { store: AdversaryStore; journal: Journal; random: SeededRandom } {
  const random = world.random.fork();
  const store = new AdversaryStore(world.objects, world.clock, random.fork(), world.malice);
  return { store, journal: { ...JOURNAL, store }, random };
}

async function readToTail(reader: JournalReader, content: Content, until?: number): Promise<JournalCursor> {
  for (;;) {
    const event = await reader.next();
    if (event.kind === 'data') content.add(event.begin, event.bytes);
    if (until === undefined ? event.kind === 'tail' : reader.cursor.nextSeq > until) return reader.cursor;
  }
}

/** One process after another in the same place: restore, fence, append and read until fenced, crashed, or the end. */
async function writer(world: World): Promise<void> {
  const { clock } = world;
  while (clock.monotonicMs() < world.untilMs) {
    const process = connect(world);
    try {
      await life(world, process);
    } catch (error) {
      // Fenced, told a stale term, or the store was away for longer than the session's patience: all legal ends of a life.
      const code = errorCode(error) ?? '';
      if (error !== CRASHED && !/^(FENCED|STALE_TERM|APPEND_UNKNOWN|STORE_\w+)$/.test(code)) throw error;
    }
    await clock.sleep(process.random.below(world.busy ? 600 : 3000));
  }
}

/** Why a process stopped that was told to die. */
const CRASHED = new Error('the process crashed');

/** The metrics of an opener that may die between its leap fence and the last of its FILLERs; `death` is how its process learns of it. */
function mortalMetrics(world: World, random: SeededRandom, death: AbortController): JournalMetrics {
  const die = (probability: number): void => {
    if (death.signal.aborted || !random.chance(probability)) return;
    world.orphans++;
    death.abort(CRASHED);
  };
  return {
    ...journalMetrics(),
    leaped: () => {
      world.leaps++;
      if (random.chance(RESTS_AT_LEAP)) world.restUntilMs = world.clock.monotonicMs() + REST_MS;
      die(DIES_LEAPING);
    },
    filled: () => {
      world.fillers++;
      die(DIES_FILLING);
    },
  };
}

async function life(world: World, { store, journal, random }: ReturnType<typeof connect>): Promise<void> {
  const { clock } = world;
  const death = new AbortController();
  const metrics = mortalMetrics(world, random, death);
  const reader = new JournalReader(journal, { clock, random, metrics });
  const content = new Content();
  const cursor = await readToTail(reader, content);
  const term = random.chance(0.1) ? Math.max(1, world.nextTerm - 1) : world.nextTerm++; // at times two are told the same term
  if (random.chance(0.2)) await clock.sleep(random.below(30_000)); // a stale opener (hazard H6), whose term is overtaken
  const author = 1 + random.below(2 ** 32 - 2);
  const options = {
    flushIntervalMs: random.pick(world.busy ? [0] : [0, 20, 250]),
    giveUpMs: random.pick([500, 5000, 60_000]),
    maxBatchBytes: 1024,
    ...compressing(author),
  };
  const { signal } = death;
  const session = await openSession(journal, {
    cursor,
    author,
    term,
    options,
    clock,
    random,
    metrics,
    signal,
    compress: slowly(clock, author % 80),
  });
  const compactor = new Compactor(
    { session, clock, random, log: silentLogger, metrics },
    {
      compression: 'raw', // compressing is done by threads, which virtual time does not wait for
      triggerSlots: random.pick([5, 20, 100_000]),
      intervalMs: 5_000,
      graceMs: random.pick([0, 3000]),
      fragmentBytes: random.pick([100, 2000, 1_000_000]),
      giveUpMs: 5_000,
    },
  );
  void compactor.ended.then(() => {
    if (compactor.published > 0) world.compacting++;
    if (/^(DATA_LOSS|CORRUPT|INVARIANT)/.test(errorCode(compactor.problem) ?? ''))
      world.damage.push(compactor.problem!);
  });
  reader.believe(session.fenceSeq);
  await readToTail(reader, content, session.fenceSeq);
  reader.checkReached(session);
  if (content.end !== session.fenceOffset)
    throw new Error(`X4: replayed to ${content.end}, the fence stands at ${session.fenceOffset}`);
  world.fences.push({ seq: session.fenceSeq, offset: session.fenceOffset });
  world.prefixes.push({ content: [...content.ids], who: `session ${session.fenceSeq}` });
  void session.ended.then((end) => {
    if (end.kind === 'fenced') world.fenced++;
  });
  const leaveAtMs = clock.monotonicMs() + random.below(40_000);
  while (session.isOpen && clock.monotonicMs() < Math.min(leaveAtMs, world.untilMs)) {
    if (random.chance(world.busy ? 0.001 : 0.01)) {
      const ms = random.pick([3000, 20_000, 3_600_000]);
      store.pause(ms);
    }
    if (random.chance(0.3)) void readOnce(world, session);
    else append(world, session, random);
    const thinkMs = random.below(world.busy ? BUSY_THINK_MS : THINK_MS);
    await clock.sleep(Math.max(thinkMs, world.restUntilMs - clock.monotonicMs()));
  }
  if (random.chance(0.3)) await session.close();
  else if (random.chance(0.5)) session.abandon('crashed'); // else: it goes on as a forgotten zombie with its appends in flight
}

/** Two sessions of three compress whatever saves something. By their author: a further draw would change what every kept seed does. */
function compressing(author: number): Partial<SessionOptions> {
  return { compression: (['raw', 'gzip', 'zstd'] as const)[author % 3]!, compressAboveBytes: 0 };
}

/** Compression that takes its time, so that everything else can happen meanwhile. */
function slowly(clock: Clock, ms: number): NonNullable<OpenSession['compress']> {
  return async (codec, content) => {
    await clock.sleep(ms);
    return codec === 'gzip' ? gzipSync(content) : zstdCompressSync(content);
  };
}

/** Slots whose content is stored compressed (byte 6 of the format, s3log.md §6.2). */
function countCompressed({ map }: SharedObjects): number {
  return [...map.values()].filter((bytes) => bytes[6] !== 0).length;
}

function append(world: World, session: Session, random: SeededRandom): void {
  const ids = Array.from({ length: 1 + random.below(3) }, () => world.nextId++);
  try {
    const appended = session.append(ids.map(encodeRecord), { barrier: random.chance(0.5) });
    const told = random.chance(0.5) ? appended.committed : session.barrier(); // a recorder waits for barriers only
    told.then(
      () => {
        ids.forEach((id, i) =>
          world.acks.push({ id, begin: appended.begin + i * RECORD_BYTES, fenceSeq: session.fenceSeq }),
        );
        world.ackedEnd = Math.max(world.ackedEnd, appended.end);
      },
      (error: { outcome?: string }) => {
        if (error.outcome === 'not-appended') world.refused.push(...ids);
        else world.unknown += ids.length;
      },
    );
  } catch {
    world.refused.push(...ids);
  }
}

async function readOnce(world: World, session: Session): Promise<void> {
  const ackedEnd = world.ackedEnd;
  try {
    await session.readIndex();
  } catch {
    return; // refused reads promise nothing
  }
  world.reads.push({ ackedEnd, head: session.head });
}

async function tailer(world: World, name: string): Promise<void> {
  const { journal, random } = connect(world);
  const reader = new JournalReader(journal, {
    clock: world.clock,
    random,
    pace: random.pick(['hot', 'cold']),
  });
  const content = new Content();
  const stop = new AbortController();
  const timer = world.clock.timer(world.untilMs + 60_000, () => stop.abort(new Error('over')));
  try {
    for (;;) {
      const event = await reader.next(stop.signal);
      if (event.kind === 'data') content.add(event.begin, event.bytes);
      if (event.kind === 'fence') world.fencesRead.push({ seq: event.seq, offset: event.offset, who: name });
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    timer.cancel();
    world.prefixes.push({ content: content.ids, who: name });
  }
}

/** Runs one seed. @throws SimulationError */
export async function simulateJournal(seed: number): Promise<JournalRun> {
  const random = seededRandom(seed);
  const clock = new VirtualClock();
  const malice = pickMalice(random);
  const busy = random.chance(BUSY_WORLDS);
  const world: World = {
    seed,
    clock,
    random,
    objects: new SharedObjects(),
    malice,
    untilMs: busy ? BUSY_LIFE_MS : LIFE_MS,
    busy,
    acks: [],
    refused: [],
    fences: [],
    reads: [],
    prefixes: [],
    ackedEnd: 0,
    nextId: 1,
    nextTerm: 1,
    unknown: 0,
    fenced: 0,
    compacting: 0,
    damage: [],
    fencesRead: [],
    leaps: 0,
    fillers: 0,
    orphans: 0,
    restUntilMs: 0,
  };
  const actors = [
    ...Array.from({ length: WRITERS }, () => writer(world)),
    ...Array.from({ length: TAILERS }, (_, i) => tailer(world, `tailer ${i}`)),
  ];
  try {
    await clock.run(Promise.all(actors), { maxVirtualMs: GIVE_UP_MS });
    await clock.run(clock.sleep(2 * 3_600_000)); // every zombie wakes up and finds out
    const late = connect({
      ...world,
      malice: { loseRequest: 0, loseAnswer: 0, duplicate: 0, refuseForNow: 0, crawl: 0 },
    });
    const content = new Content();
    const registers: { term: number; author: string }[] = [];
    const fences = new Map<number, number>();
    await clock.run(readAll(late.journal, clock, late.random, content, registers, fences));
    check(world, content, registers, fences);
    await clock.run(reopen(world, late, content));
  } catch (error) {
    throw error instanceof SimulationError
      ? error
      : new SimulationError(seed, error instanceof Error ? error.message : String(error), error);
  }
  return {
    seed,
    acknowledged: world.acks.length,
    refused: world.refused.length,
    unknown: world.unknown,
    sessions: world.fences.length,
    fenced: world.fenced,
    compacting: world.compacting,
    reads: world.reads.length,
    leaps: world.leaps,
    fillers: world.fillers,
    orphans: world.orphans,
    compressed: countCompressed(world.objects),
    virtualMs: clock.monotonicMs(),
  };
}

async function readAll(
  journal: Journal,
  clock: Clock,
  random: SeededRandom,
  content: Content,
  registers: { term: number; author: string }[],
  fences: Map<number, number>,
): Promise<void> {
  const reader = new JournalReader(journal, { clock, random });
  for (;;) {
    const event = await reader.next();
    if (event.kind === 'data') content.add(event.begin, event.bytes);
    if (event.kind === 'fence') fences.set(event.seq, event.offset);
    if (event.kind === 'fence' && event.registers)
      registers.push({ term: Number(event.registers['term']), author: event.registers['author'] ?? '' });
    if (event.kind === 'tail') return;
  }
}

/** X9, on a store that has come to rest. */
async function reopen(
  world: World,
  { journal, random }: ReturnType<typeof connect>,
  log: Content,
): Promise<void> {
  const { clock } = world;
  for (let attempt = 1; ; attempt++) {
    const cursor = await readToTail(new JournalReader(journal, { clock, random }), new Content());
    const author = 1 + random.below(2 ** 32 - 2);
    const term = world.nextTerm++;
    try {
      const session = await openSession(journal, { cursor, author, term, clock, random });
      const { begin, committed } = session.append(encodeRecord(world.nextId++), { barrier: true });
      await committed;
      if (begin !== log.end)
        throw new Error(`X9: the next append stands at ${begin}, the log ended at ${log.end}`);
      return;
    } catch (error) {
      if (attempt === 2 || errorCode(error) !== 'FENCED')
        throw new Error(`X9: nobody can open the journal any more: ${String(error)}`, { cause: error });
    }
  }
}

function check(
  world: World,
  log: Content,
  registers: readonly { term: number; author: string }[],
  fences: ReadonlyMap<number, number>,
): void {
  const fail = (what: string): never => {
    throw new SimulationError(world.seed, what);
  };
  if (world.damage[0]) fail(`X7: ${world.damage[0].message}`);
  const positions = new Map<number, number>();
  log.ids.forEach((id, i) => {
    if (positions.has(id)) fail(`X1: record ${id} is in the log twice`);
    positions.set(id, i * RECORD_BYTES);
  });
  for (const { id, begin } of world.acks) {
    if (positions.get(id) !== begin)
      fail(`X1: acknowledged record ${id} of offset ${begin} is at ${positions.get(id)}`);
  }
  for (const id of world.refused)
    if (positions.has(id)) fail(`X2: record ${id}, reported as not appended, is in the log`);
  for (const { id, begin, fenceSeq } of world.acks) {
    const overtaken = world.fences.find((fence) => fence.seq > fenceSeq && begin >= fence.offset);
    if (overtaken)
      fail(`X3: record ${id} of session ${fenceSeq} was acknowledged above fence ${overtaken.seq}`);
  }
  for (const { content, who } of world.prefixes) {
    content.forEach((id, i) => {
      if (log.ids[i] !== id) fail(`X4: ${who} holds record ${id} at ${i}, the log ${log.ids[i]}`);
    });
  }
  for (const { seq, offset, who } of world.fencesRead) {
    if (fences.get(seq) !== offset)
      fail(`X8: ${who} met a fence at slot ${seq}, byte ${offset}; the log has it at ${fences.get(seq)}`);
  }
  for (const { ackedEnd, head } of world.reads) {
    if (head < ackedEnd)
      fail(`X5: a read reflected ${head} bytes although ${ackedEnd} were acknowledged before it arrived`);
  }
  registers.forEach(({ term, author }, i) => {
    const before = registers[i - 1];
    if (before && (term < before.term || (term === before.term && author !== before.author)))
      fail(`X6: term ${term} by ${author} after term ${before.term} by ${before.author}`);
  });
}
