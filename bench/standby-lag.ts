/**
 * How far a standby is behind its primary while that records 50 MB/s, and what a promotion costs in the middle of it. A file store in memory, and a real S3
 * server. The primary is this process, the standby is one of its own, both with their files in memory.
 *
 *   npm run bench -- standby-lag [--rounds N] [--seconds N] [--mb N] [--stores file,s3] [--in DIRECTORY] [--json FILE]
 *
 * 1. The primary writes 64 KiB at a time through its recorded files, by the clock: what it is late with it makes up for. The rate is that of what was
 *    acknowledged, and has to be the one asked for, or the lag is of something else.
 * 2. The lag is of writes that somebody waits for: every 50 ms a barrier is asked for, and the time counts from its acknowledgement to the standby having
 *    applied everything up to it. Each of them counts, from the first one on.
 * 3. The promotion comes unannounced, and the primary writes on until it finds out that it is fenced. Then the same log is restored from its beginning in a
 *    process of its own, for comparison: what that reads, and how long it takes.
 * 4. No acknowledged write may be missing, and both directories must hold the same files: else there is no figure.
 * 5. Writes go round 256 MiB of files, over what was there. So a round takes its seconds and some, and in memory the log and three times that.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemRandom } from '../src/base/index.ts';
import type { RecordedFile, TakenOver } from '../src/recoverylog/index.ts';
import { takeOver } from '../src/recoverylog/testing/index.ts';
import { openStore, type ObjectStore } from '../src/store/index.ts';
import { PORTS, withS3, withStore } from './support/journal.ts';
import { bytesPerSecond, lagsMs, machineMs, type Mark } from './support/lag.ts';
import { NAME, playInto, treeDigest, type PlayResult } from './support/play-leg.ts';
import { benchArguments, conclude, MEMORY_DIRECTORY, watchMemory } from './support/report.ts';
import { startStandby, type StandbyReport } from './support/standby-leg.ts';
import { rounded, summarize, turns, type Reach } from './support/stats.ts';

const given = benchArguments({ rounds: 3, seconds: 20, mb: 50, stores: 'file,s3', in: MEMORY_DIRECTORY });
const MIB = 1024 * 1024;
const WRITE_BYTES = 64 * 1024;
const FILES = 16;
/** Writes to a file until it begins anew (5). */
const WRITES_A_FILE = 256;
const BARRIER_MS = 50;
const MOST_LAG_MS = 1000;
/** Of the rate asked for (1). */
const LEAST_RATE = 0.98;
/** What a promotion may read besides what was not applied yet: a slot that was lost to the primary in the race for the fence, once more. */
const MOST_BESIDE_MIB = 4;
const GENERATION = 'g1';
/** Different writes, so that nothing on the way profits from having seen one. */
const pieces = Array.from({ length: 256 }, () => systemRandom.bytes(WRITE_BYTES));

/** Where a log lies, and how another process comes there. */
interface Place {
  readonly url: string;
  readonly store: ObjectStore;
  readonly env: Readonly<Record<string, string>>;
}

/** Writes by the clock until it is fenced (1, 2). */
class Primary {
  /** What was acknowledged, and when. */
  readonly durable: Mark[] = [];
  readonly #log: TakenOver;
  #isOrdered = false;
  #isOver = false;

  constructor(log: TakenOver) {
    this.#log = log;
  }

  /** From here on it may find out that it is fenced. */
  ordered(): void {
    this.#isOrdered = true;
  }

  /** Whatever it does. Idempotent. */
  stop(): void {
    this.#isOver = true;
    this.#log.session.abandon('the bench is over');
  }

  /** Resolves when it was fenced after the order. @throws whatever else ends it */
  async write(): Promise<void> {
    const { fs, session } = this.#log;
    const opening = Array.from({ length: FILES }, (_, i) => fs.open(`/file-${i}`, { create: true }));
    const files = await Promise.all(opening);
    try {
      await this.#paced(files);
    } catch (error) {
      const end = await Promise.race([session.ended, sleep(0, undefined)]);
      if (!this.#isOrdered || end?.kind !== 'fenced') throw error;
    } finally {
      for (const file of files) await file.close();
    }
  }

  async #paced(files: readonly RecordedFile[]): Promise<void> {
    const startMs = machineMs();
    let barrierMs = startMs + BARRIER_MS;
    for (let i = 0; !this.#isOver; i++) {
      const dueMs = startMs + (i * WRITE_BYTES) / (given.mb * 1000);
      const earlyMs = dueMs - machineMs();
      if (earlyMs > 0) await sleep(earlyMs);
      const offset = (Math.floor(i / FILES) % WRITES_A_FILE) * WRITE_BYTES;
      await files[i % FILES]!.write(pieces[i % pieces.length]!, offset);
      if (machineMs() < barrierMs) continue;
      barrierMs = Math.max(barrierMs + BARRIER_MS, machineMs());
      void this.#log.recorder.barrier().then(
        (offset) => this.durable.push({ offset, atMs: machineMs() }),
        () => undefined, // the next write is told of it
      );
    }
  }
}

interface Round {
  readonly lagsMs: readonly number[];
  readonly mbPerSecond: number;
  readonly logBytes: number;
  readonly standby: Omit<StandbyReport, 'applied'>;
  readonly restore: PlayResult;
}

async function follow(place: Place, scratch: string): Promise<Round> {
  const journal = { store: place.store, name: NAME, generation: GENERATION };
  const task = { url: place.url, name: NAME, generation: GENERATION };
  const primary = new Primary(await takeOver({ journal, ...PORTS }, join(scratch, 'primary'), 1));
  const directory = join(scratch, 'standby');
  const standby = await startStandby({ ...task, directory }, place.env);
  try {
    const writing = primary.write();
    await Promise.race([sleep(given.seconds * 1000), writing]);
    primary.ordered();
    const inTime = primary.durable.length;
    const [{ applied, ...report }] = await Promise.all([standby.promote(), writing]); // 3
    lagsMs(primary.durable, applied); // 4
    const durable = primary.durable.slice(0, inTime);
    const restore = await playInto(scratch, task, await treeDigest(directory), place.env);
    return {
      lagsMs: lagsMs(durable, applied),
      mbPerSecond: bytesPerSecond(durable) / 1e6,
      logBytes: applied.at(-1)!.offset,
      standby: report,
      restore,
    };
  } finally {
    primary.stop();
    standby.kill();
  }
}

/** Runs a round with an empty store of this kind, which is removed afterwards. */
async function inStore(
  kind: string,
  scratch: string,
  work: (place: Place) => Promise<Round>,
): Promise<Round> {
  if (kind === 's3')
    return await withS3((server) =>
      withStore(server, (store) => work({ url: server.url, store, env: server.credentials() })),
    );
  if (kind !== 'file') throw new RangeError(`--stores names ${kind}; there are file and s3`);
  const url = `file://${join(scratch, 'store')}`;
  await mkdir(join(scratch, 'store'));
  const store = openStore(url);
  try {
    return await work({ url, store, env: {} });
  } finally {
    await store.close();
  }
}

async function measure(kinds: readonly string[]): Promise<ReadonlyMap<string, readonly Round[]>> {
  const measured = new Map<string, Round[]>(kinds.map((kind) => [kind, []]));
  for (let round = 0; round < given.rounds; round++)
    for (const kind of turns(kinds, round)) {
      const scratch = await mkdtemp(join(given.in, 'holdfast-standby-'));
      try {
        measured.get(kind)!.push(await inStore(kind, scratch, (place) => follow(place, scratch)));
      } finally {
        await rm(scratch, { recursive: true, force: true });
      }
    }
  return measured;
}

const middle = (values: readonly number[]): number => summarize(values).p50;
const inMib = (bytes: number): number => rounded(bytes / MIB, 1);
const lagOf = (rounds: readonly Round[]): ReturnType<typeof summarize> =>
  summarize(rounds.flatMap(({ lagsMs }) => lagsMs));
const least = (values: readonly number[]): number => Math.min(...values);
const most = (values: readonly number[]): number => Math.max(...values);
const rateOf = (rounds: readonly Round[]): number =>
  rounded(least(rounds.map(({ mbPerSecond }) => mbPerSecond)), 2);
/** Read by a promotion besides what was not applied yet; less than nothing where some of that was on its way when the order came. */
const besideOf = (rounds: readonly Round[]): number =>
  inMib(most(rounds.map(({ standby: { promotion } }) => promotion.bytes - promotion.restBytes)));

function lagRow(rounds: readonly Round[]): Readonly<Record<string, number>> {
  const { count, p50, p99, max } = lagOf(rounds);
  return {
    'MB/s, least': rateOf(rounds),
    barriers: count,
    'lag p50, ms': p50,
    'lag p99': p99,
    'lag max': max,
    'standby: heap with buffers, MiB': most(rounds.map(({ standby }) => standby.memory.heap)),
    'standby: process, MiB': most(rounds.map(({ standby }) => standby.memory.rss)),
  };
}

function promotionRow({
  standby: { promotion },
  logBytes,
  restore,
}: Round): Readonly<Record<string, number>> {
  return {
    'log, MiB': inMib(logBytes),
    'not applied yet, MiB': inMib(promotion.restBytes),
    'read, MiB': inMib(promotion.bytes),
    'to the fence, ms': rounded(promotion.fenceMs, 0),
    'to live, ms': rounded(promotion.tookMs, 0),
    'whole restore: read, MiB': inMib(restore.bytes),
    'whole restore, ms': rounded(restore.tookMs, 0),
  };
}

function reachesOf(kind: string, rounds: readonly Round[]): readonly Reach[] {
  const promoted = rounds.map(({ standby, restore }) => standby.promotion.tookMs / restore.tookMs);
  return [
    {
      figure: `${kind}: MB/s acknowledged`,
      measured: rateOf(rounds),
      bound: { atLeast: LEAST_RATE * given.mb },
    },
    { figure: `${kind}: longest lag, ms`, measured: lagOf(rounds).max, bound: { below: MOST_LAG_MS } },
    {
      figure: `${kind}: read by a promotion besides what was not applied yet, MiB`,
      measured: besideOf(rounds),
      bound: { atMost: MOST_BESIDE_MIB },
    },
    {
      figure: `${kind}: promotion over a whole restore, time`,
      measured: rounded(middle(promoted), 3),
      bound: { below: 1 },
    },
  ];
}

const memory = watchMemory();
const measured = [...(await measure(given.stores.split(',')))];
console.log(
  `a standby behind a primary that records ${given.mb} MB/s for ${given.seconds} s, ${given.rounds} rounds`,
);
console.table(Object.fromEntries(measured.map(([kind, rounds]) => [kind, lagRow(rounds)])));
console.log('its promotion, beside a restore of the same log from its beginning');
console.table(
  Object.fromEntries(
    measured.flatMap(([kind, rounds]) =>
      rounds.map((round, i) => [`${kind} ${i + 1}`, promotionRow(round)] as const),
    ),
  ),
);
await conclude({
  bench: 'standby-lag',
  figures: {
    seconds: given.seconds,
    mb: given.mb,
    stores: measured.map(([kind, rounds]) => ({
      kind,
      lagMs: lagOf(rounds),
      rounds,
    })),
  },
  reaches: measured.flatMap(([kind, rounds]) => reachesOf(kind, rounds)),
  memory: memory.stop(),
  json: given.json,
});
