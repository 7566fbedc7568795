/**
 * The writers of a simulated world: one process after another in the same place. Each restores, fences, appends, reads, compacts, prunes and stores
 * hints until it is fenced, crashes, or the world ends; it may be paused for an hour, and be forgotten while it still runs.
 */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { errorCode, silentLogger, type Clock } from '../../src/base/index.ts';
import type { SeededRandom } from '../../src/base/testing/index.ts';
import {
  Compactor,
  JournalReader,
  openSession,
  slotKey,
  type JournalCursor,
  type JournalMetrics,
  type OpenSession,
  type Session,
  type SessionOptions,
} from '../../src/journal/index.ts';
import { evidence, nextHint } from './application.ts';
import { encodeRecord, RECORD_BYTES, type Content } from './content.ts';
import { tallyMetrics } from './tally.ts';
import { connect, contentOf, type Process, type World } from './world.ts';

/** Most time between two acts of a writer, ms; that of a busy one leaves always something to commit. */
const THINK_MS = 500;
const BUSY_THINK_MS = 20;
/** Longest life of a session that nothing else ends, and longest time until the next process comes, ms. */
const LIFE_MS = 8000;
const NEXT_MS = 1500;
/** How likely an append is one of many records, which compress. */
const BULK = 0.1;
const BULK_RECORDS = 30;
/** How likely a process is paused at an act, and for how long, ms. */
const PAUSED = 0.02;
const PAUSES_MS = [3000, 20_000, 3_600_000] as const;
/** How long the compactor of a forgotten session goes on at most, ms. */
const ZOMBIE_MS = 60_000;
/** Reads that a forgotten session is asked for, and within how many ms: as long as one of its GETs is waited for, and a little longer. */
const ZOMBIE_READS = 4;
const ZOMBIE_PAUSE_MS = 2500;
/** How likely an opener holds a stale view of the log for a while (hazard H6), and for how long at most, ms. */
const STALE = 0.2;
const STALE_MS = 10_000;
/** How likely somebody else opens just before with a view that is as old. */
const TWIN = 0.5;
/** How likely the appending ends for a while just when somebody leaps, so that holes stay; and for how long, ms. */
const RESTS_AT_LEAP = 0.6;
const REST_MS = 1500;
/** How likely an opener dies right behind its leap fence, and behind each of its FILLERs. */
const DIES_LEAPING = 0.4;
const DIES_FILLING = 0.05;

const LEGAL_ENDS = /^(FENCED|STALE_TERM|APPEND_UNKNOWN|STORE_\w+)$/;
/** Why a process stopped that was told to die. */
const CRASHED = new Error('the process crashed');

/** One process after another until the world ends. */
export async function writer(world: World): Promise<void> {
  const { clock } = world;
  while (clock.monotonicMs() < world.untilMs) {
    const process = connect(world);
    try {
      await life(world, process);
    } catch (error) {
      // Fenced, told a stale term, or the store was away for longer than the session's patience: all legal ends of a life.
      if (error !== CRASHED && !LEGAL_ENDS.test(errorCode(error) ?? '')) throw error;
    }
    await clock.sleep(process.random.below(NEXT_MS));
  }
}

/** Reads to the tail, or until slot `until` is behind. */
export async function readToTail(
  reader: JournalReader,
  content: Content,
  until?: number,
): Promise<JournalCursor> {
  for (;;) {
    const event = await reader.next();
    content.take(event);
    if (until === undefined ? event.kind === 'tail' : reader.cursor.nextSeq > until) return reader.cursor;
  }
}

/** The metrics of an opener that may die between its leap fence and the last of its FILLERs; `death` is how its process learns of it. */
function mortalMetrics(world: World, random: SeededRandom, death: AbortController): JournalMetrics {
  const metrics = tallyMetrics(world.tally);
  const die = (probability: number): void => {
    if (death.signal.aborted || !random.chance(probability)) return;
    world.tally.orphans++;
    death.abort(CRASHED);
  };
  return {
    ...metrics,
    leaped: () => {
      metrics.leaped();
      if (random.chance(RESTS_AT_LEAP)) world.restUntilMs = world.clock.monotonicMs() + REST_MS;
      die(DIES_LEAPING);
    },
    filled: () => {
      metrics.filled();
      die(DIES_FILLING);
    },
  };
}

async function life(world: World, process: Process): Promise<void> {
  const { clock } = world;
  const { store, random } = process;
  const death = new AbortController();
  const metrics = mortalMetrics(world, random, death);
  const session = await restoreAndFence(world, process, metrics, death.signal);
  const compactor = compactAndPrune(world, process, session, metrics);
  const leaveAtMs = clock.monotonicMs() + random.below(LIFE_MS);
  while (session.isOpen && clock.monotonicMs() < Math.min(leaveAtMs, world.untilMs)) {
    const busy = world.busy && world.opening > 0;
    if (random.chance(busy ? PAUSED / 10 : PAUSED)) {
      world.tally.pauses++;
      store.pause(random.pick(PAUSES_MS));
    }
    if (world.prunes && random.chance(busy ? 0.04 : 0.2)) void storeHint(world, process, session);
    else if (random.chance(0.3)) void readOnce(world, session);
    else append(world, session, random);
    const thinkMs = random.below(busy ? BUSY_THINK_MS : THINK_MS);
    await clock.sleep(Math.max(thinkMs, world.restUntilMs - clock.monotonicMs()));
  }
  if (random.chance(0.3)) await session.close();
  else if (random.chance(0.5)) session.abandon('crashed');
  else forget(world, process, session, compactor);
}

/** It goes on as a zombie with its appends in flight, compacts, and is asked for reads while its answers are late. */
function forget(world: World, { store, random }: Process, session: Session, compactor: Compactor): void {
  const { clock } = world;
  clock.timer(random.below(ZOMBIE_MS), () => compactor.stop());
  void readOnce(world, session); // never rejects
  store.pause(random.below(ZOMBIE_PAUSE_MS));
  for (let n = 0; n < ZOMBIE_READS; n++)
    clock.timer(random.below(ZOMBIE_PAUSE_MS), () => void readOnce(world, session));
}

/** Reads the log, fences it, reads on to the fence. The state it ends with is checked against the session's (X4). */
async function restoreAndFence(
  world: World,
  { journal, random }: Process,
  metrics: JournalMetrics,
  signal: AbortSignal,
): Promise<Session> {
  const { clock } = world;
  const reader = new JournalReader(journal, { clock, random, metrics });
  const content = contentOf(world, 'an opener');
  const cursor = await readToTail(reader, content);
  let term = random.chance(0.1) ? Math.max(1, world.nextTerm - 1) : world.nextTerm++; // at times two are told the same term
  if (random.chance(STALE)) {
    await clock.sleep(random.below(STALE_MS)); // its term is overtaken meanwhile
    if (random.chance(TWIN)) {
      await openAsTwin(world, cursor);
      term = world.nextTerm++;
    }
  }
  const author = 1 + random.below(2 ** 32 - 2);
  const options = {
    flushIntervalMs: random.pick(world.busy ? [0] : [0, 20, 250]),
    giveUpMs: random.pick([500, 5000, 60_000]),
    maxBatchBytes: 1024,
    ...compressing(author),
  };
  const compress = slowly(clock, author % 80);
  world.opening++;
  if (world.busy) await clock.sleep(THINK_MS); // by then whoever appends has noticed
  const open = { cursor, author, term, options, clock, random, metrics, signal, compress };
  const session = await openSession(journal, open).finally(() => world.opening--);
  reader.believe(session.fenceSeq);
  await readToTail(reader, content, session.fenceSeq);
  reader.checkReached(session);
  if (content.end !== session.fenceOffset)
    throw new Error(`X4: replayed to ${content.end}, the fence stands at ${session.fenceOffset}`);
  world.tally.sessions++;
  world.fences.push({ seq: session.fenceSeq, offset: session.fenceOffset });
  void session.ended.then((end) => {
    if (end.kind !== 'fenced') return;
    world.tally.fenced++;
    const by = end.by && world.objects.get(slotKey(journal, end.by.seq));
    if (by && authorOfSlot(by) === author)
      world.damage.push(
        new Error(`X13: session ${session.fenceSeq} takes its own slot ${end.by?.seq} for another's`),
      );
  });
  return session;
}

/** Another process opens with this view of the log, and dies whether it succeeds or not. */
async function openAsTwin(world: World, cursor: JournalCursor): Promise<void> {
  const { clock } = world;
  const { journal, random } = connect(world);
  const author = 1 + random.below(2 ** 32 - 2);
  const open = { cursor, author, term: world.nextTerm++, clock, random, metrics: tallyMetrics(world.tally) };
  try {
    const session = await openSession(journal, open);
    session.abandon('crashed');
  } catch (error) {
    if (!LEGAL_ENDS.test(errorCode(error) ?? '')) throw error;
  }
}

function compactAndPrune(
  world: World,
  { store, random }: Process,
  session: Session,
  metrics: JournalMetrics,
): Compactor {
  const { clock } = world;
  const needed = world.prunes
    ? (signal: AbortSignal) => evidence(world.shelf, store, random, signal)
    : undefined;
  const compactor = new Compactor(
    { session, clock, random, log: silentLogger, metrics, needed },
    {
      compression: 'raw', // compressing is done by threads, which virtual time does not wait for
      triggerSlots: random.pick([3, 6, 20]),
      intervalMs: 3000,
      graceMs: random.pick([0, 3000]),
      pruneAgeMs: 0, // what is needed is what its evidence says, however young
      fragmentBytes: random.pick([64, 150, 400, 1_000_000]),
      giveUpMs: 5000,
    },
  );
  void compactor.ended.then(() => {
    if (/^(DATA_LOSS|CORRUPT|INVARIANT)/.test(errorCode(compactor.problem) ?? ''))
      world.damage.push(new Error(`X7: ${compactor.problem!.message}`, { cause: compactor.problem }));
  });
  return compactor;
}

/** Who wrote a slot (byte 40 of the format, s3log.md §6.2). */
const authorOfSlot = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(40, true);

/** Two sessions of three compress whatever saves something. */
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

function append(world: World, session: Session, random: SeededRandom): void {
  const count = random.chance(BULK) ? BULK_RECORDS : 1 + random.below(3);
  const ids = Array.from({ length: count }, () => world.nextId++);
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
        else world.tally.unknown += ids.length;
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

/** The application says anew what it needs of the log up to what is durable, or pins something, or drops a pin. */
async function storeHint(world: World, { store, random }: Process, session: Session): Promise<void> {
  const { shelf } = world;
  const head = session.head;
  try {
    const stored = await store.request(() => shelf.hints);
    const last = stored[0];
    const act = random.unit();
    if (last && act < 0.1) {
      const pinned = random.pick(stored);
      if (await store.request(() => shelf.pin(pinned))) world.tally.pins++;
    } else if (act < 0.2) await store.request(() => shelf.unpin());
    else {
      const hint = nextHint(last, head, random);
      if (await store.request(() => shelf.put(hint))) world.tally.hints++;
    }
  } catch {
    return; // the network: whether it was stored, nobody knows and nobody needs to
  }
}
